package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

const reportUsage = `mqttbench report - print results again, and make their pages and charts anew

SYNOPSIS
  mqttbench report DIR... [FLAGS]
  mqttbench report --family DIR [--format table|json|csv|markdown]

Draws the charts of each run into its folder, and writes report.html there: one page that needs no network and no other file,
with the verdict, the figures, charts that can be asked, the health of the instrument, the words explained, what it does not show
and, of a run made with --pprof, flame graphs to be searched and zoomed. Of several runs, one more page compares them, as mqttbench compare does.

A folder that is not that of one run is read as what it holds: a series of runs as a comparison; workloads that several brokers
were put to, each in a folder or an archive (mqttbench pack), as a matrix, with its verdicts, ratios, charts and raw data on one page; and
the workloads of a profile, as after mqttbench run qos-tradeoff, side by side: what each costs in CPU time, packets, bytes, latency and
throughput, and what it lost, repeated or kept.

  -o, --out FILE       the page (default report.html in the run's folder, or in the folder that holds those of all);
                       with --family, the folder for page, chart and table
      --vary FIELD     of several runs: a setting in which they may differ besides broker and rate (repeatable; * is all)
      --base NAME      of a matrix: the broker that all are compared with (default: the first)
      --format F       table, json, csv, bench or markdown, as far as what is shown has it (default table)
      --family DIR     DIR holds the workloads of a profile, whatever it looks like
`

// reportCommand prints results again and makes their reports.
func reportCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) == 0 || wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, reportUsage)
		return err
	}
	f := pflag.NewFlagSet("report", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	o := showing{format: "table"}
	out := f.StringP("out", "o", "", "")
	f.StringSliceVar(&o.vary, "vary", nil, "")
	familyDir := f.String("family", "", "")
	f.StringVar(&o.format, "format", o.format, "")
	base := f.String("base", "", "")
	if err := f.Parse(args); err != nil {
		return inputError{err}
	}
	if err := o.check(markdown); err != nil {
		return inputError{err}
	}
	if *familyDir != "" {
		all, err := readFamily(*familyDir)
		if err != nil {
			return inputError{err}
		}
		if !oneBroker(all) {
			return inputError{errors.New("--family is about one broker, and these are runs of several: mqttbench compare --matrix sets them beside each other")}
		}
		return showFamily(all, filepath.Join(cmp.Or(*out, *familyDir), report.ReportFile), o.format, stdout)
	}
	if f.NArg() == 0 {
		return inputError{errors.New("report takes the folder of a result, or several")}
	}
	if f.NArg() == 1 && holdsSeveral(f.Arg(0)) {
		return o.folder(f.Arg(0), *base, *out, stdout)
	}
	runs, err := readAll(f.Args())
	if err != nil {
		return inputError{err}
	}
	if len(runs) == 1 {
		return reportRun(runs[0], cmp.Or(*out, filepath.Join(runs[0].Dir, report.ReportFile)), stdout)
	}
	c, err := o.compare(runs) // Before anything is written: if they cannot be compared, it was a mistake.
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range runs {
		errs = append(errs, reportRun(r, filepath.Join(r.Dir, report.ReportFile), stdout))
	}
	page := cmp.Or(*out, filepath.Join(commonFolder(runs), report.ReportFile))
	errs = append(errs, o.print(c, stdout), report.SaveCompareHTML(page, c))
	sayPage(stdout, page)
	return errors.Join(errs...)
}

// reportRun draws and prints a run, and writes its page.
func reportRun(r *result.Run, page string, stdout io.Writer) error {
	_, err := report.Charts(r.Dir, r)
	err = errors.Join(err, report.SaveHTML(page, r))
	width, color := terminal(stdout)
	err = errors.Join(err, report.Summary(stdout, r, width, color))
	sayPage(stdout, page)
	return err
}

// sayPage names a page below a summary, in its columns.
func sayPage(w io.Writer, page string) { fmt.Fprintf(w, "%-16s%s\n", "report", page) }

// commonFolder is the deepest folder that holds the folders of all runs.
func commonFolder(runs []*result.Run) string {
	common := filepath.Dir(filepath.Clean(runs[0].Dir))
	for _, r := range runs[1:] {
		for !within(r.Dir, common) {
			parent := filepath.Dir(common)
			if parent == common { // Two drives, or a path that begins elsewhere: the first will do.
				return filepath.Dir(filepath.Clean(runs[0].Dir))
			}
			common = parent
		}
	}
	return common
}

func within(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}
