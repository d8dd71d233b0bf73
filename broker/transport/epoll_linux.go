package transport

import (
	"math"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const haveEpoll = true

const (
	eventBatch = 512
	iovBatch   = 64 // Vectors of one writev.

	// All events are asked for once, edge-triggered, when a socket is registered, and never changed.
	interest = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff

	// Events name connections by their slot; what is not a connection has a negative name.
	wakeName     = -1
	listenerName = -2 // And below: -2-i is listener i.
	partingName  = math.MinInt32
)

// epoll is the driver that waits for all sockets of a loop with one system call.
//
// System calls that cannot block are made raw: telling the scheduler of them costs more than it could do in the meantime.
//
// The wait itself does not hold a thread: the epoll descriptor is itself registered with the Go runtime's poller, and
// the runner parks there like any reader. (A thread that sleeps in a system call keeps the runtime's monitor awake, which was measured at
// up to half a system call a message.) Precise loops cannot have that, since the runtime rounds to milliseconds; they sleep on
// a thread of their own.
type epoll struct {
	// Immutable.
	fd      int
	wakeFD  int
	precise bool
	spin    bool
	file    *os.File // Owns fd.
	raw     syscall.RawConn
	try     func(uintptr) bool // tryPoll, bound once.

	// Owned by the runner.
	loop      *Loop
	events    [eventBatch]unix.EpollEvent
	n         int    // Events found.
	polls     uint64 // System calls that asked for events.
	deadline  int64  // What file's read deadline stands for; MaxInt64: none.
	scheduled int64  // Clock: when a precise loop last gave way to others.
	locked    bool   // The thread of a precise loop is set up.
	noPwait2  bool

	// Guarded by Loop.turn.
	listeners []*epollListener
	partings  []parting // The oldest first.
	alarmed   bool      // An alarm is set for the first of them.
	registers uint64    // Calls of epoll_ctl.
	parts     [iovBatch][]byte
	iov       [iovBatch]unix.Iovec
	to        unix.RawSockaddrInet4 // Scratch of dialling.
	lent      net.TCPAddr           // See lend.
	lentIP    [4]byte
}

func newEpoll(precise, spin bool) (driver, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// What is non-blocking is watched by the runtime's poller. It must not watch the descriptor of a precise loop: an idle P has a thread
	// waiting there, and each message would wake it for nothing.
	if !precise {
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(fd)
			return nil, os.NewSyscallError("fcntl", err)
		}
	}
	p := &epoll{fd: fd, precise: precise, spin: spin, deadline: math.MaxInt64}
	p.file = os.NewFile(uintptr(fd), "epoll")
	p.try = p.tryPoll
	if p.raw, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, err
	}
	if p.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		p.file.Close()
		return nil, os.NewSyscallError("eventfd", err)
	}
	// Edge-triggered: each write to it is an event, and it need never be read.
	if err := p.register(p.wakeFD, wakeName, unix.EPOLLIN|unix.EPOLLET&0xffffffff); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

func (p *epoll) end() {
	for _, g := range p.partings {
		unix.Close(g.fd)
	}
	for _, ln := range p.listeners {
		ln.closeFD()
	}
	unix.Close(p.wakeFD)
	p.file.Close()
}

func (p *epoll) register(fd int, name int32, events uint32) error {
	p.registers++
	ev := unix.EpollEvent{Events: events, Fd: name}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

var one = [8]byte{1}

// wake adds to the eventfd. Its counter lasts for 2^64 wakes.
func (p *epoll) wake() {
	b := one
	rawWrite(p.wakeFD, b[:])
}

func (p *epoll) wait(l *Loop, until int64) {
	p.loop = l
	if p.precise {
		p.waitPrecise(l, until)
		return
	}
	if until == math.MinInt64 || until <= Clock() {
		l.yield()
		p.n = p.poll()
		return
	}
	if until != p.deadline {
		p.setDeadline(until)
	}
	if p.raw.Read(p.try) != nil { // The deadline has passed; the file would say so for ever.
		p.setDeadline(math.MaxInt64)
		p.n = p.poll()
	}
	l.parked.Store(false)
}

func (p *epoll) setDeadline(until int64) {
	p.deadline = until
	if until == math.MaxInt64 {
		p.file.SetReadDeadline(time.Time{})
		return
	}
	p.file.SetReadDeadline(origin.Add(time.Duration(until)))
}

// tryPoll is called by the runtime's poller, first, and whenever the epoll descriptor becomes readable. False: park.
func (p *epoll) tryPoll(uintptr) bool {
	if p.n = p.poll(); p.n == 0 {
		p.loop.parked.Store(true)
		if !p.loop.mailed.Load() {
			p.loop.busy = 0
			return false
		}
	}
	p.loop.yield()
	return true
}

// poll asks for events without waiting.
func (p *epoll) poll() int {
	p.polls++
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), eventBatch, 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (p *epoll) dispatch(l *Loop) {
	for i := range p.events[:p.n] {
		ev := &p.events[i]
		l.last = i == p.n-1
		switch {
		case ev.Fd >= 0:
			// No event can be meant for another: see Loop.vacated.
			if c := l.slots[ev.Fd]; c != nil {
				p.serve(l, c, ev.Events)
			}
		case ev.Fd == partingName:
			p.sweep(l)
		case ev.Fd <= listenerName:
			if ln := p.listeners[listenerName-ev.Fd]; ln != nil {
				ln.acceptBatch(l)
			}
		}
	}
	p.n, l.last = 0, false
	l.stats.Polls, l.stats.Registers = p.polls, p.registers
}

// serve serves one connection's event.
func (p *epoll) serve(l *Loop, c *Conn, events uint32) {
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		if c.writable() == connecting && !p.connected(l, c, events) {
			return
		}
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.hup = true
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		l.read(c)
	}
}

func (p *epoll) read(c *Conn, b []byte) (int, error) {
	return rawRecv(int(c.fd), b)
}

func (p *epoll) write(c *Conn, b *batch) (int, error) {
	if len(b.cuts) == 0 {
		return rawSend(int(c.fd), b.rest())
	}
	parts := b.vectors(p.parts[:0])
	for i, part := range parts {
		p.iov[i].Base = &part[0]
		p.iov[i].SetLen(len(part))
	}
	n, err := writev(int(c.fd), p.iov[:len(parts)])
	clear(parts)
	clear(p.iov[:len(parts)])
	return n, err
}

// hangup closes the socket. To close while something is unread would make the kernel send a RST, which may destroy at the
// peer what was sent before; so that is read.
func (p *epoll) hangup(c *Conn, reset bool) {
	c.mu.Lock()
	fd, parts := int(c.fd), c.parts
	c.fd = -1
	c.mu.Unlock()
	if fd < 0 {
		return
	}
	if reset {
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	} else if !c.hup {
		if parts && p.part(c.loop, fd) {
			return
		}
		rawRead(fd, c.loop.buf)
	}
	unix.Close(fd)
}
