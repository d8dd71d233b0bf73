package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/pflag"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

// What a sweep and a search have in common: many runs, of which broken promises are part of what is looked for, and a curve.

// beginMany reads the flags of s with parse and makes ready for many runs.
func (s *settings) beginMany(args []string, parse func([]string) (*pflag.FlagSet, error), stderr io.Writer) (*batch, error) {
	f, err := parse(args)
	if err != nil {
		return nil, inputError{err}
	}
	if err := s.provide(); err != nil {
		return nil, inputError{err}
	}
	b, err := s.newBatch(f, stderr)
	if err != nil {
		return nil, err
	}
	b.lenient = true
	return b, nil
}

// showCurve draws all runs, and prints the curve, what is said of it, and where the page is.
func (o *showing) showCurve(c *result.Comparison, slo series.SLO, said []string, stdout io.Writer) error {
	width, color := terminal(stdout)
	err := errors.Join(o.draw(c), report.Curve(stdout, c.Groups, levelWord(slo), width, color))
	fmt.Fprintln(stdout)
	for _, text := range said {
		fmt.Fprintln(stdout, text)
	}
	if o.out != "" && err == nil {
		fmt.Fprintln(stdout)
		sayPage(stdout, filepath.Join(o.out, report.ReportFile))
	}
	return err
}
