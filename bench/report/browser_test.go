package report

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is the first Chromium of this machine; without one the test is skipped.
func browser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium here")
	return ""
}

// A visit is what came of opening a page.
type visit struct {
	dom      string   // After its scripts have run.
	console  []string // What was said on the console: errors, and what the policy refused.
	requests []string // What was asked of the server.
}

// open serves a page, opens it in a browser without a window, and waits for its scripts.
func open(t *testing.T, browser, page, fragment string) visit {
	t.Helper()
	return openServed(t, browser, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }), "/report.html"+fragment)
}

// openServed opens what a handler serves at an address.
func openServed(t *testing.T, browser string, pages http.Handler, address string) (v visit) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		v.requests = append(v.requests, r.URL.Path)
		pages.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--enable-logging=stderr", "--virtual-time-budget=3000", "--window-size=1280,2000", "--dump-dom", server.URL+address)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	v.dom = string(out)
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "CONSOLE") {
			v.console = append(v.console, line)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return v
}

var pressed = regexp.MustCompile(`<button[^>]*value="(\w+)"[^>]*aria-pressed="(\w+)"`)

// shownIn are the percentiles whose buttons are pressed.
func shownIn(dom string) (keys []string) {
	for _, m := range pressed.FindAllStringSubmatch(dom, -1) {
		if m[2] == "true" {
			keys = append(keys, m[1])
		}
	}
	return keys
}

// In a real browser the page draws its charts, shows the percentiles that its address names, says nothing on the console and
// asks the server for nothing but itself.
func TestPageInABrowser(t *testing.T) {
	chromium := browser(t)
	page := pageOf(t, loggedRun(t))
	for _, c := range []struct{ fragment, want string }{{"", "p50 p99 max"}, {"#p=p999,p90", "p90 p999"}, {"#p=", ""}, {"#p=<b>", "p50 p99 max"}} {
		v := open(t, chromium, page, c.fragment)
		if got := strings.Join(shownIn(v.dom), " "); got != c.want {
			t.Errorf("%q shows %q, want %q", c.fragment, got, c.want)
		}
		// The buttons, the columns and the lines of the chart say the same.
		for _, key := range []string{"p50", "p90", "p99", "p999", "max"} {
			want := strings.Contains(" "+c.want+" ", " "+key+" ")
			if got := regexp.MustCompile(`data-key="` + key + `"[^>]*class="picked"`).MatchString(v.dom); got != want {
				t.Errorf("%q: the column of %s is picked: %t", c.fragment, key, got)
			}
		}
		if off := strings.Count(v.dom, "u-series u-off"); off != 5-len(shownIn(v.dom)) {
			t.Errorf("%q: %d lines are hidden", c.fragment, off)
		}
		if n := strings.Count(v.dom, "<canvas"); n != 3 { // Percentiles, rates, latency: nobody came or went, and nothing was late.
			t.Errorf("%q: %d charts", c.fragment, n)
		}
		if v.console != nil {
			t.Errorf("%q: the console says %q", c.fragment, v.console)
		}
		if len(v.requests) != 1 {
			t.Errorf("%q: requests %q", c.fragment, v.requests)
		}
	}
	v := open(t, chromium, comparePageOf(t, threeBrokers(t)), "")
	if v.console != nil || len(v.requests) != 1 || strings.Count(v.dom, "<canvas") != 1 {
		t.Errorf("comparison: %q, %q, %d charts", v.console, v.requests, strings.Count(v.dom, "<canvas"))
	}
}

// A click on a box of a flame graph, or Enter, makes it as wide as the graph and hides what is beside it; again, or Escape, brings all of it
// back. The arrow keys go from box to box and the line below says which, and a search marks boxes and says how much of the time they are. The
// script of the test stands in the page by its hash, as the page's own do.
func TestFlameGraphAnswers(t *testing.T) {
	chromium := browser(t)
	r := loggedRun(t)
	r.Manifest.Flags = map[string]string{"pprof": profiled(t, stack{"main.main main.read", 3e6}, stack{"main.main main.write", 1e6})}
	const clicks = `addEventListener("load", () => {
  const flame = document.querySelector(".flame"), box = name => [...document.querySelectorAll(".flame > svg")].find(e => e.querySelector("title").textContent.startsWith(name));
  const state = () => ["main.read", "main.write"].map(n => Math.round(parseFloat(box(n).getAttribute("width"))) + " " + (box(n).getAttribute("visibility") || "visible")).join(", ");
  const said = [state()], key = k => flame.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true }));
  for (let i = 0; i < 2; i++) { box("main.write").dispatchEvent(new Event("click")); said.push(state()); }
  box("main.main").dispatchEvent(new Event("click"));
  for (const k of ["ArrowDown", "ArrowRight", "Enter", "Escape", "ArrowUp"]) { key(k); said.push(k + " " + document.querySelector(".flame-said").textContent.split(":")[0] + " " + state()); }
  const search = document.querySelector(".flame-tools input");
  for (const words of ["MAIN.W", "main", "nowhere", ""]) {
    search.value = words;
    search.dispatchEvent(new Event("input"));
    said.push(words + ": " + document.querySelector(".flame-found").textContent + " " + document.querySelectorAll(".flame .found").length);
  }
  document.body.dataset.said = said.join("; ");
});`
	page := pageOf(t, r)
	page = strings.Replace(page, "script-src ", "script-src "+html.EscapeString(hashOf(clicks))+" ", 1)
	page = strings.Replace(page, "</body>", "<script>"+clicks+"</script></body>", 1)
	v := open(t, chromium, page, "")
	const all, write = "75 visible, 25 visible", "75 hidden, 100 visible"
	want := strings.Join([]string{all, write, all,
		"ArrowDown main.read " + all, "ArrowRight main.write " + all, "Enter main.write " + write, "Escape main.write " + all, "ArrowUp main.main " + all,
		"MAIN.W: 25 % of the time, in 1 box 1", "main: 100 % of the time, in 3 boxes 3", "nowhere: not in this graph 0", ":  0"}, "; ")
	if got := regexp.MustCompile(`data-said="([^"]*)"`).FindStringSubmatch(v.dom); got == nil || got[1] != want || v.console != nil {
		t.Errorf("want %q, got %q; the console says %q", want, got, v.console)
	}
}

// The test above would notice: what somebody manages to put into a page is refused by its policy, and the console says so.
func TestBrowserRefusesIntruders(t *testing.T) {
	chromium := browser(t)
	intruder := `<script>document.body.id = "taken"</script><img src="/leak.png"><p style="color:red">x</p></main>`
	page := strings.Replace(pageOf(t, loggedRun(t)), "</main>", intruder, 1)
	v := open(t, chromium, page, "")
	if strings.Contains(v.dom, `<body id="taken"`) {
		t.Error("a foreign script ran")
	}
	if len(v.requests) != 1 {
		t.Errorf("requests %q", v.requests)
	}
	if len(v.console) < 3 {
		t.Errorf("the console says only %q", v.console)
	}
}
