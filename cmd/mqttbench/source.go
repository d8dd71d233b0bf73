package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"mqttbench/bench"
	"mqttbench/bench/fault"
)

// A source is where the broker of a run comes from. The zero value is the built-in broker.
type source struct {
	name    string   // How reports call it; "": by its process.
	version string   // As the user said; "": not known.
	url     string   // A broker that runs already.
	nodes   []string // Its nodes, url the first of them; nil: it is no cluster.
	command string   // Or how to start one, afresh for each run.
}

const builtin = "builtin"

func (s source) builtIn() bool { return s.url == "" && s.command == "" }

// sources reads --broker and --broker-cmd. Without any it is the built-in broker.
func sources(brokers, commands []string, name string) (all []source, err error) {
	var errs []error
	for _, text := range brokers {
		s, err := brokerSource(text)
		all, errs = append(all, s), append(errs, err)
	}
	for _, text := range commands {
		s, err := commandSource(text)
		all, errs = append(all, s), append(errs, err)
	}
	if len(all) == 0 {
		all = []source{{}}
	}
	if len(all) == 1 && name != "" {
		all[0].name = name
	} else if name != "" {
		errs = append(errs, errors.New("--broker-name is for one broker; of several each has its own: --broker NAME=URL"))
	}
	return all, errors.Join(append(errs, nameAll(all))...)
}

// nameAll sees to it that several brokers have several names: runs of one name are repetitions of each other.
func nameAll(all []source) error {
	if len(all) == 1 {
		return nil
	}
	seen := map[string]bool{}
	for i := range all {
		s := &all[i]
		if _, address, ok := strings.Cut(s.url, "://"); ok && s.name == "" {
			s.name = address
		}
		if seen[s.label()] {
			return fmt.Errorf("two brokers are called %s; give them names: --broker NAME=URL", s.label())
		}
		seen[s.label()] = true
	}
	return nil
}

// versioned parts NAME@VERSION.
func (s source) versioned() source {
	s.name, s.version, _ = strings.Cut(s.name, "@")
	return s
}

// brokerSource reads URL, NAME=URL, NAME@VERSION=URL, builtin or NAME=builtin.
func brokerSource(text string) (source, error) {
	name, address, named := cutName(text)
	if !named {
		address = text
	}
	if address == builtin {
		return source{name: name}.versioned(), nil
	}
	var nodes []string
	for part := range strings.SplitSeq(address, ",") {
		u, err := brokerURL(part)
		if err != nil {
			return source{}, fmt.Errorf("--broker: %w", err)
		}
		nodes = append(nodes, u)
	}
	s := source{name: name, url: nodes[0]}.versioned()
	if len(nodes) > 1 {
		s.nodes = nodes
	}
	for _, u := range nodes {
		if schemeOf(u) != schemeOf(s.url) {
			return source{}, fmt.Errorf("--broker %s: the nodes of a cluster are reached in one way, not by %s and %s", text, schemeOf(s.url), schemeOf(u))
		}
	}
	return s, nil
}

// commandSource reads NAME='COMMAND'; the name may be left away if the command has no = before its first space.
func commandSource(text string) (source, error) {
	name, command, named := cutName(text)
	if !named {
		command = text
	}
	first, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	if first == "" {
		return source{}, fmt.Errorf("--broker-cmd %q has no command; such as --broker-cmd 'mosquitto=mosquitto -p {port}'", text)
	}
	if !strings.Contains(command, "{port}") {
		return source{}, fmt.Errorf("--broker-cmd %q has no {port}: where would the broker listen?", text)
	}
	return source{name: cmp.Or(name, filepath.Base(first)), command: command}.versioned(), nil
}

// cutName parts NAME=REST; a name has no space, slash or colon.
func cutName(text string) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(text, "=")
	if !ok || name == "" || strings.ContainsAny(name, "/: \t'\"") {
		return "", text, false
	}
	return name, rest, true
}

func (s *source) label() string {
	if s.name == "" && s.url == "" {
		return "mqttbroker"
	}
	return cmp.Or(strings.TrimSpace(s.name+" "+s.version), s.url)
}

// fileName is the label as a part of a file's name.
func (s *source) fileName() string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, s.label())
}

// A target is the broker of one run, ready for it.
type target struct {
	url  string
	pid  int          // 0: not known.
	gone <-chan error // Delivers how it ended, should it end by itself; may be nil.
	own  *child       // Not nil: the built-in broker.
	stop func()

	authority []byte // In PEM, of the built-in broker's certificate; nil: it has none.

	process *fault.Process // Not nil: it can be stopped and killed.
}

// target starts the broker of a run, or finds it.
func (s *settings) target(ctx context.Context, stderr io.Writer) (*target, error) {
	switch {
	case s.source.command != "":
		return s.startCommand(ctx)
	case len(s.source.nodes) > 0: // What a message costs one of them is not what it costs.
		return &target{url: s.source.url, pid: s.brokerPID, stop: func() {}}, nil
	case s.source.url != "":
		return &target{url: s.source.url, pid: cmp.Or(s.brokerPID, listenerPID(s.source.url)), stop: func() {}}, nil
	case len(ofProcess(s.faults)) > 0:
		return s.startVictim(ctx, stderr)
	}
	c, err := startChild(childOptions{Listen: s.listenURL(), Driver: drivers[s.driver], Loops: s.brokerLoops, Data: s.dataDir(), Pprof: nextPort(s.pprofAddr)}, stderr)
	if err != nil {
		return nil, err
	}
	return &target{url: c.URL, pid: c.PID, gone: c.gone(), own: c, stop: s.forget(c.stop), authority: c.authority}, nil
}

// startVictim starts the built-in broker so that it can be stopped, killed and started again.
func (s *settings) startVictim(ctx context.Context, stderr io.Writer) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the built-in broker: %w", err)
	}
	command, err := victimCommand(self, childOptions{Listen: "tcp://127.0.0.1:{port}", Driver: drivers[s.driver], Loops: s.brokerLoops, Data: s.dataDir(), Alone: true})
	if err != nil {
		return nil, err
	}
	p, err := fault.StartProcess(ctx, fault.ProcessOptions{Command: command, Output: stderr})
	if err != nil {
		return nil, &bench.SetupError{Err: err}
	}
	return &target{url: p.URL(), pid: p.PID(), process: p, stop: s.forget(func() { p.Close() })}, nil
}

// victimCommand starts this program as a broker. The options stand in single quotes, so there is none in them: a folder may be called O'Hare.
func victimCommand(self string, o childOptions) (string, error) {
	arg, err := json.Marshal(o)
	return fmt.Sprintf(`"%s" %s '%s'`, self, childCommand, strings.ReplaceAll(string(arg), "'", `\u0027`)), err
}

// dataDir is where the built-in broker keeps its sessions; "": in memory.
func (s *settings) dataDir() string {
	if !s.durable {
		return ""
	}
	dir := filepath.Join(s.out, "broker-data")
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return dir
}

// forget is stop, and after that what the built-in broker kept is of no use any more.
func (s *settings) forget(stop func()) func() {
	dir := s.dataDir()
	if dir == "" {
		return stop
	}
	return func() {
		stop()
		os.RemoveAll(dir)
	}
}

const (
	brokerLog  = "broker.log"  // In the folder of the run: what a broker that was started for it said.
	brokerData = "broker-data" // Likewise: a folder for the broker, empty when it starts.
)

// commandReady is how long a broker may take to answer. RabbitMQ takes ten seconds on a CPU of its own.
const commandReady = 45 * time.Second

// startCommand starts a broker for one run, with nothing left of an earlier one.
func (s *settings) startCommand(ctx context.Context) (*target, error) {
	command, err := s.withFolder()
	if err != nil {
		return nil, &bench.SetupError{Err: err}
	}
	log, err := os.Create(filepath.Join(s.out, brokerLog))
	if err != nil {
		return nil, err
	}
	p, err := fault.StartProcess(ctx, fault.ProcessOptions{Command: command, Output: log, Ready: commandReady})
	if err != nil {
		log.Close()
		return nil, &bench.SetupError{Err: fmt.Errorf("%w; what it said is in %s", err, log.Name())}
	}
	gone := make(chan error, 1)
	go func() { // Ends with the process.
		<-p.Ended()
		gone <- fmt.Errorf("what it said is in %s", log.Name())
	}()
	stop := func() {
		if p.Terminate() != nil { // It was killed, or this system knows no signals.
			p.Close()
		}
		log.Close()
	}
	// The process may be a script that starts the broker: whoever listens is the broker.
	return &target{url: p.URL(), pid: cmp.Or(s.brokerPID, listenerPID(p.URL()), p.PID()), gone: gone, stop: stop, process: p}, nil
}

// withFolder is the command with {dir} replaced.
func (s *settings) withFolder() (string, error) {
	if !strings.Contains(s.source.command, "{dir}") {
		return s.source.command, nil
	}
	dir, err := filepath.Abs(filepath.Join(s.out, brokerData))
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(dir, " \t\n'\"") {
		return "", fmt.Errorf("--broker-cmd: {dir} would be %q, and commands are parted at spaces and quotation marks; choose another --out", dir)
	}
	return strings.ReplaceAll(s.source.command, "{dir}", dir), os.MkdirAll(dir, 0o755)
}
