package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

const compareUsage = `mqttbench compare - set results side by side

SYNOPSIS
  mqttbench compare DIR DIR... [FLAGS]

Runs with the same settings are repetitions of each other and form a group. Each group is compared with the first: medians, how far they
scatter, and whether a difference is shown at all.

      --vary FIELD     a setting in which the groups may differ besides broker and rate (repeatable):
                       qos, payload, clients, mqtt, window, sessions, churn, engine, ...
  -o, --out DIR        draw charts there
      --format F       table, json or csv (default table)
`

// compareCommand sets results side by side.
func compareCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, compareUsage)
		return err
	}
	f := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	out := f.StringP("out", "o", "", "")
	vary := f.StringSlice("vary", nil, "")
	format := f.String("format", "table", "")
	if err := f.Parse(args); err != nil {
		return inputError{err}
	}
	if f.NArg() < 2 {
		return inputError{errors.New("compare takes at least two folders with results")}
	}
	runs, err := readAll(f.Args())
	if err != nil {
		return inputError{err}
	}
	c, err := result.Compare(result.GroupRuns(runs), *vary...)
	if err != nil {
		return inputError{err}
	}
	if *out != "" {
		if err := os.MkdirAll(*out, 0o755); err != nil {
			return inputError{err}
		}
		if _, err := report.CompareCharts(*out, c); err != nil {
			return err
		}
	}
	switch *format {
	case "table":
		width, color := terminal(stdout)
		return report.Compare(stdout, c, width, color)
	case "json":
		return report.CompareJSON(stdout, c)
	case "csv":
		return report.CompareCSV(stdout, c)
	}
	return inputError{fmt.Errorf("--format %q: there are table, json and csv", *format)}
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

// reportCommand prints a result again and redraws its charts.
func reportCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) == 0 || wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, "mqttbench report DIR - print a result again and redraw its charts\n")
		return err
	}
	runs, err := readAll(args)
	if err != nil {
		return inputError{err}
	}
	width, color := terminal(stdout)
	for _, r := range runs {
		if _, err := report.Charts(r.Dir, r); err != nil {
			return err
		}
		if err := report.Summary(stdout, r, width, color); err != nil {
			return err
		}
	}
	return nil
}
