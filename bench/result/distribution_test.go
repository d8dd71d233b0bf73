package result

import (
	"encoding/json"
	"testing"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// What is kept is read again; of what is damaged or was never there, nothing is.
func TestDistributions(t *testing.T) {
	s := &Summary{Distributions: Distributions{"damaged": "HISTFAAAA", "no histogram": "?"}}
	s.Distributions.Keep("resume", latencies(200))
	s.Distributions.Keep("empty", hdr.New(1, 1000, 2))
	s.Distributions.Keep("nil", nil)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again := &Summary{}
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	if got := again.Distributions.Of("resume").Quantiles(); got != QuantilesOf(latencies(200)) {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"damaged", "no histogram", "empty", "nil", "absent"} {
		if again.Distributions.Of(name) != nil {
			t.Errorf("a histogram of %q", name)
		}
	}
	var none Distributions
	if none.Of("resume") != nil {
		t.Error("a histogram of a file without")
	}
}
