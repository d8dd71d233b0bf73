package bench

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/result"
	"mqttbench/broker/transport"
)

var ownPID = os.Getpid()

// finish judges the run, writes the summary and closes the file. err is how the phases ended.
func (r *run) finish(err error) (*result.Run, error) {
	r.log.collect() // However short: no later one will have what is new.
	r.enter(result.PhaseVerify)
	r.log.tick.Stop()
	unsent := r.freeze()
	s := r.summary(err, unsent)
	r.farewell()
	closeErr := r.log.writer.Close(s)
	res := r.log.writer.Run()
	res.Summary = *s
	return res, closeErr
}

// freeze stops the ledger, so that it can be judged, and returns how many messages were due and never sent.
func (r *run) freeze() (unsent int64) {
	for _, n := range ask(r, func(w *worker) int64 {
		var n int64
		if w.schedule != nil {
			n = w.schedule.Unsent(min(w.group.Now()-r.start, r.plan.End()))
		}
		w.frozen = true
		return n
	}) {
		unsent += n
	}
	return unsent
}

// farewell ends all connections in order, as a client that has nothing more to say does.
func (r *run) farewell() {
	ask(r, func(w *worker) bool {
		for _, m := range w.members {
			m.client.Disconnect()
		}
		return true
	})
}

func (r *run) summary(err error, unsent int64) *result.Summary {
	l := r.log
	steady := r.steady(l.writer.Run().Intervals, err == nil)
	totals := r.leaveOut(&steady)
	s := &result.Summary{
		Interrupted: errors.Is(err, errInterrupted),
		Steady:      steady,
		Response:    result.QuantilesOf(totals.Series.Response),
		Service:     result.QuantilesOf(totals.Series.Service),
		Lag:         result.QuantilesOf(totals.Series.Lag),
		Slack:       result.QuantilesOf(totals.Slack),
		Errors:      l.errorCounts(),
	}
	if l.begin.at == 0 { // Something may have been due behind the warm-up before a late machine ended it: nothing was measured all the same.
		s.Response, s.Service, s.Lag, s.Slack = result.Quantiles{}, result.Quantiles{}, result.Quantiles{}, result.Quantiles{}
	}
	if s.Interrupted { // Nobody waited for what was under way.
		r.rest = rest{arriving: true, answering: true}
	}
	for p, name := range exchanges {
		if q := result.QuantilesOf(totals.Phases[p]); q.Count > 0 {
			s.Exchanges = append(s.Exchanges, result.Exchange{Name: name, Took: q})
		}
	}
	for w, name := range resumes {
		if q := result.QuantilesOf(totals.Resumes[w]); q.Count > 0 {
			s.Exchanges = append(s.Exchanges, result.Exchange{Name: name, Took: q})
			s.Distributions.Keep(name, totals.Resumes[w])
		}
	}
	if l.begin.at != 0 {
		s.Distributions.Keep(result.DistributionLag, totals.Series.Lag)
		s.Distributions.Keep(result.DistributionSlack, totals.Slack)
	}
	for _, p := range allPhases {
		if _, ok := r.began[p]; ok {
			s.Phases = append(s.Phases, result.Total(l.writer.Run().Intervals, p))
		}
	}
	s.Connecting = r.connecting()
	s.Measured = r.measured(totals)
	if r.start != 0 && !r.plan.Idle() {
		s.Contracts = r.audit(s)
		r.observe(s)
	}
	r.silences(s)
	r.unanswered(s)
	s.Drained, s.OfflineWindows = r.drained()
	if l.begin.at != 0 {
		r.cost(s)
	}
	s.Wire = crossed(l.begin.traffic, l.end.traffic)
	evidence := r.evidence(s, totals, unsent)
	if evidence.Stalled >= 0 {
		s.Pressure = &evidence.Stalled
	}
	s.Validity, s.Gates = measure.Judge(evidence)
	s.Sending = r.sending(&evidence, totals)
	r.holdRest(s)
	s.Recoveries = r.recoveries()
	if r.cfg.Faults != nil {
		s.Faults = r.cfg.Faults()
	}
	if r.cfg.Soak {
		r.soak(s)
	}
	if err != nil && !s.Interrupted {
		s.Outcome = result.Failed
		s.Errors = append([]result.ErrorCount{{Text: err.Error(), Count: 1, First: l.seconds(transport.Clock())}}, s.Errors...)
	}
	if err := measure.Sane(s); err != nil {
		s.Gates = append(s.Gates, result.Gate{Name: result.SanityGate, Value: 1, Unit: "contradictions", Fails: result.ValidityInvalid,
			Advice: "the figures contradict each other, which is a mistake in mqttbench and not in the broker: " + err.Error()})
	}
	if r.cfg.Objectives != nil && !s.Interrupted {
		s.Objectives = r.cfg.Objectives(s)
	}
	s.Judge()
	return s
}

// recoveries tells how long the consequences of faults lasted, and marks them on the charts over time.
func (r *run) recoveries() (all []result.Recovery) {
	var outages []measure.Outage
	clock := func(seconds float64) int64 { return r.origin + int64(seconds*1e9) }
	for _, e := range r.log.writer.Run().Events {
		if e.Kind == result.EventFault {
			outages = append(outages, measure.Outage{From: clock(e.At), To: clock(max(e.At, e.Until)), Name: e.Name})
		}
	}
	if len(outages) == 0 || r.start == 0 {
		return nil
	}
	_, points := r.course()
	for _, x := range measure.Recoveries(points, outages) {
		y := result.Recovery{Fault: x.Name, Faults: x.Count, Ended: r.log.seconds(x.To), Recovered: x.Back >= 0}
		e := result.Event{At: y.Ended, Kind: result.EventRecover, Name: "not recovered", Text: fmt.Sprintf("rate and latency were not again what they had been, after: %s", x.Name)}
		if y.Recovered {
			y.Seconds = math.Round(float64(x.Back)/measure.Beat) * measure.Beat / 1e9
			e.Until, e.Name = y.Ended+y.Seconds, "recovered"
			e.Text = fmt.Sprintf("rate and latency were again what they had been %.1f s after: %s", y.Seconds, x.Name)
		}
		r.log.writer.Event(&e)
		all = append(all, y)
	}
	return all
}

// connecting is what the connect phase took; nil if it was not completed.
func (r *run) connecting() *result.Connecting {
	began, ok := r.began[result.PhaseConnect]
	ended, over := r.began[result.PhaseProbe]
	if !ok || !over {
		return nil
	}
	c := &result.Connecting{Clients: int64(r.all), Seconds: float64(ended-began) / 1e9}
	c.Rate = float64(c.Clients) / c.Seconds
	c.BrokerCPU = float64(max(0, r.log.broker.connecting)) / 1e9 / float64(c.Clients)
	return c
}

// audit is the ledger's verdict, one for each QoS.
func (r *run) audit(s *result.Summary) (all []result.Contract) {
	known := measure.Circumstances{
		Arriving: r.rest.arriving, Answering: r.rest.answering,
		Start: time.Duration(r.start - r.origin), Origin: r.origin,
		Sends: func(stream int) *measure.Sends { return &r.pubs[stream].sends },
	}
	audits := r.ledger.VerifyLevels(known)
	r.queueLimit(s)
	lost := lostIn(audits)
	if doubt := lost > 0 || repeatedIn(audits) > 0; doubt && !s.Interrupted {
		counts := r.ownCounts(lost)
		r.miscounted(s, audits, counts)
		if s.Overload = r.overload(lost, s.Queue, counts); lost > 0 && s.Overload != nil {
			known.Overload, known.Counted, known.Admitted = true, s.Overload.Counted, uint64(s.Overload.Dropped)
			audits = r.ledger.VerifyLevels(known)
		}
	}
	for _, a := range audits {
		c := a.Contract
		r.queueLost += int64(a.QueueLost)
		if a.SessionsLost > 0 {
			c.Findings = append(c.Findings, result.Finding{Class: result.SessionLost, Count: int64(a.SessionsLost), First: r.lostSessions()})
		}
		all = append(all, c)
	}
	r.holdUnreleased(all)
	return all
}

// lostIn is how many deliveries were owed and have not been seen.
func lostIn(audits []*measure.Audit) (n uint64) {
	for _, a := range audits {
		n += uint64(a.Contract.Count(result.Lost))
	}
	return n
}

// repeatedIn is how many deliveries came that the broker had no reason for.
func repeatedIn(audits []*measure.Audit) (n uint64) {
	for _, a := range audits {
		n += uint64(a.Contract.Count(result.Dup) + a.Contract.Count(result.Phantom))
	}
	return n
}

var allPhases = []result.Phase{result.PhaseConnect, result.PhaseProbe, result.PhaseWarmUp, result.PhaseMeasure, result.PhaseDrain}

// exchanges names the client's phases as the result file does.
var exchanges = [client.Phases]string{
	client.ConnectTCP: "connect", client.AuthContinue: "AUTH", client.ConnectMQTT: "CONNACK", client.SubscribeAck: "SUBACK", client.UnsubscribeAck: "UNSUBACK",
	client.PublishAck: "PUBLISH-PUBACK", client.PublishRec: "PUBLISH-PUBREC", client.ReleaseComp: "PUBREL-PUBCOMP",
}

// resumes names what a client that comes back waits for.
var resumes = [measure.Resumes]string{measure.ResumeSession: "resume", measure.ResumeMessage: "resume, message", measure.ResumeSilence: "resume, silence", measure.WillSeen: "will", measure.RetainedSeen: "retained", measure.TakenOver: "take-over"}

// measured are the totals of what was due in the measured part, as far as the run came.
func (r *run) measured(t *measure.Totals) result.Totals {
	m := result.Totals{Phase: result.PhaseMeasure}
	if r.log.begin.at == 0 {
		return m
	}
	from, to := int64(r.plan.Warmup)+r.cut, r.plan.End()
	if r.log.end.at != 0 {
		to = min(to, r.log.end.at-r.start)
	}
	m.Seconds = float64(to-from) / 1e9
	m.Delivered = int64(t.Measured.Delivered)
	m.Offered = int64(t.Measured.Sent)
	if !r.plan.Closed && r.plan.Rate > 0 {
		m.Offered = r.plan.Offered(from, to)
		m.Expected = r.plan.Expected(from, to)
	} else {
		m.Expected = int64(float64(m.Offered) * r.plan.FanOut())
	}
	c := &r.log.counters
	m.Accepted = int64(t.Measured.Acked)
	m.Duplicates, m.Connects, m.Reconnects = int64(c.Duplicates), int64(c.Connects), int64(c.Reconnects)
	if m.Seconds > 0 {
		m.OfferedRate, m.AcceptedRate, m.DeliveredRate = float64(m.Offered)/m.Seconds, float64(m.Accepted)/m.Seconds, float64(m.Delivered)/m.Seconds
	}
	return m
}

// cost divides the CPU time of the measured stretch by what was delivered in it, whenever it was due.
func (r *run) cost(s *result.Summary) {
	l := r.log
	end := l.end
	if end.at == 0 {
		end = sample{at: transport.Clock(), broker: l.broker.last, generator: l.generator.last, counters: l.counters}
	}
	seconds := float64(end.at-l.begin.at) / 1e9
	delivered := int64(end.counters.Delivered - l.begin.counters.Delivered)
	price := func(m *meter, a, b measure.Usage) *result.ProcessCost {
		// Of a process that went by itself only the beginning is known.
		if !m.known() || m.peak == 0 || b.CPU < a.CPU || b.CPU == a.CPU && !r.plan.Idle() {
			return nil
		}
		c := result.NewProcessCost(usage(a, b), seconds, delivered)
		c.PeakRSS = m.peak
		if r.plan.Idle() { // What they still take after a while is what they take.
			m.full = b.RSS
		}
		if n := r.all; m.full > m.idle {
			c.BytesPerConnection = float64(m.full-m.idle) / float64(n)
		}
		return c
	}
	s.Cost.Broker = price(&l.broker, l.begin.broker, end.broker)
	s.Cost.Generator = price(&l.generator, l.begin.generator, end.generator)
}

// queueLimit looks, by Little's law, for a latency that is that of a queue at its limit, at which brokers drop messages.
func (r *run) queueLimit(s *result.Summary) {
	if r.log.begin.at == 0 || len(r.subs) == 0 {
		return
	}
	if m := measure.QueueLimit(s.Service.P50, s.Measured.DeliveredRate/float64(len(r.subs))); m.Limit != 0 {
		s.Queue = &result.Queue{Messages: m.InQueue, Limit: m.Limit, Name: m.Name}
	}
}

// sending is how the plan's schedule was kept; nil if there was none.
func (r *run) sending(e *measure.Evidence, t *measure.Totals) *result.Sending {
	if !e.Published {
		return nil
	}
	x := &result.Sending{Skipped: e.Missed, Late: int64(t.Counters.Late), Gaps: e.Arrivals.Gaps, CV: e.Arrivals.CV, Together: e.Arrivals.Together}
	for _, iv := range r.log.writer.Run().Intervals {
		x.UnsentBytes = max(x.UnsentBytes, iv.UnsentBytes)
	}
	return x
}

// holdRest fails a run whose drain ended while something was still coming.
func (r *run) holdRest(s *result.Summary) {
	if !r.rest.arriving && !r.rest.answering || s.Interrupted {
		return
	}
	coming := int64(0)
	for i := range s.Contracts {
		coming += s.Contracts[i].Count(result.Late)
	}
	if d := r.drainState(); r.rest.answering {
		coming = max(coming, d.tally.Outstanding, int64(d.held))
	}
	if coming == 0 { // What is missing has been overtaken: it is lost.
		return
	}
	s.Gates = append(s.Gates, result.Gate{
		Name: result.DrainGate, Value: float64(coming), Unit: "messages", Fails: result.ValidityInvalid,
		Advice: fmt.Sprintf("they were still coming when %v were over, so nobody knows whether any of them is lost: raise --drain, or lower the rate", r.cfg.DrainFor),
	})
}

// evidence gathers what the validity is judged by.
func (r *run) evidence(s *result.Summary, t *measure.Totals, unsent int64) measure.Evidence {
	l := r.log
	e := measure.Evidence{
		Published:   r.start != 0 && !r.plan.Closed && r.plan.Rate > 0,
		LagP99:      duration(s.Lag.P99),
		ResponseP50: duration(s.Response.P50),
		OfferedRate: s.Measured.OfferedRate,
		Closed:      r.start != 0 && r.plan.Closed && len(r.subs) > 0 && !s.Interrupted, Delivered: int64(t.Measured.Delivered),
		RaceBuild: measure.RaceBuild, ClockAnomalies: int64(t.Counters.Negative), OverRange: int64(t.Counters.OverRange),
		Ceiling:        r.cfg.Ceiling,
		GeneratorFiles: l.files, FileLimit: measure.DescribeMachine().FileLimit,
		Stalled: -1, Steal: -1, Throttled: -1, ForeignCPU: -1, GeneratorCPU: -1,
	}
	for _, n := range ask(r, func(w *worker) int64 { return w.exhausted }) {
		e.Exhausted += n
	}
	if l.begin.at == 0 || l.end.at == 0 {
		return e
	}
	if !s.Interrupted { // Who is interrupted leaves things undone.
		e.Missed = unsent
	}
	if e.Published {
		e.Arrivals = r.arrivals()
	}
	seconds := float64(l.end.at-l.begin.at) / 1e9
	e.SentRate = float64(t.Measured.Sent) / s.Measured.Seconds
	if c := s.Cost.Generator; c != nil {
		e.GeneratorCPU = c.Utilisation / float64(min(r.cfg.CPUs, len(r.workers)))
	}
	e.GCPauses, e.Lasted = l.end.runtime.GCPauses.Sub(l.begin.runtime.GCPauses), duration(seconds)
	e.SchedLatencyP99 = duration(l.end.runtime.SchedLatencies.Sub(l.begin.runtime.SchedLatencies).At(0.99))
	share := func(a, b int64) float64 {
		if a < 0 || b < 0 {
			return -1
		}
		return float64(b-a) / 1e9 / seconds
	}
	cores := float64(runtime.NumCPU())
	e.Stalled = share(l.begin.system.Stalled, l.end.system.Stalled)
	e.Throttled = share(l.begin.system.Throttled, l.end.system.Throttled)
	if a, b := l.begin.system.TooHot, l.end.system.TooHot; a >= 0 && b >= 0 {
		e.TooHot = b - a
	}
	e.Steal = share(l.begin.system.Steal, l.end.system.Steal) / cores
	if busy := share(l.begin.system.Busy, l.end.system.Busy); busy >= 0 && s.Cost.Generator != nil && (s.Cost.Broker != nil || r.cfg.BrokerPID == 0) {
		own := s.Cost.Generator.Utilisation
		if s.Cost.Broker != nil {
			own += s.Cost.Broker.Utilisation
		}
		e.ForeignCPU = max(0, busy-own) / cores
	}
	return e
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * 1e9) }
