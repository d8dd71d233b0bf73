package measure

import (
	"sort"

	"mqttbench/broker/packet"
)

// Sends knows with which Packet Identifier, and on which connection, each message of a stream was sent first. Identifiers are mostly handed out
// in rotation, so that it remembers where they were not, and not every message. The zero value knows nothing. Owned by the publisher's group.
type Sends struct{ runs []sendRun }

// A sendRun is messages in a row whose identifiers follow each other.
type sendRun struct {
	seq   uint32 // The first.
	id    packet.ID
	epoch uint32
}

// mostRuns bounds what is remembered, 12 bytes each: of a stream that has more, the later messages are not known.
const mostRuns = 1 << 16

// Sent notes a message; sequence numbers go up by one. id 0: it has none, as at QoS 0. epoch is how many connections there were before.
func (s *Sends) Sent(seq uint32, id packet.ID, epoch uint32) {
	if n := len(s.runs); n > 0 {
		if r := &s.runs[n-1]; r.epoch == epoch && r.at(seq) == id || n == mostRuns {
			return
		}
	}
	s.runs = append(s.runs, sendRun{seq, id, epoch})
}

// at is the identifier of a message of the run: 65535 is followed by 1.
func (r *sendRun) at(seq uint32) packet.ID {
	if r.id == 0 {
		return 0
	}
	return packet.ID((uint32(r.id)-1+(seq-r.seq))%65535 + 1)
}

// Of is what a message was sent with; ok false: not known.
func (s *Sends) Of(seq uint32) (id packet.ID, epoch uint32, ok bool) {
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].seq > seq }) - 1
	if i < 0 || i == mostRuns-1 {
		return 0, 0, false
	}
	return s.runs[i].at(seq), s.runs[i].epoch, true
}
