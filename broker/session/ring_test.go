package session

import (
	"testing"

	"pgregory.net/rapid"
)

// TestRingAgainstSlice compares the ring with a slice under random pushes, pops and
// cuts.
func TestRingAgainstSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		var model []uint32
		next := uint32(0)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					next++
					r.push().subID[0] = next
					model = append(model, next)
				}
			},
			"pop": func(t *rapid.T) {
				for range min(len(model), rapid.IntRange(0, 50).Draw(t, "n")) {
					r.pop()
					model = model[1:]
				}
			},
			"cut": func(t *rapid.T) {
				n := rapid.IntRange(0, len(model)).Draw(t, "n")
				r.cut(uint32(n))
				model = model[:n]
			},
			"": func(t *rapid.T) {
				if int(r.n) != len(model) {
					t.Fatalf("%d entries, want %d", r.n, len(model))
				}
				for i, want := range model {
					if got := r.at(uint32(i)).subID[0]; got != want {
						t.Fatalf("entry %d is %d, want %d", i, got, want)
					}
				}
				for i := len(model); i < len(r.slots); i++ {
					if *r.at(uint32(i)) != (entry{}) {
						t.Fatalf("slot %d behind the end is not zero", i)
					}
				}
				if n := len(r.slots); n > minSlots && n >= 8*max(1, len(model)) {
					t.Fatalf("%d slots for %d entries", n, len(model))
				}
			},
		})
	})
}

func TestRingGivesMemoryBack(t *testing.T) {
	var r ring
	if r.slots != nil {
		t.Error("memory before the first entry")
	}
	for range 100_000 {
		r.push()
	}
	for r.n > 0 {
		r.pop()
	}
	if len(r.slots) != minSlots {
		t.Errorf("%d slots are kept, want %d", len(r.slots), minSlots)
	}
}
