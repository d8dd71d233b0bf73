package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// A stack is functions from the outermost to the innermost, and the nanoseconds spent there. "a+b": b is inlined into a.
type stack struct {
	calls string
	spent int64
}

func cpuProfile(stacks ...stack) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 1}
	functions := map[string]*profile.Function{}
	for _, s := range stacks {
		sample := &profile.Sample{Value: []int64{1, s.spent}}
		for _, place := range strings.Fields(s.calls) {
			l := &profile.Location{ID: uint64(len(p.Location) + 1)}
			for _, name := range strings.Split(place, "+") {
				if functions[name] == nil {
					functions[name] = &profile.Function{ID: uint64(len(functions) + 1), Name: name}
					p.Function = append(p.Function, functions[name])
				}
				l.Line = append([]profile.Line{{Function: functions[name]}}, l.Line...)
			}
			p.Location = append(p.Location, l)
			sample.Location = append([]*profile.Location{l}, sample.Location...)
		}
		p.Sample = append(p.Sample, sample)
	}
	return p
}

// By hand: of 100 ns, main takes 80, of which 50 in b (20 by itself, 30 in the inlined c) and 30 in a; 20 are of another root.
func TestFlameGraph(t *testing.T) {
	f, err := newFlame(cpuProfile(stack{"main.main mqttbench/x.b", 20e6}, stack{"main.main mqttbench/x.b+runtime.c", 30e6},
		stack{"main.main a", 30e6}, stack{"runtime.gc", 20e6}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range f.Boxes {
		got = append(got, fmt.Sprintf("%s %s+%s at %d %s", b.Name, b.Left, b.Width, b.Top/flameRow, b.Kind))
	}
	want := []string{
		"main.main 0.000%+80.000% at 0 ours",
		"x.b 0.000%+50.000% at 1 ours",
		"runtime.c 0.000%+30.000% at 2 runtime",
		"a 50.000%+30.000% at 1 library",
		"runtime.gc 80.000%+20.000% at 0 runtime",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if f.Total != "100 ms" || f.Samples != 4 || f.Height != 3*flameRow || f.Boxes[1].Title != "mqttbench/x.b: 50 ms, 50 %" {
		t.Errorf("%+v", f)
	}
	if top := f.Top[0]; top.Name != "a" || top.Share != "30 %" {
		t.Errorf("most time in itself: %+v", f.Top)
	}
}

// Of thousands of functions the widest have boxes, and the others are folded, not forgotten.
func TestFlameGraphIsBounded(t *testing.T) {
	var stacks []stack
	for i := range 3000 {
		stacks = append(stacks, stack{fmt.Sprintf("main.main f%d g%d h%d", i/50, i/5, i), int64(1000 + i)})
	}
	f, err := newFlame(cpuProfile(stacks...))
	if err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, b := range f.Boxes {
		if b.Name == "other" {
			others++
		}
	}
	if len(f.Boxes) > mostFlameBoxes || len(f.Boxes) < 50 || others == 0 {
		t.Errorf("%d boxes, %d of them folded", len(f.Boxes), others)
	}
}

func TestFlameKinds(t *testing.T) {
	for function, want := range map[string]string{
		"mqttbench/broker/packet.(*Decoder).Next": "ours packet.(*Decoder).Next",
		"main.main": "ours main.main",
		"internal/runtime/syscall/linux.Syscall6":     "kernel linux.Syscall6",
		"syscall.RawSyscall":                          "kernel syscall.RawSyscall",
		"golang.org/x/sys/unix.Write":                 "kernel unix.Write",
		"runtime.mallocgc":                            "runtime runtime.mallocgc",
		"internal/runtime/maps.(*Map).Get":            "runtime maps.(*Map).Get",
		"encoding/json.Marshal":                       "library json.Marshal",
		"github.com/HdrHistogram/hdrhistogram-go.f":   "module hdrhistogram-go.f",
		"slices.SortFunc[go.shape.[]mqttbench/a/b.T]": "library slices.SortFunc[go.shape.[]mqttbench/a/b.T]",
	} {
		if got := kindOf(function) + " " + shortName(function); got != want {
			t.Errorf("%s: %s, want %s", function, got, want)
		}
	}
}

// The profiles of a run are found where it left them and where its folder was moved, and a file that is none is an error.
func TestFlamesOfARun(t *testing.T) {
	sequential(t)
	r := ordinary().run()
	dir := t.TempDir()
	write := func(path string) {
		t.Helper()
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if err := cpuProfile(stack{"main.main", 1e6}).Write(out); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "broker-cpu.pprof"))
	if all, err := flames(r); all != nil || err != nil {
		t.Errorf("a run without --pprof has %v, %v", all, err)
	}
	r.Manifest.Flags = map[string]string{"pprof": dir}
	if all, err := flames(r); err != nil || len(all) != 1 || all[0].Process != "broker" {
		t.Errorf("%v, %v", all, err)
	}
	r.Dir, r.Manifest.Flags["pprof"] = filepath.Dir(dir), "/nowhere/"+filepath.Base(dir)
	if all, err := flames(r); err != nil || len(all) != 1 {
		t.Errorf("moved: %v, %v", all, err)
	}
	os.WriteFile(filepath.Join(dir, "generator-cpu.pprof"), []byte("no profile"), 0o644)
	if all, err := flames(r); err == nil || len(all) != 1 {
		t.Errorf("with a broken file: %v, %v", all, err)
	}
}
