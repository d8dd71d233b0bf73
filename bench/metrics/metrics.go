// Package metrics shows a run to Prometheus while it goes on: the counts of its intervals, and the latencies of the last one.
//
// It takes no figure of its own: what it shows is what stands in the result file. It opens no socket; Handler is for whoever does.
package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mqttbench/bench/result"
)

// Metrics of one process, which may carry out several runs: counters go on from one to the next. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	offered, accepted, expected, delivered, duplicates prometheus.Counter
	connects, disconnects, reconnects                  prometheus.Counter
	clients, backlog, unsent                           prometheus.Gauge
	runs                                               prometheus.Counter

	latency *prometheus.GaugeVec   // By time and quantile.
	cpu     *prometheus.CounterVec // By process and mode.
	memory  *prometheus.GaugeVec   // By process.
	phase   *prometheus.GaugeVec   // By phase: 1 for the one that is now.
	faults  *prometheus.CounterVec // By name.
	info    *prometheus.GaugeVec
}

// New makes the metrics of this process.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "mqttbench", Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "mqttbench", Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	m.offered = counter("messages_offered_total", "Messages that fell due by the schedule.")
	m.accepted = counter("messages_accepted_total", "Messages acknowledged (PUBACK, PUBCOMP); at QoS 0, written.")
	m.expected = counter("deliveries_expected_total", "Deliveries that the messages sent ask for.")
	m.delivered = counter("deliveries_total", "Deliveries, without repetitions.")
	m.duplicates = counter("deliveries_repeated_total", "Deliveries after the first, legal or not.")
	m.connects = counter("connects_total", "Network Connections that were accepted by a CONNACK.")
	m.disconnects = counter("disconnects_total", "Network Connections that ended, by either side.")
	m.reconnects = counter("reconnects_total", "Of the connects, those that were not a client's first.")
	m.runs = counter("runs_total", "Runs begun by this process.")
	m.clients = gauge("clients", "Clients connected.")
	m.backlog = gauge("backlog_deliveries", "Deliveries expected since the beginning of the run and not yet seen.")
	m.unsent = gauge("unsent_bytes", "Bytes written by clients that the kernel has not taken.")
	m.latency = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "mqttbench", Name: "interval_latency_seconds",
		Help: "Latencies of the last interval. time: response counts from when a message was due, service from when it was sent, lag is between the two. Quantiles of intervals must not be averaged."},
		[]string{"time", "quantile"})
	m.cpu = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "mqttbench", Name: "process_cpu_seconds_total", Help: "CPU time of broker and generator, as far as it is known."}, []string{"process", "mode"})
	m.memory = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "mqttbench", Name: "process_resident_bytes", Help: "Resident memory of broker and generator."}, []string{"process"})
	m.phase = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "mqttbench", Name: "phase", Help: "1 for the phase that the run is in."}, []string{"phase"})
	m.faults = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "mqttbench", Name: "faults_total", Help: "Faults that were injected."}, []string{"fault"})
	m.info = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "mqttbench", Name: "run_info", Help: "1 for the run that goes on."}, []string{"run", "broker", "qos", "clients", "rate"})
	m.registry.MustRegister(m.latency, m.cpu, m.memory, m.phase, m.faults, m.info)
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Begin says what run the figures are of from now on. qos is the publishers'.
func (m *Metrics) Begin(run, broker string, qos, clients int, rate float64) {
	m.runs.Inc()
	m.info.Reset()
	m.info.WithLabelValues(run, broker, strconv.Itoa(qos), strconv.Itoa(clients), strconv.FormatFloat(rate, 'g', -1, 64)).Set(1)
}

// Interval takes an interval in; it keeps nothing of it.
func (m *Metrics) Interval(iv *result.Interval) {
	for _, x := range []struct {
		c prometheus.Counter
		n int64
	}{
		{m.offered, iv.Offered}, {m.accepted, iv.Accepted}, {m.expected, iv.Expected}, {m.delivered, iv.Delivered}, {m.duplicates, iv.Duplicates},
		{m.connects, iv.Connects}, {m.disconnects, iv.Disconnects}, {m.reconnects, iv.Reconnects},
	} {
		x.c.Add(float64(max(0, x.n)))
	}
	m.clients.Set(float64(iv.Clients))
	m.backlog.Set(float64(iv.Backlog))
	m.unsent.Set(float64(iv.UnsentBytes))
	m.phase.Reset()
	m.phase.WithLabelValues(string(iv.Phase)).Set(1)
	m.latency.Reset() // What is not known of this interval must not look like that of the last.
	m.quantiles("response", &iv.Response)
	m.quantiles("service", &iv.Service)
	m.quantiles("lag", &iv.Lag)
	m.process("broker", iv.Broker)
	m.process("generator", iv.Generator)
}

// quantiles are those that the sample is large enough for.
func (m *Metrics) quantiles(time string, q *result.Quantiles) {
	if q.Count == 0 {
		return
	}
	for _, x := range []struct {
		name  string
		at, v float64
	}{{"0.5", 0.5, q.P50}, {"0.9", 0.9, q.P90}, {"0.99", 0.99, q.P99}, {"0.999", 0.999, q.P999}} {
		if q.Supports(x.at) {
			m.latency.WithLabelValues(time, x.name).Set(x.v)
		}
	}
	m.latency.WithLabelValues(time, "1").Set(q.Max)
}

func (m *Metrics) process(name string, u *result.Usage) {
	if u == nil {
		return
	}
	m.cpu.WithLabelValues(name, "user").Add(max(0, u.UserCPU))
	m.cpu.WithLabelValues(name, "system").Add(max(0, u.SystemCPU))
	m.memory.WithLabelValues(name).Set(float64(u.RSS))
}

// Fault counts a fault that was injected.
func (m *Metrics) Fault(name string) { m.faults.WithLabelValues(name).Inc() }
