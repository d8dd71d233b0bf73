package session

import "mqttbench/broker/packet"

func newSession(l Limits) *Session {
	s := new(Session)
	s.Init(l)
	return s
}

func nextID(id packet.ID) packet.ID {
	if id == 65535 {
		return 1
	}
	return id + 1
}
