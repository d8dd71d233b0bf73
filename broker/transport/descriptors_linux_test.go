package transport

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deafListener returns the URL of a listener whose queue is full and which never accepts.
func deafListener(t testing.TB) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := addrOf(peerOf(sa)).String()
	nc, err := net.Dial("tcp", addr) // A queue of 0 holds one.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return "tcp://" + addr
}

// TestAcceptWithoutDescriptors takes all descriptors away, lets connections come, and gives some back. Those that waited are
// then accepted, and accepting has not spun meanwhile.
func TestAcceptWithoutDescriptors(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		url := listen(t, ls, echoServer)
		dialNet(t, url) // So that everything lazy is there.

		sockets := make([]int, 5)
		for i := range sockets {
			var err error
			if sockets[i], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(sockets[i])
		}
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		low := limit
		low.Cur = uint64(sockets[0]) // Not above any that is open: there may be holes below.
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		var holes []int
		for {
			fd, err := unix.Dup(0)
			if err != nil {
				break
			}
			holes = append(holes, fd)
		}
		to, err := net.ResolveTCPAddr("tcp", url[len("tcp://"):])
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, fd := range sockets {
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Fatal(err)
			}
		}
		for ls.Stats().AcceptErrors == 0 {
			ls.Each(func(*Loop) {})
		}
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		for _, fd := range holes {
			unix.Close(fd)
		}
		for _, fd := range sockets {
			unix.Write(fd, []byte("x"))
			if n, err := unix.Read(fd, make([]byte, 1)); n != 1 {
				t.Errorf("read %d, %v", n, err)
			}
		}
		// Each loop tries once, and again after each pause.
		if n, most := ls.Stats().AcceptErrors, 10+2*uint64(time.Since(began)/acceptPause); n > most {
			t.Errorf("%d accept errors, at most %d wanted: it spins", n, most)
		}
	})
}
