package plan

import "iter"

// Sources are the publishers that a subscriber receives, ascending.
func (p *Plan) Sources(sub int) iter.Seq[int] { panic("todo") }

// SourceCount is how many publishers a subscriber receives.
func (p *Plan) SourceCount(sub int) int { panic("todo") }

// SourceIndex is the place of pub among the Sources of sub, and whether it is among them.
func (p *Plan) SourceIndex(sub, pub int) (int, bool) { panic("todo") }

// Receivers are the subscribers that receive a publisher, ascending. With a ShareName all of them
// may, and each message goes to one.
func (p *Plan) Receivers(pub int) iter.Seq[int] { panic("todo") }

// Copies is how many deliveries one message of a publisher makes: its receivers, or 1 with a ShareName.
func (p *Plan) Copies(pub int) int { panic("todo") }

// FanOut is the mean number of deliveries of a message.
func (p *Plan) FanOut() float64 { panic("todo") }
