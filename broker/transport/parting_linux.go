package transport

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A parting is a socket whose connection is over, and whose peer may not have read the last words yet: see
// Conn.LastWords. We have said that nothing more will come, and read on, for nobody, until the peer ends too, or until
// linger has passed.
type parting struct {
	fd    int
	until int64 // ns, Clock
}

// maxPartings is how many a loop has at a time; the oldest gives way, so that a flood of refused connections costs no
// descriptors.
const maxPartings = 64

// part makes fd a parting; false: it is to be closed at once.
func (p *epoll) part(l *Loop, fd int) bool {
	if l.stopping || unix.Shutdown(fd, unix.SHUT_WR) != nil {
		return false
	}
	// Its slot will be given to another connection. What has come already is an event again.
	p.registers++
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: partingName}
	if unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &ev) != nil {
		return false
	}
	if len(p.partings) == maxPartings {
		p.depart(l, 0)
	}
	p.partings = append(p.partings, parting{fd, l.now + int64(linger)})
	p.setPartingAlarm(l)
	return true
}

// depart closes the i-th parting.
func (p *epoll) depart(l *Loop, i int) {
	rawRead(p.partings[i].fd, l.buf)
	unix.Close(p.partings[i].fd)
	p.partings = slices.Delete(p.partings, i, i+1)
}

// sweep reads what came to partings, of which epoll does not say to which, and closes those whose peers have ended.
func (p *epoll) sweep(l *Loop) {
	for i := len(p.partings) - 1; i >= 0; i-- {
		for range maxSweeps {
			n, err := rawRead(p.partings[i].fd, l.buf)
			if n > 0 {
				continue
			}
			if err != errAgain {
				p.depart(l, i)
			}
			break
		}
	}
}

// maxSweeps is how many reads a sweep spends on one parting. A peer that sends more is not worth it.
const maxSweeps = 16

func (p *epoll) setPartingAlarm(l *Loop) {
	if !p.alarmed && len(p.partings) > 0 {
		p.alarmed = true
		l.alarms.add(p.partings[0].until, p)
	}
}

// alarm closes the partings whose time is up.
func (p *epoll) alarm(l *Loop) {
	p.alarmed = false
	for len(p.partings) > 0 && p.partings[0].until <= l.now {
		p.depart(l, 0)
	}
	p.setPartingAlarm(l)
}
