package bench

import (
	"time"

	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/transport"
)

// A stretch is a time in which clients are offline together, by the plan, as one worker saw it.
type stretch struct {
	from, to int64 // transport.Clock.
	queued   bool  // Subscribers are away: what falls due meanwhile is queued for them.

	early int64 // Deliveries of what was due in it that came before the return: they had overtaken the DISCONNECT, and were never queued.
	came  int64 // Those that came after it,
	last  int64 // the last of them at this time, transport.Clock.

	resumed measure.Durations // From beginning to connect again until all was as before.
}

// stretches are the absences of the plan, as nobody has seen anything of them yet.
func (r *run) stretches() (all []stretch) {
	for _, o := range r.plan.Absences() {
		from, to := r.plan.Away(o)
		all = append(all, stretch{from: r.start + from, to: r.start + to, queued: o.Leaves(plan.ChurnSubscribers)})
	}
	return all
}

// queued counts a delivery of what was due in a stretch.
func (w *worker) queued(due, now int64) {
	for i := range w.stretches {
		x := &w.stretches[i]
		if !x.queued || due < x.from || due >= x.to {
			continue
		}
		if now < x.to {
			x.early++
			return
		}
		x.came++
		x.last = now
		return
	}
}

// drained is what became of the backlogs of those who were offline: of all together, and of each absence, if there are several. sum is nil if no
// subscriber was offline, or the run did not get that far.
func (r *run) drained() (sum *result.Drained, each []result.Drained) {
	for n, o := range r.plan.Absences() {
		if d := r.drainedOf(n, o); d != nil {
			each = append(each, *d)
		}
	}
	for i := range each {
		if !each[i].Queues() {
			continue
		}
		if sum == nil {
			sum = new(result.Drained)
		}
		sum.Add(&each[i])
	}
	if len(each) < 2 {
		each = nil
	}
	return sum, each
}

// drainedOf is what became of one absence; nil: the run did not get so far.
func (r *run) drainedOf(n int, o plan.Offline) *result.Drained {
	from, to := r.plan.Away(o)
	back := r.start + to
	if r.start == 0 || transport.Clock() < back {
		return nil
	}
	d := &result.Drained{At: time.Duration(o.At).Seconds(), Away: time.Duration(o.For).Seconds(), Who: string(o.Who)}
	if o.Leaves(plan.ChurnSubscribers) {
		d.Clients = int64(len(r.subs))
		d.Queued = r.plan.Expected(from, min(to, r.plan.End()))
	}
	if o.Leaves(plan.ChurnPublishers) {
		d.Publishers = int64(len(r.pubs))
	}
	last := back
	var resumed measure.Durations
	for _, x := range ask(r, func(w *worker) stretch { return w.stretches[n] }) {
		d.Queued -= x.early
		d.Delivered += x.came
		last = max(last, x.last)
		resumed.Merge(&x.resumed)
	}
	d.Resume = resumed.Quantiles()
	if last > back {
		d.Seconds = float64(last-back) / 1e9
		d.Rate = float64(d.Delivered) / d.Seconds
	}
	r.log.writer.Event(&result.Event{At: r.log.seconds(r.start + from), Until: r.log.seconds(back), Kind: result.EventChurn, Name: "offline", Count: d.Clients + d.Publishers})
	return d
}
