package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	acceptsPerTurn = 64
	backlog        = 1 << 16 // The kernel cuts it down to net.core.somaxconn.
)

// An epollListener accepts on its home loop, and deals the connections out to all loops in turn. (One socket for each loop with
// SO_REUSEPORT would spread by chance, and a shared one to whoever wakes first; and connections stay where they are put.)
type epollListener struct {
	// Immutable.
	home   *Loop
	addr   net.Addr
	accept acceptFunc

	// Owned by home.
	name int // In epoll.listeners.
	from unix.RawSockaddrAny

	mu   sync.Mutex
	path string // Of a unix socket, to be removed.
	fd   int    // Guarded by mu, but for reading on home. -1: closed.
}

func (p *epoll) listen(l *Loop, network, address string, accept acceptFunc) (net.Listener, error) {
	fd, addr, err := listenSocket(network, address)
	if err != nil {
		return nil, err
	}
	ln := &epollListener{home: l, addr: addr, accept: accept, fd: fd}
	if network == "unix" {
		ln.path = address
	}
	if !l.loops.adopt(ln) || !l.Post(func() { p.addListener(ln) }) {
		ln.closeFD()
		return nil, net.ErrClosed
	}
	return ln, nil
}

// listenSocket leaves names, dual stacks and stale files to package net, and takes the descriptor from it.
func listenSocket(network, address string) (fd int, addr net.Addr, err error) {
	ln, err := listenNet(network, address)
	if err != nil {
		return -1, nil, err
	}
	defer ln.Close()
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	raw, err := ln.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, nil, err
	}
	cerr := raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(cerr, os.NewSyscallError("fcntl", err)); err != nil {
		return -1, nil, err
	}
	if network == "tcp" { // Accepted sockets inherit it, which saves a call for each.
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return -1, nil, os.NewSyscallError("listen", err)
	}
	return fd, ln.Addr(), nil
}

func (p *epoll) addListener(ln *epollListener) {
	if ln.fd < 0 {
		return
	}
	ln.name = len(p.listeners)
	for i, free := range p.listeners {
		if free == nil {
			ln.name = i
		}
	}
	if ln.name == len(p.listeners) {
		p.listeners = append(p.listeners, nil)
	}
	p.listeners[ln.name] = ln
	if p.register(ln.fd, int32(listenerName-ln.name), unix.EPOLLIN|unix.EPOLLET&0xffffffff) != nil {
		ln.home.stats.AcceptErrors++
	}
}

// alarm goes on accepting after a pause.
func (ln *epollListener) alarm(l *Loop) { ln.acceptBatch(l) }

// acceptBatch accepts what waits. It stops after a number, so that a storm does not starve the connections that stand.
func (ln *epollListener) acceptBatch(l *Loop) {
	for range acceptsPerTurn {
		if ln.fd < 0 {
			return
		}
		fd, peer, err := acceptFrom(ln.fd, &ln.from)
		switch err {
		case nil:
			l.stats.Accepts++
			ln.deal(l, fd, peer)
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
		default:
			// EMFILE, ENFILE, ENOBUFS, ENOMEM: trying again at once would spin, and there will be no new edge.
			l.stats.AcceptErrors++
			l.alarms.add(l.now+int64(acceptPause), ln)
			return
		}
	}
	l.alarms.add(l.now+1, ln)
}

func (ln *epollListener) deal(l *Loop, fd int, peer netip.AddrPort) {
	to := l.loops.pick()
	if to == l {
		ln.welcome(l, fd, peer)
		return
	}
	if !to.Post(func() { ln.welcome(to, fd, peer) }) {
		unix.Close(fd)
	}
}

// welcome makes the connection, on its loop.
func (ln *epollListener) welcome(l *Loop, fd int, peer netip.AddrPort) {
	if l.stopping {
		unix.Close(fd)
		return
	}
	p := l.drv.(*epoll)
	h := ln.accept(l, p.lend(peer))
	if h == nil {
		unix.Close(fd)
		return
	}
	c := &Conn{loop: l, h: h, fd: int32(fd)}
	c.setPeer(peer)
	l.enter(c)
	if err := p.register(fd, c.slot, interest); err != nil {
		c.failDial(err)
		return
	}
	l.opened(c)
}

func (ln *epollListener) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Net: ln.addr.Network(), Addr: ln.addr, Err: errors.ErrUnsupported}
}

func (ln *epollListener) Addr() net.Addr { return ln.addr }

// Close stops listening at once; the descriptor is left to the loop. Connections that wait to be accepted are reset.
func (ln *epollListener) Close() error {
	ln.mu.Lock()
	if ln.fd >= 0 {
		unix.Shutdown(ln.fd, unix.SHUT_RDWR)
	}
	path := ln.path
	ln.path = ""
	ln.mu.Unlock()
	if path != "" {
		os.Remove(path)
	}
	ln.home.Post(ln.closeFD)
	ln.home.loops.forget(ln)
	return nil
}

// closeFD is called on home, or when that has ended.
func (ln *epollListener) closeFD() {
	if ln == nil || ln.fd < 0 {
		return
	}
	ln.mu.Lock()
	unix.Close(ln.fd)
	ln.fd = -1
	ln.mu.Unlock()
	if p, ok := ln.home.drv.(*epoll); ok && ln.name < len(p.listeners) && p.listeners[ln.name] == ln {
		p.listeners[ln.name] = nil
	}
}

func (p *epoll) remoteAddr(c *Conn) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		return c.net.remoteAddr()
	}
	return addrOf(c.peerAddr())
}

// localAddr asks the kernel, under the lock, so that the descriptor stays what it is meanwhile. It is not asked for often.
func (p *epoll) localAddr(c *Conn) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		return c.net.localAddr()
	}
	if c.fd < 0 || c.state == connecting {
		return nil
	}
	sa, err := unix.Getsockname(int(c.fd))
	if err != nil {
		return nil
	}
	if u, ok := sa.(*unix.SockaddrUnix); ok {
		return &net.UnixAddr{Net: "unix", Name: u.Name}
	}
	return addrOf(peerOf(sa))
}
