package plan

// A Departure is a client's connection that is to be ended.
type Departure struct {
	At        int64 // ns since the start of publishing.
	Publisher bool  // A publisher, or else a subscriber,
	Client    int   // of this index.
	Abrupt    bool  // With a TCP RST; otherwise with a DISCONNECT.
	Down      int64 // ns until it is to connect again.
}

// Departures is the churn of the measured part in the order of time: a Poisson process of Churn.Rate, a
// pure function of the plan. Nobody is asked to leave who is still away by the plan.
func (p *Plan) Departures() []Departure { panic("todo") }
