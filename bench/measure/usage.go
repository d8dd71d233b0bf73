package measure

// A Usage is what a process has taken since it began, and what it holds now. A field is -1 where
// the system does not say.
type Usage struct {
	CPU    int64 // ns, user and system; exact where the scheduler says, otherwise User + System.
	User   int64 // ns. At the granularity of the system's tick, 10 ms on Linux.
	System int64 // ns. The same.

	RSS   int64 // bytes
	Files int64 // Open descriptors.
}

// A SystemUsage is what the whole machine says of itself. A field is -1 where it does not.
type SystemUsage struct {
	Stalled int64 // ns since boot in which some task waited for a CPU (PSI "some").
	Busy    int64 // ns of CPU since boot: of all processes and cores, interrupts included. 10 ms ticks.
	Steal   int64 // ns that a hypervisor gave to others.

	Throttled int64 // ns that this process's control group stood still because its quota of CPU was used up.
	TooHot    int64 // Times that a CPU slowed down because of its temperature, since boot.
}

// unknownSystem is what a system says that says nothing.
var unknownSystem = SystemUsage{Stalled: -1, Busy: -1, Steal: -1, Throttled: -1, TooHot: -1}
