package bench

import (
	"fmt"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// mostNamed is how many offences of a kind are named in the result, of those that are not about a message of the ledger.
const mostNamed = 5

// named adds an offence unless there are enough.
func named(all []result.Offender, o result.Offender) []result.Offender {
	if len(all) < mostNamed {
		all = append(all, o)
	}
	return all
}

// lostSession notes that the server has lost the session that m came back for.
func (m *member) lostSession() {
	w := m.worker
	w.lostSessions = named(w.lostSessions, result.Offender{
		Client: w.run.nameOf(m), Seen: w.run.log.seconds(w.group.Now()), SeenConnection: int(m.connections) + 1, Text: "came back, and Session Present was 0",
	})
}

// nameOf is the Client Identifier of a member, as the run gave it.
func (r *run) nameOf(m *member) string {
	switch n := m.number; {
	case m.watch != nil:
		return r.plan.WatcherID(n - r.plan.Clients())
	case m.read != nil:
		return r.plan.ReaderID(m.read.index)
	default:
		return r.plan.ClientName(n)
	}
}

// lostSessions are the first of those of all workers.
func (r *run) lostSessions() (all []result.Offender) {
	for _, w := range r.workers {
		for _, o := range w.lostSessions {
			all = named(all, o)
		}
	}
	return all
}

// A sighting is what is kept of a reception that may turn out to be wrong.
type sighting struct {
	at         int64 // transport.Clock; 0: there was none.
	id         int
	connection int // From 1.
	dup        bool
}

func sightingOf(m *client.Reception) sighting {
	return sighting{at: m.Now, id: int(m.ID), connection: int(m.Epoch) + 1, dup: m.Dup}
}

// saw completes an offence with the reception that shows it.
func (r *run) saw(o result.Offender, x sighting) result.Offender {
	if x.at != 0 {
		o.Seen, o.SeenID, o.SeenConnection, o.Dup = r.log.seconds(x.at), x.id, x.connection, x.dup
	}
	return o
}

// A Silence is a result.Silence, and when the last byte was sent; its Since is not filled in.
type Silence struct {
	At time.Time
	result.Silence
}

// An Unanswered is an acknowledgement that the broker owes, so many times.
type Unanswered struct {
	Client     string
	Connection int // From 1.
	Packet     string
	ID         packet.ID
	Count      int64
}

// unsettled is how many clients have fallen silent, and it is not known yet whether the broker noticed; and how much it owes to others than the clients.
func (r *run) unsettled() (silent, owed int) {
	if r.cfg.Silences != nil {
		_, silent = r.cfg.Silences()
	}
	if r.cfg.Unanswered != nil {
		owed = len(r.cfg.Unanswered())
	}
	return silent, owed
}

// unanswered puts into the verdict what the broker has not answered.
func (r *run) unanswered(s *result.Summary) {
	if r.cfg.Unanswered == nil {
		return
	}
	f := result.Finding{Class: result.Unanswered}
	for _, x := range r.cfg.Unanswered() {
		f.Count += x.Count
		f.First = named(f.First, result.Offender{Client: x.Client, SeenConnection: x.Connection, SeenID: int(x.ID), Text: fmt.Sprintf("%d %s did not come", x.Count, x.Packet)})
	}
	r.find(s, f)
}

// find adds to the verdict what is about no stream.
func (r *run) find(s *result.Summary, f result.Finding) {
	if f.Count == 0 {
		return
	}
	if len(s.Contracts) == 0 { // Nothing was published.
		s.Contracts = []result.Contract{{QoS: int(r.plan.PubQoS)}}
	}
	last := &s.Contracts[len(s.Contracts)-1]
	last.Findings = append(last.Findings, f)
}

// silences puts into the verdict the clients that fell silent and were not noticed, or were thrown out for a Keep Alive that was not over.
func (r *run) silences(s *result.Summary) {
	if r.cfg.Silences == nil {
		return
	}
	told, _ := r.cfg.Silences()
	var all []result.Silence
	for _, x := range told {
		x.Since = x.At.Sub(r.started).Seconds()
		all = append(all, x.Silence)
	}
	s.Silences = all
	for _, kind := range []struct {
		class result.Class
		wrong func(*result.Silence) bool
	}{
		{result.HalfOpen, func(x *result.Silence) bool { return x.Noticed == result.SilenceUnnoticed }},
		{result.FalseTimeout, (*result.Silence).FalseTimeout},
	} {
		f := result.Finding{Class: kind.class}
		for i := range all {
			if x := &all[i]; kind.wrong(x) {
				f.Count++
				f.First = named(f.First, unnoticed(x))
			}
		}
		r.find(s, f)
	}
}

// unnoticed names a client that fell silent, and what the broker did about it.
func unnoticed(x *result.Silence) result.Offender {
	heard := "nothing"
	if x.Last != "" {
		heard = x.Last
	}
	if x.LastID > 0 {
		heard += fmt.Sprintf(" with Packet Identifier %d", x.LastID)
	}
	text := fmt.Sprintf("the broker heard %s last, at %.2f s, and had not ended the connection %.1f s later: the Keep Alive is %g s, so it had %g s, and %g s of grace",
		heard, x.Since, x.Waited, x.KeepAlive, 1.5*x.KeepAlive, x.Grace)
	if x.FalseTimeout() {
		text = fmt.Sprintf("the broker heard %s last, at %.2f s, and said %s after %.2f s: the Keep Alive is %g s, so it had to wait %g s", heard, x.Since, x.Reason, x.Waited, x.KeepAlive, 1.5*x.KeepAlive)
	}
	return result.Offender{Client: x.Client, Seen: x.Since + x.Waited, SeenID: x.LastID, SeenConnection: x.Connection, Text: text}
}

// wrongWills are the first of the wills that did not come, came uncalled for, and came changed.
func (r *run) wrongWills() (lost, uncalled, altered []result.Offender) {
	for _, m := range r.members {
		if m.watch == nil {
			continue
		}
		for _, o := range m.watch.changed {
			altered = named(altered, o)
		}
		for _, o := range m.watch.strange {
			uncalled = named(uncalled, o)
		}
		for client, got := range m.watch.got {
			fate := &r.wills.fates[client]
			due, may := fate.due.Load(), fate.may.Load()
			o := result.Offender{Client: r.plan.ClientName(client), Text: fmt.Sprintf("its will came %d times to %s, and was due %d times", got, r.nameOf(m), due)}
			switch {
			case got < due:
				if at := fate.cutAt.Load(); at != 0 {
					o.Text += fmt.Sprintf(", the last time at %.2f s", r.log.seconds(at))
				}
				lost = named(lost, r.saw(o, m.watch.last[client]))
			case got > due+may:
				uncalled = named(uncalled, r.saw(o, m.watch.last[client]))
			}
		}
	}
	return lost, uncalled, altered
}

// wrongRetained are the first of the retained messages that did not come, and that were old.
func (r *run) wrongRetained() (none, old []result.Offender) {
	for _, w := range r.workers {
		for _, x := range w.readers {
			for _, o := range x.none {
				none = named(none, o)
			}
			for _, o := range x.old {
				old = named(old, o)
			}
		}
	}
	return none, old
}
