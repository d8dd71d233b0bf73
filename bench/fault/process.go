package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"mqttbench/broker/packet"
)

// ProcessOptions of StartProcess.
type ProcessOptions struct {
	// Command is the program and its arguments, parted at spaces; what stands in ' or " stays together. No
	// shell reads it. {port} is replaced by a free TCP port, the same after each restart.
	Command string
	URL     string        // Where the broker then listens. Default tcp://127.0.0.1:{port}.
	Dir     string        // To start it in. Default: this process's.
	Output  io.Writer     // Gets its standard output and error. Default: nobody.
	Ready   time.Duration // How long it may take until it answers a CONNECT. Default 15 s.
	Exit    time.Duration // How long it may take to end after Terminate. Default 10 s.
}

// A Process is a broker that this process started, to be stopped, killed and started again. Its methods may be called from
// any goroutine, one at a time. It has one goroutine, which waits for the broker to end.
//
// On Linux the broker dies with this process, however that ends.
type Process struct {
	o    ProcessOptions
	args []string
	url  string

	mu   sync.Mutex
	cmd  *exec.Cmd     // Guarded by mu. The one started last.
	done chan struct{} // Guarded by mu. Closed when it has ended.
	err  error         // How it ended. Written before done is closed.

	user, system time.Duration // Guarded by mu. CPU time of those that have ended.
}

// StartProcess starts a broker and waits until it answers a CONNECT.
func StartProcess(ctx context.Context, o ProcessOptions) (*Process, error) {
	if o.Ready == 0 {
		o.Ready = 15 * time.Second
	}
	if o.Exit == 0 {
		o.Exit = 10 * time.Second
	}
	if o.URL == "" {
		o.URL = "tcp://127.0.0.1:{port}"
	}
	port, err := FreePort()
	if err != nil {
		return nil, fmt.Errorf("a port for the broker: %w", err)
	}
	p := &Process{o: o, url: strings.ReplaceAll(o.URL, "{port}", port)}
	if p.args, err = words(strings.ReplaceAll(o.Command, "{port}", port)); err != nil {
		return nil, err
	}
	if err := p.Restart(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// URL is where the broker listens.
func (p *Process) URL() string { return p.url }

// PID is the process that runs now, or ran last.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Ended is closed when the broker that was started last has ended.
func (p *Process) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Kill ends it as a crash would, and waits for its end.
func (p *Process) Kill() error { return p.end(killGroup) }

// Close is Kill, for defer: it is no error if the broker has ended already.
func (p *Process) Close() error { return p.Kill() }

// Restart starts the broker again, with the same arguments, and waits until it answers a CONNECT. If it still runs, it is
// killed first.
func (p *Process) Restart(ctx context.Context) error {
	if p.running() {
		if err := p.Kill(); err != nil {
			return err
		}
	}
	if err := p.start(); err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Ready)
	defer cancel()
	if err := p.awaitReady(ctx); err != nil {
		return errors.Join(fmt.Errorf("the broker %s does not answer at %s: %w", p.args[0], p.url, err), p.Kill())
	}
	return nil
}

func (p *Process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// start starts the command on a thread that waits for it: some systems tie a child's life to the thread that made it.
func (p *Process) start() error {
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.o.Dir, p.o.Output, p.o.Output
	cmd.WaitDelay = time.Second // A grandchild that keeps the output open is not waited for.
	ownGroup(cmd)
	started, done := make(chan error, 1), make(chan struct{})
	go onOwnThread(func() {
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			p.account(cmd.ProcessState)
			close(done)
		}
	})
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.done = cmd, done
	return nil
}

// account adds what a process that has ended has taken.
func (p *Process) account(s *os.ProcessState) {
	if s == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user, p.system = p.user+s.UserTime(), p.system+s.SystemTime()
}

// Spent is the CPU time that all processes together took that have ended. That of what they started themselves is in it as far as they waited for it.
func (p *Process) Spent() (user, system time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.user, p.system
}

// end sends a signal and waits until the process has ended.
func (p *Process) end(signal func(*os.Process) error) error {
	if !p.running() {
		return nil
	}
	if err := signal(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(p.o.Exit):
	}
	err := fmt.Errorf("the broker did not end within %v and was killed", p.o.Exit)
	if e := killGroup(p.cmd.Process); e != nil {
		return errors.Join(err, e)
	}
	<-p.done
	return err
}

// awaitReady tries to connect until the broker answers, it ends, or ctx is done.
func (p *Process) awaitReady(ctx context.Context) error {
	for {
		err := greets(ctx, p.url)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(readyPoll):
		case <-p.Ended():
			return fmt.Errorf("it ended: %v", p.err)
		case <-ctx.Done():
			return err
		}
	}
}

const readyPoll = 20 * time.Millisecond

// greets reports whether a broker answers a CONNECT; a refusal is an answer, too.
func greets(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	network, host := u.Scheme, u.Host
	if network == "unix" {
		host = u.Path
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, host)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	hello := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("mqttbenchready")}
	if _, err := c.Write(hello.Append(nil)); err != nil {
		return err
	}
	var connack [4]byte
	if _, err := io.ReadFull(c, connack[:]); err != nil {
		return fmt.Errorf("no CONNACK: %w", err)
	}
	if connack[0] != byte(packet.CONNACK)<<4 {
		return errors.New("what listens there is no MQTT broker")
	}
	bye := packet.Disconnect{}
	c.Write(bye.Append(nil, packet.V311))
	return nil
}

// FreePort is one that nobody listens on. It is none of those that systems give to outgoing connections, from 32768 on at the lowest: one of
// the thousands that a run opens could have it before the broker does, or while that is being started again.
func FreePort() (string, error) {
	var err error
	for range 1000 {
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort+1)))); err == nil {
			defer l.Close()
			return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
		}
	}
	return "", err
}

const firstPort, lastPort = 10_000, 32_767

// words parts a command line at spaces that do not stand in quotes.
func words(line string) (all []string, err error) {
	var word []byte
	var quote byte
	begun := false
	for _, c := range []byte(line) {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if begun {
				all = append(all, string(word))
			}
			word, begun = word[:0], false
		default:
			word, begun = append(word, c), true
		}
	}
	if begun {
		all = append(all, string(word))
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("the broker's command %q: a quotation mark is missing", line)
	case len(all) == 0:
		return nil, errors.New("the broker's command is empty")
	}
	return all, nil
}
