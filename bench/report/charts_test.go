package report

import (
	stdbytes "bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"pgregory.net/rapid"

	"mqttbench/bench/result"
)

// sequential skips a test under -short, which is for the race detector: that makes drawing, and making up runs, ten times slower, and
// nothing in this package is concurrent.
func sequential(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("nothing to race")
	}
}

// picture renders a figure and decodes it.
func picture(t *testing.T, f *figure) image.Image {
	t.Helper()
	_, data, err := f.render()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(stdbytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// where calls f for the pixels that have exactly the colour, left to right within a row, rows from
// the top.
func where(img image.Image, c color.NRGBA, f func(x, y int)) {
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.NRGBAModel.Convert(img.At(x, y)) == c {
				f(x, y)
			}
		}
	}
}

// level finds the longest horizontal line of a colour: its row (the middle of its thickness) and the
// columns from and to.
func level(img image.Image, c color.NRGBA) (row float64, from, to int) {
	type span struct{ y, from, to int }
	var spans []span
	where(img, c, func(x, y int) {
		if n := len(spans); n > 0 && spans[n-1].y == y && spans[n-1].to == x-1 {
			spans[n-1].to = x
		} else {
			spans = append(spans, span{y, x, x})
		}
	})
	longest := slices.MaxFunc(spans, func(a, b span) int { return (a.to - a.from) - (b.to - b.from) })
	top, bottom := longest.y, longest.y
	for _, s := range spans {
		if s.to-s.from > (longest.to-longest.from)*9/10 {
			top, bottom = min(top, s.y), max(bottom, s.y)
		}
	}
	return float64(top+bottom) / 2, longest.from, longest.to
}

func close(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

// A line at 10 ms is half way between those at 1 and 100 ms, on any correct logarithmic axis. A
// chart of the library's drew such a line two decades too high, without an error.
func TestKnownLatencyIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	var curves []curve
	for i, v := range []float64{1e-3, 10e-3, 100e-3} {
		h := new(result.Histogram)
		h.Record(v, 10_000)
		curves = append(curves, curve{label: "x", color: seriesColor(i), values: h})
	}
	img := picture(t, &figure{title: "T", height: 330, draw: func(c draw.Canvas) { drawPercentiles(c, curves) }})
	low, _, _ := level(img, seriesColor(0))
	middle, _, _ := level(img, seriesColor(1))
	high, _, _ := level(img, seriesColor(2))
	if !(high < middle && middle < low) || !close(middle, (low+high)/2, 2) {
		t.Errorf("1, 10 and 100 ms are drawn at rows %g, %g and %g", low, middle, high)
	}
}

// Nine tenths of the messages take 1 ms and the others 10 ms: of 10,000, 9,994 are drawn, and the step is
// at log 10 / log(10,000/6) = 31.04 % of the width.
func TestKnownPercentileIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	h := new(result.Histogram)
	h.Record(1e-3, 9000)
	h.Record(10e-3, 1000)
	curves := []curve{{label: "", color: blue, values: h}}
	img := picture(t, &figure{title: "T", height: 330, draw: func(c draw.Canvas) { drawPercentiles(c, curves) }})
	left, right := img.Bounds().Max.X, 0
	perRow := map[int]int{}
	where(img, blue, func(x, y int) {
		left, right = min(left, x), max(right, x)
		perRow[y]++
	})
	upper, end := img.Bounds().Max.Y, 0
	for y, n := range perRow {
		if n > 100 {
			upper = min(upper, y) // The line of 10 ms.
		}
	}
	step := right
	where(img, blue, func(x, y int) {
		if y == upper {
			step = min(step, x)
		}
		end = max(end, y)
	})
	got := float64(step-left) / float64(right-left)
	if !close(got, 0.3104, 0.004) {
		t.Errorf("the step from 1 to 10 ms is at %.4f of the width", got)
	}
}

// Ten seconds, deliveries only in the sixth: the line rises half way and falls at six tenths.
func TestKnownIntervalIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	r := &result.Run{Response: new(result.Histogram), Service: new(result.Histogram)}
	for i := range 10 {
		iv := result.Interval{T0: float64(i), T1: float64(i + 1), Phase: result.PhaseMeasure, Offered: 1000, Expected: 1000, Accepted: 500, Clients: 1}
		if i == 5 {
			iv.Delivered = 800
		}
		r.Intervals = append(r.Intervals, iv)
	}
	img := picture(t, timelineFigure(r))
	// 500/s is the row of what was accepted, 1000/s that of what was offered, over the whole panel.
	half, _, _ := level(img, acceptedColor)
	full, left, right := level(img, fade(offeredColor, 0.5))
	from, to, top := right, left, math.Inf(1)
	where(img, deliveredColor, func(x, y int) {
		if y < int(half)-5 && x <= right {
			from, to, top = min(from, x), max(to, x), math.Min(top, float64(y))
		}
	})
	width := float64(right - left)
	if !close(float64(from-left)/width, 0.5, 0.005) || !close(float64(to-left)/width, 0.6, 0.005) {
		t.Errorf("delivered from %.4f to %.4f of the time", float64(from-left)/width, float64(to-left)/width)
	}
	if got := 0.5 + 0.5*(half-top)/(half-full); !close(got, 0.8, 0.02) {
		t.Errorf("800 of 1000 are drawn at %.3f of the height", got)
	}
}

// Bars begin at zero: their lengths are to each other as their values.
func TestBarsAreProportional(t *testing.T) {
	sequential(t)
	s := ordinary()
	s.share = 0.41
	img := picture(t, ratesFigure(s.run()))
	length := func(c color.NRGBA) float64 {
		rows := map[int]int{}
		where(img, c, func(_, y int) { rows[y]++ })
		longest := 0
		for _, n := range rows {
			longest = max(longest, n)
		}
		return float64(longest)
	}
	if got := length(deliveredColor) / length(acceptedColor); !close(got, 0.41, 0.01) {
		t.Errorf("410 of 1000 are drawn %.3f as long", got)
	}
	if got := length(fade(lossColor, 0.7)) / length(acceptedColor); !close(got, 0.59, 0.01) {
		t.Errorf("590 missing of 1000 are drawn %.3f as long", got)
	}
}

// edgeCases are runs that have broken charts before, here or elsewhere.
func edgeCases() map[string]*result.Run {
	cases := map[string]*result.Run{"nothing": {Response: new(result.Histogram), Service: new(result.Histogram)}}
	one := ordinary().run()
	one.Response = new(result.Histogram)
	one.Response.Record(1, 1) // One sample of exactly 1 made a library's log axis begin at zero.
	cases["one sample"] = one
	equal := ordinary().run()
	equal.Response, equal.Service = new(result.Histogram), new(result.Histogram)
	equal.Response.Record(0, 100_000) // And zero has no logarithm.
	equal.Service.Record(0, 100_000)
	cases["all zero"] = equal
	none := ordinary()
	none.share = 0
	cases["nothing delivered"] = none.run()
	gap := ordinary()
	gap.gap, gap.stall, gap.fanOut = true, 3, 7
	cases["gap, stall, fan-out"] = gap.run()
	spike := ordinary().run()
	spike.Intervals[20].Response.Max = 3600
	spike.Intervals[20].Offered = math.MaxInt32
	cases["spike"] = spike
	elsewhere := ordinary().run()
	elsewhere.Summary.Cost = result.Cost{}
	cases["broker elsewhere"] = elsewhere
	long := ordinary().run()
	for i := range 20_000 {
		iv := long.Intervals[10]
		iv.T0, iv.T1 = float64(60+i), float64(61+i)
		long.Intervals = append(long.Intervals, iv)
		long.Events = append(long.Events, result.Event{At: float64(i), Kind: result.EventChurn, Name: "rst"})
	}
	cases["long"] = long
	return cases
}

func TestEveryRunCanBeDrawn(t *testing.T) {
	sequential(t)
	missing := map[string][]string{
		"nothing":           {"latency", "timeline", "rates", "cost"},
		"nothing delivered": {"latency"},
		"broker elsewhere":  {"cost"},
	}
	for name, r := range edgeCases() {
		dir := t.TempDir()
		paths, err := Charts(dir, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, chart := range []string{"latency", "timeline", "rates", "cost"} {
			want := !slices.Contains(missing[name], chart)
			for _, extension := range []string{".svg", ".png"} {
				path := filepath.Join(dir, chart+extension)
				if got := slices.Contains(paths, path); got != want {
					t.Errorf("%s: %s drawn %t, want %t", name, chart, got, want)
				} else if want {
					checkFile(t, path)
				}
			}
		}
	}
}

// checkFile looks for what a person would stumble over: a file that does not open, a coordinate
// that is no number, a font that only this machine has.
func checkFile(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".png") {
		img, err := png.Decode(stdbytes.NewReader(data))
		if err != nil || img.Bounds().Dx() != 1440 {
			t.Errorf("%s: %v", path, err)
		}
		return
	}
	d := xml.NewDecoder(stdbytes.NewReader(data))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if stdbytes.Contains(data, []byte("NaN")) || stdbytes.Contains(data, []byte("Inf")) {
		t.Errorf("%s: a coordinate that is no number", path)
	}
	for _, family := range regexp.MustCompile(`font-family:[^;"]*`).FindAllString(string(data), -1) {
		if !strings.HasSuffix(family, ",sans-serif") {
			t.Errorf("%s: %s", path, family)
		}
	}
}

// A chart of the same data is the same bytes: results are committed, and diffs must mean something.
func TestChartsAreDeterministic(t *testing.T) {
	sequential(t)
	a, b := t.TempDir(), t.TempDir()
	s := ordinary()
	s.stall = 2
	for _, dir := range []string{a, b} {
		if _, err := Charts(dir, s.run()); err != nil {
			t.Fatal(err)
		}
		if _, err := CompareCharts(dir, threeBrokers(t)); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(a)
	if err != nil || len(entries) != 26 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		x, _ := os.ReadFile(filepath.Join(a, e.Name()))
		y, _ := os.ReadFile(filepath.Join(b, e.Name()))
		if len(x) == 0 || !stdbytes.Equal(x, y) {
			t.Errorf("%s differs between two drawings", e.Name())
		}
	}
}

func TestFailedChartLeavesNothing(t *testing.T) {
	sequential(t)
	dir := t.TempDir()
	bad := &figure{name: "bad", title: "T", height: 100, draw: func(draw.Canvas) { panic("log of zero") }}
	good := ratesFigure(ordinary().run())
	paths, err := saveAll(dir, []*figure{bad, nil, good})
	if err == nil || !strings.Contains(err.Error(), "chart bad: cannot be drawn: log of zero") {
		t.Errorf("error %v", err)
	}
	entries, _ := os.ReadDir(dir)
	if len(paths) != 2 || len(entries) != 2 {
		t.Errorf("written %v, there are %v; want the good chart and nothing else", paths, entries)
	}
}

// However many lines there are, their names stay beside the panel and in order.
func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "labels")
		places := make([]vg.Length, n)
		for i := range places {
			places[i] = vg.Length(rapid.Float64Range(10, 110).Draw(t, "place"))
		}
		slices.Sort(places)
		const room = 5
		spread(places, room, 10, 110)
		for i, p := range places {
			if p < 10-1e-9 || p > 110+1e-9 || i > 0 && p < places[i-1]+room-1e-9 {
				t.Fatalf("%v", places)
			}
		}
	})
}

func TestShorten(t *testing.T) {
	style := lettering(labelSize, black)
	const long = "a broker with a very long name indeed at 8000/s"
	got := shorten(style, long, 120)
	if style.Width(got) > 120 || !strings.HasPrefix(got, "a broker") || !strings.HasSuffix(got, "at 8000/s") {
		t.Errorf("%q", got)
	}
	if got := shorten(style, "short", 120); got != "short" {
		t.Errorf("%q", got)
	}
}

// With a few samples there is no p99; with none, no latency. Neither may stop a comparison.
func TestCompareChartsOfPoorRuns(t *testing.T) {
	sequential(t)
	few, none := ordinary().run(), ordinary()
	few.Summary.Response.Count = 30
	none.broker, none.share, none.qos = "b", 0, 0
	silent := none.run()
	silent.Manifest.Workload.QoS = few.Manifest.Workload.QoS
	for _, runs := range [][]*result.Run{{few, silent}, {silent}} {
		c, err := result.Compare(result.GroupRuns(runs))
		if err != nil {
			t.Fatal(err)
		}
		paths, err := CompareCharts(t.TempDir(), c)
		if err != nil {
			t.Error(err)
		}
		for _, p := range paths {
			checkFile(t, p)
		}
		if len(runs) == 1 && len(paths) != 4 {
			t.Errorf("%v; of a run without deliveries there are cost and verdict", paths)
		}
	}
}

// Where there is a load to draw against, the chart is a curve; where there is not, rows of dots.
func TestCompareChartsByRates(t *testing.T) {
	sequential(t)
	for _, c := range []struct {
		rates []float64
		want  []string
	}{
		{[]float64{1000}, []string{"compare-latencies", "compare-ratios", "compare-throughput", "compare-latency", "compare-shares", "compare-cost", "compare-verdicts"}},
		{[]float64{500, 1000, 2000}, []string{"compare-throughput", "compare-delivered", "compare-cost-curve", "compare-latency", "compare-shares", "compare-cost", "compare-verdicts"}},
	} {
		var runs []*result.Run
		for _, rate := range c.rates {
			for _, broker := range []string{"a", "b"} {
				s := ordinary()
				s.rate, s.broker, s.measure = rate, broker, 3
				runs = append(runs, s.run())
			}
		}
		comparison, err := result.Compare(result.GroupRuns(runs))
		if err != nil {
			t.Fatal(err)
		}
		paths, err := CompareCharts(t.TempDir(), comparison)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range paths {
			checkFile(t, p)
			if name, ok := strings.CutSuffix(filepath.Base(p), ".svg"); ok {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v rates: %v, want %v", c.rates, got, c.want)
		}
	}
}
