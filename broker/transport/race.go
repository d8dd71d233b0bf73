//go:build race

package transport

// scribble destroys bytes whose loan is over, so that a handler which keeps a slice of them fails a test today.
func scribble(b []byte, n int) {
	for i := range b[:min(n, len(b))] {
		b[i] = 0xDB
	}
}

const raceEnabled = true
