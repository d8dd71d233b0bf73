package transport

// An alarm calls a sleeper at or after a time.
type alarm struct {
	at  int64 // ns, Clock
	who sleeper
}

type sleeper interface {
	alarm(l *Loop)
}

// alarms are a binary heap, the earliest first.
//
// A connection has one alarm at most, and knows its place, so that it can be taken out: left until its time, each
// connection that was ever dialled would stay in memory for as long as dialling may take.
type alarms []alarm

func (h *alarms) add(at int64, who sleeper) {
	if c, ok := who.(*Conn); ok {
		h.remove(c)
	}
	*h = append(*h, alarm{})
	h.up(len(*h)-1, alarm{at, who})
}

// remove takes out the alarm of c, if it has one.
func (h *alarms) remove(c *Conn) {
	if c.alarmAt != 0 {
		h.cut(int(c.alarmAt) - 1)
	}
}

// due removes the earliest alarm and returns its sleeper, if its time has come; else nil.
func (h *alarms) due(now int64) sleeper {
	a := *h
	if len(a) == 0 || a[0].at > now {
		return nil
	}
	who := a[0].who
	h.cut(0)
	return who
}

// cut takes out the alarm at i. The last one takes its place, and moves up or down from there.
func (h *alarms) cut(i int) {
	a := *h
	if c, ok := a[i].who.(*Conn); ok {
		c.alarmAt = 0
	}
	last := len(a) - 1
	x := a[last]
	a[last] = alarm{}
	*h = a[:last]
	switch {
	case i == last:
	case i > 0 && x.at < a[(i-1)/2].at:
		h.up(i, x)
	default:
		h.down(i, x)
	}
}

// up puts x at i, or above.
func (h alarms) up(i int, x alarm) {
	for i > 0 && h[(i-1)/2].at > x.at {
		h.place(i, h[(i-1)/2])
		i = (i - 1) / 2
	}
	h.place(i, x)
}

// down puts x at i, or below.
func (h alarms) down(i int, x alarm) {
	for {
		least := 2*i + 1
		if least+1 < len(h) && h[least+1].at < h[least].at {
			least++
		}
		if least >= len(h) || h[least].at >= x.at {
			break
		}
		h.place(i, h[least])
		i = least
	}
	h.place(i, x)
}

func (h alarms) place(i int, x alarm) {
	h[i] = x
	if c, ok := x.who.(*Conn); ok {
		c.alarmAt = int32(i + 1)
	}
}
