package series

import (
	"fmt"
	"slices"
	"testing"
)

// TestOrder: every block has every setting once, blocks come one after the other, and the seed decides the rest.
func TestOrder(t *testing.T) {
	const settings, repetitions = 4, 50
	order := Order(settings, repetitions, 7)
	if !slices.Equal(order, Order(settings, repetitions, 7)) {
		t.Error("the same seed gave another order")
	}
	if slices.Equal(order, Order(settings, repetitions, 8)) {
		t.Error("another seed gave the same order")
	}
	first := map[int]int{}
	different := map[string]bool{}
	for block := range repetitions {
		seen := map[int]bool{}
		for i, s := range order[block*settings : (block+1)*settings] {
			if s.Repetition != block+1 {
				t.Fatalf("block %d: %+v", block+1, s)
			}
			seen[s.Setting] = true
			if i == 0 {
				first[s.Setting]++
			}
		}
		if len(seen) != settings {
			t.Fatalf("block %d: %v", block+1, seen)
		}
		different[fmt.Sprint(order[block*settings:(block+1)*settings])] = true
	}
	for s := range settings {
		if n := first[s]; n < repetitions/8 || n > repetitions/2 {
			t.Errorf("setting %d is first in %d of %d blocks", s, n, repetitions)
		}
	}
	if len(Order(1, 3, 1)) != 3 || len(Order(3, 0, 1)) != 0 {
		t.Error("the number of runs is wrong")
	}
}

func TestLevels(t *testing.T) {
	got := Levels(10_000, 12)
	want := []float64{1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000, 12000}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := Levels(7, 2); !slices.Equal(got, []float64{0.7, 8.4}) {
		t.Errorf("%v", got)
	}
}

func TestRound(t *testing.T) {
	for _, c := range [][2]float64{{0, 0}, {1234567, 1235000}, {99999, 100000}, {1047.29, 1047}, {0.123456, 0.1235}, {1000, 1000}} {
		if got := round(c[0]); got != c[1] {
			t.Errorf("round(%g) = %g", c[0], got)
		}
	}
}
