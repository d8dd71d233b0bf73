package main

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// holdsSeveral reports whether a folder is not that of one run, and there is something in it to look at.
func holdsSeveral(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, result.ResultFile))
	return errors.Is(err, os.ErrNotExist)
}

// folder prints what a folder of several runs holds, and writes its page: a series, the workloads of a profile, or a matrix.
func (o *showing) folder(dir, base, page string, stdout io.Writer) error {
	page = cmp.Or(page, filepath.Join(dir, report.ReportFile))
	if f, err := readFamily(dir); err == nil && f.Several() && oneBroker(f) {
		return showFamily(f, page, o.format, stdout)
	}
	sets, err := result.ReadMatrix(dir)
	if err != nil {
		return inputError{err}
	}
	if runs := seriesIn(sets, dir); runs != nil {
		c, err := o.compare(runs)
		if err != nil {
			return err
		}
		err = errors.Join(o.print(c, stdout), report.SaveCompareHTML(page, c))
		sayPage(stdout, page)
		return err
	}
	m, err := result.NewMatrix(sets, base, o.vary...)
	if err != nil {
		return inputError{err}
	}
	err = errors.Join(o.printMatrix(m, stdout), report.SaveMatrixHTML(page, m))
	if o.format == "table" {
		sayPage(stdout, page)
	}
	return err
}

// seriesIn are the runs that lie in the folder one beside the other, as a series leaves them. What lies deeper was made for it.
func seriesIn(sets []result.Workset, dir string) (runs []*result.Run) {
	for _, set := range sets {
		for _, r := range set.Runs {
			if filepath.Dir(filepath.Clean(r.Dir)) == filepath.Clean(dir) {
				runs = append(runs, r)
			}
		}
	}
	return runs
}
