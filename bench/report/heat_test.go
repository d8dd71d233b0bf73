package report

import (
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// box is the rectangle around the pixels of a colour, below the key.
func box(img image.Image, c color.NRGBA, below int) (b image.Rectangle) {
	where(img, c, func(x, y int) {
		if y > below {
			b = b.Union(image.Rect(x, y, x+1, y+1))
		}
	})
	return b
}

// Three cells over three seconds, at 1, 10 and just under 100 ms: the axis ends at 1 and 100 ms, so that the second cell begins at
// half of its height, and each is a third of its width. A library drew such a map two decades off, and no error said so.
func TestKnownCellIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	r := &result.Run{}
	var densities []result.Density
	for i, cell := range []struct {
		band int
		n    int64
	}{{-60, 1}, {-40, 30}, {-21, 1000}} {
		at := float64(i)
		densities = append(densities, result.Density{T0: at, T1: at + 1, First: cell.band, Counts: []int64{cell.n}})
		r.Intervals = append(r.Intervals, result.Interval{T0: at, T1: at + 1, Phase: result.PhaseMeasure})
	}
	h := newHeat(densities, 3)
	img := picture(t, &figure{title: "T", height: 330, draw: func(c draw.Canvas) { drawHeat(c, r, h, 3) }})
	key := 0
	where(img, heatColor(1), func(_, y int) { key = max(key, y) }) // No cell has this colour; the key has all.
	low, middle, high := box(img, heatColor(0), key), box(img, heatColor(h.step(30)), key), box(img, heatColor(heatSteps-1), key)
	if h.step(30) == 0 || h.step(30) == heatSteps-1 || low.Empty() || middle.Empty() || high.Empty() {
		t.Fatalf("cells at %v, %v, %v", low, middle, high)
	}
	height, width := float64(low.Max.Y-high.Min.Y), float64(high.Max.X-low.Min.X)
	if got := float64(low.Max.Y-middle.Max.Y) / height; !close(got, 0.5, 0.005) {
		t.Errorf("10 ms begins at %.4f of the height from 1 to 100 ms", got)
	}
	if from, to := float64(middle.Min.X-low.Min.X)/width, float64(middle.Max.X-low.Min.X)/width; !close(from, 1./3, 0.005) || !close(to, 2./3, 0.005) {
		t.Errorf("the second of three seconds is drawn from %.4f to %.4f of the width", from, to)
	}
	// A band is a twentieth of a decade, and the axis has two.
	if got := float64(high.Dy()) / height; !close(got, 1./40, 0.006) {
		t.Errorf("a band is %.4f of the height", got)
	}
}

// However long a run is, its map has a bounded number of columns, and no message is lost from it.
func TestHeatKeepsCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var densities []result.Density
	want := int64(0)
	for i := range 5000 {
		d := result.Density{T0: float64(i), T1: float64(i + 1), First: random.IntN(60) - 100, Counts: []int64{1 + random.Int64N(9)}}
		want += d.Counts[0]
		densities = append(densities, d)
	}
	h, got := newHeat(densities, 5000), int64(0)
	for i, c := range h.columns {
		for _, n := range c.Counts {
			got += n
		}
		if i > 0 && c.T0 < h.columns[i-1].T1 {
			t.Errorf("column %d begins at %g s, before the one before it ends at %g s", i, c.T0, h.columns[i-1].T1)
		}
	}
	if got != want || len(h.columns) > mostHeatColumns || len(h.columns) < mostHeatColumns*9/10 {
		t.Errorf("%d of %d messages in %d columns", got, want, len(h.columns))
	}
}

// loggedRun is a run of six seconds with its files in a folder, as a real one leaves them. From the third second on it has two modes.
func loggedRun(t *testing.T) *result.Run {
	t.Helper()
	s := ordinary()
	s.measure, s.stall = 4, 0
	made := s.run()
	made.Manifest.Flags = map[string]string{}
	dir := t.TempDir()
	w, err := result.Create(dir, &made.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(2, 2))
	for i := range made.Intervals {
		h := hdr.New(1, int64(time.Minute), 3)
		for k := range 1000 {
			ns := int64(100_000 + random.IntN(30_000))
			if k%10 == 0 && i > 2 {
				ns *= 40
			}
			h.RecordValue(ns)
		}
		if err := w.Interval(&made.Intervals[i], h, h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(&made.Summary); err != nil {
		t.Fatal(err)
	}
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHeatOfARun(t *testing.T) {
	sequential(t)
	r := loggedRun(t)
	paths, err := Charts(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) == "heat.svg" })
	if i < 0 {
		t.Fatalf("%v", paths)
	}
	checkFile(t, paths[i])
	checkFile(t, paths[i+1])
	// A log that cannot be read is told, and the other charts are there.
	if err := os.WriteFile(filepath.Join(r.Dir, result.ResponseFile), []byte("1,2,3\n4,5,6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if paths, err = Charts(t.TempDir(), r); err == nil || len(paths) != 10 {
		t.Errorf("of a broken log: %v, %v", paths, err)
	}
}
