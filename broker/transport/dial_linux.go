package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// dial begins to connect. A name is looked up first, by a goroutine.
func (p *epoll) dial(l *Loop, c *Conn, d dialling) {
	l.alarms.add(Clock()+int64(d.timeout), c)
	if d.network == "unix" {
		p.connect(c, unix.AF_UNIX, &unix.SockaddrUnix{Name: d.address}, d.local)
		return
	}
	if to, err := netip.ParseAddrPort(d.address); err == nil {
		p.connectTCP(c, to, d.local)
		return
	}
	if !l.loops.begin() {
		c.failDial(net.ErrClosed)
		return
	}
	go func() {
		defer l.loops.wg.Done()
		to, err := lookUp(l.loops.done, d)
		l.Post(func() {
			if err != nil {
				c.failDial(err)
				return
			}
			p.connectTCP(c, to, d.local)
		})
	}()
}

// lookUp finds an address of d's host: one of the family of the local address if that is given, IPv4 before IPv6.
func lookUp(done <-chan struct{}, d dialling) (to netip.AddrPort, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	go func() {
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	host, service, err := net.SplitHostPort(d.address)
	if err != nil {
		return to, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return to, err
	}
	network := "ip"
	if from := localOf(d.local); from.IsValid() {
		network = "ip4"
		if from.Addr().Is6() {
			network = "ip6"
		}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return to, err
	}
	best := addrs[0].Unmap()
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			best = a
			break
		}
	}
	return netip.AddrPortFrom(best, uint16(port)), nil
}

func localOf(local net.Addr) netip.AddrPort {
	if a, ok := local.(*net.TCPAddr); ok && a != nil {
		from := a.AddrPort()
		return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	return netip.AddrPort{}
}

func (p *epoll) connectTCP(c *Conn, to netip.AddrPort, local net.Addr) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	c.peer = to
	family, sa := sockaddr(to)
	p.connect(c, family, sa, local)
}

func sockaddr(a netip.AddrPort) (family int, sa unix.Sockaddr) {
	if a.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	sa6 := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if ifi, err := net.InterfaceByName(a.Addr().Zone()); a.Addr().Zone() != "" && err == nil {
		sa6.ZoneId = uint32(ifi.Index)
	}
	return unix.AF_INET6, sa6
}

// connect opens the socket. Whether it stands is known when it becomes writable, at once perhaps, but never
// before this turn is over.
func (p *epoll) connect(c *Conn, family int, sa unix.Sockaddr, local net.Addr) {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	if state != connecting {
		return
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.failDial(os.NewSyscallError("socket", err))
		return
	}
	c.mu.Lock()
	c.fd = int32(fd)
	c.mu.Unlock()
	if err = prepare(fd, family, local); err == nil {
		err = os.NewSyscallError("connect", unix.Connect(fd, sa))
		if unwrapErrno(err) == unix.EINPROGRESS {
			err = nil
		}
	}
	if err == nil {
		err = p.register(fd, c.slot, interest)
	}
	if err != nil {
		c.failDial(err)
	}
}

// prepare sets what has to be set before connecting. The port of a local address is chosen only when connecting, when
// the kernel knows the peer and may use one port for many of them.
func prepare(fd, family int, local net.Addr) error {
	if family == unix.AF_UNIX {
		return nil
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	from := localOf(local)
	if !from.IsValid() {
		return nil
	}
	localFamily, sa := sockaddr(from)
	if localFamily != family {
		return fmt.Errorf("local address %v is of another family", from)
	}
	if from.Port() == 0 {
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

// connected finds out what became of connecting; false: it failed.
func (p *epoll) connected(l *Loop, c *Conn) bool {
	errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err != nil {
		c.failDial(os.NewSyscallError("connect", err))
		return false
	}
	l.opened(c)
	return true
}

func unwrapErrno(err error) error {
	if e, ok := err.(*os.SyscallError); ok {
		return e.Err
	}
	return err
}
