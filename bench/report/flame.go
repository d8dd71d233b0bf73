package report

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"mqttbench/bench/result"
)

// A flame is a CPU profile of one process as boxes: as wide as the part of its time that was spent in a function and what
// it called, callers above.
type flame struct {
	Process string // "broker" or "generator".
	Total   string // CPU time in the profile.
	Samples int64
	Height  int // Pixels.
	Boxes   []flameBox
	Top     []flameLine
	File    string
}

// A flameBox is one function as called from the box above it. Left and Width are percentages.
type flameBox struct {
	Name, Title string
	Kind        string // Which colour; one of flameKinds, or "other".
	Left, Width string
	Top         int // Pixels.
}

// A flameLine is a function and the time spent in itself, wherever it was called from.
type flameLine struct{ Name, Kind, Share string }

const (
	// mostFlameBoxes bounds the boxes of a flame graph: the widest are kept, and what they called besides is "other".
	mostFlameBoxes = 300
	flameRow       = 24    // Pixels: a finger can meet it.
	thinnestFlame  = 0.002 // A narrower box is a line that nobody can point at.
	flameLines     = 8
)

// flames reads the CPU profiles of a run that was made with --pprof. A file that is not there is no error: profiles lie
// where the user wanted them, and results travel without them.
func flames(r *result.Run) (all []*flame, err error) {
	dir := profileDir(r)
	if dir == "" {
		return nil, nil
	}
	var errs []error
	for _, process := range []string{"broker", "generator"} {
		f, err := readFlame(filepath.Join(dir, process+"-cpu.pprof"), process)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		case f.Boxes != nil:
			all = append(all, f)
		}
	}
	return all, errors.Join(errs...)
}

// profileDir is where the profiles of a run are: where the run left them, or where its folder has been moved with them
// in it; "" if it left none.
func profileDir(r *result.Run) string {
	dir := r.Manifest.Flags["pprof"]
	if dir == "" {
		return ""
	}
	for _, d := range []string{dir, filepath.Join(r.Dir, filepath.Base(dir)), r.Dir} {
		if found, _ := filepath.Glob(filepath.Join(d, "*-cpu.pprof")); len(found) > 0 {
			return d
		}
	}
	return dir
}

func readFlame(path, process string) (*flame, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	p, err := profile.Parse(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := newFlame(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.Process, f.File = process, path
	return f, nil
}

// A call is a node of the tree of calls: a function as called along one path.
type call struct {
	name     string
	value    int64 // Nanoseconds in it and in what it called.
	children []*call
}

func (c *call) child(name string) *call {
	for _, k := range c.children {
		if k.name == name {
			return k
		}
	}
	k := &call{name: name}
	c.children = append(c.children, k)
	return k
}

// newFlame lays out a CPU profile.
func newFlame(p *profile.Profile) (*flame, error) {
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" && t.Unit == "nanoseconds" })
	counts := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "samples" })
	if at < 0 {
		return nil, errors.New("not a CPU profile")
	}
	f, root, self := new(flame), new(call), map[string]int64{}
	for _, s := range p.Sample {
		root.add(s, s.Value[at], self)
		if counts >= 0 {
			f.Samples += s.Value[counts]
		}
	}
	if root.value <= 0 {
		return f, nil
	}
	f.Total = seconds(float64(root.value) * 1e-9)
	f.Top = topFunctions(self, root.value)
	// Boxes of what is folded come on top of those that are kept.
	for kept := mostFlameBoxes; kept == mostFlameBoxes || len(f.Boxes) > mostFlameBoxes; kept = kept * 3 / 4 {
		f.layOut(root, widest(root, kept))
	}
	return f, nil
}

// add adds a sample to the tree. Its first location is the innermost; of one location, its first line is the innermost inlined
// function.
func (c *call) add(s *profile.Sample, value int64, self map[string]int64) {
	c.value += value
	name := ""
	for _, l := range slices.Backward(s.Location) {
		for _, line := range slices.Backward(l.Line) {
			name = "?"
			if line.Function != nil {
				name = cmp.Or(line.Function.Name, "?")
			}
			c = c.child(name)
			c.value += value
		}
	}
	self[name] += value
}

// widest is the least time of a call that gets a box, if so many do. A call never takes longer than its caller, so that a box always
// has one to stand below.
func widest(root *call, kept int) int64 {
	var values []int64
	var collect func(*call)
	collect = func(c *call) {
		values = append(values, c.value)
		for _, k := range c.children {
			collect(k)
		}
	}
	collect(root)
	slices.Sort(values)
	least := int64(thinnestFlame * float64(root.value))
	if n := len(values) - kept - 1; n >= 0 {
		least = max(least, values[n]+1)
	}
	return max(least, 1)
}

// layOut makes boxes of the calls that take at least so long.
func (f *flame) layOut(root *call, least int64) {
	f.Boxes, f.Height = nil, 0
	share := func(v int64) float64 { return float64(v) / float64(root.value) }
	box := func(c *call, kind string, left int64, depth int) {
		name := shortName(c.name)
		f.Boxes = append(f.Boxes, flameBox{
			Name: name, Kind: kind, Left: percentage(share(left)), Width: percentage(share(c.value)), Top: depth * flameRow,
			Title: fmt.Sprintf("%s: %s, %s", c.name, seconds(float64(c.value)*1e-9), percent(share(c.value))),
		})
		f.Height = max(f.Height, (depth+1)*flameRow)
	}
	var place func(c *call, left int64, depth int)
	place = func(c *call, left int64, depth int) {
		// By time, the longest first; by name where they are equal, so that a report is the same each time.
		slices.SortFunc(c.children, func(a, b *call) int { return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.name, b.name)) })
		other := &call{name: "other"}
		for _, k := range c.children {
			if k.value < least {
				other.value += k.value
				continue
			}
			box(k, kindOf(k.name), left, depth)
			place(k, left, depth+1)
			left += k.value
		}
		if share(other.value) >= thinnestFlame {
			box(other, "other", left, depth)
		}
	}
	place(root, 0, 0)
}

func percentage(v float64) string { return fmt.Sprintf("%.3f%%", 100*v) }

func topFunctions(self map[string]int64, total int64) (lines []flameLine) {
	names := make([]string, 0, len(self))
	for name := range self {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(self[b], self[a]), cmp.Compare(a, b)) })
	for _, name := range first(names, flameLines) {
		lines = append(lines, flameLine{shortName(name), kindOf(name), percent(float64(self[name]) / float64(total))})
	}
	return lines
}

// flameKinds are whose time it is, in the order of a legend.
var flameKinds = []struct{ Kind, Name string }{
	{"ours", "mqttbench"}, {"kernel", "system calls"}, {"runtime", "Go runtime"}, {"library", "standard library"}, {"module", "other modules"}, {"other", "folded"},
}

func kindOf(function string) string {
	function, _, _ = strings.Cut(function, "[") // Type arguments have paths too.
	path := function[:strings.LastIndex(function, "/")+1]
	name, _, _ := strings.Cut(function[len(path):], ".")
	switch first, _, _ := strings.Cut(path+name, "/"); {
	case first == "mqttbench" || first == "main":
		return "ours"
	case name == "syscall" || path+name == "internal/runtime/syscall" || strings.HasPrefix(path+name, "internal/runtime/syscall/"):
		return "kernel"
	case first == "runtime" || strings.HasPrefix(path+name, "internal/runtime/"):
		return "runtime"
	case strings.HasPrefix(path, "golang.org/x/sys/"):
		return "kernel"
	case strings.Contains(first, "."):
		return "module"
	}
	return "library"
}

// shortName leaves the path of a package away.
func shortName(function string) string {
	head, rest, _ := strings.Cut(function, "[")
	head = head[strings.LastIndex(head, "/")+1:]
	if rest != "" {
		head += "[" + rest
	}
	return head
}
