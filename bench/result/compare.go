package result

// A Group is a set of runs with the same settings: repetitions of each other.
type Group struct {
	Label  string // What tells it from the other groups: "mosquitto 2.0.18", "QoS 1", "10 k/s".
	Series string // As Label, without the rate: groups of a series lie on one curve.
	Rate   float64
	Runs   []*Run // By Manifest.Repetition, then Start.
}

// GroupRuns puts repetitions together and labels the groups by what differs among them.
// The order is that of first appearance.
func GroupRuns(runs []*Run) []*Group { panic("todo") }

// Response is the merged histogram of all runs of the group, Service likewise. Percentiles are taken from
// merged histograms, never averaged.
func (g *Group) Response() *Histogram { panic("todo") }

// Service: see Response.
func (g *Group) Service() *Histogram { panic("todo") }

// A Metric is one figure of a run that can be compared.
type Metric struct {
	Name    string                              // "p99"
	Unit    string                              // "s", "bytes", "1/s", "1"
	Latency bool                                // Not comparable between noisy runs.
	Of      func(*Run) (value float64, ok bool) // not ok: the run does not support it.
}

// Metrics are those of a comparison, in the order of its columns.
var Metrics []Metric

// A Comparison sets groups beside the first one.
type Comparison struct {
	Groups      []*Group
	Cells       [][]Cell // [group][metric]
	Differences []Difference
}

// A Cell is one metric of one group.
type Cell struct {
	Estimate Estimate
	Ratio    *Ratio // To the first group. nil: the first group, or no value.
}

// A Difference is a setting in which groups differ that ought not to.
type Difference struct {
	Field  string   // "payload"
	Values []string // One per group.
	Refuse bool     // The figures must not be set beside each other; otherwise, only with care.
}

// An IncomparableError refuses a comparison, and says which settings forbid it.
type IncomparableError struct{ Differences []Difference }

func (e *IncomparableError) Error() string { panic("todo") }

// Compare sets groups beside the first. Groups may differ in the broker and the rate, and in the fields
// that vary names (as in Difference.Field); any other difference in workload or machine is an
// *IncomparableError.
func Compare(groups []*Group, vary ...string) (*Comparison, error) { panic("todo") }
