package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

// markdown is a format of matrices only.
const markdown = "markdown"

// matrix compares brokers over the workloads of a folder.
func (o *showing) matrix(dir, base string, stdout, stderr io.Writer) error {
	m, err := o.readMatrix(dir, base)
	if err != nil {
		return err
	}
	if o.out != "" {
		_, undrawn := report.MatrixCharts(o.out, m)
		err = errors.Join(undrawn, report.SaveMatrixHTML(filepath.Join(o.out, report.ReportFile), m))
	}
	err = errors.Join(err, o.printMatrix(m, stdout))
	if o.out != "" && o.format == "table" {
		sayPage(stdout, filepath.Join(o.out, report.ReportFile))
	}
	return errors.Join(err, o.hold(len(m.Brokers), m.Brokers[0], stderr, func(criteria []series.Criterion) []series.Regression {
		return series.MatrixRegressions(m, criteria)
	}))
}

func (o *showing) readMatrix(dir, base string) (*result.Matrix, error) {
	sets, err := result.ReadMatrix(dir)
	if err != nil {
		return nil, inputError{err}
	}
	m, err := result.NewMatrix(sets, base, o.vary...)
	if err != nil {
		return nil, inputError{err}
	}
	return m, nil
}

func (o *showing) printMatrix(m *result.Matrix, stdout io.Writer) error {
	switch o.format {
	case "json":
		return report.MatrixJSON(stdout, m)
	case "csv":
		return report.MatrixCSV(stdout, m)
	case "bench":
		return report.MatrixBench(stdout, m)
	case markdown:
		return report.MatrixMarkdown(stdout, m)
	}
	width, color := terminal(stdout)
	return report.Matrix(stdout, m, width, color)
}

const packUsage = `mqttbench pack - put the raw files of many runs into one archive

SYNOPSIS
  mqttbench pack DIR FILE.tar.gz

The archive has result.jsonl and the histograms of every run below DIR, and nothing that can be drawn again from them. The same
runs make the same bytes. mqttbench compare --matrix reads it.
`

// packCommand makes an archive of runs.
func packCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) == 0 || wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, packUsage)
		return err
	}
	if len(args) != 2 || !strings.HasSuffix(args[1], result.ArchiveSuffix) {
		return inputError{errors.New("pack takes a folder with runs and the name of an archive: mqttbench pack results/mine mine.tar.gz")}
	}
	n, err := result.WriteArchive(args[1], args[0])
	if err != nil {
		return inputError{err}
	}
	_, err = fmt.Fprintf(stdout, "%d runs in %s\n", n, filepath.ToSlash(args[1]))
	return err
}
