package paho

import (
	"strconv"
	"strings"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A store is Paho's own ordered store with an ear in it. (Paho's default store resends in random order.) Its
// client's connections use it one after the other; so the Close of the last one must not take it from the
// next.
//
// Keys are "o.ID" for what this side sends and "i.ID" for what it receives.
type store struct {
	mqtt.Store
	c *pahoClient
}

func newStore(c *pahoClient) *store {
	s := &store{mqtt.NewOrderedMemoryStore(), c}
	s.Store.Open()
	return s
}

func (s *store) Open()  {}
func (s *store) Close() {}

// Put: a message is about to be sent, or a QoS 1/2 packet has come.
func (s *store) Put(key string, p packets.ControlPacket) {
	s.Store.Put(key, p)
	id := keyID(key)
	s.c.g.lock()
	defer s.c.g.mu.Unlock()
	switch p := p.(type) {
	case *packets.PublishPacket:
		switch {
		case strings.HasPrefix(key, "o."):
			s.c.handed(id)
		case p.Qos == 2:
			s.c.own(id)
		}
	case *packets.PubrelPacket:
		if strings.HasPrefix(key, "i.") {
			delete(s.c.owned, id)
		}
	}
}

// Del: of an outgoing packet, its acknowledgement has come.
func (s *store) Del(key string) {
	s.Store.Del(key)
	if !strings.HasPrefix(key, "o.") {
		return
	}
	s.c.g.lock()
	defer s.c.g.mu.Unlock()
	s.c.acked(keyID(key))
}

// Reset is how Paho begins a clean session.
func (s *store) Reset() {
	s.Store.Reset()
	s.c.g.lock()
	defer s.c.g.mu.Unlock()
	s.c.requeue()
}

func keyID(key string) uint16 {
	n, _ := strconv.ParseUint(key[2:], 10, 16)
	return uint16(n)
}
