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

// TestMetricsListen scrapes a series of two runs: what is served grows with them, and never beyond what stands in their files. What an interval shows
// is there until the next, and a scrape may miss it; what counts is there for good.
func TestMetricsListen(t *testing.T) {
	t.Parallel()
	again(t, func(int) bool {
		dir := filepath.Join(t.TempDir(), "series")
		last, seen := scrapedSeries(t, dir)
		total, faults := int64(0), int64(0)
		runs := readRuns(t, dir)
		for _, x := range runs {
			for _, iv := range x.Intervals {
				total += iv.Delivered
			}
			for _, e := range x.Events {
				if e.Kind == result.EventFault {
					faults += e.Count
				}
			}
		}
		if len(runs) != 2 || last != float64(total) || total == 0 {
			t.Fatalf("%v deliveries are served, %d are in the files of %d runs; seen: %v", last, total, len(runs), seen)
		}
		if !seen["mqttbench_runs_total"] || !seen[`mqttbench_process_cpu_seconds_total{mode="user",process="generator"}`] || seen[`mqttbench_faults_total{fault="pause"}`] != (faults > 0) {
			t.Errorf("%d faults; seen: %v", faults, seen)
		}
		return faults > 0 && seen[`mqttbench_phase{phase="measure"}`] && seen[`mqttbench_interval_latency_seconds{quantile="1",time="response"}`]
	})
	if code, _, stderr := mqttbench(t.Context(), "--metrics-listen", "nonsense", "--clients", "2"); code != exitInput || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

var servedAt = regexp.MustCompile(`http://127\.0\.0\.1:\d+/metrics`)

// scrapedSeries carries out two runs and asks for their metrics all the while: how many deliveries are served in the end, and what was there in between.
func scrapedSeries(t *testing.T, dir string) (deliveries float64, seen map[string]bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, err lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--qos", "1", "--clients", "4", "--rate", "200", "--warmup", "0s", "--duration", "1500ms", "--repeat", "2", "--pause", "0s",
			"--metrics-listen", "127.0.0.1:0", "--charts=false", "--out", dir, "--fault", "pause=1ms:every=50"}, strings.NewReader(""), &out, &err)
	}()
	seen = map[string]bool{}
	for code := -1; code < 0; {
		select {
		case code = <-ended: // It is asked once more.
			if !measured(code) {
				t.Fatalf("exit code %d\n%s%s", code, out.String(), err.String())
			}
		case <-time.After(5 * time.Millisecond):
		}
		page := scrape(t, servedAt.FindString(err.String()))
		if v := served(page, "mqttbench_deliveries_total"); v >= deliveries {
			deliveries = v
		} else if page != "" {
			t.Errorf("%v deliveries after %v", v, deliveries)
		}
		for _, name := range []string{`mqttbench_phase{phase="measure"}`, `mqttbench_interval_latency_seconds{quantile="1",time="response"}`,
			`mqttbench_process_cpu_seconds_total{mode="user",process="generator"}`, `mqttbench_faults_total{fault="pause"}`} {
			seen[name] = seen[name] || served(page, name) >= 0
		}
		seen["mqttbench_runs_total"] = served(page, "mqttbench_runs_total") == 2 // In the end.
	}
	return deliveries, seen
}

// scrape is the page at a URL; "" at none.
func scrape(t *testing.T, url string) string {
	t.Helper()
	if url == "" {
		return ""
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// served is the value of a metric on a page; -1: there is none.
func served(page, name string) float64 {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(page)
	if m == nil {
		return -1
	}
	v, _ := strconv.ParseFloat(m[1], 64)
	return v
}
