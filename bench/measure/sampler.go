package measure

// A Usage is what a process has taken since it began, and what it holds now. A field is -1 where the system does not say.
type Usage struct {
	CPU         int64 // ns, user and system, to the nanosecond where the scheduler tells.
	User        int64 // ns, of CPU, at the granularity of the system's tick (10 ms on Linux).
	System      int64 // ns
	RSS         int64 // bytes
	PSS         int64 // bytes; shared pages divided by their sharers. Costly for large processes: only with Sample(true).
	Threads     int64
	Files       int64 // Open descriptors.
	Voluntary   int64 // Context switches.
	Involuntary int64 //
	Reads       int64 // read and write system calls.
	Writes      int64
}

// A Process samples one process. Not for concurrent use.
type Process struct{ pid int }

// OpenProcess begins to watch a process. errors.ErrUnsupported on systems that do not tell.
func OpenProcess(pid int) (*Process, error) { panic("todo") }

// Sample reads what the process has used. full includes PSS.
func (p *Process) Sample(full bool) (Usage, error) { panic("todo") }

// A RuntimeUsage is what the Go runtime of this process says, since it began.
type RuntimeUsage struct {
	GCCycles       uint64
	GCPauses       Distribution // Stop-the-world pauses of the collector.
	SchedLatencies Distribution // Waits of runnable goroutines.
	HeapBytes      uint64       // Live objects.
	Allocated      uint64       // Bytes ever.
	Objects        uint64       // Ever allocated.
	Goroutines     uint64
}

// A Distribution is counts of durations in buckets: Counts[i] are those in [Bounds[i], Bounds[i+1]) seconds.
type Distribution struct {
	Counts []uint64
	Bounds []float64
}

// Sub is what was added since an earlier sample of the same distribution.
func (d Distribution) Sub(earlier Distribution) Distribution { panic("todo") }

// At is an upper bound in seconds of quantile q; 0 if there are no counts.
func (d Distribution) At(q float64) float64 { panic("todo") }

// ReadRuntime samples the runtime of this process.
func ReadRuntime() RuntimeUsage { panic("todo") }

// A SystemUsage is what the whole machine says. Fields are -1 where it does not.
type SystemUsage struct {
	Stalled int64   // ns since boot in which some task waited for a CPU (PSI "some").
	Busy    int64   // ns of CPU time since boot, of all processes and cores, not idle.
	Steal   int64   // ns that a hypervisor took.
	Load    float64 // Load average over a minute.
}

// SampleSystem reads them. errors.ErrUnsupported where nothing is known.
func SampleSystem() (SystemUsage, error) { panic("todo") }
