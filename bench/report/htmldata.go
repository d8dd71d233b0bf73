package report

import (
	"math"
	"strconv"

	"mqttbench/bench/result"
)

// What the script of a page is told. Numbers are in base units, with as many digits as a screen can show.

// live is the data of the charts that can be asked.
type live struct {
	Percentiles *livePercentiles `json:"percentiles,omitempty"`
	Time        *liveTime        `json:"time,omitempty"`
}

// livePercentiles are quantile functions on a common grid: value i of a curve is at -log10(1-q) = i*Step.
type livePercentiles struct {
	Step   float64     `json:"step"`
	Curves []liveCurve `json:"curves"`
}

type liveCurve struct {
	Label  string    `json:"label"`
	Color  string    `json:"color"` // The name of a variable of the style sheet.
	Dashed bool      `json:"dashed,omitempty"`
	Values []rounded `json:"values"` // Seconds, up to the last fraction worth drawing.

	// The range of several runs at each place; null where none of them reaches.
	Low  []rounded `json:"low,omitempty"`
	High []rounded `json:"high,omitempty"`
}

// liveTime is a run over time, a value for each interval.
type liveTime struct {
	T0          []float64            `json:"t0"`
	T1          []float64            `json:"t1"`
	Rates       map[string][]rounded `json:"rates"` // A second; as in the chart, in deliveries.
	RatesName   string               `json:"rates_name"`
	LatencyName string               `json:"latency_name"`
	Latency     map[string][]rounded `json:"latency"` // By the keys of percentilesShown; null: too few samples.
	Backlog     []rounded            `json:"backlog,omitempty"`
	Clients     []rounded            `json:"clients,omitempty"`
	Shaded      []liveBand           `json:"shaded,omitempty"` // What is not measured.
	Events      []liveEvent          `json:"events,omitempty"`
}

type liveBand struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Name string  `json:"name"`
}

type liveEvent struct {
	At    float64 `json:"at"`
	Until float64 `json:"until"`
	Name  string  `json:"name"`
	Color string  `json:"color"`
}

// A rounded is a number that is written with four digits; NaN, which JSON has not, as null.
type rounded float64

// MarshalJSON writes the number.
func (f rounded) MarshalJSON() ([]byte, error) {
	if v := float64(f); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return strconv.AppendFloat(nil, v, 'g', 4, 64), nil
	}
	return []byte("null"), nil
}

const (
	// perNine is how many points a curve has for each further nine: as many as pixels, about.
	perNine = 150
	// mostLiveIntervals bounds what a page carries over time. Beyond it the chart is the drawn one, which thins its lines
	// without losing a spike.
	mostLiveIntervals = 10_000
)

// liveRun is nil if a run has nothing to ask.
func liveRun(r *result.Run) any {
	var l live
	if r.Response.Count() > 0 && !r.Summary.Lossy() {
		l.Percentiles = &livePercentiles{Step: 1.0 / perNine, Curves: []liveCurve{{Label: "response", Color: "blue", Values: gridded(r.Response)}}}
		if r.Service.Count() > 0 {
			l.Percentiles.Curves = append(l.Percentiles.Curves, liveCurve{Label: "service", Color: "soft", Dashed: true, Values: gridded(r.Service)})
		}
	}
	if n := len(r.Intervals); n > 1 && n <= mostLiveIntervals {
		l.Time = newLiveTime(r)
	}
	if l.Percentiles == nil && l.Time == nil {
		return nil
	}
	return l
}

// liveComparison has the curves that comparePercentilesFigure draws.
func liveComparison(c *result.Comparison) any {
	l := live{Percentiles: &livePercentiles{Step: 1.0 / perNine}}
	picked := atOneRate(c.Groups)
	for i, g := range picked.groups {
		if h := g.Response(); h.Count() > 0 && !lossy(g) {
			label := g.Series
			if g.Validity() == result.ValidityInvalid {
				label += " (INVALID)"
			}
			curve := liveCurve{Label: label, Color: colorName(picked.colors[i]), Values: gridded(h)}
			if len(g.Runs) > 1 {
				curve.Low, curve.High = griddedRange(responses(g), len(curve.Values))
			}
			l.Percentiles.Curves = append(l.Percentiles.Curves, curve)
		}
	}
	if l.Percentiles.Curves == nil {
		return nil
	}
	return l
}

// gridded is a quantile function at the places of the grid. Each value is that which the tables would have there.
func gridded(h *result.Histogram) (values []rounded) {
	end := shown(h.Count())
	for i := 0; ; i++ {
		q := 1 - math.Pow(10, -float64(i)/perNine)
		if q > end+1e-12 {
			return values
		}
		values = append(values, rounded(math.Max(h.At(q), floor)))
	}
}

// griddedRange is from the least to the most of several quantile functions at so many places of the grid.
func griddedRange(all []*result.Histogram, places int) (low, high []rounded) {
	for i := range places {
		q := 1 - math.Pow(10, -float64(i)/perNine)
		least, most := math.NaN(), math.NaN()
		for _, h := range all {
			if h.Count() > 0 && q <= shown(h.Count())+1e-12 {
				v := math.Max(h.At(q), floor)
				if !(least < v) {
					least = v
				}
				if !(most > v) {
					most = v
				}
			}
		}
		low, high = append(low, rounded(least)), append(high, rounded(most))
	}
	return low, high
}

func newLiveTime(r *result.Run) *liveTime {
	t := &liveTime{Rates: map[string][]rounded{}, Latency: map[string][]rounded{}}
	for i := range r.Intervals {
		iv := &r.Intervals[i]
		t.T0, t.T1 = append(t.T0, millis(iv.T0)), append(t.T1, millis(iv.T1))
	}
	t.LatencyName = "latency, logarithmic"
	if r.Summary.Lossy() {
		t.LatencyName = "latency of the messages that arrived, logarithmic"
	}
	strips := timelineStrips(r)
	t.RatesName = strips[0].name
	for _, track := range strips[0].tracks {
		t.Rates[track.label] = valuesOf(r, track.value)
	}
	for _, p := range percentilesShown {
		t.Latency[p.key] = valuesOf(r, quantile(p.at, p.of))
	}
	for _, s := range strips[1:] {
		switch s.tracks[0].label {
		case "backlog":
			t.Backlog = valuesOf(r, s.tracks[0].value)
		case "clients":
			t.Clients = valuesOf(r, s.tracks[0].value)
		}
	}
	for _, b := range phaseBands(r) {
		t.Shaded = append(t.Shaded, liveBand{millis(b.from), millis(b.to), string(b.phase)})
	}
	churn := churnTotals(r.Events)
	for i := range r.Events {
		e := &r.Events[i]
		c, glyph := eventMark(e)
		if glyph == nil {
			continue
		}
		name := eventText(e)
		if e.Kind == result.EventChurn {
			name = e.Name + ", " + plural(churn[e.Name].clients, "client")
		}
		t.Events = append(t.Events, liveEvent{millis(e.At), millis(e.Until), name, colorName(c)})
	}
	return t
}

// millis is a time to the millisecond, however late in a run.
func millis(v float64) float64 { return math.Round(v*1e3) / 1e3 }

func valuesOf(r *result.Run, of func(*result.Interval) float64) []rounded {
	all := make([]rounded, len(r.Intervals))
	for i := range r.Intervals {
		all[i] = rounded(of(&r.Intervals[i]))
	}
	return all
}
