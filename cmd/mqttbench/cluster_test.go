package main

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mqttbench/bench/result"
)

// TestClusterByURLs names two nodes, the second of which is a way to the first: half of the clients take it, all messages arrive, and no cost is
// stated, since nobody knows all processes.
func TestClusterByURLs(t *testing.T) {
	t.Parallel()
	c, err := startChild(childOptions{Listen: "tcp://127.0.0.1:0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	var taken atomic.Int64
	go forward(second, u.Host, &taken)

	out := filepath.Join(t.TempDir(), "out")
	nodes := c.URL + ",tcp://" + second.Addr().String()
	code, stdout, stderr := mqttbench(t.Context(), append([]string{"--broker", "pair=" + nodes, "--qos", "1", "--out", out}, tiny...)...)
	if !measured(code) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := taken.Load(); n != 2 {
		t.Errorf("%d of 4 clients took the second node", n)
	}
	if r.Manifest.Broker.URL != nodes || r.Manifest.Broker.Name != "pair" || r.Summary.Cost.Broker != nil || r.Summary.Outcome != result.Kept {
		t.Errorf("%+v, cost %v, %s", r.Manifest.Broker, r.Summary.Cost.Broker, r.Summary.Outcome)
	}

	for args, want := range map[string]string{
		"--broker tcp://127.0.0.1:1,ws://127.0.0.1:2":                    "reached in one way",
		"--broker tcp://127.0.0.1:1,nonsense://x":                        "nonsense",
		"--broker tcp://127.0.0.1:1,tcp://127.0.0.1:2 --fault delay=1ms": "not between them and a cluster",
	} {
		if code, _, stderr := mqttbench(t.Context(), strings.Fields(args)...); code != exitInput || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}

// forward carries connections to a broker until the listener is closed, and counts them.
func forward(l net.Listener, to string, taken *atomic.Int64) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		taken.Add(1)
		go func() {
			defer from.Close()
			broker, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer broker.Close()
			go io.Copy(broker, from)
			io.Copy(from, broker)
		}()
	}
}
