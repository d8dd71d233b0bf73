package report

import (
	"image"
	"math"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// atLevels are runs of two brokers at every QoS; those of QoS 1 are ten times as slow as those of QoS 0, and those of QoS 2 hundred times.
// Every message of a run takes equally long.
func atLevels(t *testing.T, histograms bool) *result.Comparison {
	t.Helper()
	var runs []*result.Run
	for _, broker := range []string{"mosquitto", "mochi"} {
		for qos, took := range []float64{1e-3, 10e-3, 100e-3} {
			s := ordinary()
			s.broker, s.qos, s.measure = broker, qos, 2
			r := s.run()
			r.Response = new(result.Histogram)
			r.Response.Record(took, 10_000)
			r.Summary.Response = r.Response.Quantiles()
			if !histograms {
				r.Response = new(result.Histogram)
			}
			runs = append(runs, r)
		}
	}
	c, err := result.Compare(result.GroupRuns(runs), "qos")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Panels have the same axes: 1, 10 and 100 ms are as far from each other in neighbouring panels as they would be in one, and the panels of
// the second broker look like those of the first. Limits of their own, or an axis that is not logarithmic, fail here.
func TestMultiplesHaveOneAxis(t *testing.T) {
	sequential(t)
	for _, histograms := range []bool{true, false} {
		c := atLevels(t, histograms)
		img := picture(t, compareMultiples(c))
		for _, g := range c.Groups {
			if g.Runs[0].Manifest.Workload.QoS[0] != 0 {
				continue
			}
			color := seriesColor(places([]string{g.Runs[0].Manifest.Broker.Label()})[0])
			var boxes []image.Rectangle // Of what is drawn in that colour, in thirds of the picture.
			for third := range 3 {
				var b image.Rectangle
				where(img, color, func(x, y int) {
					if width := img.Bounds().Dx(); x > width*(95+290*third)/1000 && x <= width*(385+290*third)/1000 {
						b = b.Union(image.Rect(x, y, x+1, y+1))
					}
				})
				boxes = append(boxes, b)
			}
			middle := func(b image.Rectangle) float64 { return float64(b.Min.Y+b.Max.Y) / 2 }
			up1, up2 := middle(boxes[0])-middle(boxes[1]), middle(boxes[1])-middle(boxes[2])
			if up1 < 40 || math.Abs(up1-up2) > 2 || boxes[0].Dx() < 100 || math.Abs(float64(boxes[0].Dx()-boxes[2].Dx())) > 2 {
				t.Errorf("%s: 1, 10 and 100 ms are drawn at %v", g.Label, boxes)
			}
		}
	}
}

// Whose deliveries are missing has no line, and stands in the panel by name; a broker that was not run stays as an empty panel.
func TestMultiplesKeepWhatFailed(t *testing.T) {
	sequential(t)
	c := atLevels(t, true)
	x := &multiples{}
	for _, g := range c.Groups {
		m := &g.Runs[0].Manifest
		if m.Broker.Name == "mochi" && m.Workload.QoS[0] == 2 {
			continue
		}
		if m.Broker.Name == "mochi" && m.Workload.QoS[0] == 1 {
			g.Runs[0].Summary.Contracts[0].Findings = []result.Finding{{Class: result.Lost, Count: 3}}
			g.Runs[0].Summary.Outcome = result.Broken
			if !lossy(g) {
				t.Fatal("a run that lost messages is none")
			}
		}
		x.add(m.Broker.Name, m.Workload.QoS[0], m.Broker.Name, blue, g.Runs)
	}
	f := x.figure("n", "t", "", "", "")
	svg, _, err := f.render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">no run<", ">lossy: mochi<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	if one := (&multiples{}); one.figure("n", "t", "", "", "") != nil {
		t.Error("a grid of nothing")
	}
}

func TestFamilyAndMatrixHaveMultiples(t *testing.T) {
	sequential(t)
	if f := familyMultiples(tradeoff()); f == nil || f.name != "family-qos" {
		t.Errorf("of a family: %v", f)
	}
	if m := matrixMultiples(matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 4})); m != nil {
		t.Error("a grid of one level")
	}
}
