package client

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mqttbench/broker/packet"
)

// TestOutgoingAgainstNaive compares outgoing with a list of what is owed, under random exchanges and reconnects.
func TestOutgoingAgainstNaive(t *testing.T) {
	type owed struct {
		id    packet.ID
		token uint64
		rec   bool
	}
	rapid.Check(t, func(t *rapid.T) {
		var (
			o     outgoing
			pubs  []owed // In the order first sent.
			rels  []owed // In the order of their PUBREC.
			token uint64
		)
		// Near the wrap, where identifiers and order numbers are easiest to get wrong.
		o.last, o.order = 65530, ^uint32(5)
		isUsed := func(id packet.ID) bool {
			return slices.ContainsFunc(append(pubs, rels...), func(w owed) bool { return w.id == id })
		}
		pick := func(ws []owed) int { return rapid.IntRange(0, len(ws)-1).Draw(t, "which") }
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				st := rapid.SampledFrom([]stage{sent1, sent2}).Draw(t, "stage")
				x := o.open(st)
				if x.id == 0 || isUsed(x.id) {
					t.Fatalf("identifier %d was in use", x.id)
				}
				token++
				x.token = token
				o.inflight++
				o.active++
				pubs = append(pubs, owed{id: x.id, token: token, rec: st == sent2})
			},
			"complete": func(t *rapid.T) {
				if len(pubs) == 0 {
					t.Skip()
				}
				i := pick(pubs)
				x := o.find(pubs[i].id)
				if x == nil || x.token != pubs[i].token {
					t.Fatalf("exchange of %d not found", pubs[i].id)
				}
				o.close(x)
				pubs = slices.Delete(pubs, i, i+1)
			},
			"PUBREC": func(t *rapid.T) {
				i := slices.IndexFunc(pubs, func(w owed) bool { return w.rec })
				if i < 0 {
					t.Skip()
				}
				x := o.find(pubs[i].id)
				o.order++
				x.stage, x.order = released, o.order
				rels = append(rels, pubs[i])
				pubs = slices.Delete(pubs, i, i+1)
			},
			"PUBCOMP": func(t *rapid.T) {
				if len(rels) == 0 {
					t.Skip()
				}
				i := pick(rels)
				o.close(o.find(rels[i].id))
				rels = slices.Delete(rels, i, i+1)
			},
			"reconnect": func(t *rapid.T) {
				present := rapid.Bool().Draw(t, "present")
				rel, over := o.resume(present, nil)
				var got []uint64
				for _, id := range rel {
					got = append(got, o.find(id).token)
				}
				if !present {
					if len(rel) > 0 || len(over) != len(rels) {
						t.Fatalf("session lost: PUBREL %v, over %v, want %d over", rel, over, len(rels))
					}
					rels = nil
				}
				for x := o.nextOwed(); x != nil; x = o.nextOwed() {
					got = append(got, x.token)
				}
				var want []uint64
				for _, w := range append(slices.Clone(rels), pubs...) {
					want = append(want, w.token)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("resent %v, want %v", got, want)
				}
			},
			"": func(t *rapid.T) {
				if n := uint16(len(pubs) + len(rels)); o.inflight != n || o.active != n || o.used != n {
					t.Fatalf("inflight %d, active %d, used %d, want %d", o.inflight, o.active, o.used, n)
				}
			},
		})
	})
}

// TestEveryIdentifier takes all there are.
func TestEveryIdentifier(t *testing.T) {
	var o outgoing
	seen := map[packet.ID]bool{}
	for range maxInflight {
		x := o.open(sent1)
		if x.id == 0 || seen[x.id] {
			t.Fatalf("identifier %d again", x.id)
		}
		seen[x.id] = true
	}
	if x := o.open(sent1); x != nil {
		t.Fatalf("a 65536th identifier: %d", x.id)
	}
	o.close(o.find(77))
	if x := o.open(subscribing); x == nil || x.id != 77 {
		t.Fatalf("the free identifier was not found: %+v", x)
	}
}

func TestIDSetAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			s     idSet
			free  idPages
			naive = map[packet.ID]bool{}
		)
		// Few values, of pages far apart, so that they meet again.
		id := rapid.Custom(func(t *rapid.T) packet.ID {
			return packet.ID(rapid.SampledFrom([]int{1, 63, 64, 1023, 1024, 32768, 65535}).Draw(t, "id"))
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				i := id.Draw(t, "id")
				if got := s.add(i, &free); got == naive[i] {
					t.Fatalf("add %d: new %v", i, got)
				}
				naive[i] = true
			},
			"remove": func(t *rapid.T) {
				i := id.Draw(t, "id")
				if got := s.remove(i, &free); got != naive[i] {
					t.Fatalf("remove %d: was in %v", i, got)
				}
				delete(naive, i)
			},
			"clear": func(t *rapid.T) {
				s.clear(&free)
				clear(naive)
			},
			"": func(t *rapid.T) {
				for p := free.head; p != nil; p = p.next {
					if p.bits != [16]uint64{} || p.n != 0 {
						t.Fatal("a free page is not empty")
					}
				}
			},
		})
	})
}

// TestWheel compares the wheel with the deadlines themselves.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wheel{}
		now := int64(12345)
		cs := make([]*client, 20)
		for i := range cs {
			cs[i] = &client{bucket: -1}
		}
		due := map[*client]int64{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				c := cs[rapid.IntRange(0, len(cs)-1).Draw(t, "client")]
				due[c] = now + rapid.Int64Range(0, 2*wheelBuckets*wheelTick).Draw(t, "in")
				w.set(c, due[c], now)
			},
			"remove": func(t *rapid.T) {
				c := cs[rapid.IntRange(0, len(cs)-1).Draw(t, "client")]
				w.remove(c)
				delete(due, c)
			},
			"advance": func(t *rapid.T) {
				now += rapid.Int64Range(0, 3*wheelBuckets*wheelTick/2).Draw(t, "by")
				w.advance(now, func(c *client, now int64) {
					if due[c] > now {
						w.set(c, due[c], now) // As clients do: looked at, and not yet due.
						return
					}
					delete(due, c)
				})
				for c, at := range due {
					if at <= now-wheelTick {
						t.Fatalf("due at %d, now %d, in bucket %d", at, now, c.bucket)
					}
				}
			},
			"": func(t *rapid.T) {
				if w.n != len(due) {
					t.Fatalf("%d in the wheel, want %d", w.n, len(due))
				}
				for _, at := range due {
					if w.next > max(at, now)+2*wheelTick {
						t.Fatalf("next look at %d, though one is due at %d", w.next, at)
					}
				}
			},
		})
	})
}
