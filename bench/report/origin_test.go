package report

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// Under every chart stand the command and what its figures were read from.
func TestChartsNameTheirOrigin(t *testing.T) {
	r := ordinary().run()
	if text := footer([]*result.Run{r}); !strings.Contains(text, " · mqttbench --profile p2p-1k") || strings.Contains(text, "SHA") {
		t.Errorf("of a run without its files: %s", text)
	}
	r.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(r.Dir, result.ResultFile), []byte("what was measured"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("what was measured")))
	if text := footer([]*result.Run{r}); !strings.HasSuffix(text, " · data SHA-256 "+sum[:16]) {
		t.Errorf("no %s in %s", sum[:16], text)
	}
	other := *r
	other.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(other.Dir, result.ResultFile), []byte("and something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	one, two := dataSum([]*result.Run{r, &other}), dataSum([]*result.Run{&other, r})
	if one != two || !strings.HasSuffix(one, " of 2 files") || strings.Contains(one, sum[:16]) {
		t.Errorf("of two files %q, in the other order %q", one, two)
	}
}

// A capacity of half of the axis puts its second half beyond 100 %, and the axis beyond the generator's ceiling is grey.
func TestLoadIsSharesOfCapacity(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for _, rate := range []float64{1000, 2000, 4000} {
		s := ordinary()
		s.rate, s.measure = rate, 2
		r := s.run()
		r.Manifest.Calibration = &result.Calibration{Ceiling: 3000}
		runs = append(runs, r)
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	c.Capacity = []result.CapacityBand{{Series: c.Groups[0].Series, Lo: 2000}}
	f := throughputFigure(c)
	svg, _, err := f.render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">of capacity<", ">100 %<", ">200 %<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	img := picture(t, f)
	columns := map[int]int{}
	where(img, bandGrey, func(x, _ int) { columns[x]++ })
	from, to := img.Bounds().Dx(), 0
	for x, n := range columns {
		if n > 100 { // Not the edge of a letter.
			from, to = min(from, x), max(to, x)
		}
	}
	_, left, right := level(img, lightGrey)
	if got := float64(from-left) / float64(right-left); !close(got, 0.75, 0.01) || !close(float64(to), float64(right), 4) {
		t.Errorf("beyond 3,000 of 4,000 is grey from %.3f of the axis, %d to %d of %d to %d", got, from, to, left, right)
	}
}
