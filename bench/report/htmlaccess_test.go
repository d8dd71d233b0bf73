package report

import (
	"fmt"
	"html"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// pageKinds are a page of each kind, with flame graphs, by kind.
func pageKinds(t *testing.T) map[string]string {
	t.Helper()
	r := loggedRun(t)
	r.Manifest.Flags = map[string]string{"pprof": profiled(t, stack{"main.main main.read", 3e6}, stack{"main.main main.write", 1e6})}
	family := filepath.Join(t.TempDir(), ReportFile)
	if err := SaveFamily(family, tradeoff()); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"run": pageOf(t, r), "comparison": comparePageOf(t, threeBrokers(t)), "family": read(t, family), "matrix": matrixPageOf(t, sadMatrix(t))}
}

// profiled is a folder with a CPU profile of a broker.
func profiled(t *testing.T, stacks ...stack) string {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "broker-cpu.pprof"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := cpuProfile(stacks...).Write(out); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Who hears a page, or finds the way by keys, is told what the tables and charts are, where the sections are, what the words mean and what
// the page does not show.
func TestPagesTellTheirWay(t *testing.T) {
	sequential(t)
	for kind, page := range pageKinds(t) {
		checkPage(t, kind, page)
		body := withoutScripts(page)
		if !strings.Contains(body, `<html lang="en">`) {
			t.Errorf("%s: no language", kind)
		}
		if tables, captions := strings.Count(body, "<table"), len(regexp.MustCompile(`<caption>[^<]+</caption>`).FindAllString(body, -1)); tables == 0 || tables != captions {
			t.Errorf("%s: %d tables, %d captions", kind, tables, captions)
		}
		if m := regexp.MustCompile(`<th scope="col"[^>]*></th>`).FindAllString(body, -1); m != nil {
			t.Errorf("%s: columns without a name: %q", kind, m)
		}
		if charts, names := strings.Count(body, `<svg class="chart"`), len(regexp.MustCompile(`<svg class="chart"[^>]*role="img" aria-label="[^"]+"`).FindAllString(body, -1)); charts == 0 || charts != names {
			t.Errorf("%s: %d charts, %d names", kind, charts, names)
		}
		level := 0
		for _, m := range regexp.MustCompile(`<h([1-6])`).FindAllStringSubmatch(body, -1) {
			next, _ := strconv.Atoi(m[1])
			if next > level+1 {
				t.Errorf("%s: a heading of level %d stands under one of level %d", kind, next, level)
			}
			level = next
		}
		contents := regexp.MustCompile(`(?s)<nav aria-label="On this page">.*?</nav>`).FindString(body)
		leads := regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(contents, -1)
		if n := strings.Count(body, "<h2>"); len(leads) != n {
			t.Errorf("%s: %d sections, and links to %d", kind, n, len(leads))
		}
		seen := map[string]int{}
		for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(body, -1) {
			seen[m[1]]++
		}
		for _, m := range leads {
			if seen[m[1]] != 1 {
				t.Errorf("%s: %d places are called %s", kind, seen[m[1]], m[1])
			}
		}
		if !strings.Contains(body, "<h2>What this page does not show</h2>") || !strings.Contains(body, "Networks: broker and generator") {
			t.Errorf("%s does not say what it does not show", kind)
		}
		if !strings.Contains(body, "<dt>CPU per delivered message</dt>") {
			t.Errorf("%s does not explain its words", kind)
		}
		if has := strings.Contains(body, "<dt>flame graph</dt>"); has != (kind == "run") {
			t.Errorf("%s explains flame graphs: %t", kind, has)
		}
	}
}

// Text can be told from what is behind it as WCAG 2 asks of level AA: 4.5 to 1, in the light and in the dark.
func TestContrast(t *testing.T) {
	css := asset("report.css")
	lightEnd := strings.Index(css, "@media")
	inverted := css[lightEnd : lightEnd+strings.Index(css[lightEnd:], "* {")]
	for light, rules := range map[string]string{"light": css[:lightEnd], "dark": inverted} {
		colors := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(rules, -1) {
			colors[m[1]] = m[2]
		}
		for _, pair := range [][2]string{{"ink", "paper"}, {"ink", "panel"}, {"soft", "paper"}, {"soft", "panel"}, {"blue", "paper"}, {"paper", "blue"},
			{"good-ink", "good-back"}, {"bad-ink", "bad-back"}, {"doubt-ink", "doubt-back"}, {"bad-ink", "paper"}} {
			if got := contrast(t, colors[pair[0]], colors[pair[1]]); got < 4.5 {
				t.Errorf("%s: %s on %s is %.2f to 1", light, pair[0], pair[1], got)
			}
		}
		names := map[string]string{}
		for _, m := range regexp.MustCompile(`\.chart text\[fill="(#[0-9a-f]{6})"\] \{ fill: (#[0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
			names[m[1]] = m[2]
		}
		for _, c := range append(seriesColors[:], vermillion, grey, black) {
			shown := hex(dark(c))
			if light == "light" {
				shown = hex(c)
				if other, ok := names[shown]; ok {
					shown = other
				}
			}
			if got := contrast(t, shown, colors["paper"]); got < 4.5 {
				t.Errorf("%s: the name of a line in %s is %.2f to 1", light, hex(c), got)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\.box\.([a-z]+) \{ fill: (#[0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
		if got := contrast(t, "#1a1a1a", m[2]); got < 4.5 {
			t.Errorf("a name in a flame graph on %s is %.2f to 1", m[1], got)
		}
	}
}

// contrast is the ratio of two colours as WCAG 2 defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(s string) float64 {
		c, ok := parseHex(s)
		if !ok {
			t.Fatalf("no colour: %q", s)
		}
		linear := func(v uint8) float64 {
			x := float64(v) / 255
			if x <= 0.04045 {
				return x / 12.92
			}
			return math.Pow((x+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// At the widths of a desktop, a phone and a small phone no page is wider than the window, nothing that can be tapped is smaller than
// 24 pixels (WCAG 2.5.8), and on a phone the tables have a list to be sorted by. One browser opens all of them, in frames.
func TestPagesOnPhones(t *testing.T) {
	chromium := browser(t)
	pages := pageKinds(t)
	var frames strings.Builder
	for _, kind := range []string{"run", "comparison", "family", "matrix"} {
		for _, width := range []int{1280, 390, 320} {
			fmt.Fprintf(&frames, "<iframe name=%q src=\"/%s\" width=%d height=800 style=\"border:0\"></iframe>", fmt.Sprintf("%s at %d", kind, width), kind, width)
		}
	}
	host := "<!DOCTYPE html><html><body>" + frames.String() + `<script>addEventListener("load", () => {
  const said = [...document.querySelectorAll("iframe")].map(f => {
    const d = f.contentDocument, root = d.documentElement, seen = e => e.getClientRects().length > 0;
    const small = [...d.querySelectorAll("a, button, summary, select, input")].filter(seen).filter(e => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24; });
    const cut = [...d.querySelectorAll(".wide")].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0);
    const lists = [...d.querySelectorAll(".sorter")], open = lists.filter(seen).length;
    const heads = [...d.querySelectorAll("table.sortable thead button")].filter(seen).length;
    return f.name + ": " + [root.scrollWidth > f.clientWidth ? "wide " + root.scrollWidth : "fits", small.length + " small", f.width < 500 ? cut.length + " cut" : "", lists.length === 0 ? "no tables to sort" : open && !heads ? "list" : heads && !open ? "heads" : "neither"].filter(Boolean).join(", ");
  });
  document.body.innerHTML = "<pre>" + said.join("\n") + "</pre>";
});</script></body></html>`
	v := openServed(t, chromium, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page, ok := pages[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			fmt.Fprint(w, page)
			return
		}
		fmt.Fprint(w, host)
	}), "/")
	var want []string
	for _, kind := range []string{"run", "comparison", "family", "matrix"} {
		sorted := map[bool][3]string{true: {"heads", "list", "list"}, false: {"no tables to sort", "no tables to sort", "no tables to sort"}}[kind != "run"]
		want = append(want, kind+" at 1280: fits, 0 small, "+sorted[0], kind+" at 390: fits, 0 small, 0 cut, "+sorted[1], kind+" at 320: fits, 0 small, 0 cut, "+sorted[2])
	}
	said := regexp.MustCompile(`(?s)<pre>(.*?)</pre>`).FindStringSubmatch(v.dom)
	if said == nil || html.UnescapeString(said[1]) != strings.Join(want, "\n") || v.console != nil {
		t.Errorf("got %s\nwant %s\nthe console says %q", said, strings.Join(want, "\n"), v.console)
	}
}
