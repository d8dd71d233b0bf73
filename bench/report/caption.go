package report

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// Captions: what must be known of a chart that is shown without its report.

// footer is the environment of runs with the same settings.
func footer(runs []*result.Run) string {
	r := runs[0]
	m := &r.Manifest
	parts := []string{
		strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit),
		m.Broker.Label(),
		machine(m),
		governor(m),
		pinned(m),
		workload(&m.Workload),
		load(&m.Workload),
		fmt.Sprintf("seed %d", m.Seed),
		fmt.Sprintf("%s of %s, warm-up %s", plural(int64(len(runs)), "run"), seconds(r.Summary.Measured.Seconds), seconds(m.Workload.WarmUp)),
	}
	if cut := warmUpCut(&r.Summary); cut != "" {
		parts = append(parts, cut)
	}
	parts = append(parts, generator(r), noise(runs), "validity "+string(cmp.Or(r.Summary.Validity, result.ValidityUnknown)), date(m))
	return joined(append(parts, origin(runs)...))
}

// joined are the parts of a footer that say something.
func joined(parts []string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

func date(m *result.Manifest) string { return m.Start.UTC().Format("2006-01-02 15:04 UTC") }

// governor is how the machine chose the frequency of its CPUs; virtual machines and containers rarely say.
func governor(m *result.Manifest) string { return "governor " + cmp.Or(m.Machine.Governor, "unknown") }

// pinned is which CPUs broker and generator had, if they had not all.
func pinned(m *result.Manifest) string {
	if m.Broker.CPUs == "" && m.Machine.GeneratorCPUs == "" {
		return ""
	}
	return fmt.Sprintf("broker on CPU %s, generator on CPU %s", cmp.Or(m.Broker.CPUs, "any"), cmp.Or(m.Machine.GeneratorCPUs, "any"))
}

// generator is how much room the generator had, as far as it is known.
func generator(r *result.Run) string {
	var parts []string
	if r.Summary.Lag.Count > 0 {
		parts = append(parts, "lag p99 "+seconds(r.Summary.Lag.P99))
	}
	if v, ok := gateValue(r, "generator CPU"); ok {
		parts = append(parts, percent(v)+" of its CPU")
	}
	if c := r.Manifest.Calibration; c != nil && c.Ceiling > 0 && r.Summary.Measured.OfferedRate > 0 {
		parts = append(parts, fmt.Sprintf("%s times below its ceiling", digits(c.Ceiling/r.Summary.Measured.OfferedRate)))
	}
	if parts == nil {
		return ""
	}
	return "generator " + strings.Join(parts, ", ")
}

// noise is what else went on on the machine: how much of the time some task waited for a CPU, and what a hypervisor gave to others.
func noise(runs []*result.Run) string {
	pressure := func(r *result.Run) (float64, bool) {
		if p := r.Summary.Pressure; p != nil {
			return min(*p, 1), true // It is counted to the microsecond, and the time between two looks at it is not.
		}
		return gateValue(r, "CPU pressure") // Of files from before.
	}
	stolen := func(r *result.Run) (float64, bool) { return gateValue(r, "stolen CPU") }
	return "CPU pressure (PSI) " + rangeOver(runs, pressure) + ", stolen " + rangeOver(runs, stolen)
}

// rangeOver is a share over runs, from the least to the most; "unknown" if no run has it.
func rangeOver(runs []*result.Run, of func(*result.Run) (float64, bool)) string {
	var all []float64
	for _, r := range runs {
		if v, ok := of(r); ok {
			all = append(all, v)
		}
	}
	if all == nil {
		return "unknown"
	}
	least, most := fmt.Sprintf("%.1f", 100*slices.Min(all)), fmt.Sprintf("%.1f %%", 100*slices.Max(all))
	if least+" %" == most {
		return most
	}
	return least + " to " + most
}

// gateNamed is a gate of a run; nil if it has none of that name.
func gateNamed(s *result.Summary, name string) *result.Gate {
	i := slices.IndexFunc(s.Gates, func(g result.Gate) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Gates[i]
}

// gateValue is what a gate of a run found.
func gateValue(r *result.Run, name string) (float64, bool) {
	if g := gateNamed(&r.Summary, name); g != nil {
		return g.Value, true
	}
	return 0, false
}

// mostCommand is how many characters of a command stand under a chart. A comparison's has a line for each broker; all of it is in the report.
const mostCommand = 110

// origin is by what command runs were made, and what their figures were read from.
func origin(runs []*result.Run) (parts []string) {
	if line := []rune(shellLine(runs[0].Manifest.Command)); len(line) > mostCommand {
		parts = append(parts, string(line[:mostCommand])+"…")
	} else if len(line) > 0 {
		parts = append(parts, string(line))
	}
	if sum := dataSum(runs); sum != "" {
		parts = append(parts, sum)
	}
	return parts
}

// dataSum names the files that runs were read from by their contents: "data SHA-256 0123456789abcdef", of several files that of the list of
// their sums; "" if they are not there.
func dataSum(runs []*result.Run) string {
	var sums []string
	seen := map[string]bool{}
	for _, r := range runs {
		path := filepath.Join(r.Dir, result.ResultFile)
		if archive, _, ok := strings.Cut(filepath.ToSlash(r.Dir), result.ArchiveSuffix+"/"); ok {
			path = filepath.FromSlash(archive) + result.ArchiveSuffix
		}
		if seen[path] {
			continue
		}
		seen[path] = true
		sum := sumOf(path)
		if sum == "" {
			return ""
		}
		sums = append(sums, sum)
	}
	if len(sums) == 1 {
		return "data SHA-256 " + sums[0][:16]
	}
	slices.Sort(sums)
	return fmt.Sprintf("data SHA-256 %.8x of %d files", sha256.Sum256([]byte(strings.Join(sums, "\n"))), len(sums))
}

func machine(m *result.Manifest) string {
	x := &m.Machine
	parts := []string{cmp.Or(x.CPU, "CPU not known"), plural(int64(x.Cores), "core"), strings.TrimSpace(x.OS + " " + x.Kernel)}
	if x.Virtual != "" {
		parts = append(parts, x.Virtual)
	}
	if m.Broker.CoLocated {
		parts = append(parts, "broker and generator share it")
	}
	return strings.Join(parts, ", ")
}

func load(w *result.Workload) string {
	switch {
	case w.Load == "closed":
		return fmt.Sprintf("closed load, window %d", w.Window)
	case w.Rate == 0:
		return "no publishing"
	}
	return strings.TrimSpace(w.Load+" load "+w.Arrivals) + ", " + rate(w.Rate)
}

// compareFooter is the environment of a comparison: the first group's, and how the others differ.
func compareFooter(c *result.Comparison) string {
	var runs []*result.Run
	for _, g := range c.Groups {
		runs = append(runs, g.Runs...)
	}
	m := &runs[0].Manifest
	parts := []string{strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit), machine(m), governor(m), pinned(m), workload(&m.Workload)}
	if severalRates(c.Groups) {
		parts = append(parts, fmt.Sprintf("%s load %s, at several rates", m.Workload.Load, m.Workload.Arrivals))
	} else {
		parts = append(parts, load(&m.Workload))
	}
	if len(c.Differences) > 0 {
		parts = append(parts, "of the first; others differ in "+fieldsOf(c.Differences))
	}
	if cut := warmUpsCut(c.Groups); cut != "" {
		parts = append(parts, cut)
	}
	parts = append(parts, plural(int64(len(runs)), "run"), noise(runs), date(m))
	return joined(append(parts, origin(runs)...))
}

func fieldsOf(differences []result.Difference) string {
	var fields []string
	for _, d := range differences {
		fields = append(fields, d.Field)
	}
	return strings.Join(fields, ", ")
}

// spreadOf says what the marks around a median are: an interval, or only the range of few runs.
func spreadOf(groups []*result.Group) string {
	least := len(groups[0].Runs)
	for _, g := range groups {
		least = min(least, len(g.Runs))
	}
	switch {
	case least >= 6:
		return fmt.Sprintf("Bars: median of at least %d runs; lines: its 95 %% interval between order statistics; dots: single runs.", least)
	case least > 1:
		return "Bars: median of the runs; lines: range of all runs, which is no confidence interval; dots: single runs."
	}
	return "Some groups have a single run: nothing is known of the spread between runs."
}

// marked puts the word that everybody must see before the title of a run that is not to be trusted.
func marked(title string, s *result.Summary) string {
	switch s.Validity {
	case result.ValidityInvalid:
		return "INVALID RUN: " + title
	case result.ValidityNoisy:
		return "NOISY: " + title
	}
	return title
}

// unmarked is a title where the word stands already.
func unmarked(title string) string {
	for _, mark := range []string{"INVALID RUN: ", "INVALID RUNS: ", "SOME RUNS INVALID: ", "NOISY: "} {
		title = strings.TrimPrefix(title, mark)
	}
	return title
}

// markedGroups is marked for a comparison.
func markedGroups(title string, groups []*result.Group) string {
	invalid := 0
	for _, g := range groups {
		if g.Validity() == result.ValidityInvalid {
			invalid++
		}
	}
	switch {
	case invalid == len(groups):
		return "INVALID RUNS: " + title
	case invalid > 0:
		return "SOME RUNS INVALID: " + title
	}
	return title
}
