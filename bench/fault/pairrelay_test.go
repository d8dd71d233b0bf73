package fault

import "testing"

// TestPairRelay: two clients are tied by a Topic Name, and then everything of an exchange passes as it is; what is between a client
// and its server is answered here.
func TestPairRelay(t *testing.T) {
	play(t, RunPairRelay, `
		s> `+connect311+`
		s< `+connack311+`
		s> 82 06 0001 0001 74 02
		s< 90 03 0001 02
		p> `+connect311+`
		p< `+connack311+`
		p> 32 06 0001 74 0007 61
		s< 32 06 0001 74 0007 61
		s> 40 02 0007 C0 00
		s< D0 00
		p< 40 02 0007
		p> 34 06 0001 74 0008 62 C0 00 34 06 0001 74 0009 63
		p< D0 00
		s< 34 06 0001 74 0008 62 34 06 0001 74 0009 63
		s> 50 02 0008
		p< 50 02 0008
		p> 62 02 0008
		s< 62 02 0008
		s> 70 02 0008
		p< 70 02 0008
		p> 30 04 0001 74 64 E0 00
		s< 30 04 0001 74 64
		p= fin
		q> `+connect311+`
		q< `+connack311+`
		q> 30 04 0001 75 64
		q= fin
	`)
}
