package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"mqttbench/bench/result"
)

const scenariosUsage = `mqttbench scenarios - what becomes of a broker's promises when connections break at the worst moment

SYNOPSIS
  mqttbench scenarios [--broker URL | --broker-cmd CMD] [FLAGS]
  mqttbench scenarios --shipped [--broker NAME=URL | --broker-cmd NAME=CMD]...

Each line is a short run: the connection is cut at a step of the QoS 2 handshake, or what a bug report told of is done
on purpose. Whatever was promised must be kept all the same. Exit code 0: it is; 1: it is not.

      --broker, --broker-cmd, --mqtt, --username, --password, --client
                             as for a run (default: the built-in broker)
      --keep DIR             keep the results of the runs there
      --shipped              run, in small, the profiles that ask a broker about its promises (persistent-session, handshake-cut,
                             reconnect-churn, will-storm, retained-flood, shared-skew, wildcard-storm, connection-storm, slow-consumer,
                             qos-tradeoff), against one or more brokers, and print a table in Markdown of what each of them does
      --only PREFIX          of those, the scenarios whose names begin so
`

// scenariosCommand holds a broker against the corpus.
func scenariosCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, scenariosUsage)
		return err
	}
	if askedForShipped(args) {
		return shippedCommand(ctx, args, stdout, stderr)
	}
	var s settings
	keep := ""
	f, err := s.parse(args, func(f *pflag.FlagSet) { f.StringVar(&keep, "keep", "", "") })
	if err != nil {
		return inputError{err}
	}
	t := &selftest{dir: keep, stdout: stdout, stderr: &oneByOne{w: stderr}}
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "keep":
		case "broker", "broker-cmd", "mqtt", "username", "password", "client":
			t.broker = append(t.broker, "--"+flag.Name, brokerFlag(&s, flag))
		default:
			err = inputError{fmt.Errorf("scenarios takes no --%s; see mqttbench scenarios --help", flag.Name)}
		}
	})
	if err == nil && len(s.sources) > 1 {
		err = inputError{fmt.Errorf("scenarios are for one broker at a time")}
	}
	if err != nil {
		return err
	}
	if keep == "" {
		if t.dir, err = os.MkdirTemp("", "mqttbench-scenarios"); err != nil {
			return inputError{err}
		}
		defer os.RemoveAll(t.dir)
	}
	t.carryOut(ctx, slices.Concat(brokenSteps(), corpus()))
	switch {
	case ctx.Err() != nil:
		return exitError(exitInterrupted)
	case t.failed > 0:
		fmt.Fprintf(stdout, "%d broken\n", t.failed)
		return exitError(exitBroken)
	}
	_, err = fmt.Fprintln(stdout, "all promises kept")
	return err
}

// brokerFlag is a flag's value as it was typed: lists have brackets.
func brokerFlag(s *settings, flag *pflag.Flag) string {
	switch flag.Name {
	case "broker":
		return s.brokers[0]
	case "broker-cmd":
		return s.brokerCmds[0]
	}
	return strings.TrimSpace(flag.Value.String())
}

// corpus are bugs that brokers were reported to have, as far as a proxy can provoke them. A broker that has none passes. All of
// them are run with persistent sessions.
func corpus() []injection {
	return []injection{
		// vernemq #496, #1963: connections end with many exchanges under way.
		{name: "corpus: cables pulled, QoS 2 in flight", args: atQoS(2, "blackhole:PUBLISH:nth=30:for=100ms"), found: unharmed(1)},
		// emqx #18441: a PUBLISH that lacked its last byte, and comes again as a whole.
		{name: "corpus: PUBLISH truncated by 1 byte", args: atQoS(2, "cut=100000:PUBLISH:from=publisher:every=29:limit=4"), found: unharmed(1)},
		// mosquitto #3602: the same PUBLISH a third time, before its PUBREL.
		{name: "corpus: PUBLISH twice more before PUBREL", args: atQoS(2, "resend=2:from=publisher:every=29:limit=4"), found: connected(unharmed(4))},
		// mosquitto 2.0.11: a connection that ends again before the PUBREL that is owed has been sent again.
		{name: "corpus: cut twice before a PUBREL is owed", args: atQoS(2, "reset:PUBREL:to=subscriber:after:every=13:limit=4", "reset:CONNECT:of=subscriber:after:every=1:limit=4"), found: unharmed(4)},
		// emqx #1216: the PUBREL that nobody answered.
		{name: "corpus: unanswered PUBREL after resuming", args: atQoS(2, "blackhole:PUBCOMP:of=subscriber:nth=20:for=100ms", "blackhole:PUBCOMP:of=publisher:nth=30:for=100ms"), found: unharmed(2)},
		// vmq_server #28, aedes #649, tbmq #320: what was queued comes in order, and before what is new.
		{name: "corpus: offline, then all in order, QoS 1", args: append(atQoS(1, "reset:PUBLISH:to=subscriber:nth=400"), offline...), found: unharmed(0)},
		{name: "corpus: offline, then all in order, QoS 2", args: append(atQoS(2, "reset:PUBLISH:to=subscriber:nth=400"), offline...), found: unharmed(0)},
		// monster-mq #180: take-over while exchanges are under way.
		{name: "corpus: taken over with QoS 2 in flight", args: atQoS(2, "takeover=2:PUBLISH:every=47:limit=4"), found: unharmed(1)},
	}
}

// connected wants that nobody was thrown out, besides.
func connected(found func(*result.Run, map[string]int64) (string, bool)) func(*result.Run, map[string]int64) (string, bool) {
	return func(r *result.Run, injected map[string]int64) (string, bool) {
		text, ok := found(r, injected)
		if n := r.Summary.Measured.Reconnects; n > 0 {
			return fmt.Sprintf("%s, %d connections ended by the broker", text, n), false
		}
		return text, ok
	}
}

// offline keeps subscribers away for more messages than any window holds.
var offline = []string{"--offline-at", "200ms", "--offline-for", "500ms", "--rate", "2000"}
