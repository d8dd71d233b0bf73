package metrics

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mqttbench/broker"
)

const prefix = "mqttbroker_"

// A collector reads one broker when it is scraped.
type collector struct {
	// Immutable
	s       *broker.Server
	descs   []*prometheus.Desc // Of families, in their order.
	match   *prometheus.Desc
	commit  *prometheus.Desc
	lag     *prometheus.Desc
	version *prometheus.Desc

	mu sync.Mutex

	// Guarded by mu
	depths broker.Depths
	next   time.Time // When the sessions may be looked at again.
}

// depthShare bounds how much of its time a CPU spends on looking at sessions: a look that took 1 ms is not repeated for 200 ms.
// It takes about 100 ns for each session, so with fewer than a hundred thousand of them each usual scrape gets a new one.
const depthShare = 200

func newCollector(s *broker.Server) *collector {
	c := &collector{
		s:       s,
		match:   prometheus.NewDesc(prefix+"match_seconds", "Time to find the subscribers of a Topic Name that was in no cache, of one in 16.", nil, nil),
		commit:  prometheus.NewDesc(prefix+"commit_seconds", "Time until what was handed to the store was durable, of one batch at a time.", nil, nil),
		lag:     prometheus.NewDesc(prefix+"loop_lag_seconds", "How late the timers of the event loops were called.", nil, nil),
		version: prometheus.NewDesc(prefix+"build_info", "1, with the version of the broker.", []string{"version"}, nil),
	}
	for i := range families {
		f := &families[i]
		c.descs = append(c.descs, prometheus.NewDesc(prefix+f.name, f.help, f.labels, nil))
	}
	return c
}

func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
	for _, d := range []*prometheus.Desc{c.match, c.commit, c.lag, c.version} {
		out <- d
	}
}

func (c *collector) Collect(out chan<- prometheus.Metric) {
	v := &view{Stats: c.s.Stats(), transport: c.s.Transport(), depths: c.look(), server: c.s}
	v.store, v.durable = c.s.Store()
	for i := range families {
		f, kind := &families[i], prometheus.GaugeValue
		if f.counter {
			kind = prometheus.CounterValue
		}
		f.collect(v, func(n float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(c.descs[i], kind, n, labels...)
		})
	}
	out <- histogram(c.match, &v.MatchTimes)
	out <- histogram(c.lag, &v.LoopLag)
	if v.durable {
		out <- histogram(c.commit, &v.Commits)
	}
	out <- prometheus.MustNewConstMetric(c.version, prometheus.GaugeValue, 1, c.s.Version())
}

// look looks at the sessions, or remembers the last look.
func (c *collector) look() broker.Depths {
	c.mu.Lock()
	defer c.mu.Unlock()
	began := time.Now()
	if began.Before(c.next) {
		return c.depths
	}
	c.depths = c.s.Depths()
	now := time.Now()
	c.next = now.Add(depthShare * now.Sub(began))
	return c.depths
}

// histogram has cumulative buckets, and leaves every second one out: a factor of 4 between them will do for a chart.
func histogram(d *prometheus.Desc, h *broker.Histogram) prometheus.Metric {
	buckets := map[float64]uint64{}
	below := uint64(0)
	for i := range broker.HistogramBuckets - 1 {
		below += h.Counts[i]
		if i%2 == 0 {
			buckets[broker.HistogramBound(i)] = below
		}
	}
	return prometheus.MustNewConstHistogram(d, h.Count(), float64(h.Sum)/1e9, buckets)
}

func qosLabel(q int) string { return strconv.Itoa(q) }
