package transport

import (
	"crypto/tls"
	"crypto/x509"
	"net"
)

// PeerCertificate is what the peer has shown and we have verified, under whatever other layers; nil: nothing. secure reports
// whether there is TLS at all. Call it on the connection's loop.
func (c *Conn) PeerCertificate() (cert *x509.Certificate, secure bool) {
	if c.net == nil {
		return nil, false // epoll's: a plain socket.
	}
	for nc := c.net.nc; nc != nil; {
		if t, ok := nc.(tlsConn); ok {
			if s := t.ConnectionState(); len(s.VerifiedChains) > 0 {
				cert = s.VerifiedChains[0][0]
			}
			return cert, true
		}
		w, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = w.NetConn()
	}
	return nil, false
}

var _ interface{ NetConn() net.Conn } = (*tls.Conn)(nil) // A tlsConn must be asked before it is unwrapped.

// Again presents what the handler has left unconsumed, if anything, as if more had come. Call it on the connection's
// loop, in a function that was posted: not from a method of the handler.
func (c *Conn) Again() {
	l := c.loop
	c.mu.Lock()
	isOpen := c.state == open
	c.mu.Unlock()
	if !isOpen || c.in == nil {
		return
	}
	space, kept := l.space(c)
	l.present(c, space[:kept])
}
