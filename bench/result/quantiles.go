package result

// Quantiles of durations, in seconds. All zero when Count is 0.
//
// There is no mean: the mean of latencies describes no message that ever was.
type Quantiles struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min_s"`
	P50   float64 `json:"p50_s"`
	P90   float64 `json:"p90_s"`
	P99   float64 `json:"p99_s"`
	P999  float64 `json:"p999_s"`
	Max   float64 `json:"max_s"`
}

// beyond is how many samples must lie above a percentile before it is worth printing: with fewer,
// its 95 % order-statistic interval has no upper end.
const beyond = 6

// Supports reports whether the sample is large enough to state quantile q (0 < q < 1): p99 from 600
// samples on, p99.9 from 6000.
func (q Quantiles) Supports(quantile float64) bool {
	// The tolerance: 1-0.99 is a little less than 0.01, and 600 samples must do.
	return float64(q.Count)*(1-quantile) >= beyond-1e-6
}
