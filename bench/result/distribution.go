package result

import hdr "github.com/HdrHistogram/hdrhistogram-go"

// Distributions are histograms of a run that have no log of their own, by name: an HdrHistogram of nanoseconds each, as in the logs, V2,
// deflated and in base64. Most take some hundred bytes.
type Distributions map[string]string

// The names of those that are no Exchange.
const (
	DistributionLag   = "lag"         // Of what was due in the measured part.
	DistributionSlack = "timer slack" // Of the measured part.
)

// Keep adds a histogram, which is lent, if there is anything in it.
func (d *Distributions) Keep(name string, h *hdr.Histogram) {
	if h == nil || h.TotalCount() == 0 {
		return
	}
	text, err := h.EncodeV2()
	if err != nil {
		return // The percentiles in the file are of the same histogram.
	}
	if *d == nil {
		*d = Distributions{}
	}
	(*d)[name] = string(text)
}

// Of is the histogram of a name; nil if the file has none that can be read.
func (d Distributions) Of(name string) *Histogram {
	text, ok := d[name]
	if !ok {
		return nil
	}
	h, err := hdr.Decode([]byte(text))
	if err != nil || h.TotalCount() == 0 {
		return nil
	}
	return wrap(h)
}
