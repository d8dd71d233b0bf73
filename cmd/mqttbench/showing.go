package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

// A showing is how a comparison is put before somebody, and what must not be seen in it.
type showing struct {
	format string   // table, json, csv or bench.
	out    string   // Where charts are drawn, and the page; "": none are.
	vary   []string // Settings in which the groups differ on purpose, besides broker and rate.
	failOn string   // Criteria, as series.ParseCriteria reads them; "": none.
}

// check checks the format, of which there may be more than everywhere, and the criteria.
func (o *showing) check(more ...string) error {
	formats := append([]string{"table", "json", "csv", "bench"}, more...)
	if !slices.Contains(formats, o.format) {
		return fmt.Errorf("--format %q: there are %s", o.format, strings.Join(formats, ", "))
	}
	if o.failOn != "" {
		if _, err := series.ParseCriteria(o.failOn); err != nil {
			return fmt.Errorf("--fail-on: %w", err)
		}
	}
	return nil
}

// compare groups runs and compares them.
func (o *showing) compare(runs []*result.Run) (*result.Comparison, error) {
	c, err := result.Compare(result.GroupRuns(runs), o.vary...)
	if err != nil {
		return nil, inputError{err}
	}
	return c, nil
}

// show prints a comparison, draws it, and holds it against the criteria.
func (o *showing) show(c *result.Comparison, stdout, stderr io.Writer) error {
	err := errors.Join(o.draw(c), o.print(c, stdout))
	if o.out != "" && o.format == "table" {
		sayPage(stdout, filepath.Join(o.out, report.ReportFile))
	}
	return errors.Join(err, o.judge(c, stderr))
}

func (o *showing) draw(c *result.Comparison) error {
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return inputError{err}
	}
	_, err := report.CompareCharts(o.out, c)
	return errors.Join(err, report.SaveCompareHTML(filepath.Join(o.out, report.ReportFile), c))
}

func (o *showing) print(c *result.Comparison, stdout io.Writer) error {
	switch o.format {
	case "json":
		return report.CompareJSON(stdout, c)
	case "csv":
		return report.CompareCSV(stdout, c)
	case "bench":
		return report.CompareBench(stdout, c)
	}
	width, color := terminal(stdout)
	return report.Compare(stdout, c, width, color)
}

// judge holds a comparison against the criteria.
func (o *showing) judge(c *result.Comparison, stderr io.Writer) error {
	return o.hold(len(c.Groups), c.Groups[0].Label, stderr, func(criteria []series.Criterion) []series.Regression { return series.Regressions(c, criteria) })
}

// hold says which criteria are met, and which cannot be told: that is no pass either.
func (o *showing) hold(compared int, base string, stderr io.Writer, regressions func([]series.Criterion) []series.Regression) error {
	if o.failOn == "" {
		return nil
	}
	criteria, err := series.ParseCriteria(o.failOn)
	if err != nil {
		return inputError{err}
	}
	if compared < 2 {
		return inputError{errors.New("--fail-on compares groups of runs, and there is only one")}
	}
	code := exitKept
	for _, r := range regressions(criteria) {
		if r.Unjudged != "" {
			fmt.Fprintf(stderr, "mqttbench: --fail-on %s cannot be judged for %s: %s\n", r.Criterion.Text, r.Name, r.Unjudged)
			code = worse(code, exitInvalid)
			continue
		}
		fmt.Fprintf(stderr, "mqttbench: --fail-on %s: %s has %.3g times that of %s (%.3g to %.3g, p = %.2g, %d runs)\n",
			r.Criterion.Text, r.Name, r.Ratio.Value, base, r.Ratio.Lo, r.Ratio.Hi, r.P, r.Ratio.N)
		code = exitBroken
	}
	if code != exitKept {
		return exitError(code)
	}
	return nil
}

// worse is the exit code of two runs, or of a run and what was made of it.
func worse(a, b int) int {
	for _, code := range []int{exitInterrupted, exitInput, exitBroken, exitInvalid, exitNoisy} {
		if a == code || b == code {
			return code
		}
	}
	return max(a, b)
}
