package transport

import (
	"errors"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pair connects to a listening socket, and accepts.
func pair(t *testing.T, ln int, to netip.AddrPort, scratch *unix.RawSockaddrAny) (near, far int, peer netip.AddrPort) {
	near, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var sa unix.RawSockaddrInet4
	if err := connectTo(near, to, &sa); err != nil {
		t.Fatal(err)
	}
	if far, peer, err = acceptFrom(ln, scratch); err != nil {
		t.Fatal(err)
	}
	return near, far, peer
}

// TestAcceptFrom: the address is the peer's, an accepted socket does not block and inherits TCP_NODELAY, and nothing is allocated.
func TestAcceptFrom(t *testing.T) {
	ln, addr, err := listenSocket("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ln)
	to := netip.MustParseAddrPort(addr.String())
	var scratch unix.RawSockaddrAny

	near, far, peer := pair(t, ln, to, &scratch)
	if sa, err := unix.Getsockname(near); err != nil || peer != peerOf(sa) {
		t.Errorf("the peer is %v, want %v, %v", peer, sa, err)
	}
	if _, err := rawRead(far, make([]byte, 1)); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("reading nothing: %v, want EAGAIN", err)
	}
	if v, err := unix.GetsockoptInt(far, unix.IPPROTO_TCP, unix.TCP_NODELAY); v != 1 || err != nil {
		t.Errorf("TCP_NODELAY is %d, %v", v, err)
	}
	unix.Close(near)
	unix.Close(far)
	if _, _, err := acceptFrom(ln, &scratch); err != unix.EAGAIN {
		t.Errorf("accepting nobody: %v, want EAGAIN", err)
	}
	n := testing.AllocsPerRun(100, func() {
		near, far, _ := pair(t, ln, to, &scratch)
		unix.Close(near)
		unix.Close(far)
	})
	if n > 0 && !raceEnabled {
		t.Errorf("%v allocations for a connection", n)
	}
}

func TestAddrPort(t *testing.T) {
	var from unix.RawSockaddrAny
	for _, want := range []string{"127.0.0.1:1883", "[::1]:258", "[2001:db8::7]:65535"} {
		a := netip.MustParseAddrPort(want)
		port := [2]byte{byte(a.Port() >> 8), byte(a.Port())}
		if a.Addr().Is4() {
			*(*unix.RawSockaddrInet4)(unsafe.Pointer(&from)) = unix.RawSockaddrInet4{
				Family: unix.AF_INET, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: a.Addr().As4(),
			}
		} else {
			*(*unix.RawSockaddrInet6)(unsafe.Pointer(&from)) = unix.RawSockaddrInet6{
				Family: unix.AF_INET6, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: a.Addr().As16(),
			}
		}
		got := addrPort(&from)
		if got != a {
			t.Errorf("%v, want %v", got, a)
		}
		var c Conn
		if c.setPeer(a); c.peerAddr() != a {
			t.Errorf("the connection keeps %v of %v", c.peerAddr(), a)
		}
		var p epoll
		if lent := p.lend(a); lent.String() != want {
			t.Errorf("lent %v, want %v", lent, want)
		}
	}
	from.Addr.Family = unix.AF_UNIX
	if got := addrPort(&from); got.IsValid() {
		t.Errorf("a unix socket has the address %v", got)
	}
	var c Conn
	if c.setPeer(netip.AddrPort{}); c.peerAddr().IsValid() {
		t.Errorf("no address is kept as %v", c.peerAddr())
	}
}

// TestConnSize: an idle connection is a Conn, and there are many. 112 bytes is a size class of the allocator; the next is 128.
func TestConnSize(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 112 {
		t.Errorf("a Conn takes %d bytes", size)
	}
}
