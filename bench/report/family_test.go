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
		"On the good link QoS 1 costs the broker 2.00 times the CPU time of QoS 0 and 2.00 times the packets; it lost 0 of 2,000 and repeated 0",
		"On the lossy link QoS 2 costs the broker 4.00 times the CPU time of QoS 0 and 4.00 times the packets; it lost 0 of 2,000 and repeated 0, where QoS 0 lost 20 and repeated 0.",
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
	page, err := SaveFamily(dir, tradeoff())
	if err != nil {
		t.Fatal(err)
	}
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
