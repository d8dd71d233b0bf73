package broker

import (
	"errors"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A SUBSCRIBE or UNSUBSCRIBE may name 65,535 Topic Filters and more, which is tens of milliseconds of work. What takes longer than
// turnBudget is done in slices, each in a turn of its own, so that the loop serves its other clients in
// between; nor does anybody wait for the client's mu for longer than a slice.
//
// The packet stays where it is, unconsumed, and is decoded again for each slice, which takes a fraction of the slice: so
// nothing is copied. Meanwhile the client is not read. Messages for the filters that are done may arrive before the SUBACK, [v5
// 3.8.4]. Retained messages wait for it in the backlog, which keeps newer ones behind them as ever.

// sliced is a packet that is being worked on.
type sliced struct {
	codes []packet.ReasonCode // Of the filters that are done.
}

// errUnfinished means that a packet is to be looked at again.
var errUnfinished = errors.New("work is left")

// filtersBetweenLooks is how many filters are done before the clock is looked at: a millisecond or so. With fewer, on a slow machine,
// most of the time would go into decoding the packet again.
const filtersBetweenLooks = 2048

// begun is what was done of the packet before; nil: it is new.
func (c *conn) begun() *sliced {
	if c.rare == nil {
		return nil
	}
	return c.rare.sliced
}

// eachFilter does one of n filters after the other, and leaves their Reason Codes in l.codes. It is false when the time of
// this turn is up, and some are left for the next. The client's mu is held.
func (c *conn) eachFilter(n int, do func(i int) packet.ReasonCode) (all bool) {
	l, s := c.loop, c.begun()
	l.codes = l.codes[:0]
	if s != nil {
		l.codes = append(l.codes, s.codes...)
	}
	l.began = transport.Clock()
	for i, first := len(l.codes), len(l.codes); i < n; i++ {
		if i > first && i%filtersBetweenLooks == 0 && l.overBudget() {
			c.pauseWork()
			return false
		}
		l.codes = append(l.codes, do(i))
	}
	if s != nil {
		c.rare.sliced = nil
		if l.ledger != nil {
			l.ledger.owe() // For what earlier turns have recorded.
		}
	}
	return true
}

// pauseWork remembers how far it got, and has the packet looked at again.
func (c *conn) pauseWork() {
	l, r := c.loop, c.rareOnes()
	if r.sliced == nil {
		r.sliced = new(sliced)
	}
	r.sliced.codes = append(r.sliced.codes, l.codes[len(r.sliced.codes):]...)
	c.tc.Pause()
	l.t.Post(func() {
		l.enter()
		braked := c.client != nil && l.ledger.isBraked(c)
		l.leave(nil)
		if !braked {
			c.tc.Resume()
		}
		c.tc.Again()
	})
}

// oweRetainedLocked keeps the retained messages that were wanted so far for after the SUBACK. The packet they were wanted by
// is not there any more by then.
func (l *loop) oweRetainedLocked(cl *client) {
	if l.s.retained.Len() == 0 {
		return
	}
	for _, s := range l.wanted {
		if cl.backlog == nil {
			cl.backlog = new(backlog)
		}
		cl.backlog.ask(wanted{string(s.Filter), s.QoS, l.sub.SubID})
	}
}
