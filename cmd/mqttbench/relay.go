package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"mqttbench/bench/fault"
)

const relayUsage = `mqttbench relay - a relay in a broker's place

SYNOPSIS
  mqttbench relay [--listen URL] [--loops N] [--driver D]

It greets clients as a broker does, ties each publisher to the one client that has subscribed to its Topic Name, and from then on passes
the packets of both as they are, until it is interrupted. What a message costs it, and how long it takes, is the kernel's and the event
loop's part, which no broker here can do without: the other end of a comparison of pairs.

      --listen URL     default tcp://127.0.0.1:0; the address is printed
      --loops N        event loops (default: half of the cores)
      --driver D       auto, epoll or goroutine (default auto)

  mqttbench compare --profile w2-pairs/qos-1 --broker builtin --broker-cmd 'relay=mqttbench relay --listen tcp://127.0.0.1:{port}'
`

// relayCommand relays until it is interrupted.
func relayCommand(ctx context.Context, args []string, stdout, _ io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, relayUsage)
		return err
	}
	f := pflag.NewFlagSet("relay", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	var o fault.NullOptions
	f.StringVar(&o.Listen, "listen", "tcp://127.0.0.1:0", "")
	f.IntVar(&o.Loops, "loops", 0, "")
	driver := f.String("driver", "auto", "")
	if err := f.Parse(args); err != nil {
		return inputError{err}
	}
	known := false
	if o.Driver, known = drivers[*driver]; !known || f.NArg() > 0 || o.Loops < 0 {
		return inputError{fmt.Errorf("relay takes --listen URL, --loops N and --driver auto, epoll or goroutine; see mqttbench relay --help")}
	}
	if err := fault.RunPairRelay(ctx, o, func(url string) { fmt.Fprintln(stdout, "listening", url) }); err != nil {
		return inputError{err}
	}
	return nil
}
