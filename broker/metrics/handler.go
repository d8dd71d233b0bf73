package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mqttbench/broker"
)

// scrapeTimeout ends a scrape whose loops do not answer: that is a finding, and no reason to hang.
const scrapeTimeout = 10 * time.Second

// Handler serves /metrics and /healthz of a broker that has been started, and nothing else: profiles
// are not for whoever may see counters. Errors of scrapes go to log.
func Handler(s *broker.Server, log *slog.Logger) http.Handler {
	scrape := promhttp.HandlerFor(registry(s), promhttp.HandlerOpts{
		ErrorLog: errorLog{log}, ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: 4, Timeout: scrapeTimeout,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { health(w, s) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !s.Serving() {
			http.Error(w, "the broker is stopping", http.StatusServiceUnavailable)
			return
		}
		scrape.ServeHTTP(w, r)
	})
	return mux
}

// registry has the broker's metrics, and those of its process and of the Go runtime.
func registry(s *broker.Server) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// health says yes, or why not.
func health(w http.ResponseWriter, s *broker.Server) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := s.StoreError(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the data directory cannot be written:", err)
		return
	}
	if !s.Serving() {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the broker is stopping")
		return
	}
	io.WriteString(w, "ok\n")
}

// errorLog is what promhttp wants of a log.
type errorLog struct{ *slog.Logger }

func (l errorLog) Println(v ...any) { l.Error("scrape of the metrics", "error", fmt.Sprint(v...)) }
