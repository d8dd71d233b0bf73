package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

const growthUsage = `mqttbench growth - how the cost of a message grows with one setting

SYNOPSIS
  mqttbench growth --by SETTING DIR... [FLAGS]

Takes all results in and below the folders, as a profile of several workloads leaves them, or in archives of mqttbench pack, and draws the broker's CPU time per delivered
message against the setting: a line for each broker through the medians, a dot for each run.

      --by SETTING     what grows: clients, fan-out, payload, queue (messages queued for each subscriber), rate, window
  -o, --out DIR        draw growth-SETTING.svg and .png there

  mqttbench run client-scaling --out results/clients && mqttbench growth --by clients results/clients --out results/clients
`

// growthCommand draws costs against a setting.
func growthCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	f := pflag.NewFlagSet("growth", pflag.ContinueOnError)
	by, out := f.String("by", "", ""), f.StringP("out", "o", "", "")
	runs, err := readBelow(f, args, growthUsage, stdout)
	if runs == nil {
		return err
	}
	g, err := report.NewGrowth(runs, *by)
	if err != nil {
		return inputError{fmt.Errorf("--by: %w", err)}
	}
	err = g.Print(stdout)
	if *out != "" {
		_, drawn := g.Chart(*out)
		err = errors.Join(err, drawn)
	}
	return err
}

const tableUsage = `mqttbench table - brokers side by side over several workloads

SYNOPSIS
  mqttbench table DIR... [FLAGS]

Takes all results in and below the folders, or in archives of mqttbench pack, and prints one table in Markdown: a row for each workload, a column for each broker, with the
median of the runs and their range: CPU time per delivered message or per connection, memory of a connection, rate of an offline queue.

      --base NAME      the broker that the others are shares of, by how its name begins (default: none)
`

// tableCommand prints the table of peers.
func tableCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	f := pflag.NewFlagSet("table", pflag.ContinueOnError)
	base := f.String("base", "", "")
	runs, err := readBelow(f, args, tableUsage, stdout)
	if runs == nil {
		return err
	}
	t, err := report.NewPeerTable(runs, *base)
	if err != nil {
		return inputError{err}
	}
	return t.Markdown(stdout)
}

// readBelow reads the flags, and the results in and below the folders that they leave, in the order of their paths. No runs and no error: help
// was wanted, and given.
func readBelow(f *pflag.FlagSet, args []string, usage string, stdout io.Writer) (runs []*result.Run, err error) {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, usage)
		return nil, err
	}
	f.SetOutput(io.Discard)
	if err := f.Parse(args); err != nil {
		return nil, inputError{err}
	}
	if f.NArg() == 0 {
		return nil, inputError{fmt.Errorf("%s takes folders with results", f.Name())}
	}
	var errs []error
	for _, dir := range f.Args() {
		errs = append(errs, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir():
				return err
			case strings.HasSuffix(path, result.ArchiveSuffix):
				packed, err := result.ReadArchive(path)
				runs = append(runs, packed...)
				return err
			case d.Name() == result.ResultFile:
				r, err := result.Read(filepath.Dir(path))
				runs = append(runs, r)
				return err
			}
			return nil
		}))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, inputError{err}
	}
	if len(runs) == 0 {
		return nil, inputError{fmt.Errorf("there is no %s in or below %s", result.ResultFile, strings.Join(f.Args(), ", "))}
	}
	return runs, nil
}
