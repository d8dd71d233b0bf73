package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// tradeoff is a family of two links: CPU per message of 20, 40 and 80 µs, and QoS 0 on a lossy link that lost 1 % of what it was owed.
func tradeoff() *Family {
	f := &Family{Name: "qos-tradeoff"}
	for i, name := range []string{"good/q0-q0", "good/q1-q1", "good/q2-q2", "lossy/q0-q0", "lossy/q1-q1", "lossy/q2-q2"} {
		s := ordinary()
		s.qos, s.seed, s.measure, s.cpu = i%3, uint64(i), 2, 20e-6*math.Pow(2, float64(i%3))
		if name == "lossy/q0-q0" {
			s.share = 0.99
		}
		r := s.run()
		n := r.Summary.Measured.Delivered
		each := []int64{1, 2, 4}[i%3] // Of MQTT, by the specification: PUBLISH; and PUBACK; or PUBREC, PUBREL and PUBCOMP; on either side.
		r.Summary.Wire = &result.Wire{ToBroker: result.Flow{Packets: each * n, Bytes: 80 * n}, FromBroker: result.Flow{Packets: each * n, Bytes: 82 * n}}
		if name == "lossy/q1-q1" {
			r.Manifest.Workload.Faults = "reset:of=client:mttf=5s delay=1ms"
			r.Summary.Contracts[0].Findings = []result.Finding{{Class: result.DupLegal, Count: 3}}
		}
		f.Members = append(f.Members, result.Workset{Name: name, Runs: []*result.Run{r}})
	}
	return f
}

func TestFamilyInWords(t *testing.T) {
	sequential(t)
	var table, text strings.Builder
	if err := FamilyTable(&table, tradeoff(), 120, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "family.txt", table.String())
	if err := FamilyMarkdown(&text, tradeoff()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"On the good link QoS 1 costs the broker 2.00 times the CPU time of QoS 0, 2.00 times the packets and 1.00 times the bytes;",
		"it lost 0 of 2,000 and repeated 0, where QoS 0 lost 20 of 2,000 and repeated 0.",
		"On the lossy link QoS 1 costs the broker 1.00 times the CPU time of the same on the good link,",
		"| lossy | QoS 1 → 1 | 40 µs | 4 | 162 B |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// A bar of twice the cost is twice as long, and begins where the others do.
func TestFamilyBarsAreProportional(t *testing.T) {
	sequential(t)
	img := picture(t, familyFigure(tradeoff()))
	quarter := img.Bounds().Dx() / 4
	rows := map[int][2]int{}
	where(img, fade(systemColor, 0.6), func(x, y int) {
		if x > quarter {
			return
		}
		span, ok := rows[y]
		if !ok {
			span[0] = x
		}
		span[1] = x
		rows[y] = span
	})
	lengths, left := map[int]bool{}, map[int]bool{}
	for _, span := range rows {
		lengths[span[1]-span[0]+1], left[span[0]] = true, true
	}
	longest := 0
	for n := range lengths {
		longest = max(longest, n)
	}
	if longest < 40 || len(left) > 1 {
		t.Fatalf("the longest bar is %d pixels; they begin at %v", longest, left)
	}
	for n := range lengths {
		parts := float64(longest) / float64(n)
		if math.Abs(math.Log2(parts)-math.Round(math.Log2(parts))) > 0.15 {
			t.Errorf("a bar of %d pixels where the longest has %d", n, longest)
		}
	}
	if len(lengths) < 3 {
		t.Errorf("lengths %v", lengths)
	}
}

func TestFamilyPage(t *testing.T) {
	sequential(t)
	dir := t.TempDir()
	page := filepath.Join(dir, ReportFile)
	if err := SaveFamily(page, tradeoff()); err != nil {
		t.Fatal(err)
	}
	checkPage(t, "family", read(t, page))
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"On the lossy link QoS 1", "QoS 2 → 2", "default-src &#39;none", "--fault reset:of=client:mttf=5s --fault delay=1ms"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, name := range []string{"family.png", "family.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if one := (&Family{Members: tradeoff().Members[:1]}); one.Several() || familyFigure(one) != nil {
		t.Error("one workload alone is compared with nothing")
	}
}

// churned is a family of clean and persistent sessions, in the order of their names: QoS 1 loses messages in clean ones.
func churned() *Family {
	f := &Family{Name: "qos-churn"}
	for i, name := range []string{"qos-0-clean", "qos-0-persistent", "qos-1-clean", "qos-1-persistent", "qos-2-clean", "qos-2-persistent"} {
		s := ordinary()
		s.qos, s.seed, s.measure, s.cpu = i/2, uint64(i), 2, 20e-6
		if i%2 == 1 {
			s.cpu = 25e-6
		}
		r := s.run()
		r.Summary.Sessions = &result.Sessions{Returned: 40, Present: int64(i%2) * 40}
		if name == "qos-1-clean" {
			r.Summary.Contracts[0].Delivered -= 30
			r.Summary.Contracts[0].Findings = []result.Finding{{Class: result.DroppedLegal, Count: 30}}
		}
		f.Members = append(f.Members, result.Workset{Name: name, Runs: []*result.Run{r}})
	}
	return f
}

func TestSessionsInWords(t *testing.T) {
	sequential(t)
	var text, table strings.Builder
	if err := FamilyMarkdown(&text, churned()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"With clean sessions QoS 1 costs the broker 1.00 times the CPU time of QoS 0;",
		"With persistent sessions QoS 1 costs the broker 1.25 times the CPU time of the same with clean sessions;",
		"it lost 0 of 2,000 and repeated 0 (the broker still had 40 of 40 sessions), where the same with clean sessions lost 30 of 2,000 and repeated 0 (the broker still had 0 of 40 sessions).",
		"| sessions | | CPU/msg |",
		"| 98.5 % | 30 | 0 | 0/40 | kept |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if err := FamilyTable(&table, churned(), 120, false); err != nil {
		t.Fatal(err)
	}
	// What stands together is together.
	clean, persistent := strings.Index(table.String(), "clean sessions\n"), strings.Index(table.String(), "persistent sessions\n")
	if clean < 0 || persistent < clean || strings.Count(table.String(), "clean sessions\n") != 1 || strings.Count(table.String()[clean:persistent], "QoS") != 3 {
		t.Error(table.String())
	}
}

// A run that is not to be trusted is in no ratio; one while the machine was noisy has no latency that is.
func TestFamilyDoubts(t *testing.T) {
	sequential(t)
	f := tradeoff()
	f.Members[2].Runs[0].Summary.Gates[0].Passed = false
	f.Members[1].Runs[0].Summary.Gates[2].Passed = false
	for _, set := range f.Members {
		set.Runs[0].Summary.Judge()
	}
	f.Differences = []result.Difference{{Field: "kernel", Values: []string{"a", "b"}}}
	var text strings.Builder
	if err := FamilyMarkdown(&text, f); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"On the good link QoS 2: not compared with QoS 0, because a run is INVALID (schedule lag p99); lost 0 of 2,000 and repeated 0.",
		"| good | QoS 2 → 2 | (80 µs) |",
		"On the good link QoS 1 costs the broker 2.00 times the CPU time of QoS 0, 2.00 times the packets and 1.00 times the bytes; it lost",
		"| good | QoS 1 → 1 | 40 µs | 4 | 162 B | (1",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	p, err := familyPage(f, []*figure{familyFigure(f)}, t.TempDir())
	if err != nil || len(p.Doubts) != 1 || !strings.Contains(familyFooter(f, f.Members[0].Runs), "differ in kernel") {
		t.Errorf("%v, doubts %q", err, p.Doubts)
	}
}

// Workloads without a schedule have a throughput, and no place among the others.
func TestFamilyThroughput(t *testing.T) {
	sequential(t)
	f := tradeoff()
	if familyRates(f) != nil {
		t.Error("a chart of a throughput that nobody measured")
	}
	for i, name := range []string{"good-flat-out/q0-q0", "good-flat-out/q1-q1", "slow-flat-out/q0-q0"} {
		s := ordinary()
		s.measure, s.rate = 2, []float64{1000, 500, 100}[i]
		r := s.run()
		r.Manifest.Workload.Load = "closed"
		f.Members = append(f.Members, result.Workset{Name: name, Runs: []*result.Run{r}})
	}
	var text strings.Builder
	if err := FamilyMarkdown(&text, f); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"On the good link, as fast as it goes, QoS 1 carries 500/s, 0.50 times as many as QoS 0 (1,000/s).",
		"On the slow link, as fast as it goes, QoS 0 carries 100/s, 0.10 times as many as the same on the good link, as fast as it goes (1,000/s).",
		"| good, flat out | QoS 0 → 0 | 31 µs | - | - | - | - | 1,000/s |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	img := picture(t, familyRates(f))
	longest := map[int]int{}
	where(img, deliveredColor, func(_, y int) { longest[y]++ })
	lengths := map[int]bool{}
	for _, n := range longest {
		lengths[n] = true
	}
	most := 0
	for n := range lengths {
		most = max(most, n)
	}
	if len(lengths) != 3 {
		t.Fatalf("bars of %v pixels", lengths)
	}
	for n := range lengths {
		if part := float64(n) / float64(most); math.Abs(part-1) > 0.02 && math.Abs(part-0.5) > 0.02 && math.Abs(part-0.1) > 0.02 {
			t.Errorf("a bar of %d pixels where the longest has %d", n, most)
		}
	}
}
