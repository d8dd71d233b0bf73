package series

import (
	"fmt"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// compared sets a group of n runs beside one whose p99 is times that of the first, give or take.
func compared(t *testing.T, n int, times float64, change func(*result.Run)) *result.Comparison {
	t.Helper()
	var runs []*result.Run
	for i := range n {
		for _, name := range []string{"old", "new"} {
			r := &result.Run{Summary: *good()}
			r.Manifest.Broker.Name, r.Manifest.Repetition = name, i+1
			scale := 1 + float64(i)/1000
			if name == "new" {
				scale *= times
				change(r)
			}
			r.Summary.Response.P99 *= scale
			r.Summary.Response.P999, r.Summary.Response.Max = 1, 1
			r.Summary.Measured.DeliveredRate = 1000 / scale
			runs = append(runs, r)
		}
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRegressions(t *testing.T) {
	same := func(*result.Run) {}
	for _, c := range []struct {
		criteria string
		runs     int
		times    float64
		change   func(*result.Run)
		want     string
	}{
		{"p99>+10%", 6, 1.2, same, "p99>+10% met"},
		{"p99>+10%", 6, 1.05, same, ""},
		{"p99>+10%", 6, 0.8, same, ""},
		{"p99<-10%", 6, 0.8, same, "p99<-10% met"},
		{"p99>+10%,rate<-5%", 6, 1.2, same, "p99>+10% met, rate<-5% met"},
		{"rate<-20%", 6, 1.2, same, ""},
		// A difference that is not shown is none, however large the median's.
		{"p99>+10%", 7, 1.2, func(r *result.Run) {
			if r.Manifest.Repetition <= 3 {
				r.Summary.Response.P99 /= 3
			}
		}, ""},
		// What cannot be judged is not what is well.
		{"p99>+10%", 5, 2, same, "p99>+10% unjudged: 5 runs can never show a difference"},
		{"p99>+10%", 6, 2, func(r *result.Run) { r.Summary.Validity = result.ValidityInvalid }, "p99>+10% unjudged: no run of the group can be trusted"},
		{"p99>+10%", 6, 2, func(r *result.Run) { r.Summary.Validity = result.ValidityNoisy }, "p99>+10% unjudged: the machine was busy with something else"},
		{"rate<-10%", 6, 2, func(r *result.Run) { r.Summary.Validity = result.ValidityNoisy }, "rate<-10% met"},
		{"cpu>+10%", 6, 1, same, "cpu>+10% unjudged: one of the two has no such figure"},
	} {
		criteria, err := ParseCriteria(c.criteria)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range Regressions(compared(t, c.runs, c.times, c.change), criteria) {
			word := "met"
			if r.Unjudged != "" {
				word = "unjudged: " + r.Unjudged
			}
			got = append(got, fmt.Sprintf("%s %s", r.Criterion.Text, word))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s, %d runs, %g: got %q, want %q", c.criteria, c.runs, c.times, text, c.want)
		}
	}
}

func TestParseCriteriaRefuses(t *testing.T) {
	for _, text := range []string{"", "p99", "p99>10%", "p99>+10", "p99>-10%", "p99<+10%", "p98>+10%", "p99>+x%", "p99=+10%", "rate<-100%", "p99>+10%,", "p99>+Inf%"} {
		if c, err := ParseCriteria(text); err == nil {
			t.Errorf("%q was read as %+v", text, c)
		}
	}
}

// matrix has the workloads of a comparison twice, under two names, and one more broker in the second.
func matrix(t *testing.T, n int, times float64, change func(*result.Run)) *result.Matrix {
	t.Helper()
	var sets []result.Workset
	for _, name := range []string{"pairs", "fan-out"} {
		set := result.Workset{Name: name}
		for _, g := range compared(t, n, times, change).Groups {
			set.Runs = append(set.Runs, g.Runs...)
		}
		sets = append(sets, set)
	}
	m, err := result.NewMatrix(sets, "old")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// In a matrix it is the corrected p-value that counts, in any cell.
func TestMatrixRegressions(t *testing.T) {
	same := func(*result.Run) {}
	for _, c := range []struct {
		criteria string
		runs     int
		times    float64
		change   func(*result.Run)
		want     string // Of each workload.
	}{
		{"p99>+10%", 6, 1.2, same, "met, p = 0.0043"}, // 2 in 924 ways, for two comparisons.
		{"p99>+10%", 6, 1.05, same, ""},
		{"p99<-10%", 6, 0.8, same, "met, p = 0.0043"},
		// 4 against 4 give 2 in 70 at best. That is too much for two, so it is corrected within each workload, where it is the only one.
		{"p99>+10%", 4, 2, same, "met, p = 0.029"},
		{"p99>+10%", 3, 2, same, "unjudged: 3 runs can never show a difference"},
		{"p99>+10%", 6, 2, func(r *result.Run) { r.Summary.Validity = result.ValidityInvalid }, "unjudged: no run of the group can be trusted"},
		{"p99>+10%", 6, 2, func(r *result.Run) { r.Summary.Validity = result.ValidityNoisy }, "unjudged: the machine was busy with something else"},
		{"cpu>+10%", 6, 1, same, ""}, // Nobody has it: it is not asked for.
	} {
		criteria, err := ParseCriteria(c.criteria)
		if err != nil {
			t.Fatal(err)
		}
		m := matrix(t, c.runs, c.times, c.change)
		got := map[string]string{}
		for _, r := range MatrixRegressions(m, criteria) {
			got[r.Name] = fmt.Sprintf("met, p = %.2g", r.P)
			if r.Unjudged != "" {
				got[r.Name] = "unjudged: " + r.Unjudged
			}
		}
		for _, name := range []string{"pairs: new", "fan-out: new"} {
			if got[name] != c.want {
				t.Errorf("%s, %d runs, %g: %s is %q, want %q", c.criteria, c.runs, c.times, name, got[name], c.want)
			}
		}
	}
	// A broker without runs cannot be judged, and says so.
	m := matrix(t, 6, 1, same)
	m.Brokers = append(m.Brokers, "third")
	criteria, _ := ParseCriteria("p99>+10%")
	all := MatrixRegressions(m, criteria)
	if len(all) != 2 || all[0].Name != "pairs: third" || all[0].Unjudged != "there is no run of third" {
		t.Errorf("%+v", all)
	}
}
