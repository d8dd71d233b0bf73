package result

import (
	"bytes"
	"testing"
)

// Whatever stands in a file, reading it ends in a run or an error, and a run that was read passes
// its own checks.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":"mqttbench-result","version":1}` + "\n" + `{"type":"interval","t0_s":0,"t1_s":1,"phase":"measure"}` + "\n"))
	f.Add([]byte(`{"format":"mqttbench-result","version":1}` + "\n" + `{"type":"summary","contracts":[{"qos":1,"findings":[{"class":"lost","count":1}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := Run{Response: new(Histogram), Service: new(Histogram)}
		if r.readLines(bytes.NewReader(data), "x") != nil {
			return
		}
		if !r.Complete {
			r.reconstruct()
		}
		r.Summary.Judge()
		for i := range r.Intervals {
			if err := r.Intervals[i].Response.check(); err != nil {
				t.Error(err)
			}
		}
		if _, err := Compare(GroupRuns([]*Run{&r})); err != nil {
			t.Error(err)
		}
	})
}

func FuzzReadLog(f *testing.F) {
	line, err := hlogLine(PhaseMeasure, 0, 1, latencies(10))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte("#[Histogram log format version 1.3]\n"), line...))
	f.Add([]byte("Tag=,,,\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, _, err := readHlog(bytes.NewReader(data), PhaseMeasure); err == nil {
			h.Quantiles()
		}
	})
}
