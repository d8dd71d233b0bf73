package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

const searchUsage = `mqttbench search - the highest rate that a broker carries

SYNOPSIS
  mqttbench search --slo SLO [FLAGS] [FLAGS OF A RUN]

  mqttbench search --slo 'p99<10ms,loss=0' --qos 1
  mqttbench search --broker tcp://127.0.0.1:1883 --rate 5000 --duration 20s

Doubles the rate until a run does not meet the SLO, narrows the bracket, and confirms it: the lower end must pass in 3 of 3 further
runs, and the upper end must fail in 2 of 3. The answer is both ends, and why the upper one fails.

      --slo SLO        what counts as carried; objectives with commas between them (default p99<10ms,loss=0):
                         p50 p90 p99 p999 max<DURATION   response time, from the instant a message was due
                         loss=0, delivered>=0.999        deliveries that were seen, of those owed
                       Always: no promise of a QoS is broken, the broker takes messages as fast as they are offered, no backlog grows
  -r, --rate N         where to begin: a rate that should be safe (default that of a run)
      --max-rate N     do not go beyond
      --within R       upper end divided by lower end, at most (default 1.05)
      --max-runs N     give up after so many runs of a broker and QoS (default 60)
      --duration and --warmup are 10s and 2s unless given.
  -o, --out DIR        the runs, each in a folder of its own, and the charts
      --format F       table or json (default table)

EXIT CODES
  0  confirmed    3  not confirmed, or the limit may be the generator's    130  interrupted; see also mqttbench --help
`

// A search is the settings of its runs and what the search adds to them.
type search struct {
	settings
	slo     series.SLO
	options series.SearchOptions
}

// A finding is what was found for one broker and QoS.
type finding struct {
	name    string
	broker  string
	qos     int
	bracket series.Bracket
}

func searchCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, searchUsage)
		return err
	}
	var s search
	b, err := s.beginMany(args, s.parse, stderr)
	if err != nil {
		return err
	}
	var found []finding
	for _, v := range s.variants(b.flags) {
		var x finding
		x.name, x.broker, x.qos = v.text(), v.source.label(), v.qos
		x.bracket, err = b.search(ctx, v, s.slo, s.options)
		found = append(found, x)
		if err != nil {
			break
		}
	}
	return b.conclude(err, func(c *result.Comparison) error { return s.show(c, found, stdout) }, s.showing(), stdout)
}

func (s *search) parse(args []string) (*pflag.FlagSet, error) {
	f, err := s.settings.parse(args, func(f *pflag.FlagSet) {
		presetMany(f)
		preset(f, "slo", defaultSLO)
		f.Float64Var(&s.options.Highest, "max-rate", 0, "")
		f.Float64Var(&s.options.Within, "within", 1.05, "")
		f.IntVar(&s.options.Runs, "max-runs", 60, "")
	})
	if err != nil {
		return nil, err
	}
	s.options.Start = s.rate
	s.slo, err = series.ParseSLO(s.sloText)
	s.sloText = "" // The search judges, and not each run by itself.
	return f, errors.Join(err, s.check(f))
}

func (s *search) check(f *pflag.FlagSet) error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(s.closed || s.idle, "--closed and --idle have no rate to search for")
	refuse(s.publishers == 0 || s.subscribers == 0, "a search needs publishers and subscribers")
	refuse(s.failOn != "", "--fail-on is for mqttbench compare")
	refuse(s.repeat != 1, "--repeat: a search repeats what it has to confirm")
	refuse(s.format != "table" && s.format != "json", "--format %q: there are table and json", s.format)
	refuse(f.Changed("max-rate") && s.options.Highest < s.rate, "--max-rate %g is below the first rate, %g", s.options.Highest, s.rate)
	refuse(s.options.Within <= 1.005 || s.options.Within > 2, "--within %g: it is more than 1.005 and at most 2", s.options.Within)
	refuse(s.options.Runs < 1, "--max-runs %d: it is at least 1", s.options.Runs)
	if len(errs) == 0 {
		p := s.plan()
		first := s.rate * p.FanOut() * s.duration.Seconds()
		refuse(first < s.slo.Deliveries(), "the first run would have %.0f deliveries and the SLO %s takes %.0f to tell; a longer --duration or a higher --rate has them", first, s.slo, s.slo.Deliveries())
	}
	return errors.Join(errs...)
}

// search carries out a search for one broker and QoS.
func (b *batch) search(ctx context.Context, v settings, slo series.SLO, o series.SearchOptions) (series.Bracket, error) {
	s := series.NewSearch(o)
	for rate, ok := s.Next(); ok; rate, ok = s.Next() {
		text := v.text() + " at " + report.Exactly(rate)
		if s.Confirming() {
			text += ", to confirm"
		}
		v.rate = rate
		v.duration = longEnough(&v, slo)
		run, err := b.carry(ctx, v, fmt.Sprintf("%s-%g", v.name(), rate), text)
		if err != nil {
			return s.Bracket(), err
		}
		verdict := slo.Judge(&run.Summary)
		if verdict.Outcome != series.Passed {
			fmt.Fprintf(b.stderr, "    not carried: %s\n", verdict.Why)
		}
		s.Report(verdict)
	}
	return s.Bracket(), nil
}

// mostLonger is how many times as long as was asked for a run may last, for the sake of having enough messages.
const mostLonger = 6

// longEnough is how long a run must last at its rate for the SLO to be told: at low rates, longer.
func longEnough(v *settings, slo series.SLO) time.Duration {
	p := v.plan()
	const spare = 1.1 // Poisson arrivals may be fewer than planned.
	need := time.Duration(spare * slo.Deliveries() / (v.rate * p.FanOut()) * float64(time.Second))
	return max(v.duration, min(need, mostLonger*v.duration))
}

// show prints what was found, and all the runs that it was found with.
func (s *search) show(c *result.Comparison, found []finding, stdout io.Writer) error {
	o := s.showing()
	c.Capacity = bands(c.Groups, s.slo)
	var err error
	if o.format == "json" {
		err = errors.Join(o.draw(c), s.showJSON(found, stdout))
	} else {
		var said []string
		for _, x := range found {
			said = append(said, bracketText(x.name, x.bracket, s.slo))
		}
		err = o.showCurve(c, s.slo, said, stdout)
	}
	for _, x := range found {
		if !x.bracket.Confirmed || x.bracket.Instrument {
			return errors.Join(err, exitError(exitInvalid))
		}
	}
	return err
}

func (s *search) showJSON(found []finding, stdout io.Writer) error {
	type bracket struct {
		Broker     string  `json:"broker"`
		QoS        int     `json:"qos"`
		SLO        string  `json:"slo"`
		Lo         float64 `json:"carried_per_s"`
		Hi         float64 `json:"fails_per_s,omitempty"` // 0: none failed.
		Why        string  `json:"why,omitempty"`
		LoPassed   int     `json:"carried_runs_passed"`
		LoRuns     int     `json:"carried_runs"`
		HiFailed   int     `json:"fails_runs_failed"`
		HiRuns     int     `json:"fails_runs"`
		Confirmed  bool    `json:"confirmed"`
		Instrument bool    `json:"limit_may_be_the_generators"`
		Runs       int     `json:"runs"`
	}
	all := []bracket{}
	for _, x := range found {
		b := &x.bracket
		all = append(all, bracket{x.broker, x.qos, s.slo.String(), b.Lo, b.Hi, b.Why, b.LoPassed, b.LoRuns, b.HiFailed, b.HiRuns, b.Confirmed, b.Instrument, b.Runs})
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(all)
}
