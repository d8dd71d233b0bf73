package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"mqttbench/bench"
	"mqttbench/bench/metrics"
	"mqttbench/bench/result"
)

// An exposure is what all runs of this process share of their metrics.
type exposure struct{ metrics *metrics.Metrics } // nil: not served yet.

// serveMetrics begins to answer Prometheus, until ctx is done. All runs of this process share what it returns.
func serveMetrics(ctx context.Context, addr string, stderr io.Writer) (*metrics.Metrics, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, inputError{fmt.Errorf("--metrics-listen: %w", err)}
	}
	m := metrics.New()
	mux := http.NewServeMux()
	mux.Handle("/metrics", m.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go server.Serve(l)
	fmt.Fprintf(stderr, "metrics at http://%s/metrics\n", l.Addr())
	return m, nil
}

// exposeRun has a run's figures served, if that was asked for.
func (s *settings) exposeRun(ctx context.Context, cfg *bench.Config, stderr io.Writer) (err error) {
	if s.metricsListen == "" {
		return nil
	}
	if s.exposed.metrics == nil {
		if s.exposed.metrics, err = serveMetrics(ctx, s.metricsListen, stderr); err != nil {
			return err
		}
	}
	m := s.exposed.metrics
	m.Begin(cfg.Plan.Run, cfg.Manifest.Broker.Name, s.pubQoS, s.publishers+s.subscribers, s.rate)
	progress, events := cfg.Progress, cfg.Events
	cfg.Progress = func(iv *result.Interval, total float64) {
		m.Interval(iv)
		if progress != nil {
			progress(iv, total)
		}
	}
	if events == nil {
		return nil
	}
	cfg.Events = func() []bench.Event {
		all := events()
		for _, e := range all {
			if e.Kind == result.EventFault {
				m.Fault(e.Name)
			}
		}
		return all
	}
	return nil
}
