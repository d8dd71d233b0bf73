package measure

import (
	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// A Ledger knows what became of every message of a run: what was attempted, acknowledged, refused and
// received, by whom and how often. It says at the end whether the broker kept the promises of the QoS levels.
//
// It has a Publisher for every stream and a Subscriber for every subscriber, each owned by the group of
// that client. They share nothing but one number per stream (how many messages have been attempted). Verify may be called
// when all groups are quiet.
//
// Memory is proportional to the streams, the (stream, subscriber) pairs and their gaps, not to the messages; except
// that members of a shared subscription take a bit per message.
type Ledger struct{ plan *plan.Plan }

// NewLedger makes the ledger of a valid plan whose clients live in a number of groups.
func NewLedger(p *plan.Plan, groups int) *Ledger { panic("todo") }

// A Tally is a group's running sums, cheap enough for asking whether the drain is done. It is owned by its group.
type Tally struct {
	Attempted   uint64 // Messages.
	Outstanding int64  // Exchanges (QoS 1 and 2) begun and not ended.
	Expected    uint64 // Deliveries asked for by the messages attempted, less those refused.
	Delivered   uint64 // First deliveries.
	Excused     uint64 // Deliveries that a clean session was away for.
}

// Add adds the sums of another group.
func (t *Tally) Add(o Tally) { panic("todo") }

// Missing is how many deliveries are still to come. It is 0 when the drain is complete; it may stay above 0, so a drain
// also ends when nothing has come for a while.
func (t *Tally) Missing() int64 { panic("todo") }

// Tally is the running sum of a group, to be read on that group.
func (l *Ledger) Tally(group int) *Tally { panic("todo") }

// A Publisher is the sending side of a stream. Owned by the publisher's group.
type Publisher struct{ _ int }

// Publisher is the sending side of stream pub, whose publisher lives in a group. Call it once per publisher, on any goroutine
// before the group starts, or on the group.
func (l *Ledger) Publisher(pub, group int) *Publisher { panic("todo") }

// Attempt says that message seq is about to be put on the wire. It comes before Client.Publish, so that no
// receiver can be faster than the ledger. Sequence numbers go up by one.
func (p *Publisher) Attempt(seq uint32) { panic("todo") }

// Retract takes the last Attempt back: Client.Publish said no.
func (p *Publisher) Retract(seq uint32) { panic("todo") }

// Acked says that the exchange of seq is over: accepted, or refused with a Reason Code >= 0x80.
func (p *Publisher) Acked(seq uint32, reason packet.ReasonCode) { panic("todo") }

// Connected says that the publisher has a connection. If it is not the first, its unacknowledged messages have been
// sent again, as a resend if the session was present, otherwise as new exchanges.
func (p *Publisher) Connected(sessionPresent bool) { panic("todo") }

// Disconnected says that the connection has ended.
func (p *Publisher) Disconnected() { panic("todo") }

// A Subscriber is the receiving side of all streams that a subscriber receives. Owned by the subscriber's group.
type Subscriber struct{ _ int }

// Subscriber is the receiving side of subscriber sub, which lives in a group. As Ledger.Publisher.
func (l *Ledger) Subscriber(sub, group int) *Subscriber { panic("todo") }

// Connected says that the subscriber has a connection.
func (s *Subscriber) Connected(sessionPresent bool) { panic("todo") }

// Subscribed gives what a SUBACK granted, the lowest of its codes, or a failure (>= 0x80). Whatever is
// attempted from now on is owed to the subscriber. Also call it when a session that was present makes subscribing unnecessary.
func (s *Subscriber) Subscribed(granted packet.ReasonCode) { panic("todo") }

// Disconnected says that the connection has ended. If the session ends with it, nothing is owed until Subscribed.
func (s *Subscriber) Disconnected() { panic("todo") }

// Outcome is what a reception was.
type Outcome uint8

// The outcomes of a reception.
const (
	First     Outcome = iota // The first delivery of a message: the one to time.
	Duplicate                // A later one. Whether it was legal is told by Verify.
	Again                    // A QoS 2 resend that the client held back.
	Retained                 // RETAIN 1: sent because of a subscription, not of a publication.
	Probe                    // A message of the probe.
	Foreign                  // No stamp, or one of another run.
	Phantom                  // Of this run, and never attempted, or not subscribed to.
	Corrupt                  // With other content than was sent, or another Topic Name.
)

// Receive marks a reception. The stamp is valid unless the outcome is Foreign. Allocates nothing when messages come in order.
func (s *Subscriber) Receive(r *client.Reception) (plan.Stamp, Outcome) { panic("todo") }

// An Offence is one message that had another fate than it should.
type Offence struct {
	Class  result.Class
	Stream int
	Seq    uint32
	Sub    int       // The subscriber; -1: none in particular.
	At     int64     // ns, transport.Clock, when it was seen; 0: it never was.
	ID     packet.ID // Packet Identifier.
	Dup    bool
	Epoch  uint32
}

// Circumstances are what Verify must be told of, because the clients could not see it.
type Circumstances struct {
	// Overload: there is evidence (a log, $SYS counters, Little's law) that the broker dropped messages at a limit. Then
	// acknowledged and undelivered messages are DroppedOverload and not Lost. Still a broken promise.
	Overload bool
}

// An Audit is the verdict of the ledger.
type Audit struct {
	Contract  result.Contract      // Sums over all streams, with the first offenders.
	Streams   map[result.Class]int // Streams whose worst class this is; "" is OK.
	First     []Offence            // The first offence of each class that occurred, worst class first.
	Recovered uint64               // Deliveries of messages whose acknowledgement was never seen: legal.
	Again     uint64               // QoS 2 resends on the wire.
	Retained  uint64
	WrongQoS  uint64 // Deliveries at another QoS than min(published, granted).
}

// Verify judges. All groups must be quiet.
func (l *Ledger) Verify(c Circumstances) *Audit { panic("todo") }
