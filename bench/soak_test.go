package bench

import "testing"

// What is judged of a run begins after a tenth, after two minutes if a tenth is less, and in any case with its second half.
func TestSettledTimes(t *testing.T) {
	for _, c := range []struct{ seconds, want int }{{60, 30}, {200, 100}, {600, 120}, {7200, 720}, {0, 0}} {
		at := make([]float64, c.seconds)
		for i := range at {
			at[i] = 5 + float64(i)
		}
		if got := settled(at); got != c.want {
			t.Errorf("of %d s the first %d are left out, want %d", c.seconds, got, c.want)
		}
	}
}
