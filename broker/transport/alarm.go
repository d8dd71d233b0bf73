package transport

// An alarm calls a sleeper at or after a time. An alarm that is no longer needed is left where it is: the
// sleeper finds nothing to do.
type alarm struct {
	at  int64 // ns, Clock
	who sleeper
}

type sleeper interface {
	alarm(l *Loop)
}

// alarms are a binary heap, the earliest first.
type alarms []alarm

func (h *alarms) add(at int64, who sleeper) {
	a := append(*h, alarm{at, who})
	for i := len(a) - 1; i > 0; {
		up := (i - 1) / 2
		if a[up].at <= a[i].at {
			break
		}
		a[up], a[i] = a[i], a[up]
		i = up
	}
	*h = a
}

// due removes the earliest alarm and returns its sleeper, if its time has come; else nil.
func (h *alarms) due(now int64) sleeper {
	a := *h
	if len(a) == 0 || a[0].at > now {
		return nil
	}
	who := a[0].who
	last := len(a) - 1
	a[0], a[last] = a[last], alarm{}
	a = a[:last]
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < len(a) && a[down].at < a[least].at {
				least = down
			}
		}
		if least == i {
			break
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
	*h = a
	return who
}
