package broker

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"mqttbench/broker/session"
	"mqttbench/broker/topic"
)

// A directory finds clients by Client Identifier. It is sharded so that a storm
// of CONNECTs does not queue for one lock.
type directory struct {
	seed   maphash.Seed
	limits session.Limits
	most   int64 // Clients; 0: no limit.
	shards [directoryShards]directoryShard
	size   atomic.Int64
}

const directoryShards = 64 // A power of two.

type directoryShard struct {
	mu sync.Mutex
	by map[string]*client // Guarded by mu. The keys are the clients' own id strings.
}

func newDirectory(l session.Limits, most int) *directory {
	d := &directory{seed: maphash.MakeSeed(), limits: l, most: int64(most)}
	for i := range d.shards {
		d.shards[i].by = make(map[string]*client)
	}
	return d
}

func (d *directory) shard(id []byte) *directoryShard {
	return &d.shards[maphash.Bytes(d.seed, id)&(directoryShards-1)]
}

// claim finds or makes the client that a CONNECT is about and returns it with
// its mu held; fresh says that it was made. If there is a session that must go
// first it returns that one instead, as superseded: it is out of the
// directory, and the caller ends it and asks again. Neither: the directory is full.
//
// A session is superseded when Clean Start asks for it, when it was to end with
// its Network Connection anyway [v3.1.1 MQTT-3.1.2-6], and when its expiry has
// passed without having been noticed [v5 MQTT-3.1.2-23].
func (d *directory) claim(id []byte, clean bool, now int64) (cl *client, fresh bool, superseded *client) {
	sh := d.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	cl = sh.by[string(id)]
	if cl == nil {
		if d.size.Add(1) > d.most && d.most > 0 {
			d.size.Add(-1)
			return nil, false, nil
		}
		cl = &client{id: string(id)}
		cl.sess.Init(d.limits)
		cl.mu.Lock()
		sh.by[cl.id] = cl
		return cl, true, nil
	}
	cl.mu.Lock()
	if !clean && cl.resumableLocked(now) {
		return cl, false, nil
	}
	cl.mu.Unlock()
	delete(sh.by, cl.id)
	d.size.Add(-1)
	return nil, false, cl
}

// remove takes cl out, unless it is in use again or another client stands in its
// place. It reports whether it did, and the caller is to end cl.
func (d *directory) remove(cl *client, now int64) bool {
	sh := d.shard([]byte(cl.id))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.by[cl.id] != cl {
		return false // Whoever replaced it ends it.
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn.Load() != nil || cl.resumableLocked(now) {
		return false
	}
	delete(sh.by, cl.id)
	d.size.Add(-1)
	return true
}

// numbers gives clients that subscribe the small numbers that stand for them in
// the topic tree, and finds clients by number without a lock.
//
// A number is given again only after a grace period: a loop that matched a
// message before the last subscription of the old owner went must not deliver
// it to the new owner.
type numbers struct {
	chunks [numberChunks]atomic.Pointer[numberChunk]

	mu       sync.Mutex
	last     topic.Subscriber   // Guarded by mu. The highest number ever given.
	free     []topic.Subscriber // Guarded by mu.
	retiring []topic.Subscriber // Guarded by mu. Waiting for the next grace period.
	grace    bool               // Guarded by mu. One is under way.
}

const (
	numberChunkBits = 12
	numberChunks    = 1 << 12 // Sixteen million clients with subscriptions.
)

type numberChunk [1 << numberChunkBits]atomic.Pointer[client]

// get returns nil when the number's client has ended.
func (n *numbers) get(who topic.Subscriber) *client {
	return n.slot(who).Load()
}

func (n *numbers) slot(who topic.Subscriber) *atomic.Pointer[client] {
	return &n.chunks[who>>numberChunkBits].Load()[who&(1<<numberChunkBits-1)]
}

// give takes a number for cl. 0: there are none left.
func (n *numbers) give(cl *client) topic.Subscriber {
	n.mu.Lock()
	defer n.mu.Unlock()
	var who topic.Subscriber
	if k := len(n.free); k > 0 {
		who, n.free = n.free[k-1], n.free[:k-1]
	} else {
		if int(n.last)+1 >= numberChunks<<numberChunkBits {
			return 0
		}
		n.last++
		who = n.last
		if c := &n.chunks[who>>numberChunkBits]; c.Load() == nil {
			c.Store(new(numberChunk))
		}
	}
	n.slot(who).Store(cl)
	return who
}

// retire takes back a number that the tree no longer holds. afterGrace runs
// its argument when no loop can still be using a Match that was made before.
func (n *numbers) retire(who topic.Subscriber, afterGrace func(func())) {
	n.slot(who).Store(nil)
	n.mu.Lock()
	n.retiring = append(n.retiring, who)
	start := !n.grace
	n.grace = true
	n.mu.Unlock()
	if start {
		n.startGrace(afterGrace)
	}
}

// startGrace lets all numbers that wait now share one grace period.
func (n *numbers) startGrace(afterGrace func(func())) {
	n.mu.Lock()
	batch := n.retiring
	n.retiring = nil
	n.grace = len(batch) > 0
	n.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	afterGrace(func() {
		n.mu.Lock()
		n.free = append(n.free, batch...)
		n.mu.Unlock()
		n.startGrace(afterGrace)
	})
}

// put adds a client that was stored; nobody uses the directory yet.
func (d *directory) put(cl *client) {
	sh := d.shard([]byte(cl.id))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.by[cl.id] = cl
	d.size.Add(1)
}
