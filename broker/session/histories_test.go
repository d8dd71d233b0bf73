package session

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mqttbench/broker/packet"
)

var (
	simSeed = flag.Uint64("session.seed", 0, "seed of the random histories; 0: a new one")
	simRuns = flag.Int("session.runs", 400, "number of random histories")
)

// A path walks through all sequences of decisions: it is a number whose digits are the
// decisions, counted up from the last, each digit with the base that was met on the
// way.
type path struct {
	digits, bases []int
	at            int
}

func (p *path) choose(n int) int {
	if p.at == len(p.digits) {
		p.digits, p.bases = append(p.digits, 0), append(p.bases, 0)
	}
	p.bases[p.at] = n
	p.at++
	return p.digits[p.at-1]
}

func (p *path) pick(_ *world, es []event) event {
	if len(es) == 1 {
		return es[0]
	}
	return es[p.choose(len(es))]
}

// next moves on to the next sequence, and returns false after the last.
func (p *path) next() bool {
	p.at = 0
	for i := len(p.digits) - 1; i >= 0; i-- {
		if p.digits[i]++; p.digits[i] < p.bases[i] {
			p.digits, p.bases = p.digits[:i+1], p.bases[:i+1]
			return true
		}
	}
	return false
}

// TestEveryHistory tries everything that can happen to a short script: every order in
// which messages are offered and packets are taken from the two ends of the link, with
// cuts at every point. What was in the link is lost with a cut; that some of it
// arrived before is another of these histories.
func TestEveryHistory(t *testing.T) {
	for _, c := range []worldConfig{
		{script: []packet.QoS{1}, windows: []int{1}, cuts: 6},
		{script: []packet.QoS{2}, windows: []int{1}, cuts: 6},
		{script: []packet.QoS{1, 1}, windows: []int{2, 1}, cuts: 4},
		{script: []packet.QoS{1, 2}, windows: []int{2, 1}, cuts: 3},
		{script: []packet.QoS{2, 1}, windows: []int{2, 1}, cuts: 3},
		{script: []packet.QoS{2, 2}, windows: []int{2, 1, 2}, cuts: 2},
		{script: []packet.QoS{2, 2}, windows: []int{1, 2}, cuts: 2},
		{script: []packet.QoS{2, 1, 1}, windows: []int{1}, cuts: 2},
		{script: []packet.QoS{1, 2, 1}, windows: []int{3, 1}, cuts: 2},
		{script: []packet.QoS{2, 2, 1}, windows: []int{3, 2}, cuts: 1},
		{script: []packet.QoS{2, 2, 2}, windows: []int{3, 1}, cuts: 1},
		{script: []packet.QoS{2, 2}, windows: []int{2}, slow: true},
		{script: []packet.QoS{2}, windows: []int{2}, slow: true, sloppy: true, keeping: true, cuts: 2},
		{script: []packet.QoS{1, 1}, windows: []int{2, 1}, slow: true, sloppy: true, keeping: true, cuts: 1},
		{script: []packet.QoS{2, 1}, windows: []int{2}, late: true, cuts: 1},
		{script: []packet.QoS{1, 1}, windows: []int{2, 1}, late: true, cuts: 1},
		{script: []packet.QoS{2, 1}, windows: []int{2, 1}, crashing: true, cuts: 2},
		{script: []packet.QoS{2}, publishes: 1, windows: []int{1}, crashing: true, cuts: 1},
		{publishes: 1, windows: []int{1}, cuts: 6},
		{publishes: 2, windows: []int{1}, cuts: 3},
		{publishes: 3, windows: []int{1}, cuts: 1},
		{script: []packet.QoS{2}, publishes: 1, windows: []int{1}, cuts: 2},
	} {
		t.Run(fmt.Sprintf("%d+%d/windows=%v/cuts=%d/slow=%v/late=%v", c.script, c.publishes, c.windows, c.cuts, c.slow, c.late), func(t *testing.T) {
			c.firstID = 65535
			n := 0
			for p := new(path); ; {
				w := newWorld(t, c)
				w.pick, w.choose = p.pick, p.choose
				w.run()
				if n++; !p.next() || testing.Short() && n == 1000 {
					break
				}
			}
			t.Logf("%d histories", n)
		})
	}
}

// TestCutAfterEveryPacket lets a longer script run in a fixed rhythm and cuts the link
// after packet i, and again after packet j on the way to recovery, for all i and j.
func TestCutAfterEveryPacket(t *testing.T) {
	rhythms := map[string][]event{
		"to the client first": {evConnect, evOffer, evPublish, evDown, evUp},
		"to the server first": {evConnect, evUp, evOffer, evPublish, evDown},
		"in lockstep":         {evConnect, evUp, evDown, evPublish, evOffer},
	}
	for rhythm, order := range rhythms {
		for _, windows := range [][]int{{65535}, {1}, {3, 1, 2}, {1, 3}} {
			t.Run(fmt.Sprintf("%s/windows=%v", rhythm, windows), func(t *testing.T) {
				c := worldConfig{script: []packet.QoS{1, 2, 2, 1, 2, 1}, publishes: 2, windows: windows, cuts: 2, firstID: 65533}
				for i := 0; ; i++ {
					for j := i + 1; ; j++ {
						packets := runWithCuts(t, c, order, i, j)
						if packets <= j {
							break
						}
					}
					if runWithCuts(t, c, order, i, -1) <= i {
						break
					}
				}
			})
		}
	}
}

// runWithCuts cuts after the i-th and j-th packet and returns how many packets there
// were.
func runWithCuts(t *testing.T, c worldConfig, order []event, i, j int) (packets int) {
	w := newWorld(t, c)
	w.choose = func(int) int { return 0 }
	w.pick = func(w *world, es []event) event {
		if w.connected && (packets == i && w.cuts == 0 || packets == j && w.cuts == 1) && slices.Contains(es, evCut) {
			return evCut
		}
		for _, e := range order {
			if slices.Contains(es, e) {
				if e == evDown || e == evUp {
					packets++
				}
				return e
			}
		}
		w.fail("nothing of %v is in the rhythm", es)
		return ""
	}
	w.run()
	return packets
}

// TestRandomHistories draws the world's properties too: windows, limits, expiry,
// manners of the client.
func TestRandomHistories(t *testing.T) {
	seed := *simSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	for run := range *simRuns {
		if testing.Short() && run > 50 {
			break
		}
		randomHistory(t, seed, uint64(run))
		if t.Failed() {
			return
		}
	}
}

func randomHistory(t *testing.T, seed, run uint64) {
	// Runs when the world fails, too: t.Fatal leaves by Goexit.
	defer func() {
		if t.Failed() {
			t.Logf("again: go test -run RandomHistories -session.seed=%d -session.runs=%d", seed, run+1)
		}
	}()
	r := rand.New(rand.NewPCG(seed, run))
	flip := func() bool { return r.IntN(2) == 0 }
	c := worldConfig{
		publishes: r.IntN(40),
		cuts:      r.IntN(30),
		cutOdds:   1 + r.IntN(40),
		firstID:   packet.ID(65535 - r.IntN(100)),
		expiring:  flip(),
		slow:      flip(),
		sloppy:    flip(),
		stalling:  flip(),
		late:      flip(),
		crashing:  flip(),
	}
	if r.IntN(4) == 0 {
		c.abandon = 1 + r.IntN(200)
	}
	if flip() {
		c.refusing = true
	} else {
		// A client that declined a message, has not said so, and takes it when it
		// comes again, would have to forget what it was going to say.
		c.keeping = flip()
	}
	for range 1 + r.IntN(150) {
		c.script = append(c.script, packet.QoS(1+r.IntN(2)))
	}
	for range 1 + r.IntN(5) {
		c.windows = append(c.windows, []int{1, 2, 3, 10, 65535}[r.IntN(5)])
	}
	if flip() {
		c.limits = Limits{MaxQueued: 1 + r.IntN(30), MaxQueuedBytes: 20 + r.IntN(500), MaxInflight: 1 + r.IntN(10)}
	}
	// Some worlds offer much and answer little, others the other way round.
	lazy := event("")
	if flip() {
		lazy = []event{evOffer, evDown, evUp, evConnect, evAck, evRoom}[r.IntN(6)]
	}
	w := newWorld(t, c)
	w.choose = r.IntN
	w.pick = func(_ *world, es []event) event {
		e := es[r.IntN(len(es))]
		if e == lazy {
			e = es[r.IntN(len(es))]
		}
		return e
	}
	w.run()
}
