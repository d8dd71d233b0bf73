package plan

import (
	"fmt"
	"slices"
	"testing"
)

// TestRoutes checks the two directions of the route against each other, and the promises of each pattern.
func TestRoutes(t *testing.T) {
	for _, pattern := range []Pattern{Pairs, FanIn, FanOut} {
		for publishers := range 12 {
			for subscribers := range 12 {
				p := Plan{Pattern: pattern, Publishers: publishers, Subscribers: subscribers}
				t.Run(fmt.Sprintf("%s/%d-%d", pattern, publishers, subscribers), func(t *testing.T) { checkRoutes(t, &p) })
			}
		}
	}
}

func checkRoutes(t *testing.T, p *Plan) {
	links := 0
	least, most := 1<<30, 0
	for pub := range p.Publishers {
		receivers := slices.Collect(p.Receivers(pub))
		if len(receivers) != p.Copies(pub) || len(receivers) != p.ReceiverCount(pub) || !slices.IsSorted(receivers) {
			t.Errorf("publisher %d: receivers %v, copies %d", pub, receivers, p.Copies(pub))
		}
		links += len(receivers)
		if p.Subscribers > 0 && len(receivers) == 0 {
			t.Errorf("publisher %d has no receiver", pub)
		}
		for _, sub := range receivers {
			if !slices.Contains(slices.Collect(p.Sources(sub)), pub) {
				t.Errorf("publisher %d sends to %d, which does not listen", pub, sub)
			}
		}
	}
	for sub := range p.Subscribers {
		sources := slices.Collect(p.Sources(sub))
		links -= len(sources)
		least, most = min(least, len(sources)), max(most, len(sources))
		if p.SourceCount(sub) != len(sources) || p.Publishers > 0 && len(sources) == 0 {
			t.Errorf("subscriber %d: sources %v, count %d", sub, sources, p.SourceCount(sub))
		}
		for pub := range p.Publishers {
			i, ok := p.SourceIndex(sub, pub)
			if want := slices.Index(sources, pub); ok != (want >= 0) || ok && i != want {
				t.Errorf("subscriber %d: publisher %d has index %d, %t; want %d", sub, pub, i, ok, want)
			}
		}
	}
	if links != 0 {
		t.Errorf("the directions differ by %d links", links)
	}
	if p.Subscribers > 0 && most-least > 1 {
		t.Errorf("subscribers have between %d and %d sources", least, most)
	}
}

func TestCopies(t *testing.T) {
	for _, c := range []struct {
		plan Plan
		want float64
	}{
		{Plan{Pattern: Pairs, Publishers: 1000, Subscribers: 1000}, 1},
		{Plan{Pattern: Pairs, Publishers: 10, Subscribers: 2}, 1},
		{Plan{Pattern: Pairs, Publishers: 2, Subscribers: 5}, 2.5},
		{Plan{Pattern: FanIn, Publishers: 1000, Subscribers: 5}, 5},
		{Plan{Pattern: FanIn, Publishers: 1000, Subscribers: 5, ShareName: "g"}, 1},
		{Plan{Pattern: FanOut, Publishers: 5, Subscribers: 1000}, 1000},
		{Plan{Pattern: Pairs, Publishers: 5}, 0},
		{Plan{Pattern: Pairs, Subscribers: 5}, 0},
	} {
		if got := c.plan.FanOut(); got != c.want {
			t.Errorf("%s %d to %d: fan-out %v, want %v", c.plan.Pattern, c.plan.Publishers, c.plan.Subscribers, got, c.want)
		}
	}
}
