// Command mqttbench measures MQTT brokers: what each QoS level costs, how far a
// broker carries, and whether it keeps its promises while clients come and go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Exit codes, as documented in usage.
const (
	exitKept        = 0
	exitBroken      = 1
	exitInput       = 2
	exitInvalid     = 3
	exitNoisy       = 4
	exitInterrupted = 130
)

// version is that of the tool; releases set it with -ldflags.
var version = "0.1.0"

func main() {
	endings := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // As nohup has it.
		endings = append(endings, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), endings...)
	go func() {
		<-ctx.Done()
		stop() // A second signal ends the program at once.
	}()
	// Who reads what is printed may go before the end, as head does. That is no reason to lose what is being measured: the
	// signal that would end the program becomes an error of the write, here and in programs that are started.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, outlet(os.Stdout), outlet(os.Stderr)))
}

// outlet is f, or, where f may be a pipe, what also takes the bytes that nobody reads any more.
func outlet(f *os.File) io.Writer {
	if _, is := terminal(f); is {
		return f
	}
	return pipe{f}
}

// A pipe is a file that may have lost its reader.
type pipe struct{ f *os.File }

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.f.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return len(b), nil
	}
	return n, err
}

// commands are what the first argument may be. Without one, it is a run.
var commands = map[string]func(ctx context.Context, args []string, stdout, stderr io.Writer) error{
	"run":     runCommand,
	"compare": compareCommand,
	"sweep":   sweepCommand,
	"search":  searchCommand,
	"report":  reportCommand,
	"pack":    packCommand,
	"growth":  growthCommand,
	"table":   tableCommand,

	"profiles":  profilesCommand,
	"calibrate": calibrateCommand,
	"relay":     relayCommand,
	"selftest":  selftestCommand,
	"scenarios": scenariosCommand,

	"completion": completionCommand,
	"man":        manCommand,
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 2 && args[0] == childCommand {
		return runChild(ctx, args[1], stdin, stdout, stderr)
	}
	if len(args) > 0 && (args[0] == "help" || args[0] == "version") { // What many programs call --help and --version.
		args = append(slices.Clone(args[1:]), "--"+args[0])
	}
	command := runCommand
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		named, ok := commands[args[0]]
		if !ok {
			return complain(stderr, inputError{fmt.Errorf("unknown command %q; there are run (the default), compare, sweep, search, report, pack, growth, table, profiles, calibrate, relay, selftest, scenarios, completion and man", args[0])})
		}
		command, args = named, args[1:]
	}
	code := complain(stderr, command(ctx, args, stdout, stderr))
	if code == exitNoisy {
		if wants(args, "--tolerate-noise", "--tolerate-noise=true") {
			return exitKept
		}
		fmt.Fprintln(stderr, noisyText)
	}
	return code
}

// noisyText explains the one exit code that is nobody's fault.
const noisyText = "mqttbench: kept; NOISY or not steady: exit 4. Verdicts, counts and CPU costs stand, latencies do not compare; --tolerate-noise makes this exit 0"

// An inputError is the user's to mend: exit code 2.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

// An exitError ends the program with a code, everything having been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// complain says what went wrong in one line and returns the exit code for it.
func complain(stderr io.Writer, err error) int {
	var code exitError
	var input inputError
	switch {
	case err == nil:
		return exitKept
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &input):
		fmt.Fprintf(stderr, "mqttbench: %s\n", oneLine(err))
		return exitInput
	default:
		fmt.Fprintf(stderr, "mqttbench: %s\n", oneLine(err))
		return exitBroken
	}
}

// oneLine joins what errors.Join puts on several lines.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
