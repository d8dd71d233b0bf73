package fault

import (
	"errors"
	"fmt"
	"time"

	"mqttbench/broker/packet"
)

// A Plan is the faults of a run. The same Plan makes the same decisions for the same packets of the same
// clients: they depend on Seed, the fault's place in Faults, the Client Identifier and a count, and on nothing else.
type Plan struct {
	Seed   uint64
	Faults []Fault

	// Run is what in the Client Identifiers is of one run alone. The decisions do not depend on it, so that the same seed has the same
	// faults in the next run. "": there is no such thing.
	Run string
}

// A Fault is what is to go wrong, where, and when.
//
// Several faults may concern one packet. Those that only take time (Delay, Throttle, Slice, Pause) add up; of the others the
// first in the plan is committed.
type Fault struct {
	Name string // As it is reported. Default: the Action.

	// Where.
	Client    string      // Pattern of Client Identifiers: * is any text, ? any character. Empty: all.
	Direction Direction   // Default: Either.
	Type      packet.Type // Of the packets that count. 0: all. Lies are told of PUBLISH only.

	// When: exactly one of these. What is counted is the packets that meet Client, Direction and Type, of each Client
	// Identifier by itself, from when the Proxy is armed on.
	Nth         int           // At this packet, from 1.
	Every       int           // At every so-manieth packet.
	Probability float64       // At each packet, with this probability.
	At          time.Duration // Once this long after arming: with a Type at the next packet, else at the instant, on the connection that there is.
	MTTF        time.Duration // Again and again, after exponentially distributed times with this mean.
	Until       time.Duration // With At, of Delay, Throttle and Slice: not once, but every packet from At to Until.

	MTTR          time.Duration // With MTTF: how long it lasts, exponentially distributed with this mean. 0: as For says.
	PerConnection bool          // Count anew on every Network Connection.
	Limit         int           // Commit at most so many, all clients together. 0: no limit.
	After         bool          // Forward the packet first. Not for lies and Cut, which are about the packet itself.

	// What.
	Action Action
	Side   Side          // Of Reset and Finish: who is told. The other side is left with a connection to nobody.
	For    time.Duration // Delay, Pause: how long. BlackHole: until both sides are reset; 0: for ever. Silent: what the broker may take beyond 1.5 times the Keep Alive; default 10 s. Reset, Finish: how long the client is kept out. Slice: between pieces. Reorder, Reuse: how long to wait for a successor; default 1 s.
	Jitter time.Duration // Delay: ± up to this.
	Bytes  int           // Cut: how many pass; default half the packet. Slice: of a piece; default 1. Corrupt: which one, from the payload's end; 0 is the last.
	Rate   int           // Throttle: bytes a second.
	Times  int           // TakeOver: how often in a row. Resend: how many copies more. Default 1.
}

// Direction is which way a packet goes.
type Direction uint8

// The directions.
const (
	Either Direction = iota
	Up               // From the client to the broker.
	Down             // From the broker to the client.
)

func (d Direction) String() string { return [...]string{"either", "up", "down"}[d] }

func (d Direction) back() Direction { return Up + Down - d }

// Side is an end of a connection through the Proxy.
type Side uint8

// The sides.
const (
	Both Side = iota
	Client
	Broker
)

// Action is what a fault does.
type Action uint8

// The faults of a wire.
const (
	none      Action = iota
	Reset            // TCP RST.
	Finish           // TCP FIN, in the middle of everything.
	Cut              // Only the first bytes of the packet pass; then RST.
	BlackHole        // The connection stays open, and nothing passes any more: what a pulled cable looks like.
	Pause            // Nothing more is read in this direction for a time, so that the sender's window closes.
	Delay            // The packet arrives later, and all behind it wait.
	Throttle         // The packet passes at Rate.
	Slice            // The packet passes in pieces of Bytes.
	TakeOver         // Somebody else connects to the broker with this client's CONNECT, [v5 MQTT-3.1.4-3].
	Silent           // As BlackHole, until the broker ends the connection or its time for that is over: see Silence.

	// The lies, all about a PUBLISH.

	Drop      // It does not arrive. The exchange stays open.
	Forge     // It does not arrive, and its sender gets all the acknowledgements that say it did.
	Duplicate // It arrives, and once more as another message: with DUP 0 and an identifier of its own.
	Resend    // It arrives, and once more with DUP 1 and the same identifier, as after a broken connection. Not for QoS 0.
	Reorder   // It arrives after its successor on the same topic.
	Corrupt   // It arrives with a byte of the payload inverted.
	Reuse     // Its successor arrives right behind it, with its Packet Identifier. Not for QoS 0.
)

var actionNames = [...]string{
	"none", "reset", "finish", "cut", "black hole", "pause", "delay", "throttle", "slice", "take-over", "silence",
	"drop", "forge", "duplicate", "resend", "reorder", "corrupt", "reuse",
}

func (a Action) String() string { return actionNames[a] }

// lies reports whether a is about a PUBLISH and not about the wire.
func (a Action) lies() bool { return a >= Drop }

// slows reports whether a takes time and nothing else.
func (a Action) slows() bool { return a >= Pause && a <= Slice }

// lingers reports whether a is a state that a wire can be in.
func (a Action) lingers() bool { return a == Delay || a == Throttle || a == Slice }

// strikes reports whether a needs no packet: it befalls the connection.
func (a Action) strikes() bool {
	return a == Reset || a == Finish || a == BlackHole || a == Pause || a == TakeOver || a == Silent
}

// reorderFor is how long a message waits for its successor.
const reorderFor = time.Second

func (f *Fault) withDefaults() {
	if f.Name == "" {
		f.Name = f.Action.String()
	}
	if f.Action.lies() {
		f.Type = packet.PUBLISH
	}
	if (f.Action == Reorder || f.Action == Reuse) && f.For == 0 {
		f.For = reorderFor
	}
	if f.Action == Silent && f.For == 0 {
		f.For = SilenceGrace
	}
	if f.Action == Slice {
		f.Bytes = max(f.Bytes, 1)
	}
	f.Times = max(f.Times, 1)
}

// timed reports whether f waits for an instant and not for a packet.
func (f *Fault) timed() bool {
	return f.MTTF > 0 || f.At > 0 && f.Type == 0 && f.Action.strikes()
}

func (f *Fault) concerns(d Direction, t packet.Type) bool {
	return (f.Direction == Either || f.Direction == d) && (f.Type == 0 || f.Type == t)
}

// Validate returns all contradictions of the plan at once, joined; nil if there are none.
func (p *Plan) Validate() error {
	var errs []error
	for i := range p.Faults {
		for _, err := range p.Faults[i].contradictions() {
			errs = append(errs, fmt.Errorf("fault %d (%v): %w", i+1, p.Faults[i].Action, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Fault) contradictions() (errs []error) {
	unless := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	if f.Action == none || int(f.Action) >= len(actionNames) {
		return []error{errors.New("there is no such action")}
	}
	triggers := 0
	for _, is := range []bool{f.Nth > 0, f.Every > 0, f.Probability > 0, f.At > 0, f.MTTF > 0} {
		if is {
			triggers++
		}
	}
	unless(triggers == 1, "exactly one of Nth, Every, Probability, At and MTTF must say when")
	unless(f.Nth >= 0 && f.Every >= 0 && f.Limit >= 0 && f.Bytes >= 0 && f.Rate >= 0 && f.Times >= 0, "a number is negative")
	unless(f.At >= 0 && f.MTTF >= 0 && f.MTTR >= 0 && f.For >= 0 && f.Jitter >= 0, "a time is negative")
	unless(f.Probability >= 0 && f.Probability <= 1, "a probability is from 0 to 1")
	unless(f.MTTR == 0 || f.MTTF > 0, "MTTR needs MTTF")
	unless(f.Until == 0 || f.At > 0 && f.Until > f.At && f.Action.lingers(), "Until is for Delay, Throttle and Slice, and later than At")
	unless(f.MTTF == 0 || f.Action.strikes(), "MTTF is for what befalls a connection and not a packet")
	unless(!f.Action.lies() || f.Type == 0 || f.Type == packet.PUBLISH, "lies are told of PUBLISH only")
	unless(!f.After || f.Action.strikes(), "After is for what befalls a connection and not a packet")
	unless(f.Action != Throttle || f.Rate > 0, "throttling needs a Rate")
	unless(f.Action != Delay && f.Action != Pause || f.For > 0 || f.MTTR > 0, "For must say how long")
	unless(f.Jitter <= f.For, "Jitter is more than what it varies")
	unless(f.Side == Both || f.Action == Reset || f.Action == Finish, "a Side is told by Reset and Finish only")
	return errs
}
