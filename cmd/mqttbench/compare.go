package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"mqttbench/bench/result"
)

const compareUsage = `mqttbench compare - set results, or brokers, side by side

SYNOPSIS
  mqttbench compare DIR DIR... [FLAGS]
  mqttbench compare --matrix DIR [FLAGS]
  mqttbench compare --broker NAME=URL --broker-cmd NAME=COMMAND ... [FLAGS] [FLAGS OF A RUN]

Runs with the same settings are repetitions of each other and form a group. Each group is compared with the first: medians, how far they
scatter, and whether a difference is shown at all.

With --matrix, each folder and each archive (mqttbench pack) in DIR is a workload, and brokers are compared within each of them;
whether a difference is shown is corrected for the number of all comparisons of a metric.

With brokers, runs are made for it: --repeat of each (default 6), interleaved, in an order drawn for each block. That is the better
comparison: runs of one block form a pair, and what the machine did meanwhile it did to both. See mqttbench --help for
--broker, --broker-cmd, --repeat and the flags of a run.

      --resume         of brokers: go on with a comparison that was cut off; the same command again, with --out and --seed.
                       Runs that are there and whole are not made again
      --keep-going     of brokers: one that does not start, or refuses what a run needs, is left out of that block, and the
                       others go on
      --vary FIELD     of results: a setting in which the groups may differ besides broker and rate (repeatable):
                       qos, payload, clients, mqtt version, window, churn, clean start, engine, ...
      --matrix DIR     compare brokers over several workloads
      --base NAME      of a matrix: the broker that all are compared with (default: the first)
  -o, --out DIR        draw charts there, and report.html, one page with all of it; of brokers: the runs as well
      --format F       table, json, csv, bench or, of a matrix, markdown. bench is Go's
                       benchmark format, for benchstat -col broker (default table)
      --fail-on C      end with exit code 1 if a group is worse than the first, and a difference is shown: p99>+10%,rate<-5%
                       of p50, p99, p999, rate, delivered, cpu, rss and bytes; with 3 if that cannot be told.
                       Of a matrix: if that is so in any cell, after Holm's correction
`

// defaultRepeat is how often each broker runs in a comparison: the least of which the median has an interval of 95 %.
const defaultRepeat = 6

// compareCommand sets results side by side, or brokers, which it runs for that.
func compareCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, compareUsage)
		return err
	}
	if live(args) {
		var s settings
		return s.carryOut(ctx, args, stdout, stderr, func(f *pflag.FlagSet) {
			preset(f, "repeat", defaultRepeat)
			f.BoolVar(&s.resume, "resume", false, "")
			f.BoolVar(&s.keepGoing, "keep-going", false, "")
		})
	}
	f := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	var o showing
	f.StringVarP(&o.out, "out", "o", "", "")
	f.StringSliceVar(&o.vary, "vary", nil, "")
	f.StringVar(&o.format, "format", "table", "")
	f.StringVar(&o.failOn, "fail-on", "", "")
	matrix := f.String("matrix", "", "")
	base := f.String("base", "", "")
	if err := f.Parse(args); err != nil {
		return inputError{err}
	}
	if *matrix != "" {
		if err := o.check(markdown); err != nil {
			return inputError{err}
		}
		if f.NArg() > 0 {
			return inputError{errors.New("--matrix takes one folder")}
		}
		return o.matrix(*matrix, *base, stdout, stderr)
	}
	if err := o.check(); err != nil {
		return inputError{err}
	}
	if f.NArg() < 2 {
		return inputError{errors.New("compare takes at least two folders with results, or brokers: --broker NAME=URL")}
	}
	runs, err := readAll(f.Args())
	if err != nil {
		return inputError{err}
	}
	c, err := o.compare(runs)
	if err != nil {
		return err
	}
	return o.show(c, stdout, stderr)
}

// live reports whether brokers are to be compared, not results.
func live(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "-b" || a == "--broker" || a == "--broker-cmd" || strings.HasPrefix(a, "--broker=") || strings.HasPrefix(a, "--broker-cmd=")
	})
}

func readAll(dirs []string) (runs []*result.Run, err error) {
	for _, dir := range dirs {
		r, err := result.Read(dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}
