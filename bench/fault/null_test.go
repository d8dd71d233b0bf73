package fault

import (
	"context"
	"net"
	"strings"
	"testing"

	"mqttbench/broker/transport"
)

// A line of peers plays against the null broker: "NAME> HEX" and "NAME< HEX", "NAME= fin".
func playNull(t *testing.T, script string) { t.Helper(); play(t, RunNull, script) }

func play(t *testing.T, run func(context.Context, NullOptions, func(url string)) error, script string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	url, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, NullOptions{Loops: 2}, func(u string) { url <- u }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	w, at := &wire{t: t}, strings.TrimPrefix(<-url, "tcp://")
	peers := map[string]net.Conn{}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, verb, rest := line[:1], line[1], strings.TrimSpace(line[2:])
		if peers[name] == nil {
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			peers[name] = c
		}
		switch verb {
		case '>':
			w.writes(peers[name], rest)
		case '<':
			w.reads(peers[name], rest)
		case '=':
			w.ends(peers[name], rest)
		}
	}
}

const nullConnack5 = "20 0B 00 00 08 25 00 28 00 29 00 2A 00"

func TestNull(t *testing.T) {
	for name, script := range map[string]string{
		"QoS 0": `
			s> ` + connect311 + `
			s< ` + connack311 + `
			s> 82 06 0001 0001 74 00
			s< 90 03 0001 00
			p> ` + connect311 + `
			p< ` + connack311 + `
			p> 31 04 0001 74 61 30 04 0001 75 61 30 04 0001 74 62
			s< 30 04 0001 74 61 30 04 0001 74 62
			s= silent`,
		"QoS 1 and 2, and whichever is less": `
			s> ` + connect311 + ` 82 06 0001 0001 74 02
			s< ` + connack311 + ` 90 03 0001 02
			r> ` + connect311 + ` 82 06 0001 0001 74 01
			r< ` + connack311 + ` 90 03 0001 01
			p> ` + connect311 + ` 34 06 0001 74 0009 61 3A 06 0001 74 0008 62
			p< ` + connack311 + ` 50 02 0009 40 02 0008
			p> 62 02 0009
			p< 70 02 0009
			s< 34 06 0001 74 0001 61 32 06 0001 74 0002 62
			r< 32 06 0001 74 0001 61 32 06 0001 74 0002 62
			s> 50 02 0001 40 02 0002
			s< 62 02 0001
			s> 70 02 0001
			s= silent
			p= silent`,
		"version 5, its properties, and both versions together": `
			s> ` + connect5 + ` 82 07 0001 00 0001 74 01
			s< ` + nullConnack5 + ` 90 04 0001 00 01
			r> ` + connect311 + ` 82 06 0001 0001 74 01
			r< ` + connack311 + ` 90 03 0001 01
			p> ` + connect5 + ` 32 09 0001 74 0009 02 01 01 61
			p< ` + nullConnack5 + ` 40 02 0009
			s< 32 09 0001 74 0001 02 01 01 61
			r< 32 06 0001 74 0001 61`,
		"no wildcards, no shares; unsubscribing; subscribing twice": `
			s> ` + connect5 + ` 82 1D 0001 00 0001 2B 00 0001 74 00 000B 2473686172652F612F7474 00 0001 74 01
			s< ` + nullConnack5 + ` 90 07 0001 00 A2 00 9E 01
			p> ` + connect311 + ` 30 04 0001 74 61
			p< ` + connack311 + `
			s< 30 05 0001 74 00 61
			s> A2 06 0002 00 0001 74
			s< B0 04 0002 00 00
			p> 30 04 0001 74 61 C0 00
			p< D0 00
			s= silent`,
		"who has gone receives nothing, and an end in order": `
			s> ` + connect311 + ` 82 06 0001 0001 74 00 E0 00
			s< ` + connack311 + ` 90 03 0001 00
			s= fin
			p> ` + connect311 + ` 32 06 0001 74 0001 61
			p< ` + connack311 + ` 40 02 0001`,
		"CONNECT comes first": `
			p> C0 00
			p= fin`,
	} {
		t.Run(name, func(t *testing.T) { playNull(t, script) })
	}
}

// TestNullIDs: Packet Identifiers go round without ever being 0, [v5 MQTT-2.2.1-3].
func TestNullIDs(t *testing.T) {
	var c nullClient
	for i := range 3 * 65535 {
		if got, want := int(c.nextID()), i%65535+1; got != want {
			t.Fatalf("identifier %d is %d, want %d", i, got, want)
		}
	}
}

func TestNullThatCannotListen(t *testing.T) {
	err := RunNull(t.Context(), NullOptions{Listen: "tcp://127.0.0.1:no", Driver: transport.Goroutine}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "null broker") {
		t.Error(err)
	}
}

// TestNullForgets: nothing is left of who has gone.
func TestNullForgets(t *testing.T) {
	n := &null{topics: map[string][]*subscription{}}
	a, b := &nullClient{null: n, version: 4}, &nullClient{null: n, version: 4}
	for _, c := range []*nullClient{a, b} {
		c.filters = []string{"t", "u"}
		n.add("t", &subscription{c, 0})
		n.add("u", &subscription{c, 0})
	}
	a.Closed(nil)
	if len(n.topics["t"]) != 1 || n.topics["u"][0].client != b {
		t.Errorf("left: %v", n.topics)
	}
	b.Closed(nil)
	if len(n.topics) > 0 {
		t.Errorf("left: %v", n.topics)
	}
}

// TestNullAllocations: what the null broker allocates would be charged to the generator.
func TestNullAllocations(t *testing.T) {
	n := &null{topics: map[string][]*subscription{}}
	p := &nullClient{null: n, version: 4, generation: 1}
	frame := unhex(t, "30 04 0001 74 61")
	sum := testing.AllocsPerRun(100, func() {
		p.scratch = p.scratch[:0]
		if _, err := p.Receive(frame); err != nil {
			t.Fatal(err)
		}
	})
	if sum != 0 {
		t.Errorf("%v allocations for a message", sum)
	}
}
