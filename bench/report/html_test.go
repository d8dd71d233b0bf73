package report

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// pageOf is the page of a run, as text.
func pageOf(t *testing.T, r *result.Run) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ReportFile)
	if err := SaveHTML(path, r); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

func comparePageOf(t *testing.T, c *result.Comparison) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ReportFile)
	if err := SaveCompareHTML(path, c); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withoutScripts is a page without what stands in its scripts and its style sheet, which a policy of hashes guards.
func withoutScripts(page string) string {
	return regexp.MustCompile(`(?s)<(script|style)([^>]*)>.*?</(script|style)>`).ReplaceAllString(page, "<$1$2>")
}

// tags are the tags of a page, without the attributes that are for people to read.
func tags(body string) string {
	all := regexp.MustCompile(`<[a-zA-Z!/][^>]*>`).FindAllString(body, -1)
	return regexp.MustCompile(`\s(title|aria-label|content)="[^"]*"`).ReplaceAllString(strings.Join(all, "\n"), "")
}

var (
	loading   = regexp.MustCompile(`(?i)\s(src|srcset|href|xlink:href|action|data|poster)\s*=\s*["']?\s*([^"'\s>]*)`)
	inlined   = regexp.MustCompile(`(?i)\s(on[a-z]+|style)\s*=`)
	rawScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	rawStyle  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	rawData   = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)
	policy    = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
)

// checkPage looks for what would leave the page, or would not run on it.
func checkPage(t *testing.T, name, page string) {
	t.Helper()
	body := withoutScripts(page)
	for _, m := range loading.FindAllStringSubmatch(tags(body), -1) {
		if to := html.UnescapeString(m[2]); to != "data:," && !strings.HasPrefix(to, "./") && !strings.HasPrefix(to, "#") {
			t.Errorf("%s: %s leads to %q", name, m[1], to)
		}
	}
	if m := inlined.FindAllString(tags(body), 3); m != nil {
		t.Errorf("%s: attributes that the policy forbids: %q", name, m)
	}
	for _, m := range rawStyle.FindAllStringSubmatch(page, -1) {
		if regexp.MustCompile(`(?i)url\(|@import`).MatchString(m[1]) {
			t.Errorf("%s: the style sheet loads something", name)
		}
	}
	said := policy.FindStringSubmatch(page)
	if said == nil {
		t.Fatalf("%s: no policy", name)
	}
	rule := html.UnescapeString(said[1])
	if !strings.HasPrefix(rule, "default-src 'none';") || strings.Contains(rule, "unsafe") || strings.Contains(rule, "*") || strings.Contains(rule, "http") {
		t.Errorf("%s: policy %q", name, rule)
	}
	var sources []string
	for _, m := range append(rawScript.FindAllStringSubmatch(page, -1), rawStyle.FindAllStringSubmatch(page, -1)...) {
		sources = append(sources, hashOf(m[1]))
	}
	for _, h := range sources {
		if !strings.Contains(rule, h) {
			t.Errorf("%s: a script or style that its own policy forbids: %s", name, h)
		}
	}
	if strings.Count(rule, "'sha256-") != len(sources) {
		t.Errorf("%s: %d sources, policy %q", name, len(sources), rule)
	}
	if strings.Contains(body, "NaN") || strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "&lt;nil&gt;") {
		t.Errorf("%s: something could not be written", name)
	}
	for _, c := range regexp.MustCompile(`(fill|stroke)="#[0-9a-fA-F]{6}"`).FindAllString(body, -1) {
		if !strings.Contains(page, ".chart ["+c+"]") {
			t.Errorf("%s: %s has no counterpart in the dark", name, c)
		}
	}
}

func TestEveryRunHasAPage(t *testing.T) {
	sequential(t)
	cases := edgeCases()
	for name, r := range summaries() {
		cases[name] = r
	}
	cases["logged"] = loggedRun(t)
	for name, r := range cases {
		page := pageOf(t, r)
		checkPage(t, name, page)
		for _, j := range judgements(&r.Summary) {
			if !strings.Contains(html.UnescapeString(page), j.text) {
				t.Errorf("%s: the page does not say %q", name, j.text)
			}
		}
	}
	checkPage(t, "comparison", comparePageOf(t, threeBrokers(t)))
}

// What is measured comes from elsewhere: names, topics and texts of errors are text, wherever they stand.
func TestHostileTextIsText(t *testing.T) {
	sequential(t)
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'`
	s := ordinary()
	s.broker, s.share = evil, 0.5
	r := s.run()
	r.Manifest.Profile, r.Manifest.Command = evil, []string{"mqttbench", evil}
	r.Manifest.Flags = map[string]string{"topic": evil}
	r.Manifest.Plan = json.RawMessage(`{"topic":"<b>"}`)
	r.Summary.Errors = []result.ErrorCount{{Text: evil, Count: 1}}
	r.Summary.Contracts[0].Findings[0].First[0].Topic = evil
	r.Events = append(r.Events, result.Event{At: 3, Kind: result.EventFault, Name: evil})
	r.Warnings = []string{evil}
	c, err := result.Compare(result.GroupRuns([]*result.Run{r, ordinary().run()}))
	if err != nil {
		t.Fatal(err)
	}
	kept := ordinary()
	kept.broker = evil
	for name, page := range map[string]string{"run": pageOf(t, r), "comparison": comparePageOf(t, c), "kept": pageOf(t, kept.run())} {
		checkPage(t, name, page)
		if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") || strings.Contains(page, "<b>") {
			t.Errorf("%s: markup came through", name)
		}
		if m := rawData.FindStringSubmatch(page); m == nil || !json.Valid([]byte(m[1])) {
			t.Errorf("%s: the data is not JSON", name)
		}
	}
}

// A run that lost what it promised has no latency to show, and one that is not to be trusted says that first.
func TestPageIsHonest(t *testing.T) {
	sequential(t)
	s := ordinary()
	s.share = 0.4
	page := pageOf(t, s.run())
	for _, no := range []string{`id="chart-latency"`, `>response<`, `>service<`, `"percentiles"`} {
		if strings.Contains(page, no) {
			t.Errorf("a lossy run has %s", no)
		}
	}
	if !strings.Contains(page, "No latency is shown") || !strings.Contains(page, ">BROKEN<") {
		t.Error("a lossy run does not say so")
	}
	r := ordinary().run()
	r.Summary.Gates[0].Passed = false
	r.Summary.Judge()
	page = pageOf(t, r)
	first, kept := strings.Index(page, "INVALID: schedule lag"), strings.Index(page, "QoS 1 kept")
	if first < 0 || kept < first {
		t.Errorf("INVALID at %d, the verdict at %d", first, kept)
	}
	// Of 1000 messages there is a p99 and no p99.9.
	few := ordinary().run()
	few.Summary.Response.Count = 1000
	row := regexp.MustCompile(`(?s)>response<.*?</tr>`).FindString(pageOf(t, few))
	if !strings.Contains(row, `data-key="p999" title="too few samples"`) || strings.Contains(row, `data-key="p99" title="too few samples"`) {
		t.Errorf("percentiles of 1000 samples: %s", row)
	}
}

// The charts that can be asked have the figures of the tables, and gaps are gaps.
func TestLiveData(t *testing.T) {
	s := ordinary()
	s.stall, s.gap = 3, true
	r := s.run()
	var got struct {
		Percentiles struct {
			Step   float64
			Curves []struct {
				Label  string
				Values []float64
			}
		}
		Time struct {
			T0, T1  []float64
			Rates   map[string][]float64
			Latency map[string][]*float64
			Shaded  []struct {
				From, To float64
				Name     string
			}
			Events []struct {
				At, Until float64
				Name      string
			}
		}
	}
	if err := json.Unmarshal([]byte(rawData.FindStringSubmatch(pageOf(t, r))[1]), &got); err != nil {
		t.Fatal(err)
	}
	p := got.Percentiles
	for nines, q := range map[float64]float64{1: 0.9, 2: 0.99, 3: 0.999} {
		want := r.Response.At(q)
		if v := p.Curves[0].Values[int(nines/p.Step+0.5)]; math.Abs(v-want) > want*1e-3 {
			t.Errorf("quantile %g of the curve is %g, of the table %g", q, v, want)
		}
	}
	x := got.Time
	if len(x.T0) != len(r.Intervals) || len(x.Rates["delivered"]) != len(r.Intervals) || x.Rates["offered"][10] != 1000 {
		t.Errorf("%d intervals, %v", len(x.T0), x.Rates["offered"])
	}
	if x.Latency["p99"][31] != nil || x.Latency["p99"][20] == nil {
		t.Error("while the broker stood still there is no latency; before, there is")
	}
	if len(x.Shaded) != 2 || x.Shaded[0].Name != "warm-up" || x.Shaded[0].To != 5 || len(x.Events) != 3 || x.Events[2].Until != 33 {
		t.Errorf("%+v, %+v", x.Shaded, x.Events)
	}
}

// A page of the same data is the same bytes.
func TestPageIsDeterministic(t *testing.T) {
	sequential(t)
	r := loggedRun(t)
	for range 3 { // The order of a map is another each time.
		run, comparison := pageOf(t, r), comparePageOf(t, threeBrokers(t))
		if run != pageOf(t, r) || comparison != comparePageOf(t, threeBrokers(t)) {
			t.Fatal("two pages of one result differ")
		}
	}
}

func TestLinksFromAPage(t *testing.T) {
	sequential(t)
	r := loggedRun(t)
	if _, err := Charts(r.Dir, r); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{".": "./result.jsonl", "pages": "./../result.jsonl"} {
		path := filepath.Join(r.Dir, folder, ReportFile)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := SaveHTML(path, r); err != nil {
			t.Fatal(err)
		}
		page := read(t, path)
		if !strings.Contains(page, `href="`+want+`"`) || !strings.Contains(page, "heat.svg") {
			t.Errorf("in %s: no link %s", folder, want)
		}
		if sum := sumOf(filepath.Join(r.Dir, result.ResultFile)); len(sum) != 64 || !strings.Contains(page, sum) {
			t.Errorf("in %s: the sum %s of the result is not there", folder, sum)
		}
	}
	if got := link("/a", "/a/b c:d%"); got != "./b%20c:d%25" {
		t.Errorf("%s", got)
	}
}

func TestShellLine(t *testing.T) {
	got := shellLine([]string{"mqttbench", "--topic", "a b", "it's", "", "$HOME", "--rate=5"})
	if want := `mqttbench --topic 'a b' 'it'\''s' '' '$HOME' --rate=5`; got != want {
		t.Errorf("%s", got)
	}
}

// On a dark page every colour is another that can be told from the paper, and the order of the heat is kept.
func TestDarkColors(t *testing.T) {
	light := func(s string) float64 {
		var r, g, b int
		fmt.Sscanf(s, "#%02x%02x%02x", &r, &g, &b)
		return 0.2126*float64(r) + 0.7152*float64(g) + 0.0722*float64(b)
	}
	paper := light(hex(darkPaper))
	for step := range heatSteps - 1 {
		if light(hex(dark(heatColor(step)))) >= light(hex(dark(heatColor(step+1)))) || light(hex(heatColor(step))) <= light(hex(heatColor(step+1))) {
			t.Errorf("step %d of the heat is out of order", step)
		}
	}
	for _, c := range seriesColors {
		if light(hex(dark(c)))-paper < 60 {
			t.Errorf("%s becomes %s", hex(c), hex(dark(c)))
		}
		if pale := light(hex(dark(pale(c)))); pale > 110 || pale <= paper {
			t.Errorf("an area of %s shines: %s", hex(c), hex(dark(c)))
		}
	}
}
