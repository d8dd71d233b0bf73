package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"mqttbench/bench/result"
)

// benchUnits are the names of the metrics in Go's benchmark format, and which way is better. A unit that ends in
// "-sec" or "-bytes" is scaled for reading by benchstat.
var benchUnits = map[string]struct{ unit, better string }{
	"delivered rate":       {"msg/s", "higher"},
	"delivered share":      {"delivered-share", "higher"},
	"p50":                  {"p50-sec", "lower"},
	"p99":                  {"p99-sec", "lower"},
	"p99.9":                {"p99.9-sec", "lower"},
	"CPU per delivered":    {"cpu-sec/msg", "lower"},
	"RSS":                  {"RSS-bytes", "lower"},
	"bytes per connection": {"conn-bytes", "lower"},
	"drain rate":           {"drain-msg/s", "higher"},

	"packets per delivered":    {"packets/msg", "lower"},
	"wire bytes per delivered": {"wire-bytes", "lower"},
}

// CompareBench writes a comparison in Go's benchmark format, a line for each run, as benchstat reads it:
//
//	benchstat -col broker FILE
//
// Runs that cannot be trusted are left out, and latencies of noisy ones: the format has no way to say so.
func CompareBench(w io.Writer, c *result.Comparison) error {
	out := &benchWriter{w: w}
	for i := range result.Metrics {
		if u := benchUnits[result.Metrics[i].Name]; u.unit != "" {
			out.printf("Unit %s better=%s\n", u.unit, u.better)
		}
	}
	for _, g := range c.Groups {
		for _, r := range g.Runs {
			if r.Summary.Validity != result.ValidityInvalid {
				out.run(r)
			}
		}
	}
	return out.err
}

// A benchWriter keeps its first error, and which configuration lines stand.
type benchWriter struct {
	w     io.Writer
	stand map[string]string
	err   error
}

func (b *benchWriter) printf(format string, args ...any) {
	if b.err == nil {
		_, b.err = fmt.Fprintf(b.w, format, args...)
	}
}

// config writes a configuration line, which holds until another of its key.
func (b *benchWriter) config(key, value string) {
	if b.stand == nil {
		b.stand = map[string]string{}
	}
	if value = strings.Join(strings.Fields(value), " "); b.stand[key] != value {
		b.printf("%s: %s\n", key, value)
		b.stand[key] = value
	}
}

func (b *benchWriter) run(r *result.Run) {
	m := &r.Manifest
	system, architecture, _ := strings.Cut(m.Machine.OS, "/")
	b.config("goos", system)
	b.config("goarch", architecture)
	b.config("cpu", m.Machine.CPU)
	b.config("broker", m.Broker.Label())
	line := ""
	for i := range result.Metrics {
		metric := &result.Metrics[i]
		v, ok := metric.Of(r)
		u := benchUnits[metric.Name]
		if ok && u.unit != "" && !(metric.Latency && r.Summary.Validity == result.ValidityNoisy) {
			line += " " + strconv.FormatFloat(v, 'g', -1, 64) + " " + u.unit
		}
	}
	if line != "" {
		// After the dash stand the processors. A number of iterations of 0 would not be read.
		b.printf("%s-%d %d%s\n", benchName(&m.Workload), max(1, m.Machine.Cores), max(1, r.Summary.Measured.Delivered), line)
	}
}

// benchName is what was measured, in the keys that benchstat can sort by.
func benchName(w *result.Workload) string {
	name := fmt.Sprintf("BenchmarkMQTT/qos=%s/clients=%d/payload=%d/mqtt=%s", strings.ReplaceAll(plainLevels(w), " ", "+"), w.Clients, w.PayloadBytes, w.MQTTVersion)
	if w.Load == "closed" {
		name += "/load=closed"
	} else {
		name += fmt.Sprintf("/rate=%g", w.Rate)
	}
	if w.FanOut != 1 {
		name += fmt.Sprintf("/fanout=%g", w.FanOut)
	}
	if w.ChurnPerSec > 0 {
		name += fmt.Sprintf("/churn=%g", w.ChurnPerSec)
	}
	return name
}

func plainLevels(w *result.Workload) string { return strings.Trim(fmt.Sprint(w.QoS), "[]") }
