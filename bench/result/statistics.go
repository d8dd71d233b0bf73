package result

// An Estimate is a median over runs with its interval.
type Estimate struct {
	N          int
	Median     float64
	Lo, Hi     float64 // With Confidence 0: the range of the values, which is no confidence interval.
	Confidence float64 // At least 0.95, or 0 if N is too small for that.
	Warnings   []string
}

// Median estimates a median without assuming a distribution: the interval is between two order
// statistics. It takes six values to make one of 95 %.
func Median(values []float64) Estimate { panic("todo") }

// MannWhitney is the two-sided p-value of a and b coming from the same distribution: exact, ties included, up to 50
// values in all; by the normal approximation beyond.
func MannWhitney(a, b []float64) (p float64, warnings []string) { panic("todo") }

// A Ratio is how many times a's value b has.
type Ratio struct {
	Value      float64 // Median of the paired ratios; unpaired, ratio of the medians.
	Lo, Hi     float64
	Confidence float64 // 0: Lo and Hi are the range.
	P          float64 // Sign test if Paired, Mann-Whitney otherwise; 1 if it cannot be told.
	Paired     bool
	Shown      bool // A difference is shown: P < 0.05. Otherwise "no difference shown" is the truth.
	N          int  // Pairs, or values of the smaller sample.
	Warnings   []string
}

// PairedRatio compares runs made in pairs: b[i] directly before or after a[i].
func PairedRatio(a, b []float64) Ratio { panic("todo") }

// UnpairedRatio compares runs made apart.
func UnpairedRatio(a, b []float64) Ratio { panic("todo") }
