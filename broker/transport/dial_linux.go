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
		if fd, ok := p.socket(c, unix.AF_UNIX, nil); ok {
			p.begun(c, fd, unix.Connect(fd, &unix.SockaddrUnix{Name: d.address}))
		}
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
	c.setPeer(to)
	if to.Addr().Is4() {
		if fd, ok := p.socket(c, unix.AF_INET, local); ok {
			p.begun(c, fd, connectTo(fd, to, &p.to))
		}
		return
	}
	family, sa := sockaddr(to)
	if fd, ok := p.socket(c, family, local); ok {
		p.begun(c, fd, unix.Connect(fd, sa))
	}
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

// socket opens c's socket; false: that failed, or c has been closed meanwhile.
func (p *epoll) socket(c *Conn, family int, local net.Addr) (fd int, ok bool) {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	if state != connecting {
		return -1, false
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.failDial(os.NewSyscallError("socket", err))
		return -1, false
	}
	c.mu.Lock()
	c.fd = int32(fd)
	c.mu.Unlock()
	if err := prepare(fd, family, local); err != nil {
		c.failDial(err)
		return -1, false
	}
	return fd, true
}

// begun takes the result of connecting. Whether the connection stands is known when the socket becomes writable, at
// once perhaps, but never before this turn is over.
func (p *epoll) begun(c *Conn, fd int, err error) {
	if err != nil && err != unix.EINPROGRESS {
		c.failDial(os.NewSyscallError("connect", err))
		return
	}
	if err := p.register(fd, c.slot, interest); err != nil {
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

// connected finds out what became of connecting; false: it failed. A socket that is writable, and nothing else, stands,
// and need not be asked.
func (p *epoll) connected(l *Loop, c *Conn, events uint32) bool {
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = unix.Errno(errno)
		}
		if err != nil {
			c.failDial(os.NewSyscallError("connect", err))
			return false
		}
	}
	l.opened(c)
	return true
}
