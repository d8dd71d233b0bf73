package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	workloads "mqttbench/profiles"
)

// parsed is the plan that a command line asks for.
func parsed(t *testing.T, args ...string) *plan.Plan {
	t.Helper()
	var s settings
	if _, err := s.parse(args); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	p := s.plan()
	return &p
}

// workloadsOf are a profile's names for mqttbench run: NAME, or NAME/VARIANT for each.
func workloadsOf(t *testing.T, name string) []string {
	t.Helper()
	p, err := shipped(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Variants) == 0 {
		return []string{name}
	}
	var all []string
	for _, v := range p.Variants {
		all = append(all, name+"/"+v.Name)
	}
	return all
}

// TestShippedPlans: every workload that is shipped makes a valid plan, is listed, and is printed.
func TestShippedPlans(t *testing.T) {
	_, list, _ := mqttbench(t.Context(), "profiles")
	for _, name := range workloads.Names() {
		if !strings.Contains("\n"+list, "\n"+name+" ") {
			t.Errorf("%s is not listed", name)
		}
		if code, text, _ := mqttbench(t.Context(), "profiles", name); code != 0 || !strings.Contains(text, "name: "+name+"\n") {
			t.Errorf("%s: exit code %d, printed %.50q", name, code, text)
		}
		for _, w := range workloadsOf(t, name) {
			parsed(t, w)
		}
	}
}

// TestDocumentedTotals: what the sources of the workloads say that goes in and comes out, a second.
func TestDocumentedTotals(t *testing.T) {
	const closed = -1
	for _, c := range []struct {
		name       string
		pubs, subs int
		in, out    float64
		payload    int
		pub, sub   int // QoS.
		end        time.Duration
	}{
		{"mqttbs-conn-10k", 10_000, 0, 0, 0, 64, 0, 0, 30 * time.Minute},
		{"mqttbs-conn-1m", 1_000_000, 0, 0, 0, 64, 0, 0, 30 * time.Minute},
		{"mqttbs-fanout-1k", 1, 1000, 1, 1000, 16, 1, 1, 30 * time.Minute},
		{"mqttbs-fanout-250k", 5, 1000, 250, 250_000, 16, 1, 1, 30 * time.Minute},
		{"mqttbs-p2p-1k", 1000, 1000, 1000, 1000, 16, 1, 1, 30 * time.Minute},
		{"mqttbs-p2p-50k", 50_000, 50_000, 50_000, 50_000, 16, 1, 1, 30 * time.Minute},
		{"mqttbs-sharedsub-1k", 1000, 5, 1000, 1000, 16, 1, 1, 30 * time.Minute},
		{"mqttbs-sharedsub-50k", 50_000, 500, 50_000, 50_000, 16, 1, 1, 30 * time.Minute},

		{"w1-fan-in", 1000, 5, closed, 0, 16, 0, 0, 15 * time.Second},
		{"w2-pairs/qos-2", 1000, 1000, closed, 0, 16, 2, 2, 15 * time.Second},
		{"w3-fan-out/qos-1", 1, 1000, closed, 0, 16, 1, 1, 15 * time.Second},
		{"w4-firehose/qos-0", 1, 1, closed, 0, 16, 0, 0, 15 * time.Second},
		{"w5-connect", 5000, 0, 0, 0, 64, 0, 0, 5 * time.Second},
		{"w6-idle", 10_000, 0, 0, 0, 64, 0, 0, 10 * time.Second},
		{"w7-offline", 100, 100, 10_000, 10_000, 16, 1, 1, 10 * time.Second},

		{"emq-qos/qos-0", 1000, 1000, 30_000, 30_000, 128, 0, 0, 5 * time.Minute},
		{"emq-payload/8k", 1000, 1000, 20_000, 20_000, 8192, 1, 1, 5 * time.Minute},
		{"emq-scene/fan-in", 2000, 100, 15_000, 15_000, 128, 1, 1, 5 * time.Minute},
		{"emq-scene/fan-out", 10, 2000, 249, 49_800, 128, 1, 1, 5 * time.Minute},
		{"emq-lowlat/qos-2", 1000, 1000, 1000, 1000, 50, 2, 2, 30 * time.Minute},
		{"emq-2m", 20, 1000, 2000, 2_000_000, 16, 0, 0, 5 * time.Minute},
		{"tbmq-3m", 100, 3000, 1000, 3_000_000, 66, 0, 0, 5 * time.Minute},
		{"nanomq-broadcast/qos-1", 10, 500, 2000, 1_000_000, 16, 1, 1, time.Minute},
		{"mqbench-pairs/pairs-6000", 6000, 6000, 60_000, 60_000, 1024, 0, 0, time.Minute},
		{"mqbench-fanout/subs-10000", 1, 10_000, 100, 1_000_000, 1024, 0, 0, time.Minute},

		{"xs-p2p/qos-1", 200, 200, 1000, 1000, 16, 1, 1, 20 * time.Second},
		{"p2p-1k", 1000, 1000, 1000, 1000, 16, 1, 1, 30 * time.Second},
		{"p2p-5k", 2500, 2500, 5000, 5000, 16, 1, 1, 30 * time.Second},
		{"fanout-burst/burst", 1, 1000, 1, 1000, 16, 1, 1, time.Minute},
		{"fanout-burst/spread", 1, 100, 10, 1000, 16, 1, 1, time.Minute},
		{"fanout-over", 5, 120, 250, 30_000, 16, 1, 1, 30 * time.Second},
		{"share-1k", 1000, 5, 1000, 1000, 16, 1, 1, 30 * time.Second},
		{"conn-2k", 2000, 0, 0, 0, 64, 0, 0, time.Minute},
		{"churn", 500, 500, 1000, 1000, 16, 1, 1, time.Minute},
		{"offline-drain/qos-2", 100, 100, 2000, 2000, 64, 2, 2, 25 * time.Second},
		{"mqb-knee/pairs-3000", 3000, 3000, 30_000, 30_000, 1024, 0, 0, 20 * time.Second},
		{"soak/24h", 1000, 1000, 1000, 1000, 16, 1, 1, 24 * time.Hour},
		{"qos-tradeoff/good/q2-q1", 100, 100, 1000, 1000, 64, 2, 1, 2 * time.Second},
		{"qos-tradeoff/lossy/q0-q2", 100, 100, 1000, 1000, 64, 0, 2, 2 * time.Second},
		{"devices", 205, 404, 422, 1800, 64, 2, 1, 10 * time.Second},
	} {
		p := parsed(t, c.name)
		if p.Closed != (c.in == closed) {
			t.Errorf("%s: a closed loop: %t", c.name, p.Closed)
		}
		in, out := p.Rate, p.Rate*p.FanOut()
		if p.Closed {
			in, out = closed, 0
		}
		if p.Publishers != c.pubs || p.Subscribers != c.subs || in != c.in || out != c.out || p.Payload != c.payload ||
			int(p.PubQoS) != c.pub || int(p.SubQoS) != c.sub || time.Duration(p.Duration) != c.end {
			t.Errorf("%s: %d to %d, %g in, %g out, %d bytes, QoS %d to %d, %v; want %+v",
				c.name, p.Publishers, p.Subscribers, in, out, p.Payload, p.PubQoS, p.SubQoS, p.Duration, c)
		}
	}
	// 1000 messages for each of 100 subscribers, all queued and none published after.
	p := parsed(t, "w7-offline")
	if from, to := p.Away(p.Offline); p.Expected(from, p.End()) != 100_000 || to < p.End() || p.SubscriberSession != plan.Persistent {
		t.Errorf("w7: %d queued, away from %d to %d of %d", p.Expected(from, p.End()), from, to, p.End())
	}
	if p := parsed(t, "mqttbs-conn-10k"); p.ConnectRate != 100 || !p.Idle() {
		t.Errorf("mqttbs-conn-10k: %+v", p)
	}
	if p := parsed(t, "mqttbs-sharedsub-1k"); p.Filters(0)[0] != "$share/benchmark/test/+" && p.Filters(0)[0] != "$share/benchmark/test/#" || p.TopicName(3) != "test/3" {
		t.Errorf("mqttbs-sharedsub-1k: %v", p.Filters(0))
	}
}

// TestSmall carries out a workload of every kind, made small by flags, and demands exact counts of each.
func TestSmall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, flags string }{
		{"mqttbs-conn-1m", "--clients 40 --connect-rate 1000"},
		{"mqttbs-fanout-250k", "--publishers 2 --subscribers 10 --rate 50"},
		{"mqttbs-p2p-50k", "--publishers 20 --subscribers 20 --rate 200"},
		{"mqttbs-sharedsub-1k", "--publishers 20 --rate 200"},
		{"w1-fan-in", "--publishers 20 --subscribers 3"},
		{"w2-pairs/qos-2", "--publishers 10 --subscribers 10"},
		{"w3-fan-out/qos-1", "--subscribers 20"},
		{"w4-firehose/qos-2", ""},
		{"w5-connect", "--clients 50"},
		{"w7-offline", "--publishers 10 --subscribers 10 --rate 1000 --offline-for 600ms"},
		{"offline-drain/qos-2", "--publishers 10 --subscribers 10 --rate 500 --offline-at 100ms --offline-for 200ms"},
		{"churn", "--publishers 10 --subscribers 10 --rate 200 --churn 20 --churn-down 20ms"},
		{"reconnect-churn/persistent-taken-over", "--publishers 10 --subscribers 10 --rate 200 --churn 20 --churn-down 20ms"},
		{"offline-windows/qos-2", "--publishers 10 --subscribers 10 --rate 500 --offline at=50ms,for=100ms --offline at=250ms,for=100ms,abrupt=true"},
		{"qos-tradeoff/good/q1-q0", "--publishers 10 --subscribers 10 --rate 200"},
		{"emq-scene/fan-out", "--publishers 2 --subscribers 20 --rate 50"},
		{"tbmq-3m", "--publishers 5 --subscribers 10 --rate 50"},
		{"versions/mqtt-5", "--publishers 10 --subscribers 10 --rate 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := broker.New(broker.Options{Listen: []string{"tcp://127.0.0.1:0"}}) // Of its own: the names of some workloads are the same in all runs.
			if err == nil {
				err = b.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			again(t, func(int) bool {
				dir := filepath.Join(t.TempDir(), "run")
				args := append([]string{"run", c.name}, strings.Fields(c.flags+" --warmup 100ms --duration 400ms --seed 1 --quiet --charts=false")...)
				code, stdout, stderr := mqttbench(t.Context(), append(args, "--broker", b.Addrs()[0], "--out", dir)...)
				if !measured(code) {
					t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
				}
				return counted(t, c.name, dir)
			})
		})
	}
}

// counted demands that a result has what its own plan asks for. Not so: clients that were to be away came and went too late for anything to be queued.
func counted(t *testing.T, name, dir string) (inTime bool) {
	t.Helper()
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var p plan.Plan
	if err := json.Unmarshal(r.Manifest.Plan, &p); err != nil {
		t.Fatal(err)
	}
	s := &r.Summary
	if r.Manifest.Profile != name || s.Connecting == nil || s.Connecting.Clients != int64(p.Publishers+p.Subscribers) {
		t.Errorf("profile %q, connecting %+v", r.Manifest.Profile, s.Connecting)
	}
	if p.Idle() {
		if len(s.Contracts) != 0 || s.Outcome != result.Unjudged {
			t.Errorf("idle, and %+v", s.Contracts)
		}
		return true
	}
	c := &s.Contracts[0]
	if c.Delivered != c.Expected || c.Delivered == 0 || !c.Kept() {
		t.Errorf("%+v", c)
	}
	if !p.Closed && (c.Attempted != p.Offered(0, p.End()) || c.Delivered != p.Expected(0, p.End())) {
		t.Errorf("%d sent, %d delivered; the plan has %d and %d", c.Attempted, c.Delivered, p.Offered(0, p.End()), p.Expected(0, p.End()))
	}
	due := int64(0)
	for _, o := range p.Absences() {
		from, to := p.Away(o)
		due += p.Expected(from, min(to, p.End()))
	}
	if due > 0 && (s.Drained == nil || s.Drained.Queued > due || s.Drained.Delivered != s.Drained.Queued) {
		t.Fatalf("drained %+v of %d", s.Drained, due)
	}
	if len(p.Absences()) > 1 && len(s.OfflineWindows) != len(p.Absences()) {
		t.Errorf("%d of %d times of being offline are told", len(s.OfflineWindows), len(p.Absences()))
	}
	return (due == 0 || s.Drained.Queued >= due/2) && (p.Churn.Rate == 0 || s.Measured.Reconnects > 0)
}

// TestFamily carries out all variants of a user's own file, which changes one that is shipped.
func TestFamily(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "out")
	text := "name: mine\ndescription: Mine.\nextends: xs-p2p\npublishers: 5\nsubscribers: 5\nrate: 100\nwarmup: 0s\nduration: 300ms\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := mqttbench(t.Context(), "--profile", file, "--rate", "200", "--quiet", "--charts=false", "--out", out)
	if !measured(code) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	var list index
	index, err := os.ReadFile(filepath.Join(out, indexFile))
	if err == nil {
		err = json.Unmarshal(index, &list)
	}
	if err != nil || list.Profile != "mine" || len(list.Runs) != 3 {
		t.Fatalf("%v, %s", err, index)
	}
	for q, m := range list.Runs {
		r, err := result.Read(filepath.Join(out, m.Dir))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("qos-%d", q); m.Variant != want || r.Manifest.Profile != "mine/"+want || m.Outcome != result.Kept {
			t.Errorf("%+v, of profile %s", m, r.Manifest.Profile)
		}
		w := r.Manifest.Workload
		if !slices.Equal(w.QoS, []int{q}) || w.Rate != 200 || w.Clients != 10 {
			t.Errorf("%+v", w)
		}
	}
	if code, _, stderr := mqttbench(t.Context(), "run", file, "--out", out); code != exitInput || !strings.Contains(stderr, "holds something already") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, stdout, stderr := mqttbench(t.Context(), "run", file+"/qos-1", "--quiet", "--charts=false", "--out", filepath.Join(dir, "one")); !measured(code) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestOverrides: what is typed has the last word, and takes back what it contradicts.
func TestOverrides(t *testing.T) {
	if p := parsed(t, "w2-pairs/qos-2", "--rate", "50", "--qos", "1", "--clients", "20"); p.Closed || p.Rate != 50 || p.PubQoS != 1 || p.Publishers != 10 {
		t.Errorf("%+v", p)
	}
	if p := parsed(t, "qos-tradeoff/good/q2-q0", "--closed"); !p.Closed || p.Rate != 0 || p.PubQoS != 2 || p.SubQoS != 0 {
		t.Errorf("%+v", p)
	}
	if p := parsed(t, "--profile", "w7-offline", "--sub-clean-session=false", "--pub-clean-session=false"); p.PublisherSession != plan.Persistent {
		t.Errorf("%+v", p)
	}
	if p := parsed(t, "w6-idle", "--subscribers", "7"); p.Publishers != 0 || p.Subscribers != 7 || !p.Idle() {
		t.Errorf("%+v", p)
	}
}

// TestProfileNonsense: one line with a place in the file, exit code 2, and nothing left behind.
func TestProfileNonsense(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"typo.yaml":  "name: a\ndescription: b\nqoss: 1\n",
		"wrong.yml":  "name: a\ndescription: b\nclients: x\n",
		"valid.yaml": "name: a\ndescription: b\nvariants:\n  - {name: x}\n  - {name: y, topic: a/#}\n",
		"plan.yaml":  "name: a\ndescription: b\noffline: {for: 1s}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ args, says string }{
		{"run typo.yaml", `typo.yaml:3:1: unknown key "qoss"; did you mean "qos"?`},
		{"run wrong.yml", "wrong.yml:3:10: clients: x is not a whole number"},
		{"--profile valid.yaml", "a/y: topic template"},
		{"run valid.yaml/z", `no variant "z"`},
		{"run nowhere.yaml", "cannot be read"},
		{"run w2-pair", `did you mean "w2-pairs"?`},
		{"run w2-pairs/qos-9", "no variant"},
		{"run w5-connect/x", "no variants"},
		{"run w5-connect w6-idle", "unexpected argument"},
		{"run w5-connect --profile w6-idle", "unexpected argument"},
		{"sweep w2-pairs", "choose one: w2-pairs/qos-0"},
		{"profiles w2", "there is no profile"},
		{"profiles w2-pairs w1-fan-in", "takes one name"},
		{"--idle --rate 5", "publishes nothing"},
		{"--idle --closed", "publishes nothing"},
		{"--connect-rate 0", "more than 0"},
		{"--connect-rate -1", "more than 0"},
		{"--offline-at 1s", "never come back"},
		{"--offline-for -1s", "negative"},
		{"--local-addr here", "no IP address"},
	} {
		code, stdout, stderr := mqttbench(t.Context(), strings.Fields(c.args)...)
		if code != exitInput || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: exit code %d, said %q and %q; want one line with %q", c.args, code, stderr, stdout, c.says)
		}
	}
	if _, err := os.Stat("results"); err == nil {
		t.Error("results were left behind")
	}
	if code, stdout, _ := mqttbench(t.Context(), "profiles", "--schema"); code != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("--schema: exit code %d, %.40q", code, stdout)
	}
}

// TestLocalAddresses: a broker on the loopback gets as many addresses as the clients need, one elsewhere only those asked for.
func TestLocalAddresses(t *testing.T) {
	s := settings{publishers: 60_000}
	if n := len(s.locals("tcp://127.0.0.1:1883")); n != 3 && runtime.GOOS == "linux" {
		t.Errorf("%d addresses for 60,000 clients", n)
	}
	for _, url := range []string{"tcp://192.0.2.1:1883", "tcp://[::1]:1883", "unix:///tmp/x"} {
		if got := s.locals(url); got != nil {
			t.Errorf("%s: %v", url, got)
		}
	}
	s.localAddrs = []string{"192.0.2.7"}
	if got := s.locals("tcp://192.0.2.1:1883"); len(got) != 1 || got[0].String() != "192.0.2.7:0" {
		t.Errorf("%v", got)
	}
	s = settings{publishers: 100}
	if got := s.locals("tcp://127.0.0.1:1883"); got != nil {
		t.Errorf("%v", got)
	}
}
