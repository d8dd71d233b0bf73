package plan

// Due is when message n of a publisher is due, in ns since the start of publishing. It is a pure function
// of (Arrivals, Rate, Publishers, Seed, pub, n). Constant and burst: a multiplication. Poisson:
// some microseconds; whoever asks for one message after another uses Dues.
// The zero Rate and Closed plans have no due times; then Due panics.
func (p *Plan) Due(pub int, n uint32) int64 { panic("todo") }

// Period is the mean gap between two messages of one publisher, in ns. 0: nothing is due.
func (p *Plan) Period() float64 { panic("todo") }

// Count is how many messages of a publisher are due in [from, to) ns.
func (p *Plan) Count(pub int, from, to int64) int64 { panic("todo") }

// Offered is how many messages of all publishers are due in [from, to) ns.
func (p *Plan) Offered(from, to int64) int64 { panic("todo") }

// Expected is how many deliveries the messages due in [from, to) ns ask for.
func (p *Plan) Expected(from, to int64) int64 { panic("todo") }

// Dues answers Due quickly for whoever asks about the messages of a stream roughly in their order, as
// a receiver does. It remembers one position per stream. Not for concurrent use: one per group.
type Dues struct{ plan *Plan }

// NewDues makes a Dues for a valid plan.
func NewDues(p *Plan) *Dues { panic("todo") }

// At is Plan.Due.
func (d *Dues) At(pub int, n uint32) int64 { panic("todo") }
