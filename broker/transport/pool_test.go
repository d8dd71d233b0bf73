package transport

import "testing"

// TestPoolTrim: what has been used since the last time stays, what has not goes, but for a little.
func TestPoolTrim(t *testing.T) {
	const size = 64 << 10
	var p pool
	fill := func(bytes int) {
		var bs []*buffer
		for range bytes / size {
			bs = append(bs, p.get(size))
		}
		for _, b := range bs {
			p.put(b)
		}
	}
	trim := func(when string, want int) {
		t.Helper()
		p.trim()
		sum := 0
		for i, free := range p.free {
			sum += len(free) << (minClass + i)
		}
		if p.bytes != want || sum != want {
			t.Errorf("%s, %d bytes are kept and %d counted, want %d", when, sum, p.bytes, want)
		}
	}
	fill(5 * poolIdle)
	trim("after the first use", 5*poolIdle)
	fill(5 * poolIdle)
	trim("in full use", 5*poolIdle)
	fill(3 * poolIdle)
	trim("partly used", 3*poolIdle)
	trim("unused", poolIdle)
	trim("still unused", poolIdle)
}
