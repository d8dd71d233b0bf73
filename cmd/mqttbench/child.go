package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"mqttbench/broker"
	"mqttbench/broker/transport"
)

// The built-in broker of a run is a process of its own: this same program,
// started again with childCommand. So its CPU time, memory, allocations and
// profiles are its own, and the instrument and the thing measured share no heap.
//
// The two talk in lines. The child says "listening URL", perhaps with a certificate to trust, on its standard output
// once it is ready. On its standard input it is told "profile DIR", which starts
// profiling, and "profiled", which writes the profiles and is answered
// with "profiled" or "error ...". When its standard input ends (the parent asked for
// it, or died) it shuts down: no broker is ever left behind.
const childCommand = "__broker"

// childOptions are what the parent tells the child, as JSON in its one argument.
type childOptions struct {
	Listen string
	Driver transport.Driver
	Loops  int
	Pprof  string // Address for live profiles; "": none.
	Kind   string // "": the built-in broker; or one of aids, and then Pprof and Alone are not for it.
	Data   string // Folder that its sessions are kept in; "": in memory.
	Alone  bool   // It says nothing, obeys signals and nothing else, and ends when its parent has gone.
}

// A child is the parent's side.
type child struct {
	URL string
	PID int

	authority []byte // In PEM, of its certificate; nil: it has none.

	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string   // What it says, line by line; closed when it says no more.
	done  chan struct{} // Closed when it has ended,
	ended chan error    // with this error.
}

func startChild(o childOptions, stderr io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the built-in broker: %w", err)
	}
	arg, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, childCommand, string(arg))
	cmd.Stderr = stderr
	ownProcessGroup(cmd) // Ctrl-C is for the parent, which then ends the child in order.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the built-in broker: %w", err)
	}
	c := &child{
		cmd: cmd, stdin: stdin, PID: cmd.Process.Pid,
		lines: make(chan string, 16), done: make(chan struct{}), ended: make(chan error, 1),
	}
	go c.listen(stdout)
	text, err := c.answer("listening")
	if err == nil {
		c.URL, c.authority, err = readAnnouncement(text)
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("the built-in broker did not start: %w", err)
	}
	return c, nil
}

// listen reads what the child says, to its end. It is the goroutine that waits for the process.
func (c *child) listen(stdout io.Reader) {
	for s := bufio.NewScanner(stdout); s.Scan(); {
		c.lines <- s.Text()
	}
	close(c.lines)
	c.ended <- c.cmd.Wait() // Only after the pipe has been read to its end.
	close(c.done)
}

// answer is the child's next line, which begins with word.
func (c *child) answer(word string) (rest string, err error) {
	select {
	case line, ok := <-c.lines:
		if !ok {
			return "", errors.New("it ended without a word")
		}
		first, rest, _ := strings.Cut(line, " ")
		if first != word {
			return "", fmt.Errorf("it said %q", line)
		}
		return rest, nil
	case <-time.After(answerWithin):
		return "", fmt.Errorf("it said nothing for %v", answerWithin)
	}
}

const answerWithin = 15 * time.Second

func (c *child) startProfile(dir string) error {
	_, err := fmt.Fprintf(c.stdin, "profile %s\n", dir)
	return err
}

func (c *child) stopProfile() error {
	if _, err := fmt.Fprintln(c.stdin, "profiled"); err != nil {
		return err
	}
	_, err := c.answer("profiled")
	return err
}

// gone delivers how the process ended, once, should it end by itself.
func (c *child) gone() <-chan error { return c.ended }

// stop ends the child and waits for it, by force after some seconds.
func (c *child) stop() {
	c.stdin.Close()
	force := time.AfterFunc(5*time.Second, func() { c.cmd.Process.Kill() })
	defer force.Stop()
	<-c.done
}

// runChild is the child's side: the whole life of a built-in broker.
func runChild(ctx context.Context, arg string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o childOptions
	if err := json.Unmarshal([]byte(arg), &o); err != nil {
		fmt.Fprintf(stderr, "mqttbench: the built-in broker's options: %v\n", err)
		return exitInput
	}
	if o.Kind != "" {
		return runAid(o, stdin, stdout, stderr)
	}
	config, authority, err := ownCertificate(o.Listen)
	var s *broker.Server
	if err == nil {
		s, err = broker.New(broker.Options{
			Listen: []string{o.Listen}, Driver: o.Driver, Loops: o.Loops, TLS: config, DataDir: o.Data,
			Logger: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		})
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		fmt.Fprintf(stderr, "mqttbench: the built-in broker: %v\n", err)
		return exitInput
	}
	if o.Pprof != "" {
		servePprof(o.Pprof, stderr)
	}
	if o.Alone {
		awaitOrphaned(ctx)
	} else {
		fmt.Fprintf(stdout, "listening %s\n", announcement(s.Addrs()[0], authority))
		obey(stdin, stdout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s.Shutdown(ctx)
	return 0
}

// awaitOrphaned waits until the parent has gone, or a signal ends ctx.
func awaitOrphaned(ctx context.Context) {
	for parent := os.Getppid(); os.Getppid() == parent; {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// obey carries out the parent's lines until there are no more.
func obey(stdin io.Reader, stdout io.Writer) {
	var p *profiles
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		var err error
		switch word, dir, _ := strings.Cut(lines.Text(), " "); word {
		case "profile":
			p, err = startProfiles(dir, "broker")
		case "profiled":
			if p != nil {
				err = p.stop()
			}
			if err == nil {
				fmt.Fprintln(stdout, "profiled")
			}
		}
		if err != nil {
			fmt.Fprintf(stdout, "error %v\n", err)
		}
	}
}
