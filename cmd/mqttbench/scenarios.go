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
                             as for a run (default: the built-in broker, with its sessions on disk where it is killed)
      --only TEXT            those whose names have this in them
      --list                 print their names, and do nothing
      --keep DIR             keep the results of the runs there
      --shipped              run, in small, the profiles that ask a broker about its promises (persistent-session, handshake-cut,
                             reconnect-churn, flapping, offline-windows, will-storm, retained-flood, shared-skew, wildcard-storm,
                             connection-storm, slow-consumer, qos-tradeoff), against one or more brokers, and print a table in Markdown of what each of them does
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
	keep, only, list := "", "", false
	f, err := s.parse(args, func(f *pflag.FlagSet) {
		f.StringVar(&keep, "keep", "", "")
		f.StringVar(&only, "only", "", "")
		f.BoolVar(&list, "list", false, "")
	})
	if err != nil {
		return inputError{err}
	}
	t := &selftest{dir: keep, stdout: stdout, stderr: &oneByOne{w: stderr}}
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "keep", "only", "list":
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
	all := scenariosFor(&s, only)
	switch {
	case list:
		for _, x := range all {
			fmt.Fprintln(stdout, x.name)
		}
		return nil
	case len(all) == 0:
		return inputError{fmt.Errorf("no scenario has %q in its name; see mqttbench scenarios --list", only)}
	}
	if keep == "" {
		if t.dir, err = os.MkdirTemp("", "mqttbench-scenarios"); err != nil {
			return inputError{err}
		}
		defer os.RemoveAll(t.dir)
	}
	t.carryOut(ctx, all)
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

// scenariosFor are the scenarios for a broker. One that is not started for the run cannot be killed.
func scenariosFor(s *settings, only string) (all []injection) {
	for _, x := range slices.Concat(brokenSteps(), corpus()) {
		switch {
		case !strings.Contains(x.name, only):
			continue
		case x.restarts && s.source.url != "":
			continue
		case x.restarts && s.source.builtIn():
			x.args = append(slices.Clone(x.args), "--durable")
		}
		all = append(all, x)
	}
	return all
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

// corpus are bugs that brokers were reported to have, by the report: what is done is what the report tells of, as far as it can be done from
// outside. A broker that has none of them passes. All of them are run with persistent sessions. Each is known to find its bug: in the tests, a broker has it.
func corpus() []injection {
	many := []string{"--rate", "2000", "--window", "200"}
	long := []string{"--offline-at", "200ms", "--offline-for", "1500ms", "--rate", "3000", "--duration", "2s"}
	return []injection{
		{name: "vernemq 496: cables pulled, 200 in flight", args: append(atQoS(2, "blackhole:PUBLISH:nth=30:for=100ms"), many...), found: unharmed(1)},
		{name: "vernemq 1963: PUBREC lost, PUBLISH again", args: atQoS(2, "reset:PUBREC:to=publisher:every=13:limit=4"), found: unharmed(2)},
		{name: "emqx 18441: PUBLISH truncated by 1 byte", args: atQoS(2, "cut=100000:PUBLISH:from=publisher:every=29:limit=4"), found: unharmed(1)},
		{name: "emqx 1216: PUBREL lost, owed on resuming", args: atQoS(2, "reset:PUBREL:to=subscriber:every=13:limit=4"), found: unharmed(2)},
		{name: "emqx 1216: PUBCOMP unanswered", args: atQoS(2, "blackhole:PUBCOMP:of=subscriber:nth=20:for=100ms", "blackhole:PUBCOMP:of=publisher:nth=30:for=100ms"), found: unharmed(2)},
		{name: "mosquitto 3602: PUBLISH thrice, no PUBREL", args: atQoS(2, "resend=2:from=publisher:every=29:limit=4"), found: connected(unharmed(4))},
		{name: "mosquitto 2349: 4500 queued at QoS 2", args: append(atQoS(2), long...), found: unharmed(0)},
		{name: "mosquitto 2.0.11: cut twice, PUBREL owed", args: atQoS(2, "reset:PUBREL:to=subscriber:after:every=13:limit=4", "reset:CONNECT:of=subscriber:after:every=1:limit=4"), found: unharmed(4)},
		{name: "tbmq 320: offline, only the last came", args: append(atQoS(1, "reset:PUBLISH:to=subscriber:nth=400"), offline...), found: unharmed(0)},
		{name: "tbmq 320: PUBACK lost, again with DUP 1", args: atQoS(1, "reset:PUBACK:from=subscriber:every=13:limit=4"), found: unharmed(2)},
		{name: "monster-mq 180: FIN, PUBREC lost", args: atQoS(2, "finish:PUBREC:to=publisher:every=11:limit=4"), found: unharmed(2)},
		{name: "monster-mq 180: taken over in flight", args: atQoS(2, "takeover=2:PUBLISH:every=47:limit=4"), found: unharmed(1)},
		{name: "amqtt 401: QoS 1, PUBLISH lost", args: atQoS(1, "reset:PUBLISH:to=subscriber:every=13:limit=4"), found: unharmed(2)},
		{name: "amqtt 401: QoS 2, PUBREC lost", args: atQoS(2, "reset:PUBREC:from=subscriber:every=13:limit=4"), found: unharmed(2)},
		{name: "vmq_server 28: more queued than in flight", args: append(atQoS(1), offline...), found: unharmed(0)},
		{name: "aedes 649: queued before live, QoS 2", args: append(atQoS(2, "reset:PUBLISH:to=subscriber:nth=400"), offline...), found: unharmed(0)},
		{name: "mqtt-lib 151: in flight before new", args: append(atQoS(1, "reset:PUBLISH:to=subscriber:every=101:limit=6"), "--rate", "2000"), found: unharmed(2)},
		{name: "iotedge 4359: in flight over a restart", args: atQoS(1, "kill:at=400ms"), restarts: true, found: unharmed(1)},
		{name: "retained over a restart", args: append(atQoS(1, "kill:at=800ms"), "--clients", "11", "--pattern", "fan-in", "--rate", "10", "--retain", "--readers-count", "1", "--readers-every", "200ms", "--duration", "1500ms"), restarts: true, found: unharmed(1)},
	}
}

// connected wants that nobody was thrown out, besides.
func connected(found finder) finder {
	return func(r *result.Run, injected map[string]int64) (string, verdict) {
		text, v := found(r, injected)
		if n := r.Summary.Measured.Reconnects; n > 0 {
			return fmt.Sprintf("%s, %d connections ended by the broker", text, n), wrong
		}
		return text, v
	}
}

// offline keeps subscribers away for more messages than any window holds.
var offline = []string{"--offline-at", "200ms", "--offline-for", "500ms", "--rate", "2000"}
