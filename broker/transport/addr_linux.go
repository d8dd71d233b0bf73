package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// acceptFrom accepts a connection; from is scratch. unix.Accept4 makes 170 bytes of garbage of each address, asks the kernel for the
// protocol of each socket, and tells the scheduler, which wakes its monitor for it.
func acceptFrom(fd int, from *unix.RawSockaddrAny) (int, netip.AddrPort, error) {
	size := uint32(unix.SizeofSockaddrAny)
	from.Addr.Family = unix.AF_UNSPEC
	s, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errnoErr(errno)
	}
	return int(s), addrPort(from), nil
}

// connectTo begins to connect to an IPv4 address, which costs no garbage this way; to is scratch.
func connectTo(fd int, a netip.AddrPort, to *unix.RawSockaddrInet4) error {
	*to = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swapped(a.Port()), Addr: a.Addr().As4()}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
	if errno != 0 {
		return errno
	}
	return nil
}

// addrPort is a socket address as the kernel writes it; zero for that of a unix socket.
func addrPort(from *unix.RawSockaddrAny) netip.AddrPort {
	switch from.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), swapped(sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), swapped(sa.Port))
	}
	return netip.AddrPort{}
}

// swapped takes a port from network order, which is the order in memory, to that of the machine, and back.
func swapped(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

// setPeer notes the peer's address. The zero AddrPort, of unix sockets, leaves none.
func (c *Conn) setPeer(a netip.AddrPort) {
	switch {
	case a.Addr().Is4():
		c.peer4 = addr4{a.Addr().As4(), a.Port()}
	case a.IsValid():
		c.peer = &a
	}
}

func (c *Conn) peerAddr() netip.AddrPort {
	switch {
	case c.peer != nil:
		return *c.peer
	case c.peer4.port != 0:
		return netip.AddrPortFrom(netip.AddrFrom4(c.peer4.ip), c.peer4.port)
	}
	return netip.AddrPort{}
}

// lend is addrOf without garbage, until the next call.
func (p *epoll) lend(peer netip.AddrPort) net.Addr {
	if !peer.Addr().Is4() {
		return addrOf(peer)
	}
	p.lentIP = peer.Addr().As4()
	p.lent = net.TCPAddr{IP: p.lentIP[:], Port: int(peer.Port())}
	return &p.lent
}

// peerOf is a socket address without what makes it large; that of a unix socket is zero.
func peerOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func addrOf(peer netip.AddrPort) net.Addr {
	if !peer.IsValid() {
		return &net.UnixAddr{Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(peer)
}
