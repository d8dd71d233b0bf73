package broker

import (
	"net"
	"sync"
	"time"
)

// handshakeLines is how many failed handshakes are logged each second.
const handshakeLines = 10

// handshakeLog tells of clients that do not get as far as MQTT; nobody else can. Whoever wants to could make it say thousands of
// lines a second.
type handshakeLog struct {
	mu     sync.Mutex
	second int64 // Guarded by mu, as the others.
	said   int   // In this second.
	unsaid int   // Since the last line.
}

// handshakeFailed is called on any goroutine.
func (s *Server) handshakeFailed(remote net.Addr, err error) {
	unsaid, say := s.handshakes.take(time.Now().Unix())
	switch {
	case !say:
	case unsaid > 0:
		s.o.Logger.Warn("handshake failed", "remote", remote.String(), "error", err, "unsaid", unsaid)
	default:
		s.o.Logger.Warn("handshake failed", "remote", remote.String(), "error", err)
	}
}

func (h *handshakeLog) take(second int64) (unsaid int, say bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if second != h.second {
		h.second, h.said = second, 0
	}
	if h.said == handshakeLines {
		h.unsaid++
		return 0, false
	}
	h.said++
	unsaid, h.unsaid = h.unsaid, 0
	return unsaid, true
}
