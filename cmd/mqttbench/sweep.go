package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

const sweepUsage = `mqttbench sweep - latency, cost and loss against load

SYNOPSIS
  mqttbench sweep [FLAGS] [FLAGS OF A RUN]

  mqttbench sweep --qos 0,1,2
  mqttbench sweep --broker-cmd 'mosquitto=mosquitto -p {port}' --broker builtin --qos 1 --levels 1000,2000,4000,8000,16000

Runs each broker with each QoS at rates from 10 % to 120 % of what it carries, --repeat times each (default 3), in an order drawn for
each block, and draws the curves: response time, delivered share and CPU per message against load. Beyond its knee a
broker is overloaded: promises broken there are the result, not an error.

      --levels RATES   the rates, messages a second, with commas between them
      --capacity N     instead: 100 % is this rate, for all brokers and QoS
      --points N       levels from 10 % to 120 % (default 8). Without --capacity 100 % is first looked for, for each broker and QoS, with
                       short runs: about a quarter too high or too low
      --slo S          what counts as carried, as in mqttbench search (default p99<10ms,loss=0)
      --duration and --warmup are 10s and 2s unless given.
  -o, --out DIR        the runs, each in a folder of its own, and the charts
      --format F       table, json, csv or bench (default table)
`

// What runs of a sweep or a search are like unless flags say otherwise: they are many.
const (
	manyDuration = 10 * time.Second
	manyWarmup   = 2 * time.Second
	sweepRepeat  = 3
	defaultSLO   = "p99<10ms,loss=0"
)

// A sweep is the settings of its runs and what the sweep adds to them.
type sweep struct {
	settings
	levels   []float64
	capacity float64
	points   int
	slo      series.SLO
}

func sweepCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, sweepUsage)
		return err
	}
	var s sweep
	b, err := s.beginMany(args, s.parse, stderr)
	if err != nil {
		return err
	}
	return b.conclude(s.runs(ctx, b), func(c *result.Comparison) error { return s.show(c, stdout, stderr) }, s.showing(), stdout)
}

func (s *sweep) parse(args []string) (*pflag.FlagSet, error) {
	f, err := s.settings.parse(args, func(f *pflag.FlagSet) {
		presetMany(f)
		preset(f, "repeat", sweepRepeat)
		f.Float64SliceVar(&s.levels, "levels", nil, "")
		f.Float64Var(&s.capacity, "capacity", 0, "")
		f.IntVar(&s.points, "points", series.FewestLevels, "")
		preset(f, "slo", defaultSLO)
	})
	if err != nil {
		return nil, err
	}
	s.slo, err = series.ParseSLO(s.sloText)
	s.sloText = "" // The curve is judged, and not each run by itself.
	return f, errors.Join(err, s.check(f))
}

// presetMany makes runs short.
func presetMany(f *pflag.FlagSet) {
	preset(f, "duration", manyDuration)
	preset(f, "warmup", manyWarmup)
}

func (s *sweep) check(f *pflag.FlagSet) error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(s.closed || s.idle, "--closed and --idle have no rate to sweep")
	refuse(f.Changed("rate"), "--rate: a sweep has several: --levels or --capacity")
	refuse(s.publishers == 0, "a sweep with no publishers: nobody could publish")
	refuse(s.failOn != "", "--fail-on is for mqttbench compare")
	refuse(f.Changed("levels") && f.Changed("capacity"), "--levels and --capacity exclude each other")
	refuse(f.Changed("capacity") && s.capacity <= 0, "--capacity %g: it is more than 0 messages a second", s.capacity)
	refuse(s.points < series.FewestLevels, "--points %d: a curve needs at least %d to show its knee", s.points, series.FewestLevels)
	refuse(f.Changed("levels") && len(s.levels) < 2, "--levels: it takes at least two for a curve")
	for _, rate := range s.levels {
		refuse(rate <= 0, "--levels: a rate is more than 0 messages a second, not %g", rate)
	}
	return errors.Join(errs...)
}

// runs settles the levels and carries out all runs, interleaved.
func (s *sweep) runs(ctx context.Context, b *batch) error {
	var all []settings
	for _, v := range s.variants(b.flags) {
		rates, err := s.rates(ctx, b, v)
		if err != nil {
			return err
		}
		for _, v.rate = range rates {
			v.place = len(all)
			all = append(all, v)
		}
	}
	order := series.Order(len(all), s.repeat, s.seed)
	b.announce(len(order))
	for _, slot := range order {
		v := all[slot.Setting]
		v.repetition = slot.Repetition
		if _, err := b.carry(ctx, v, fmt.Sprintf("%s-%g-r%d", v.name(), v.rate, slot.Repetition), v.text()+" at "+report.Exactly(v.rate)); err != nil {
			return err
		}
	}
	return nil
}

const (
	// estimateWithin is how closely a sweep looks for 100 %: its levels are further apart.
	estimateWithin   = 1.25
	estimateDuration = 5 * time.Second
	estimateWarmup   = time.Second
)

// rates are the levels of a variant. If nobody said what 100 % is, a rough search tells.
func (s *sweep) rates(ctx context.Context, b *batch, v settings) ([]float64, error) {
	switch {
	case len(s.levels) > 0:
		return s.levels, nil
	case s.capacity > 0:
		return series.Levels(s.capacity, s.points), nil
	}
	fmt.Fprintf(b.stderr, "looking for what %s carries\n", v.text())
	v.duration, v.warmup = min(v.duration, estimateDuration), min(v.warmup, estimateWarmup)
	found, err := b.apart("capacity").search(ctx, v, s.slo, series.SearchOptions{Start: v.rate, Within: estimateWithin, Confirm: -1})
	if err != nil {
		return nil, err
	}
	if found.Lo == 0 {
		return nil, fmt.Errorf("%s carried no rate within the SLO %s, so there is no 100 %%: %s; say it with --capacity or --levels", v.text(), s.slo, found.Why)
	}
	return series.Levels(found.Lo, s.points), nil
}

// show prints the curves and where they bend.
func (s *sweep) show(c *result.Comparison, stdout, stderr io.Writer) error {
	o := s.showing()
	c.Capacity = bands(c.Groups, s.slo)
	if o.format != "table" {
		return errors.Join(o.draw(c), o.print(c, stdout))
	}
	var said []string
	for _, k := range knees(c.Groups, s.slo) {
		said = append(said, bracketText(k.name, k.bracket, s.slo))
	}
	return o.showCurve(c, s.slo, said, stdout)
}
