package report

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// matrixOf is a matrix of brokers whose messages cost so many times what those of the first cost, under two workloads.
func matrixOf(t *testing.T, cost map[string]float64) *result.Matrix {
	t.Helper()
	var sets []result.Workset
	for _, name := range []string{"1-pairs-qos-1", "2-fan-out-qos-1"} {
		set := result.Workset{Name: name}
		for _, broker := range []string{"mosquitto", "mochi", "nats"} {
			for rep := range 6 {
				s := ordinary()
				s.broker, s.rep, s.seed, s.cpu, s.measure = broker, rep+1, uint64(rep), s.cpu*cost[broker], 3
				set.Runs = append(set.Runs, s.run())
			}
		}
		sets = append(sets, set)
	}
	m, err := result.NewMatrix(sets, "mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// centre is the middle of the pixels of a colour left of a column, and how many there are.
func centre(img image.Image, c color.NRGBA, before int) (x float64, n int) {
	sum := 0
	where(img, c, func(x, _ int) {
		if x < before {
			sum, n = sum+x, n+1
		}
	})
	return float64(sum) / float64(n), n
}

// On a logarithmic axis, from 1 to 2 is as far as from 2 to 4. A linear axis, one that runs the other way, or marks in the
// wrong colour fail here.
func TestKnownRatioIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	m := matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 4})
	img := picture(t, matrixRatios(m, "x", "CPU per delivered", "title", "what", "less"))
	colors := entityColors(m.Brokers)
	edge := img.Bounds().Dx() * 3 / 4 // Names stand to the right of it.
	var at [3]float64
	for i, b := range m.Brokers {
		x, n := centre(img, colors[b], edge)
		if n < 50 {
			t.Fatalf("%s: %d pixels", b, n)
		}
		at[i] = x
	}
	one, two := at[1]-at[0], at[2]-at[1]
	if one < 20 || math.Abs(one-two) > 2 {
		t.Errorf("1, 2 and 4 are drawn at %.1f", at)
	}
}

func TestMatrixInWords(t *testing.T) {
	sequential(t)
	m := matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 4})
	for _, r := range m.Workloads[0].Groups[1].Runs {
		r.Summary.Outcome = result.Broken
		r.Summary.Contracts[0].Findings = []result.Finding{{Class: result.Stuck, Count: 7}}
	}
	first, second, _ := verdictCell(m.Workloads[0], m.Brokers[1])
	if first != "BROKEN" || second != "42 stuck" {
		t.Errorf("%q, %q", first, second)
	}
	var text, table strings.Builder
	if err := MatrixMarkdown(&text, m); err != nil {
		t.Fatal(err)
	}
	if err := Matrix(&table, m, 120, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| pairs, QoS 1 | 31 µs [31 µs, 31 µs] | 62 µs [62 µs, 62 µs] lossy |", "| 124 µs [124 µs, 124 µs], 4.00×* |", "n = 6 runs of each, 36 runs in all"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if !strings.Contains(table.String(), "fan out, QoS 1: MQTT 5.0, QoS 1, 64 B") {
		t.Error(table.String())
	}
	for _, write := range []func(*strings.Builder) error{
		func(b *strings.Builder) error { return MatrixJSON(b, m) },
		func(b *strings.Builder) error { return MatrixCSV(b, m) },
		func(b *strings.Builder) error { return MatrixBench(b, m) },
	} {
		var b strings.Builder
		if err := write(&b); err != nil || !strings.Contains(b.String(), "mochi 2.0.18") {
			t.Errorf("%v: %.200s", err, b.String())
		}
	}
}

// A broker has its colour wherever it stands, unless two of the same would have it.
func TestColoursBelongToBrokers(t *testing.T) {
	for _, c := range []struct {
		labels []string
		want   string
	}{
		{[]string{"mosquitto 2.0.11", "mqttbroker 0.1.0 (epoll)"}, "[1 0]"},
		{[]string{"mqttbroker 0.1.0", "mosquitto 2.0.11"}, "[0 1]"},
		{[]string{"flashmq 1", "mosquitto 2", "emqx 5"}, "[0 1 2]"},
		{[]string{"mosquitto 2.0", "mosquitto 2.1"}, "[0 1]"},
	} {
		if got := fmt.Sprint(places(c.labels)); got != c.want {
			t.Errorf("%q: %s, want %s", c.labels, got, c.want)
		}
	}
}
