package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"mqttbench/bench/result"
)

const selftestUsage = `mqttbench selftest - does the instrument find exactly what is injected?

SYNOPSIS
  mqttbench selftest [--quick] [--keep DIR]

Each line is an experiment: a short run of this program against the built-in broker, with faults whose number is known. A
broker that stands still must be seen in the response times, lies must be found as often as they were told and nothing
besides, and what a network may do must not be called a broken promise. Exit code 0: all is found; 1: something is not.
What a busy machine had no time to inject, or cannot time, tells nothing and is tried again, up to five times in all.

      --quick                a few of them, in some seconds
      --keep DIR             keep the results of the runs there
`

// An injection is an experiment: what is done to a run, and what must be found.
type injection struct {
	name  string
	args  []string
	alone bool // It is about time, so nothing else goes on meanwhile.
	quick bool // Also with --quick.

	restarts bool // The broker is killed: it must be one that is started for the run, and that keeps what it promised.

	found finder
}

// A finder says what was found in a result, and whether it is what was injected: that is, the faults in the result by their names.
type finder func(r *result.Run, injected map[string]int64) (text string, v verdict)

// A verdict is what an experiment has shown of the instrument.
type verdict uint8

const (
	wrong   verdict = iota
	unclear         // On a machine as busy as this one was, what was to be injected was not, or it cannot be timed: it is tried again.
	right
)

// attempts are how often an experiment that shows nothing is tried before that is a failure, too. A machine that is busy gives way
// sooner or later; an instrument that sees nothing sees nothing each time.
const attempts = 5

// verdictOf is right or wrong.
func verdictOf(ok bool) verdict {
	if ok {
		return right
	}
	return wrong
}

// timed is the verdict of an experiment about time: what is not as it should be in a run that its own gates find fault with shows nothing.
func timed(r *result.Run, ok bool) verdict {
	if !ok && r.Summary.Validity != result.ValidityOK {
		return unclear
	}
	return verdictOf(ok)
}

// selftest is one carrying out of all experiments.
type selftest struct {
	dir    string
	broker []string // Flags that say which broker; nil: the built-in one.
	stdout io.Writer
	stderr io.Writer

	mu     sync.Mutex
	failed int
}

func selftestCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, selftestUsage)
		return err
	}
	quick, dir := false, ""
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--quick":
			quick = true
		case args[i] == "--keep" && i+1 < len(args):
			i++
			dir = args[i]
		default:
			return inputError{fmt.Errorf("selftest knows --quick and --keep DIR, and not %q", args[i])}
		}
	}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "mqttbench-selftest"); err != nil {
			return inputError{err}
		}
		defer os.RemoveAll(dir)
	}
	t := &selftest{dir: dir, stdout: stdout, stderr: &oneByOne{w: stderr}}
	return t.all(ctx, quick)
}

// oneByOne is a writer for several at a time.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// together is how many experiments that are not about time go on at once: they mostly wait.
const together = 6

func (t *selftest) all(ctx context.Context, quick bool) error {
	began := time.Now()
	var list []injection
	for _, x := range injections() {
		if x.quick || !quick {
			list = append(list, x)
		}
	}
	t.carryOut(ctx, list)
	t.null(ctx)
	t.sameAgainstSame(ctx)
	if ctx.Err() != nil {
		return exitError(exitInterrupted)
	}
	if t.failed > 0 {
		fmt.Fprintf(t.stdout, "%d FAILED: do not trust this build on this machine\n", t.failed)
		return exitError(exitBroken)
	}
	fmt.Fprintf(t.stdout, "all found, in %v\n", time.Since(began).Round(time.Second))
	return nil
}

const selftestLine = "%-42s %-30s %s\n"

func (t *selftest) carryOut(ctx context.Context, list []injection) {
	fmt.Fprintf(t.stdout, selftestLine, "EXPERIMENT", "INJECTED", "FOUND")
	var running sync.WaitGroup
	room := make(chan struct{}, together)
	for i, x := range list {
		switch {
		case ctx.Err() != nil:
		case x.alone:
			running.Wait()
			t.experiment(ctx, i, &x)
		default:
			room <- struct{}{}
			running.Go(func() {
				t.experiment(ctx, i, &x)
				<-room
			})
		}
	}
	running.Wait()
}

// tell prints the line of an experiment.
func (t *selftest) tell(name, injected, found string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	word := "ok"
	if !ok {
		t.failed++
		word = "FAIL"
	}
	fmt.Fprintf(t.stdout, selftestLine, name, injected, found+": "+word)
}

// experiment carries one out, until it shows something.
func (t *selftest) experiment(ctx context.Context, i int, x *injection) {
	for n := 1; ; n++ {
		r, err := t.attempt(ctx, fmt.Sprintf("%02d", i), n, x.args)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.tell(x.name, "", oneLine(err), false)
			return
		}
		injected := map[string]int64{}
		for _, e := range r.Events {
			if e.Kind == result.EventFault {
				injected[e.Name] += e.Count
			}
		}
		found, v := x.found(r, injected)
		if v == unclear && n < attempts {
			continue
		}
		if v == unclear {
			found += fmt.Sprintf(", and that tells nothing in %d runs: this machine is too busy", n)
		}
		t.tell(x.name, counts(injected), found, v == right)
		return
	}
}

// attempt carries out run n of an experiment. The defaults go first, so that an experiment may have others.
func (t *selftest) attempt(ctx context.Context, name string, n int, more []string) (*result.Run, error) {
	if n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	return carry(ctx, 0, append([]string{
		"--quiet", "--charts=false", "--seed", "1", "--clients", "4", "--rate", "300", "--warmup", "0s", "--duration", "1s",
		"--clean-session=false", "--out", filepath.Join(t.dir, name),
	}, slices.Concat(t.broker, more)...), t.stderr)
}

// counts are counts in words, in alphabetical order.
func counts(of map[string]int64) string {
	var parts []string
	for _, name := range sortedKeys(of) {
		parts = append(parts, fmt.Sprintf("%d %s", of[name], name))
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// findings are what the ledger found, by class.
func findings(r *result.Run) map[string]int64 {
	all := map[string]int64{}
	for _, c := range r.Summary.Contracts {
		for _, f := range c.Findings {
			all[string(f.Class)] += f.Count
		}
	}
	return all
}

// injections are the experiments.
func injections() (all []injection) {
	all = append(all, stillBroker(), delayed())
	for qos := range 3 {
		all = append(all, injection{name: at(qos, "nothing"), args: atQoS(qos), quick: qos == 2, found: exactly(0, "")})
	}
	all = append(all, lies()...)
	all = append(all, brokenSteps()...)
	return append(all, scenariosFor(&settings{}, "")[len(brokenSteps()):]...)
}

func at(qos int, what string) string { return fmt.Sprintf("QoS %d, %s", qos, what) }

func atQoS(qos int, faults ...string) []string {
	args := []string{"--qos", fmt.Sprint(qos)}
	for _, f := range faults {
		args = append(args, "--fault", f)
	}
	return args
}

// exactly wants n faults of a name, each of them found as the classes that are said, and nothing else.
func exactly(n int64, name string, classes ...string) finder {
	return func(r *result.Run, injected map[string]int64) (string, verdict) {
		got, told := findings(r), allOf(injected)
		want := map[string]int64{}
		for _, class := range classes {
			want[class] = told
		}
		switch {
		case injected[name] != told || told > n || told > 0 && !maps.Equal(got, want) || told == 0 && len(got) > 0:
			return counts(got), wrong
		case told < n: // Faults belong to the measured part, which was over before there had been so many messages.
			return counts(got), unclear
		}
		return counts(got), right
	}
}

// allOf is how many there are of all names.
func allOf(of map[string]int64) (n int64) {
	for _, x := range of {
		n += x
	}
	return n
}

// The experiment with a broker that stands still.
const (
	still    = 500 * time.Millisecond
	stillIn  = 2 * time.Second      // The measured part.
	stillGap = 4 * time.Millisecond // Between two messages of a publisher: there are two of them, and 500 a second.
)

// stillBroker stops the broker. Of what is due in T seconds, those within the S seconds that it stands still wait for up
// to S, so that the slowest hundredth waits for more than S - T/100. Counted from when they were sent, hardly any is slow: each publisher
// has one message under way, and sends the next only when it is answered.
func stillBroker() injection {
	return injection{
		name: "broker stands still for 0.5 s of 2 s", alone: true, quick: true,
		args:  append(atQoS(1, fmt.Sprintf("stop:at=500ms:for=%v", still)), "--duration", stillIn.String(), "--window", "1", "--rate", "500"),
		found: stoodStill,
	}
}

// stoodStill looks for the standstill in the times of a run. The response times know it from the due times, and no lateness of the generator takes
// anything away from them. The one message that was under way, or is the first to be sent into the standstill, knows it from when it was sent:
// a generator that was late may have sent it so much later, which is measured, too, as its lag.
func stoodStill(r *result.Run, injected map[string]int64) (string, verdict) {
	const exact = 0.98 // As exact as the histograms.
	s := &r.Summary
	response := (still - stillIn/100).Seconds() * exact
	service := ((still - stillGap).Seconds() - s.Lag.Max) * exact
	text := fmt.Sprintf("response p99 %.0f ms (at least %.0f), service p99 %.1f ms, max %.0f ms (at least %.0f)",
		s.Response.P99*1e3, response*1e3, s.Service.P99*1e3, s.Service.Max*1e3, service*1e3)
	switch {
	case len(findings(r)) > 0 || allOf(injected) != injected["stop"]:
		return text, wrong
	case standstill(r) < still.Seconds()/2 || s.Lag.Max > still.Seconds()/2: // It came so late, or the generator was, that half of it was missed.
		return text, unclear
	case s.Response.P99 < response:
		return text, wrong
	}
	return text, timed(r, s.Service.Max >= service && s.Service.P99 < s.Response.P99/2)
}

// standstill is for how much of the measured part the broker was stopped at least, in seconds: whoever was to stop it may have been held up after he
// noted the time, and it was not let go before its time was over.
func standstill(r *result.Run) float64 {
	began := 0.0
	for _, e := range r.Events {
		switch {
		case e.Kind == result.EventPhase && e.Name == string(result.PhaseMeasure):
			began = e.At
		case e.Kind == result.EventFault && e.Name == "stop":
			return min(still.Seconds(), began+stillIn.Seconds()-(e.Until-still.Seconds()))
		}
	}
	return 0
}

// delayed holds all deliveries up. A busy machine adds to that, and cannot take away.
func delayed() injection {
	const delay = 30 * time.Millisecond
	return injection{
		name: "every delivery 30 ms late", alone: true, quick: true, args: atQoS(0, "delay=30ms:PUBLISH:to=subscriber"),
		found: func(r *result.Run, injected map[string]int64) (string, verdict) {
			p50, n := r.Summary.Response.P50, injected["delay PUBLISH"]
			text := fmt.Sprintf("response p50 %.1f ms", p50*1e3)
			switch {
			case len(findings(r)) > 0 || allOf(injected) != n:
				return text, wrong
			case n <= r.Summary.Response.Count*2/3: // The others were sent when the measured part was over, and all faults with it.
				return text, unclear
			}
			return text, timed(r, p50 >= delay.Seconds()*0.98 && p50 < 20*delay.Seconds())
		},
	}
}

// lies are told a number of times that is not a divisor of anything, at all levels and on both sides.
func lies() (all []injection) {
	const n = 7
	add := func(qos int, lie, side string, classes ...string) {
		who := "subscriber"
		if side == "from" {
			who = "publisher"
		}
		all = append(all, injection{
			name:  fmt.Sprintf("QoS %d, %d x %s %s %s", qos, n, lie, side, who),
			args:  atQoS(qos, fmt.Sprintf("%s:%s=%s:every=5:limit=%d", lie, side, who, n)),
			quick: qos == 1 && (lie == "drop" || lie == "duplicate"),
			found: exactly(n, lie, classes...),
		})
	}
	for qos := range 3 {
		lost := string(result.Lost)
		if qos == 0 {
			lost = string(result.LossQoS0)
		}
		for _, side := range []string{"from", "to"} {
			add(qos, "forge", side, lost)
			add(qos, "duplicate", side, string(result.Dup))
			add(qos, "reorder", side, string(result.Reorder))
			add(qos, "corrupt", side, lost, string(result.Corrupt))
		}
		add(qos, "drop", "to", lost)
		if qos == 0 {
			add(qos, "drop", "from", lost)
		} else { // Nobody has said that they arrived.
			add(qos, "drop", "from", string(result.Stuck), string(result.LostUnknown))
		}
	}
	add(1, "resend", "to", string(result.Dup))
	add(1, "reuse", "to", string(result.IDReused))
	add(2, "reuse", "to", string(result.IDReused))
	return all
}

// brokenSteps cuts connections before and behind each packet of the QoS 2 exchanges, on both sides of the broker.
func brokenSteps() (all []injection) {
	for _, step := range []string{
		"PUBLISH:from=publisher", "PUBREC:to=publisher", "PUBREL:from=publisher", "PUBCOMP:to=publisher",
		"PUBLISH:to=subscriber", "PUBREC:from=subscriber", "PUBREL:to=subscriber", "PUBCOMP:from=subscriber",
	} {
		all = append(all, injection{
			name:  "QoS 2, cut at " + strings.NewReplacer(":", " ", "=", " ").Replace(step),
			args:  atQoS(2, "reset:"+step+":every=13:limit=3", "reset:"+step+":after:every=17:limit=3"),
			quick: step == "PUBREC:to=publisher",
			found: unharmed(2),
		})
	}
	return all
}

// unharmed wants some faults, and everything delivered exactly once; at QoS 1, again where that is legal.
func unharmed(atLeast int64) finder {
	return func(r *result.Run, injected map[string]int64) (string, verdict) {
		c := r.Summary.Contracts[0]
		f := findings(r)
		if c.QoS == 1 {
			delete(f, string(result.DupLegal))
		}
		text := fmt.Sprintf("%d of %d delivered", c.Delivered, c.Expected)
		if len(f) > 0 {
			text += ", " + counts(f)
		}
		switch {
		case len(f) > 0 || c.Delivered != c.Expected || c.Acked != c.Attempted || c.Attempted == 0:
			return text, wrong
		case allOf(injected) < atLeast:
			return text, unclear
		}
		return text, right
	}
}

// null measures the generator's ceiling, in short.
func (t *selftest) null(ctx context.Context) {
	s := settings{duration: 500 * time.Millisecond, driver: "auto", precision: "precise"}
	var reached []string
	for qos := range 3 {
		c, err := s.ceiling(ctx, qos, t.stderr)
		if ctx.Err() != nil {
			return
		}
		if err != nil || c.Ceiling <= 0 {
			t.tell("null broker", "", fmt.Sprintf("QoS %d: %v", qos, err), false)
			return
		}
		reached = append(reached, fmt.Sprintf("%.0f", c.Ceiling))
	}
	t.tell("null broker, QoS 0, 1, 2", "nothing", strings.Join(reached, ", ")+" messages a second", true)
}

// sameAgainstSame compares the built-in broker with itself, in pairs. One time in 32 chance alone makes six pairs point one
// way; so what is seen must be seen again in six others, and in six more, to be a fault of the instrument: by chance, once in some ten thousand times.
func (t *selftest) sameAgainstSame(ctx context.Context) {
	const name, injected = "the same broker twice, 6 + 6 runs", "no difference"
	var texts []string
	shown := map[string]float64{} // By metric: the direction that all series so far have shown.
	for series := range sameSeries {
		all, err := t.pairs(ctx, string(rune('a'+series)))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.tell(name, injected, oneLine(err), false)
			return
		}
		for _, metric := range sortedKeys(all) {
			r := all[metric]
			if _, before := shown[metric]; series > 0 && !before {
				continue
			}
			texts = append(texts, fmt.Sprintf("%s ratio %.2f, p = %.2g", metric, r.Value, r.P))
			way := math.Copysign(1, r.Value-1)
			if !r.Shown || series > 0 && way != shown[metric] {
				delete(shown, metric)
				continue
			}
			shown[metric] = way
		}
		if len(shown) == 0 {
			break
		}
		texts = append(texts, "again")
	}
	t.tell(name, injected, strings.TrimSuffix(strings.Join(texts, "; "), "; again"), len(shown) == 0)
}

// sameSeries are the series of pairs that must all show the same difference.
const sameSeries = 3

// pairs carries out six pairs of runs, in turns the one and the other first.
func (t *selftest) pairs(ctx context.Context, dir string) (map[string]result.Ratio, error) {
	values := map[string]*[2][]float64{"p50": {}}
	if runtime.GOOS == "linux" {
		values["CPU"] = &[2][]float64{}
	}
	for i := range 2 * fewestPairs {
		pair, side := i/2, (i+i/2)%2
		r, err := carry(ctx, pair+1, []string{
			"--quiet", "--charts=false", "--seed", fmt.Sprint(pair + 1), "--clients", "20", "--rate", "1000", "--warmup", "50ms", "--duration", "300ms",
			"--broker", []string{"A", "B"}[side] + "=builtin", "--out", filepath.Join(t.dir, fmt.Sprintf("%s%02d", dir, i)),
		}, t.stderr)
		if err != nil {
			return nil, err
		}
		if r.Summary.Outcome != result.Kept {
			return nil, errors.New("a run is " + string(r.Summary.Outcome))
		}
		values["p50"][side] = append(values["p50"][side], r.Summary.Response.P50)
		if v := values["CPU"]; v != nil && r.Summary.Cost.Broker != nil {
			v[side] = append(v[side], r.Summary.Cost.Broker.PerDelivered())
		}
	}
	all := map[string]result.Ratio{}
	for metric, v := range values {
		all[metric] = result.PairedRatio(v[0], v[1])
	}
	return all, nil
}
