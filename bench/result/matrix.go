package result

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Matrix compares the same brokers over several workloads.
type Matrix struct {
	Workloads []*Column
	Brokers   []string // As Group.Series, in the order of first appearance; the first is what all are compared with.
	Warnings  []string

	// Differences between the workloads in what should be one for all of them: the machine, and the program. Within a workload the
	// brokers compare all the same.
	Differences []Difference
}

// A Column is one workload of a matrix.
type Column struct {
	Name string
	*Comparison
}

// Of is the group of a broker and its cells; nil if the broker has no runs of this workload.
func (c *Column) Of(broker string) (*Group, []Cell) {
	for i, g := range c.Groups {
		if g.Runs[0].Manifest.Broker.Label() == broker {
			return g, c.Cells[i]
		}
	}
	return nil, nil
}

// A Workset is the runs of one workload, and its name.
type Workset struct {
	Name string
	Runs []*Run
}

// ReadMatrix reads every archive and every folder of dir that has runs: a workload each, by the order of their names.
func ReadMatrix(dir string) (sets []Workset, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		set := Workset{Name: strings.TrimSuffix(e.Name(), ArchiveSuffix)}
		switch {
		case e.IsDir():
			folders, err := Folders(path)
			if err != nil {
				return nil, err
			}
			for _, folder := range folders {
				r, err := Read(folder)
				if err != nil {
					return nil, err
				}
				set.Runs = append(set.Runs, r)
			}
		case strings.HasSuffix(e.Name(), ArchiveSuffix):
			if set.Runs, err = ReadArchive(path); err != nil {
				return nil, err
			}
		}
		if set.Runs != nil {
			sets = append(sets, set)
		}
	}
	if sets == nil {
		return nil, fmt.Errorf("%s: %w: neither an archive of runs nor a folder with some", dir, ErrNotResult)
	}
	return sets, nil
}

// NewMatrix compares the brokers within each workload, with the named one (as its name or label begins), or the first. A difference that is
// shown has to hold against Holm's correction over all workloads and brokers, metric by metric; see Comparison.
func NewMatrix(sets []Workset, base string, vary ...string) (*Matrix, error) {
	m := &Matrix{}
	for _, set := range sets {
		groups := GroupRuns(set.Runs)
		for _, g := range groups {
			g.Series = g.Runs[0].Manifest.Broker.Label()
			if !slices.Contains(m.Brokers, g.Series) {
				m.Brokers = append(m.Brokers, g.Series)
			}
		}
		base = cmp.Or(base, groups[0].Series)
		slices.SortStableFunc(groups, func(a, b *Group) int { return byBase(base, a.Series, b.Series) })
		if !strings.HasPrefix(groups[0].Series, base) {
			m.Warnings = append(m.Warnings, fmt.Sprintf("%s: no runs of %s, so the others are not compared", set.Name, base))
		}
		c, err := Compare(groups, vary...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", set.Name, err)
		}
		if label, twice := repeated(groups); twice {
			return nil, fmt.Errorf("%s: there are runs of %s with several settings; a matrix takes one of each broker", set.Name, label)
		}
		if !strings.HasPrefix(groups[0].Series, base) {
			c.withoutRatios()
		}
		m.Workloads = append(m.Workloads, &Column{Name: set.Name, Comparison: c})
	}
	slices.SortStableFunc(m.Brokers, func(a, b string) int { return byBase(base, a, b) })
	m.correct()
	m.Differences = m.differing()
	return m, nil
}

// differing are the differences between the workloads that are not what a matrix is made for.
func (m *Matrix) differing() []Difference {
	var first []*Group
	for _, w := range m.Workloads {
		first = append(first, w.Groups[0])
	}
	return besidesWorkload(first)
}

// ofMachine are the fields of which workloads that were measured in one piece have one value.
var ofMachine = []string{"cpu", "co-located", "virtual", "cpu sets", "memory", "kernel", "governor", "congestion control", "tool", "go"}

// besidesWorkload are the differences in the machine or the program.
func besidesWorkload(groups []*Group) []Difference {
	return slices.DeleteFunc(differences(groups), func(d Difference) bool { return !slices.Contains(ofMachine, d.Field) })
}

// OneMachine refuses workloads whose figures cannot be set beside each other although workloads may differ: those of several machines,
// and those whose own runs differ in what they are. Minor differences are returned, to be shown.
func OneMachine(sets []Workset) (minor []Difference, err error) {
	var first []*Group
	for _, set := range sets {
		if len(set.Runs) == 0 {
			continue
		}
		groups := GroupRuns(set.Runs)
		c, err := Compare(groups)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", set.Name, err)
		}
		for _, g := range groups {
			if g.Rate != groups[0].Rate {
				return nil, fmt.Errorf("%s: there are runs at %g and at %g messages a second; a workload has one rate", set.Name, groups[0].Rate, g.Rate)
			}
		}
		minor, first = append(minor, c.Differences...), append(first, groups[0])
	}
	var refused []Difference
	for _, d := range besidesWorkload(first) {
		if d.Refuse {
			refused = append(refused, d)
		} else {
			minor = append(minor, d)
		}
	}
	if refused != nil {
		return nil, &IncomparableError{refused}
	}
	return minor, nil
}

// byBase puts the yardstick first, and the others by their names, so that they stand in the same order everywhere.
func byBase(base, a, b string) int {
	last := func(name string) int {
		if strings.HasPrefix(name, base) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a, b))
}

// repeated is the label that two groups have.
func repeated(groups []*Group) (label string, twice bool) {
	seen := map[string]bool{}
	for _, g := range groups {
		if seen[g.Series] {
			return g.Series, true
		}
		seen[g.Series] = true
	}
	return "", false
}

func (c *Comparison) withoutRatios() {
	for _, row := range c.Cells {
		for k := range row {
			row[k].Ratio = nil
		}
	}
}

// correct is Holm's correction over the workloads and brokers, metric by metric. If so few runs could not show anything against so many
// comparisons, whatever they say, the correction within each workload stands, and a warning says so. In a matrix a difference is shown if it
// is after that.
func (m *Matrix) correct() {
	var within []string // Metrics that are corrected within each workload.
	most, wanted := 0, 0
	for k := range Metrics {
		var all []*Ratio
		for _, w := range m.Workloads {
			for i := range w.Cells {
				if r := w.Cells[i][k].Ratio; r != nil {
					all = append(all, r)
				}
			}
		}
		if n := leastRuns(all); n > 0 {
			within, most, wanted = append(within, Metrics[k].Name), max(most, len(all)), max(wanted, n)
		} else {
			correct(all)
		}
		for _, r := range all {
			r.Shown = r.Survives
		}
	}
	if within != nil {
		m.Warnings = append(m.Warnings, fmt.Sprintf("p is corrected for the comparisons within each workload, not for all (up to %d), after which it takes %d runs of each to show anything: %s",
			most, wanted, strings.Join(within, ", ")))
	}
}
