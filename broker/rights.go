package broker

import (
	"hash/maphash"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// Who may publish and read what. Without an ACL file nothing of this is called.
//
// A publisher is asked about when its PUBLISH comes, a Will Message when it is published and before, a SUBSCRIBE when it comes, and
// each delivery when it is made: a filter with wildcards matches more than its subscriber may read. For clients that are
// away messages are queued unasked, for who will come for them is not known: they are asked about when
// they are sent. What has been sent once is sent again without being asked about, so that its exchange comes to its end.

// rightsOf are those of a connection whose CONNECT was accepted, from any loop.
func (l *loop) rightsOf(c *conn) *auth.Rights { return c.rare.who.under(l.s.o.Guard.ACL()) }

// may answers for one Topic Name without an allocation, and mostly from memory.
func (l *loop) may(c *conn, access auth.Access, name []byte) bool {
	return l.decisions.look(l.rightsOf(c), access, name)
}

// mayReach reports whether a message of this Topic Name may go to a client, which is to be asked again if it is away.
func (l *loop) mayReach(cl *client, name []byte) bool {
	c := cl.conn.Load()
	return c == nil || l.may(c, auth.Read, name)
}

// decisions remember, for one loop, what was found out about pairs of Rights and Topic Names: a rule costs up to 50 ns to
// look at, and some files have hundreds. A name stands for itself by its hash of 64 bits under a seed that nobody
// outside knows. Rights are never changed, only replaced, so nothing remembered here can be out of date.
type decisions struct {
	seed   maphash.Seed
	places *[decisionPlaces]decision // Nil without an ACL.
}

const (
	decisionBits   = 12
	decisionPlaces = 1 << decisionBits // 64 KiB.
)

type decision struct {
	hash uint64
	key  uint64 // ID of the Rights, the Access, and in the lowest bit the answer.
}

func (d *decisions) init() {
	d.seed, d.places = maphash.MakeSeed(), new([decisionPlaces]decision)
}

func (d *decisions) look(r *auth.Rights, access auth.Access, name []byte) bool {
	hash := maphash.Bytes(d.seed, name)
	key := r.ID()<<3 | uint64(access)<<1
	p := &d.places[(hash^key*0x9e3779b97f4a7c15)>>(64-decisionBits)]
	if p.hash == hash && p.key&^1 == key {
		return p.key&1 != 0
	}
	p.hash, p.key = hash, key
	if r.May(access, name) {
		p.key |= 1
		return true
	}
	return false
}

// judgeWill takes away a Will Message that the client may not publish: it is let in, and nothing will be published, as with
// mosquitto. It is judged here as well as when it is published, since after a restart it is not known whose it was.
func (c *conn) judgeWill(p *packet.Connect) {
	l := c.loop
	if p.HasWill && l.s.guarded && !l.may(c, auth.Write, p.Will.Topic) {
		p.HasWill = false
		l.n.dropped.NotAuthorized++
	}
}

// mayWill judges a Will Message that is to be published.
func (l *loop) mayWill(w *will) bool {
	if !l.s.guarded || w.who == nil {
		return true
	}
	return l.decisions.look(w.who.under(l.s.o.Guard.ACL()), auth.Write, w.msg.Topic)
}
