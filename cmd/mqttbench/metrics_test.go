package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/result"
)

// TestMetricsListen scrapes a series of two runs: what is served grows with them, and never beyond what stands in their files.
func TestMetricsListen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "series")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, err lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--qos", "1", "--clients", "4", "--rate", "200", "--warmup", "0s", "--duration", "1500ms", "--repeat", "2", "--pause", "0s",
			"--metrics-listen", "127.0.0.1:0", "--charts=false", "--out", dir, "--fault", "pause=1ms:every=50"}, strings.NewReader(""), &out, &err)
	}()
	at := regexp.MustCompile(`http://127\.0\.0\.1:\d+/metrics`)
	value := func(page, name string) float64 {
		m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(page)
		if m == nil {
			return -1
		}
		v, _ := strconv.ParseFloat(m[1], 64)
		return v
	}
	var last float64
	seen := map[string]bool{}
	for code := -1; code < 0; {
		select {
		case code = <-ended:
			if !measured(code) {
				t.Fatalf("exit code %d\n%s%s", code, out.String(), err.String())
			}
		case <-time.After(5 * time.Millisecond):
		}
		url := at.FindString(err.String())
		if url == "" {
			continue
		}
		resp, e := http.Get(url)
		if e != nil {
			t.Fatal(e)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		page := string(body)
		if v := value(page, "mqttbench_deliveries_total"); v < last {
			t.Errorf("%v deliveries after %v", v, last)
		} else {
			last = v
		}
		for _, name := range []string{`mqttbench_phase{phase="measure"}`, `mqttbench_interval_latency_seconds{quantile="1",time="response"}`,
			`mqttbench_process_cpu_seconds_total{mode="user",process="generator"}`, `mqttbench_faults_total{fault="pause"}`} {
			seen[name] = seen[name] || value(page, name) >= 0
		}
		seen["two runs"] = seen["two runs"] || value(page, "mqttbench_runs_total") == 2
	}
	total, faults := int64(0), int64(0)
	for _, r := range []string{"01", "02"} {
		dirs, _ := filepath.Glob(filepath.Join(dir, r+"-*"))
		if len(dirs) != 1 {
			t.Fatal(dirs)
		}
		x, e := result.Read(dirs[0])
		if e != nil {
			t.Fatal(e)
		}
		for _, iv := range x.Intervals {
			total += iv.Delivered
		}
		for _, e := range x.Events {
			if e.Kind == result.EventFault {
				faults += e.Count
			}
		}
	}
	if last != float64(total) || total == 0 || len(seen) != 5 {
		t.Errorf("%v deliveries are served, %d are in the files; seen: %v", last, total, seen)
	}
	for name, ok := range seen {
		if !ok && (faults > 0 || !strings.Contains(name, "faults")) { // A machine that is very busy has no time for any.
			t.Errorf("never served: %s", name)
		}
	}
	if code, _, stderr := mqttbench(t.Context(), "--metrics-listen", "nonsense", "--clients", "2"); code != exitInput || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
