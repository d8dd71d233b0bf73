package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
)

// The PROXY protocol, version 2: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2.
//
// A load balancer says in front of everything else whom it speaks for. Anybody could claim that, so a listener expects
// the header always or never, and only balancers should be able to reach one that does.

const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyHead      = len(proxySignature) + 4 // Version and command, family, and length.

	proxyLocal = 0x20 // The balancer speaks for itself: a health check.
	proxyProxy = 0x21

	proxyUnspecified = 0x00
	proxyTCP4        = 0x11
	proxyTCP6        = 0x21
	proxyUnix        = 0x31
)

// proxyBytes is how long the addresses of a family are: two of them, and two ports where there are any.
var proxyBytes = map[byte]int{proxyUnspecified: 0, proxyTCP4: 12, proxyTCP6: 36, proxyUnix: 216}

var errNoProxy = errors.New("no PROXY protocol header of version 2")

// readProxy reads one header and not a byte more. remote is whom the balancer speaks for; nil: for itself, or it does
// not say.
func readProxy(r io.Reader) (remote net.Addr, err error) {
	var head [proxyHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoProxy, err)
	}
	if string(head[:len(proxySignature)]) != proxySignature {
		if strings.HasPrefix(string(head[:]), "PROXY ") {
			return nil, fmt.Errorf("%w: this is version 1", errNoProxy)
		}
		return nil, fmt.Errorf("%w: it began with %q", errNoProxy, head[:len(proxySignature)])
	}
	command, family := head[12], head[13]
	rest := int(binary.BigEndian.Uint16(head[14:]))
	if command != proxyLocal && command != proxyProxy {
		return nil, fmt.Errorf("PROXY protocol: unknown version and command %#02x", command)
	}
	n, known := proxyBytes[family]
	if command == proxyLocal {
		n = 0
	} else if !known {
		return nil, fmt.Errorf("PROXY protocol: cannot be spoken for by family %#02x", family)
	}
	if rest < n {
		return nil, fmt.Errorf("PROXY protocol: %d bytes of addresses instead of %d", rest, n)
	}
	var addresses [216]byte
	if _, err := io.ReadFull(r, addresses[:n]); err != nil {
		return nil, fmt.Errorf("PROXY protocol: %w", noEOF(err))
	}
	// What follows are vectors for those who know them.
	if _, err := io.CopyN(io.Discard, r, int64(rest-n)); err != nil {
		return nil, fmt.Errorf("PROXY protocol: %w", noEOF(err))
	}
	if command == proxyLocal {
		return nil, nil
	}
	return proxySource(family, addresses[:n]), nil
}

// proxySource is the first of the two addresses.
func proxySource(family byte, b []byte) net.Addr {
	switch family {
	case proxyTCP4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[8:])))
	case proxyTCP6:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), binary.BigEndian.Uint16(b[32:])))
	case proxyUnix:
		name, _, _ := strings.Cut(string(b[:108]), "\x00")
		return &net.UnixAddr{Net: "unix", Name: name}
	}
	return nil
}

// noEOF is for where the end of a stream is in the wrong place.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A proxiedConn has the address of whom it speaks for.
type proxiedConn struct {
	net.Conn
	remote net.Addr
}

func (p *proxiedConn) RemoteAddr() net.Addr { return p.remote }
func (p *proxiedConn) NetConn() net.Conn    { return p.Conn }
