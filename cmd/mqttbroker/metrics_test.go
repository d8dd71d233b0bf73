package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"mqttbench/broker/packet"
)

// freeAddr is one that nobody listened on a moment ago, with a port that no outgoing connection is given: those begin at 32768.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// scraped is what a broker with a data directory shows.
func scraped(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	addr := freeAddr(t)
	urls, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--metrics-listen", addr, "--data-dir", t.TempDir())
	defer stop()
	if got := login(t, urls[0], "", ""); got != packet.Success {
		t.Fatal(got)
	}
	code, text := fetch(t, "http://"+addr+"/metrics")
	if code != 200 {
		t.Fatalf("%d: %s", code, text)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	all, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each site serves what it is for and nothing of the other.
func TestSites(t *testing.T) {
	metrics, profiles := freeAddr(t), freeAddr(t)
	_, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--metrics-listen", metrics, "--pprof-listen", profiles)
	for url, want := range map[string]int{
		metrics + "/metrics": 200, metrics + "/healthz": 200, metrics + "/debug/pprof/": 404, metrics + "/debug/pprof/heap": 404,
		profiles + "/debug/pprof/heap": 200, profiles + "/metrics": 404, profiles + "/healthz": 404,
	} {
		if code, text := fetch(t, "http://"+url); code != want {
			t.Errorf("%s: %d, want %d: %.80s", url, code, want, text)
		}
	}
	if code, errs := stop(); code != 0 || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	// Whoever opens counters to the world is told.
	_, stop = startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--metrics-listen", ":0")
	if code, errs := stop(); code != 0 || !strings.Contains(errs, "other machines") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// The log is one JSON object a line, if asked for.
func TestLogFormat(t *testing.T) {
	urls, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--log-format", "json", "--username", "u", "--password", "p")
	login(t, urls[0], "u", "wrong")
	_, errs := stop()
	var line map[string]any
	if err := json.Unmarshal([]byte(errs), &line); err != nil || line["msg"] != "client refused" || line["client"] != "c" || line["rule"] != "credentials" {
		t.Errorf("%v: %s", err, errs)
	}
}

var (
	metricName = regexp.MustCompile(`\b(mqttbroker|go|process)_[a-z_]*[a-z]`)
	selector   = regexp.MustCompile(`\b((?:mqttbroker|go|process)_[a-z_]*[a-z])(?:\{([^}]*)\})?`)
	matcher    = regexp.MustCompile(`^(\w+)(=~?)"([^"]*)"$`)
	grouping   = regexp.MustCompile(`by \(([^)]*)\)`)
	legend     = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// Every metric that the dashboard asks for, every label that it selects or groups by and every value that it names is in a scrape.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	all := scraped(t)
	shown := map[string]bool{}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q is in another's place, or empty", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			selectors := selector.FindAllStringSubmatch(target.Expr, -1)
			if len(selectors) == 0 {
				t.Errorf("%s: %q asks for nothing", p.Title, target.Expr)
			}
			for _, s := range selectors {
				name := s[1]
				f := family(all, name)
				if f == nil {
					t.Errorf("%s: there is no %s", p.Title, name)
					continue
				}
				shown[f.GetName()] = true
				checkMatchers(t, p.Title, f, s[2])
				var labels []string
				for _, g := range grouping.FindAllStringSubmatch(target.Expr, -1) {
					labels = append(labels, strings.Split(g[1], ", ")...)
				}
				for _, l := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
					labels = append(labels, l[1])
				}
				for _, l := range labels {
					if !hasLabel(f, l, "") {
						t.Errorf("%s: %s has no label %s", p.Title, name, l)
					}
				}
			}
		}
	}
	for _, v := range board.Templating.List {
		for _, name := range metricName.FindAllString(v.Definition, -1) {
			if family(all, name) == nil {
				t.Errorf("$%s: there is no %s", v.Name, name)
			}
		}
	}
	// And little that is scraped is not shown.
	for name := range all {
		switch name {
		case "mqttbroker_loops", "mqttbroker_matches_total", "mqttbroker_turns_total", "mqttbroker_sessions_expired_total", "mqttbroker_retained_backlogs":
		default:
			if strings.HasPrefix(name, "mqttbroker_") && !shown[name] {
				t.Errorf("%s is in no panel", name)
			}
		}
	}
}

// family finds a histogram by the names of its parts, too.
func family(all map[string]*dto.MetricFamily, name string) *dto.MetricFamily {
	if f := all[name]; f != nil {
		return f
	}
	base, ok := strings.CutSuffix(name, "_bucket")
	if f := all[base]; ok && f != nil && f.GetType() == dto.MetricType_HISTOGRAM {
		return f
	}
	return nil
}

func checkMatchers(t *testing.T, panel string, f *dto.MetricFamily, list string) {
	t.Helper()
	for _, m := range strings.Split(list, ",") {
		parts := matcher.FindStringSubmatch(m)
		switch {
		case parts == nil:
			t.Errorf("%s: cannot read %q", panel, m)
		case parts[1] == "instance": // Prometheus' own.
		case !hasLabel(f, parts[1], parts[3]):
			t.Errorf("%s: %s has no %s", panel, f.GetName(), m)
		}
	}
}

// hasLabel reports whether a metric of the family has the label, with the value unless that is empty.
func hasLabel(f *dto.MetricFamily, name, value string) bool {
	if name == "le" {
		return f.GetType() == dto.MetricType_HISTOGRAM
	}
	for _, m := range f.Metric {
		for _, l := range m.Label {
			if l.GetName() == name && (value == "" || l.GetValue() == value) {
				return true
			}
		}
	}
	return false
}
