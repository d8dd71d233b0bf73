package main

import (
	"context"
	"fmt"
	"io"

	"mqttbench/bench/fault"
)

// Programs that a calibration is made against, each a child process as the built-in broker is.
const (
	aidNull  = "null"
	aidRelay = "relay"
)

var aids = map[string]func(context.Context, fault.NullOptions, func(url string)) error{
	aidNull: fault.RunNull, aidRelay: fault.RunRelay,
}

// runAid is the child's side, until its standard input ends.
func runAid(o childOptions, stdin io.Reader, stdout, stderr io.Writer) int {
	serve, ok := aids[o.Kind]
	if !ok {
		fmt.Fprintf(stderr, "mqttbench: a child process called %q\n", o.Kind)
		return exitInput
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := serve(ctx, fault.NullOptions{Listen: o.Listen, Driver: o.Driver, Loops: o.Loops}, func(url string) {
		fmt.Fprintf(stdout, "listening %s\n", url)
		go func() {
			obey(stdin, stdout)
			cancel()
		}()
	})
	if err != nil {
		fmt.Fprintf(stderr, "mqttbench: %v\n", err)
		return exitInput
	}
	return 0
}
