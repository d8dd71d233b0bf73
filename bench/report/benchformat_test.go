package report

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// A benchLine is a result in Go's benchmark format, with the configuration that stands when it comes.
type benchLine struct {
	config     map[string]string
	name       string
	iterations int64
	values     map[string]float64
}

// parseBench reads the format strictly as golang.org/design/14313-benchmark-format has it: configuration lines are a key that begins with
// a lower case letter, a colon, and a value; results a name that begins with Benchmark, a count above zero, and pairs of value and
// unit. Lines that begin with Unit are a later addition. Readers skip what is none of these; here it is an error.
func parseBench(t *testing.T, text string) (all []benchLine) {
	t.Helper()
	config, units := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.Fields(line)
		switch key, value, isConfig := strings.Cut(line, ": "); {
		case f[0] == "Unit" && len(f) == 3 && (f[2] == "better=lower" || f[2] == "better=higher"):
			units[f[1]] = true
		case isConfig && !strings.ContainsAny(key, " \tABCDEFGHIJKLMNOPQRSTUVWXYZ") && value != "":
			config[key] = value
		case strings.HasPrefix(line, "Benchmark") && len(f) >= 4 && len(f)%2 == 0:
			b := benchLine{maps.Clone(config), f[0], 0, map[string]float64{}}
			var err error
			if b.iterations, err = strconv.ParseInt(f[1], 10, 64); err != nil || b.iterations <= 0 {
				t.Errorf("%q: %d iterations, %v", line, b.iterations, err)
			}
			for i := 2; i < len(f); i += 2 {
				if b.values[f[i+1]], err = strconv.ParseFloat(f[i], 64); err != nil || !units[f[i+1]] {
					t.Errorf("%q: %s %s: %v", line, f[i], f[i+1], err)
				}
			}
			all = append(all, b)
		default:
			t.Errorf("no benchmark format: %q", line)
		}
	}
	return all
}

func TestCompareBench(t *testing.T) {
	sequential(t)
	ours, theirs, noisy, invalid := ordinary(), ordinary(), ordinary(), ordinary()
	ours.broker, noisy.broker, invalid.broker = "mqttbroker", "noisy", "invalid"
	var runs []*result.Run
	for rep := range 2 {
		ours.rep, theirs.rep = rep+1, rep+1
		runs = append(runs, ours.run(), theirs.run())
	}
	runs = append(runs, noisy.run(), invalid.run())
	runs[4].Summary.Gates[2].Passed, runs[5].Summary.Gates[0].Passed = false, false
	runs[4].Summary.Judge()
	runs[5].Summary.Judge()
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := CompareBench(&text, c); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, b := range parseBench(t, text.String()) {
		count[b.config["broker"]]++
		checkBench(t, &b, &runs[0].Summary) // All have the same figures.
	}
	if len(count) != 3 || count["mosquitto 2.0.18"] != 2 || count["mqttbroker 2.0.18"] != 2 || count["noisy 2.0.18"] != 1 {
		t.Errorf("%v\n%s", count, text.String())
	}
}

// checkBench holds a line against what was measured.
func checkBench(t *testing.T, b *benchLine, want *result.Summary) {
	t.Helper()
	if b.name != "BenchmarkMQTT/qos=1/clients=200/payload=64/mqtt=5.0/rate=1000-2" {
		t.Errorf("name %q", b.name)
	}
	if b.config["goos"] != "linux" || b.config["goarch"] != "amd64" || b.config["cpu"] != "Intel Xeon 2.20GHz" {
		t.Errorf("%+v", b.config)
	}
	if b.iterations != want.Measured.Delivered {
		t.Errorf("%d iterations", b.iterations)
	}
	isNoisy := strings.HasPrefix(b.config["broker"], "noisy")
	for unit, v := range map[string]float64{"p99-sec": want.Response.P99, "cpu-sec/msg": want.Cost.Broker.PerDelivered(), "msg/s": want.Measured.DeliveredRate} {
		got, ok := b.values[unit]
		if shown := !(isNoisy && unit == "p99-sec"); ok != shown || shown && got != v {
			t.Errorf("%s %s: %g, %t; want %g", b.config["broker"], unit, got, ok, v)
		}
	}
}

// TestCurve: a table for each series, a line for each rate in its order, and the words of the caller, wrapped below where they begin.
func TestCurve(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for _, broker := range []string{"mosquitto", "mqttbroker"} {
		for _, rate := range []float64{4000, 1000} {
			s := ordinary()
			s.broker, s.rate = broker, rate
			runs = append(runs, s.run())
		}
	}
	runs[0].Summary.Gates[0].Passed = false
	runs[0].Summary.Judge()
	word := func(g *result.Group) string {
		if g.Rate == 4000 {
			return "not carried: the backlog grew by 1234/s, and so on"
		}
		return "carried"
	}
	var text strings.Builder
	if err := Curve(&text, result.GroupRuns(runs), word, 0, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text.String(), "\n")
	var firsts []string
	for _, l := range lines {
		firsts = append(firsts, strings.Join(first(strings.Fields(l), 2), " "))
	}
	want := []string{"mosquitto 2.0.18", "offered runs", "1,000/s 1", "4,000/s 1", "grew by", "on", "", "mqttbroker 2.0.18", "offered runs", "1,000/s 1", "4,000/s 1", "grew by", "on", ""}
	if strings.Join(firsts, "|") != strings.Join(want, "|") {
		t.Errorf("%q\n%s", firsts, text.String())
	}
	if !strings.Contains(lines[3], "(4,000/s)") || strings.Contains(lines[9], "(4,000/s)") {
		t.Errorf("what cannot be trusted stands in parentheses, and nothing else:\n%s", text.String())
	}
}

// TestLine: a run in one line, with what stands in the way of believing it.
func TestLine(t *testing.T) {
	sequential(t)
	r := ordinary().run()
	if got := Line(r); !strings.HasPrefix(got, "kept, 1,000/s delivered, p50 1") || !strings.HasSuffix(got, " 31 µs CPU a message") || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
	r.Summary.Gates[0].Passed, r.Summary.Gates[0].Value = false, 0.005
	r.Summary.Judge()
	if got := Line(r); !strings.HasPrefix(got, "INVALID, ") || !strings.HasSuffix(got, ", schedule lag p99 5 ms, at most 1 ms wanted") {
		t.Errorf("%q", got)
	}
	lossy := ordinary()
	lossy.share = 0.5
	if got := Line(lossy.run()); !strings.HasPrefix(got, "BROKEN, 500/s delivered (50 %)") {
		t.Errorf("%q", got)
	}
}

func TestExactly(t *testing.T) {
	for v, want := range map[float64]string{0.5: "0.5/s", 950.5: "950.5/s", 1000: "1,000/s", 19250: "19,250/s", 1e6: "1,000,000/s"} {
		if got := Exactly(v); got != want {
			t.Errorf("Exactly(%g) = %q, want %q", v, got, want)
		}
	}
}
