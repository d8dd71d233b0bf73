package report

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// sadMatrix has everything that can become of a broker: kept, broken, invalid, noisy, no run, and no difference.
func sadMatrix(t *testing.T) *result.Matrix {
	t.Helper()
	cost := map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 1, "aedes": 3, "late": 4}
	var sets []result.Workset
	for _, name := range []string{"1-pairs-qos-1", "2-fan-out-qos-1"} {
		set := result.Workset{Name: name}
		for _, broker := range []string{"mosquitto", "mochi", "nats", "aedes", "late"} {
			for rep := range 6 {
				s := ordinary()
				// Between runs something varies, and it is not the same for all.
				s.broker, s.rep, s.seed, s.measure, s.rate = broker, rep+1, uint64(rep), 3, 200
				s.cpu *= cost[broker] * (1 + 0.01*float64((rep*len(broker))%5))
				if broker == "aedes" && name[0] == '1' {
					s.share = 0.5
				}
				if broker == "late" && name[0] == '2' {
					continue
				}
				r := s.run()
				switch {
				case broker == "mochi" && name[0] == '2':
					r.Summary.Gates[0].Passed = false
				case broker == "nats" && name[0] == '2' && rep == 3:
					r.Summary.Gates[2].Passed = false
				}
				r.Summary.Judge()
				r.Dir = fmt.Sprintf("results/%s/%02d-%s", name, rep, broker)
				set.Runs = append(set.Runs, r)
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

func matrixPageOf(t *testing.T, m *result.Matrix) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ReportFile)
	if err := SaveMatrixHTML(path, m); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

// rowsOf are the texts of the rows of the tables that are named by a workload, in the order of the page.
func rowsOf(page, workload string) (rows [][]string) {
	for _, tr := range regexp.MustCompile(`(?s)<tr>.*?</tr>`).FindAllString(page, -1) {
		var cells []string
		for _, c := range regexp.MustCompile(`(?s)<t[hd][ >].*?</t[hd]>`).FindAllString(tr, -1) {
			text := regexp.MustCompile(`(?s)<small>`).ReplaceAllString(c, "\n")
			cells = append(cells, strings.TrimSpace(html.UnescapeString(regexp.MustCompile(`(?s)<[^>]*>`).ReplaceAllString(text, ""))))
		}
		if len(cells) > 0 && cells[0] == workload {
			rows = append(rows, cells)
		}
	}
	return rows
}

func TestMatrixPage(t *testing.T) {
	sequential(t)
	m := sadMatrix(t)
	page := matrixPageOf(t, m)
	checkPage(t, "matrix", page)
	if page != matrixPageOf(t, sadMatrix(t)) {
		t.Error("two pages of the same runs differ")
	}
	// Brokers in the order of the page: the yardstick, then by name.
	var order []string
	for _, b := range m.Brokers {
		order = append(order, strings.Fields(b)[0])
	}
	if strings.Join(order, " ") != "mosquitto aedes late mochi nats" {
		t.Fatalf("brokers %q", order)
	}
	pairs, fan := rowsOf(page, "pairs, QoS 1"), rowsOf(page, "fan out, QoS 1")
	for i, want := range []string{"K kept", "B BROKEN\n1,800 dropped-overload", "K kept", "K kept", "K kept"} {
		if got := pairs[0][i+1]; got != want {
			t.Errorf("%s under pairs: %q, want %q", order[i], got, want)
		}
	}
	for i, want := range []string{"K kept", "K kept", "– no run\nit did not start, or refused", "I INVALID\nschedule lag p99\n6 of 6 INVALID", "K kept\n1 of 6 noisy"} {
		if got := fan[0][i+1]; got != want {
			t.Errorf("%s under fan-out: %q, want %q", order[i], got, want)
		}
	}
	// The first table of figures: CPU. All of one before all of the other is 2 in 924, in a matrix that is corrected for 4 or 2 within each
	// workload; two that are alike show no difference.
	cpu := pairs[1]
	for i, want := range []string{`^31\.\d µs\n\[31 µs, 32\.2 µs\]$`, `lost what was promised$`, `\n4(\.\d+)?× \[.*\]\np = 0\.0\d+$`, `\n[12](\.\d+)?× \[.*\]\np = 0\.0\d+$`, `\nno difference shown\np = \d`} {
		if !regexp.MustCompile(want).MatchString(cpu[i+1]) {
			t.Errorf("%s, CPU: %q, want %s", order[i], cpu[i+1], want)
		}
	}
	if got := fan[1]; got[3] != "no run" || !strings.HasPrefix(got[4], "(") || !strings.HasSuffix(got[4], "INVALID") {
		t.Errorf("fan-out, CPU: %q", got)
	}
	if i := slices.IndexFunc(fan, func(row []string) bool { return strings.HasPrefix(row[1], "12") || strings.HasPrefix(row[1], "13") }); i < 0 || !strings.HasSuffix(fan[i][5], "noisy") {
		t.Errorf("fan-out, latency of a noisy broker: %q", fan)
	}
	// Every figure leads to its runs, and they are there.
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("nothing is at #%s", m[1])
		}
	}
	for _, want := range []string{"kept 7 of 10", "BROKEN", "pairs, QoS 1: aedes 2.0.18 (1,800 dropped-overload)", "mqttbench --profile p2p-1k", "00-mochi", "chart-matrix-cpu", "chart-matrix-latency"} {
		if !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("no %q", want)
		}
	}
}

// Workloads of two machines are flagged: on the page, and below every picture.
func TestMatrixOfTwoMachines(t *testing.T) {
	sequential(t)
	m := matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 4})
	if strings.Contains(matrixFooter(m), "differ in") {
		t.Errorf("one machine: %s", matrixFooter(m))
	}
	var sets []result.Workset
	for i, w := range m.Workloads {
		set := result.Workset{Name: w.Name}
		for _, g := range w.Groups {
			for _, r := range g.Runs {
				if i > 0 {
					r.Manifest.Machine.CPU = "another"
				}
				set.Runs = append(set.Runs, r)
			}
		}
		sets = append(sets, set)
	}
	m, err := result.NewMatrix(sets, "mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(matrixFooter(m), "others differ in cpu") || !strings.Contains(matrixPageOf(t, m), "against 2 x another: a figure of one does not compare") {
		t.Errorf("two machines: %s", matrixFooter(m))
	}
}

// In a browser a click on a broker sorts by it, a second the other way, a third back, and the list for phones does the same; the page says nothing on the console and asks for
// nothing but itself.
func TestMatrixPageInABrowser(t *testing.T) {
	chromium := browser(t)
	const clicks = `addEventListener("load", () => {
  const table = document.querySelector("table.sortable"), said = [];
  const state = () => said.push([...table.tBodies[0].rows].map(r => r.cells[0].textContent.trim()).join(", ") + " " + (table.tHead.rows[0].cells[4].getAttribute("aria-sort") || "as it was"));
  state();
  for (let i = 0; i < 3; i++) { table.tHead.rows[0].cells[4].querySelector("button").click(); state(); }
  const list = table.parentElement.querySelector("select"), choice = [...list.options].find(o => o.value === "4 -1");
  list.value = choice.value;
  list.dispatchEvent(new Event("change"));
  state();
  document.body.dataset.said = said.join("; ");
});`
	m := sadMatrix(t)
	page := matrixPageOf(t, m)
	page = strings.Replace(page, "script-src ", "script-src "+html.EscapeString(hashOf(clicks))+" ", 1)
	page = strings.Replace(page, "</body>", "<script>"+clicks+"</script></body>", 1)
	v := open(t, chromium, page, "#w1-b2")
	// Mochi costs twice and more under pairs, and a little more than that under fan-out, whose runs are invalid.
	a, b := "pairs, QoS 1", "fan out, QoS 1"
	want := fmt.Sprintf(`data-said="%[1]s, %[2]s as it was; (%[1]s, %[2]s|%[2]s, %[1]s) ascending; (%[1]s, %[2]s|%[2]s, %[1]s) descending; %[1]s, %[2]s as it was; (%[1]s, %[2]s|%[2]s, %[1]s) descending"`, a, b)
	found := regexp.MustCompile(want).FindStringSubmatch(v.dom)
	if found == nil || found[1] == found[2] || found[3] != found[2] {
		t.Errorf("want %s, got %s", want, regexp.MustCompile(`data-said="[^"]*"`).FindString(v.dom))
	}
	if v.console != nil || len(v.requests) != 1 {
		t.Errorf("the console says %q, requests %q", v.console, v.requests)
	}
}

// The page of a folder of archives links to those, with their sums; one of folders to the results.
func TestMatrixPageLinksToRawData(t *testing.T) {
	sequential(t)
	dir := t.TempDir()
	r := loggedRun(t)
	r.Dir = filepath.Join(dir, "a"+result.ArchiveSuffix, "01-x")
	if err := os.WriteFile(filepath.Join(dir, "a"+result.ArchiveSuffix), []byte("raw"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := result.NewMatrix([]result.Workset{{Name: "a", Runs: []*result.Run{r}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveMatrixHTML(filepath.Join(dir, ReportFile), m); err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(dir, ReportFile))
	if !strings.Contains(page, `href="./a.tar.gz"`) || !strings.Contains(page, sumOf(filepath.Join(dir, "a"+result.ArchiveSuffix))) {
		t.Error("no link to the archive, or not its sum")
	}
}
