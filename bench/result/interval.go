package result

// A Phase is a stretch of a run. Only what was due in PhaseMeasure is measured.
type Phase string

// The phases of a run in their order.
const (
	PhaseConnect Phase = "connect" // Until the last CONNACK and SUBACK.
	PhaseProbe   Phase = "probe"   // Until a message on every topic has reached every subscriber.
	PhaseWarmUp  Phase = "warm-up"
	PhaseMeasure Phase = "measure"
	PhaseDrain   Phase = "drain" // Publishing has ended; what still arrives was due in PhaseMeasure.
	PhaseVerify  Phase = "verify"
)

// An Interval is one line a second, or whatever --interval says: what happened between T0 and T1.
// Counts are of this interval alone; Clients and Backlog are the state at T1.
type Interval struct {
	T0    float64 `json:"t0_s"` // Since Manifest.Start.
	T1    float64 `json:"t1_s"`
	Phase Phase   `json:"phase"`

	Offered    int64 `json:"offered"`              // Messages that were due.
	Accepted   int64 `json:"accepted"`             // Messages acknowledged (PUBACK, PUBCOMP); QoS 0: written.
	Expected   int64 `json:"expected"`             // Deliveries the offered messages ask for.
	Delivered  int64 `json:"delivered"`            // Deliveries, duplicates not counted.
	Duplicates int64 `json:"duplicates,omitempty"` //

	Clients     int64 `json:"clients"`                // Connected.
	Backlog     int64 `json:"backlog"`                // Deliveries expected since the start and not yet seen.
	Connects    int64 `json:"connects,omitempty"`     // CONNACKs with success.
	Disconnects int64 `json:"disconnects,omitempty"`  // Connections that ended, by either side.
	Reconnects  int64 `json:"reconnects,omitempty"`   // Of the connects, those not a client's first.
	UnsentBytes int64 `json:"unsent_bytes,omitempty"` // Written by clients and not taken by the kernel.

	Response Quantiles `json:"response,omitzero"` // Due to seen.
	Service  Quantiles `json:"service,omitzero"`  // Sent to seen.
	Lag      Quantiles `json:"lag,omitzero"`      // Due to sent: the generator's own lateness.

	Broker    *Usage `json:"broker,omitempty"` // nil: not known, which is not the same as nothing.
	Generator *Usage `json:"generator,omitempty"`
}

// Usage is what a process took: CPU within a stretch of time, memory at its end.
type Usage struct {
	UserCPU   float64 `json:"cpu_user_s"`
	SystemCPU float64 `json:"cpu_system_s"`
	RSS       int64   `json:"rss_bytes"`
}

// CPU is user and system time together, in seconds.
func (u *Usage) CPU() float64 { return u.UserCPU + u.SystemCPU }

// An Event is something that happened at an instant, or lasted from At to Until: a phase began,
// clients were cut, a fault was injected, service was back.
type Event struct {
	At    float64   `json:"at_s"`
	Until float64   `json:"until_s,omitempty"` // 0: an instant.
	Kind  EventKind `json:"kind"`
	Name  string    `json:"name"`            // Short: "measure", "rst", "kill", "pause", "take-over".
	Count int64     `json:"count,omitempty"` // Clients concerned; of a fault, how many times.
	Text  string    `json:"text,omitempty"`  // A sentence, if there is more to say.
}

// EventKind says how an event is drawn.
type EventKind string

// The kinds of events.
const (
	EventPhase   EventKind = "phase"   // Name is the Phase that begins.
	EventChurn   EventKind = "churn"   // Planned comings and goings.
	EventFault   EventKind = "fault"   // Injected.
	EventRecover EventKind = "recover" // The end of a fault's consequences.
	EventNote    EventKind = "note"
)
