package session

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mqttbench/broker/packet"
)

// TestIncomingAgainstMap compares the set of incoming identifiers with a map, across
// its change to a bitmap and back.
func TestIncomingAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSession(Limits{})
		model := map[packet.ID]bool{}
		// Few distinct identifiers, so that they meet; some far apart, so that words
		// of the bitmap differ.
		id := rapid.Custom(func(t *rapid.T) packet.ID {
			n := rapid.IntRange(1, 2*fewIDs).Draw(t, "n")
			return packet.ID(n + n%3*21000)
		})
		receive := func(t *rapid.T) {
			id := id.Draw(t, "id")
			if first := s.Receive(id); first == model[id] {
				t.Fatalf("Receive(%d) = %v", id, first)
			}
			model[id] = true
		}
		t.Repeat(map[string]func(*rapid.T){
			"receive":      receive,
			"receive more": receive,
			"receive many": func(t *rapid.T) {
				for range fewIDs {
					receive(t)
				}
			},
			"release": func(t *rapid.T) {
				id := id.Draw(t, "id")
				if known := s.Release(id); known != model[id] {
					t.Fatalf("Release(%d) = %v", id, known)
				}
				delete(model, id)
			},
			"forget": func(t *rapid.T) {
				id := id.Draw(t, "id")
				s.Forget(id)
				delete(model, id)
			},
			"release all": func(t *rapid.T) {
				for id := range model {
					if !s.Release(id) {
						t.Fatalf("%d is lost", id)
					}
				}
				clear(model)
			},
			"clear": func(t *rapid.T) {
				s.Clear()
				clear(model)
			},
			"": func(t *rapid.T) {
				if ids := slices.Collect(s.ReceivedIDs()); !slices.Equal(ids, slices.Sorted(maps.Keys(model))) {
					t.Fatalf("ReceivedIDs() = %v, want %v", ids, model)
				}
				if s.Incoming() != len(model) {
					t.Fatalf("Incoming() = %d, want %d", s.Incoming(), len(model))
				}
				if len(model) == 0 && s.incoming != nil && s.incoming.many != nil {
					t.Fatal("an empty set keeps its bitmap")
				}
			},
		})
	})
}

func TestAllIncomingIdentifiers(t *testing.T) {
	s := newSession(Limits{})
	for pass := range 2 {
		for id := 1; id <= 65535; id++ {
			if first := s.Receive(packet.ID(id)); first != (pass == 0) {
				t.Fatalf("pass %d: Receive(%d) = %v", pass, id, first)
			}
		}
	}
	if s.Incoming() != 65535 {
		t.Errorf("Incoming() = %d", s.Incoming())
	}
	for id := 65535; id >= 1; id-- {
		if !s.Release(packet.ID(id)) || s.Release(packet.ID(id)) {
			t.Fatalf("Release(%d) is wrong", id)
		}
	}
	if !s.Empty() {
		t.Error("not empty")
	}
}
