package strict

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"qos", "qos", 0}, {"flaw", "lawn", 2}} {
		if d := distance(c.a, c.b); d != c.want {
			t.Errorf("from %q to %q: %d, want %d", c.a, c.b, d, c.want)
		}
	}
	if s := DidYouMean("abcdef", []string{"uvwxyz"}); s != "" {
		t.Errorf("suggested %q", s)
	}
}
