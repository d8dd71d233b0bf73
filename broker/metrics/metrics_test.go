package metrics

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"mqttbench/broker"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// await waits for a condition that the broker reaches by itself.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func serve(t *testing.T, o broker.Options) (*broker.Server, string) {
	t.Helper()
	o.Listen = []string{"tcp://127.0.0.1:0"}
	s, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := httptest.NewServer(Handler(s, slog.New(slog.DiscardHandler)))
	t.Cleanup(h.Close)
	return s, h.URL
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// scrape reads all metrics as Prometheus does.
func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	code, text := get(t, url+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	all, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// value is that of the one metric of a family with these labels, given as name, value, name, value.
func value(t *testing.T, all map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	f := all[prefix+name]
	if f == nil {
		t.Fatalf("no %s", name)
	}
	for _, m := range f.Metric {
		have := map[string]string{}
		for _, l := range m.Label {
			have[l.GetName()] = l.GetValue()
		}
		same := len(have) == len(labels)/2
		for i := 0; i < len(labels); i += 2 {
			same = same && have[labels[i]] == labels[i+1]
		}
		switch {
		case !same:
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount())
		}
	}
	t.Fatalf("no %s with %v", name, labels)
	return 0
}

// A client is a connection that sends and awaits packets.
type client struct {
	t *testing.T
	net.Conn
	buf []byte
}

func dial(t *testing.T, s *broker.Server, id string, clean bool) *client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.Addrs()[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, Conn: conn}
	p := packet.Connect{Version: packet.V311, CleanStart: clean, ClientID: []byte(id)}
	c.send(p.Append(nil))
	c.await(packet.CONNACK)
	return c
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) await(want packet.Type) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	for {
		if f, err := packet.Next(c.buf, 0); err != nil {
			c.t.Fatal(err)
		} else if f.Size > 0 {
			c.buf = c.buf[f.Size:]
			if f.Type == want {
				return
			}
			continue
		}
		var b [4096]byte
		n, err := c.Read(b[:])
		if err != nil {
			c.t.Fatal(err)
		}
		c.buf = append(c.buf, b[:n]...)
	}
}

func (c *client) subscribe(filter string, qos packet.QoS) {
	s := packet.Subscribe{ID: 1, Subs: []packet.Subscription{{Filter: []byte(filter), QoS: qos}}}
	c.send(s.Append(nil, packet.V311))
	c.await(packet.SUBACK)
}

func (c *client) publish(topic, payload string, qos packet.QoS) {
	p := packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos, ID: packet.ID(min(qos, 1))}
	c.send(p.Append(nil, packet.V311))
	if qos == 1 {
		c.await(packet.PUBACK)
	}
}

// What clients did is what is scraped.
func TestValues(t *testing.T) {
	s, url := serve(t, broker.Options{Version: "mqttbroker test", SessionLimits: session.Limits{MaxQueued: 5}})
	away := dial(t, s, "away", false)
	away.subscribe("a/+", 1)
	away.Close()
	await(t, "it is noticed that one has gone", func() bool { return s.Stats().Clients == 0 })
	here := dial(t, s, "here", true)
	here.subscribe("$share/g/b", 0)
	pub := dial(t, s, "pub", true)
	for range 7 {
		pub.publish("a/1", "12345", 1)
	}
	pub.publish("b", "123", 0)
	here.await(packet.PUBLISH)
	bad, err := net.Dial("tcp", strings.TrimPrefix(s.Addrs()[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer bad.Close()
	bad.Write([]byte("\xc0\x00")) // PINGREQ, and no CONNECT before.
	io.Copy(io.Discard, bad)
	// Counts are told at the end of a loop's turn, and who ends it may have been answered before.
	await(t, "all is counted", func() bool {
		n := s.Stats()
		return n.Received == [3]uint64{1, 7, 0} && n.Delivered[0] == 1 && n.Refused.Protocol == 1 && n.Clients == 2 && s.Depths().Queued == 5
	})
	all := scrape(t, url)
	for _, w := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{2, "clients", nil}, {2, "connections", nil}, {3, "sessions", nil}, {2, "subscriptions", nil}, {1, "shared_subscriptions", nil},
		{0, "retained_messages", nil},
		{5, "queued_messages", nil}, {0, "inflight_messages", nil}, {5, "longest_queue_messages", nil},
		{7, "messages_total", []string{"direction", "in", "qos", "1"}}, {1, "messages_total", []string{"direction", "in", "qos", "0"}},
		{1, "messages_total", []string{"direction", "out", "qos", "0"}}, {0, "messages_total", []string{"direction", "out", "qos", "2"}},
		{35, "payload_bytes_total", []string{"direction", "in", "qos", "1"}}, {3, "payload_bytes_total", []string{"direction", "out", "qos", "0"}},
		{2, "dropped_messages_total", []string{"reason", "session_full"}}, {0, "dropped_messages_total", []string{"reason", "offline"}},
		{3, "connects_total", nil},
		{2, "limit_reached_total", []string{"limit", "max-queued"}}, {0, "limit_reached_total", []string{"limit", "max-queued-bytes"}},
		{1, "build_info", []string{"version", "mqttbroker test"}},
	} {
		if got := value(t, all, w.name, w.labels...); got != w.want {
			t.Errorf("%s%v is %v, want %v", w.name, w.labels, got, w.want)
		}
	}
	if got := value(t, all, "queued_bytes"); got < 5*8 {
		t.Errorf("%v bytes are queued", got)
	}
	refused := 0.0
	for _, m := range all[prefix+"refused_connects_total"].Metric {
		refused += m.Counter.GetValue()
	}
	if refused != 1 {
		t.Errorf("%v connects were refused", refused)
	}
	for _, name := range []string{"turns_total", "reads_total", "writes_total", "accepts_total", "matches_total", "packets_total"} {
		if all[prefix+name].Metric[0].Counter.GetValue() == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if all["go_goroutines"] == nil {
		t.Error("nothing of the Go runtime")
	}
	if all[prefix+"commit_seconds"] != nil {
		t.Error("commits without a data directory")
	}
}

// With a data directory commits are timed, and the loops' timers always are.
func TestHistograms(t *testing.T) {
	s, url := serve(t, broker.Options{DataDir: t.TempDir()})
	c := dial(t, s, "c", false)
	c.subscribe("a", 1)
	for i := range 100 {
		c.publish(strings.Repeat("x", 1+i), "x", 1)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		all := scrape(t, url)
		if value(t, all, "commit_seconds") > 0 && value(t, all, "loop_lag_seconds") > 0 && value(t, all, "match_seconds") > 0 && value(t, all, "store_batches_total") > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is timed")
		}
	}
}

// The names are as Prometheus wants them, every family has all its labels from the first scrape on, and none is scraped twice.
func TestLint(t *testing.T) {
	_, url := serve(t, broker.Options{DataDir: t.TempDir()})
	_, text := get(t, url+"/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, prefix) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	all := scrape(t, url)
	for i := range families {
		if f := all[prefix+families[i].name]; f == nil || f.GetHelp() == "" {
			t.Errorf("%s is not there", families[i].name)
		}
	}
	if n := len(all[prefix+"limit_reached_total"].Metric); n != len(Limits) {
		t.Errorf("%d limits of %d", n, len(Limits))
	}
	if n := len(all[prefix+"refused_connects_total"].Metric); n != int(broker.NumCauses)-1 {
		t.Errorf("%d reasons", n)
	}
}

// Buckets are cumulative and end with all.
func TestBuckets(t *testing.T) {
	var h broker.Histogram
	for i := range h.Counts {
		h.Counts[i] = uint64(i + 1)
	}
	h.Sum = 5e9
	var m dto.Metric
	if err := histogram(newCollector(nil).match, &h).Write(&m); err != nil {
		t.Fatal(err)
	}
	below := uint64(0)
	for _, b := range m.Histogram.Bucket {
		if b.GetCumulativeCount() <= below {
			t.Errorf("%v", m.Histogram)
		}
		below = b.GetCumulativeCount()
	}
	if n := m.Histogram.GetSampleCount(); n != h.Count() || m.Histogram.GetSampleSum() != 5 || len(m.Histogram.Bucket) != broker.HistogramBuckets/2 {
		t.Errorf("%d of %d, %v", n, h.Count(), m.Histogram)
	}
	if b := m.Histogram.Bucket[0]; b.GetCumulativeCount() != 1 || b.GetUpperBound() != 64e-9 {
		t.Errorf("%v", b)
	}
}

// 200 while it serves; 503 from the first word of a shutdown, while that still waits for its clients.
func TestHealth(t *testing.T) {
	s, url := serve(t, broker.Options{})
	if code, text := get(t, url+"/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("%d %q", code, text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Shutdown(ctx)
	}()
	await(t, "it does not serve any more", func() bool { return !s.Serving() })
	for _, path := range []string{"/healthz", "/metrics"} {
		if code, text := get(t, url+path); code != 503 || !strings.Contains(text, "stopping") {
			t.Errorf("%s: %d %q", path, code, text)
		}
	}
	cancel()
	<-ended
}

// 503 when nothing can be stored any more.
func TestHealthOfTheStore(t *testing.T) {
	dir := t.TempDir()
	s, url := serve(t, broker.Options{DataDir: dir, Sync: store.OS})
	c := dial(t, s, "c", false)
	// What the store's files are in is taken away under it: the next one can not be made. (A store that has failed is left as it
	// is, goroutines and all: nothing else in this process can use it.)
	if err := os.Rename(filepath.Join(dir, "db"), filepath.Join(dir, "gone")); err != nil {
		t.Skip(err) // Some systems do not let it happen.
	}
	p := packet.Publish{Topic: []byte("r"), Payload: make([]byte, 1<<20), Retain: true}
	for end := time.Now().Add(patience); s.StoreError() == nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := c.Write(p.Append(nil, packet.V311)); err != nil {
			break
		}
	}
	await(t, "the store has failed", func() bool { return s.StoreError() != nil })
	if code, text := get(t, url+"/healthz"); code != 503 || !strings.Contains(text, "data directory") {
		t.Errorf("%d %q", code, text)
	}
}

// Profiles are not served here.
func TestNoProfiles(t *testing.T) {
	_, url := serve(t, broker.Options{})
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/"} {
		if code, _ := get(t, url+path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	r, err := http.Post(url+"/metrics", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.StatusCode)
	}
}
