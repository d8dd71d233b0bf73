package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench"
	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

// several reports whether the flags ask for more than one run.
func (s *settings) several() bool { return s.repeat > 1 || len(s.sources) > 1 || len(s.levels) > 1 }

// fewestPairs can show a difference at all: of six pairs that all point one way, chance makes one in 32.
const fewestPairs = 6

func (s *settings) checkSeries(f *pflag.FlagSet) error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(s.repeat < 1, "--repeat %d: it is at least 1", s.repeat)
	refuse(s.pause < 0, "--pause %v is negative", s.pause)
	refuse(len(s.levels) > 1 && f.Changed("pub-qos") && f.Changed("sub-qos"), "--qos with several levels leaves nothing to --pub-qos and --sub-qos together")
	refuse(s.failOn != "" && len(s.sources)*len(s.levels) < 2, "--fail-on compares brokers or settings; there is only one")
	refuse(s.failOn != "" && s.repeat < fewestPairs, "--fail-on with --repeat %d: it takes %d runs of each to show a difference", s.repeat, fewestPairs)
	refuse(s.resume && (!f.Changed("seed") || !f.Changed("out")), "--resume needs the --out and --seed of the comparison that it goes on with")
	o := s.showing()
	return errors.Join(append(errs, o.check())...)
}

// showing is how a series is shown.
func (s *settings) showing() *showing {
	o := &showing{format: s.format, failOn: s.failOn}
	if s.json {
		o.format = "json"
	}
	if s.charts {
		o.out = s.out
	}
	if len(s.levels) > 1 {
		o.vary = []string{"qos", "subscribe qos"}
	}
	return o
}

// variants are the settings that are run beside each other: each broker with each QoS.
func (s *settings) variants(f *pflag.FlagSet) (all []settings) {
	for _, from := range s.sources {
		for _, level := range s.levels {
			v := *s
			v.source = from
			v.useQoS(f, level)
			v.place = len(all)
			all = append(all, v)
		}
	}
	return all
}

// name tells a variant from the others of the series, as a part of a file's name; text for the reader.
func (s *settings) name() string {
	name := s.source.fileName()
	if len(s.levels) > 1 {
		name += fmt.Sprintf("-qos%d", s.qos)
	}
	return name
}

func (s *settings) text() string {
	text := s.source.label()
	if len(s.levels) > 1 {
		text += fmt.Sprintf(", QoS %d", s.qos)
	}
	return text
}

// series carries out interleaved repetitions of all variants and compares them.
func (s *settings) series(ctx context.Context, f *pflag.FlagSet, stdout, stderr io.Writer) error {
	b, err := s.newBatch(f, stderr)
	if err != nil {
		return err
	}
	variants := s.variants(f)
	order := series.Order(len(variants), s.repeat, s.seed)
	b.announce(len(order))
	for _, slot := range order {
		v := variants[slot.Setting]
		v.repetition = slot.Repetition
		_, err = b.carry(ctx, v, fmt.Sprintf("%s-r%d", v.name(), slot.Repetition), v.text())
		if s.keepGoing && ctx.Err() == nil && isInput(err) {
			fmt.Fprintf(stderr, "left out: %v\n", err)
			err = nil
		}
		if err != nil {
			break
		}
	}
	return b.conclude(err, func(c *result.Comparison) error { return s.showing().show(c, stdout, stderr) }, s.showing(), stdout)
}

// A batch carries out runs one after the other, each in a folder of its own, and keeps what they left.
type batch struct {
	flags   *pflag.FlagSet
	stderr  io.Writer
	dir     string
	pause   time.Duration
	each    time.Duration // A run, about.
	planned int           // Runs; 0: not known beforehand.
	begun   int
	resume  bool // What is there already is read, and not made again.
	lenient bool // Promises broken, and runs that are not to be trusted, are part of what is looked for.

	runs        []*result.Run // Those that came to their end, in order.
	place       map[*result.Run]int
	interrupted *result.Run // The one that did not.
}

// newBatch begins a series in a folder that is empty: what was there before would be taken for its own.
func (s *settings) newBatch(f *pflag.FlagSet, stderr io.Writer) (*batch, error) {
	if entries, err := os.ReadDir(s.out); !s.resume && (err != nil || len(entries) > 0) {
		return nil, inputError{cmp.Or(err, fmt.Errorf("--out %s holds something already; a series needs a folder of its own", s.out))}
	}
	return &batch{flags: f, stderr: stderr, place: map[*result.Run]int{}, dir: s.out, pause: s.pause, each: s.warmup + s.duration + s.pause + overhead, resume: s.resume}, nil
}

// apart is a batch in a folder below, whose runs are not among those that are shown.
func (b *batch) apart(name string) *batch {
	return &batch{flags: b.flags, stderr: b.stderr, place: map[*result.Run]int{}, dir: filepath.Join(b.dir, name), pause: b.pause, lenient: true}
}

// overhead is how long a run takes besides warming up and measuring, about.
const overhead = time.Second

func (b *batch) announce(runs int) {
	b.planned = runs
	fmt.Fprintf(b.stderr, "%d runs, in about %v, into %s\n", runs, (time.Duration(runs) * b.each).Round(time.Second), b.dir)
}

// carry carries out one run. An error ends the series; a run that went wrong half-way does not: it is a result.
func (b *batch) carry(ctx context.Context, v settings, name, text string) (*result.Run, error) {
	b.begun++
	v.out = filepath.Join(b.dir, fmt.Sprintf("%02d-%s", b.begun, name))
	if r := b.there(&v); r != nil {
		return r, nil
	}
	if b.begun > 1 {
		select {
		case <-time.After(b.pause):
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		fmt.Fprintln(b.stderr, "interrupted")
		return nil, exitError(exitInterrupted)
	}
	if v.pprof != "" {
		v.pprof = filepath.Join(v.pprof, filepath.Base(v.out))
	}
	// The runs of a block have one schedule, every block another; and no run has Topic Names or Client Identifiers of another.
	v.seed, v.runID = v.seed+uint64(cmp.Or(v.repetition, b.begun)), rand.Uint32()
	_, tty := terminal(b.stderr)
	v.quiet = v.quiet || !tty
	if err := v.provide(); err != nil {
		return nil, inputError{err}
	}
	b.heading(&v, text)
	res, err := v.run(ctx, b.flags, b.stderr)
	return b.keep(ctx, &v, res, err)
}

// there is a run that an earlier call of a series that is resumed has made; nil if it has not. One that did not come to its end
// is put aside.
func (b *batch) there(v *settings) *result.Run {
	if !b.resume {
		return nil
	}
	r, err := result.Read(v.out)
	if err != nil || !r.Complete || r.Summary.Interrupted || r.Manifest.Repetition != v.repetition {
		os.RemoveAll(v.out + cutOff)
		os.Rename(v.out, v.out+cutOff) // If there is one.
		return nil
	}
	b.runs = append(b.runs, r)
	b.place[r] = v.place
	return r
}

// cutOff ends the name of the folder of a run that was made anew.
const cutOff = ".cut"

func isInput(err error) bool {
	var input inputError
	return errors.As(err, &input)
}

func (b *batch) heading(v *settings, text string) {
	of := ""
	if b.planned > 0 {
		of = fmt.Sprintf("/%d", b.planned)
	}
	if v.repetition > 0 {
		text += fmt.Sprintf(", repetition %d", v.repetition)
	}
	fmt.Fprintf(b.stderr, "[%d%s] %s: ", b.begun, of, text)
	if !v.quiet {
		fmt.Fprintln(b.stderr) // The progress line comes next.
	}
}

// keep reads back what a run left, so that what is compared is what a later reader will find.
func (b *batch) keep(ctx context.Context, v *settings, res *result.Run, err error) (*result.Run, error) {
	var setup *bench.SetupError
	switch {
	case ctx.Err() != nil && (res == nil || setupFailed(err, &setup)): // Interrupted before anything was measured.
		v.tidy()
		fmt.Fprintln(b.stderr, "interrupted")
		return nil, exitError(exitInterrupted)
	case setupFailed(err, &setup):
		v.tidy()
		fmt.Fprintln(b.stderr)
		return nil, inputError{err}
	case res == nil:
		fmt.Fprintln(b.stderr)
		return nil, err
	}
	read, readErr := result.Read(v.out)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	fmt.Fprintln(b.stderr, report.Line(read))
	if read.Summary.Interrupted {
		b.interrupted = read
		return nil, exitError(exitInterrupted)
	}
	b.runs = append(b.runs, read)
	b.place[read] = v.place
	if v.charts { // The page has the charts in it: files of them are for the comparison. A page is not worth a series.
		if err := report.SaveHTML(filepath.Join(v.out, report.ReportFile), read); err != nil {
			fmt.Fprintf(b.stderr, "mqttbench: the report of %s: %v\n", v.out, err)
		}
	}
	return read, nil
}

func setupFailed(err error, setup **bench.SetupError) bool { return errors.As(err, setup) }

// conclude shows what there is, also if the series came to an early end with an error. An interrupted run is not
// compared: its figures are of a shorter time. If there is nothing else, it is shown by itself.
func (b *batch) conclude(err error, show func(*result.Comparison) error, o *showing, stdout io.Writer) error {
	if b.interrupted != nil {
		fmt.Fprintf(b.stderr, "%s was interrupted; it is kept, and not compared\n", b.interrupted.Dir)
	}
	if len(b.runs) == 0 {
		if b.interrupted != nil && o.format == "table" {
			width, color := terminal(stdout)
			return errors.Join(err, report.Summary(stdout, b.interrupted, width, color))
		}
		os.Remove(b.dir) // If it is empty.
		return err
	}
	// What all others are compared with is what was named first, not what happened to run first.
	slices.SortStableFunc(b.runs, func(x, y *result.Run) int { return cmp.Compare(b.place[x], b.place[y]) })
	c, failed := o.compare(b.runs)
	if failed == nil {
		failed = show(c)
	}
	return b.worst(err, failed)
}

// worst is the error that decides the exit code: of the series, of what was shown, or of its runs.
func (b *batch) worst(errs ...error) error {
	code := exitKept
	for _, err := range errs {
		var exit exitError
		switch {
		case err == nil:
		case errors.As(err, &exit):
			code = worse(code, int(exit))
		default:
			return err
		}
	}
	trusted := false
	for _, r := range b.runs {
		if !b.lenient {
			code = worse(code, r.Summary.ExitCode)
		}
		trusted = trusted || r.Summary.Validity != result.ValidityInvalid
	}
	if b.lenient && len(b.runs) > 0 && !trusted {
		code = worse(code, exitInvalid)
	}
	if code != exitKept {
		return exitError(code)
	}
	return nil
}
