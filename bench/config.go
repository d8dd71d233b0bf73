package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// Config is one run.
type Config struct {
	Plan   plan.Plan      // Settled: WithDefaults and Validate are the caller's.
	Client client.Options // What all clients share: URL, credentials, version, keep alive. The rest comes from the plan.
	// ClientTLS, if not nil, is Client.TLS of client n, for certificates of their own: subscribers first, then publishers.
	ClientTLS func(n int) *tls.Config
	Engine    client.Engine // Not closed by Run.
	Nodes     []string      // URLs of a cluster's nodes, which clients take in turns; empty: all take Client.URL.
	// Personal, if not nil, completes what is of one client alone: its credentials, for example. n is as Plan counts clients.
	Personal func(n int, o *client.Options)
	Props    packet.Props // Of every PUBLISH, with version 5; encoded. No Topic Alias.
	// Subscription has the options of every subscription but its filter and QoS; SubscribeProps are those of every SUBSCRIBE. Version 5.
	Subscription   client.Subscription
	SubscribeProps packet.Props

	Dir      string          // Where the result goes; must not hold one.
	Manifest result.Manifest // Plan, start and machine are filled in by Run.

	// Broker is the process of the broker, 0 if it is not on this machine or not known: then the
	// result has no cost figures for it.
	BrokerPID int
	// BrokerNow, if not nil, is what the broker's process is now, of which BrokerPID was the first. Any goroutine may call it.
	BrokerNow func() BrokerLife
	// CPUs that the generator may use. Default: GOMAXPROCS.
	CPUs int

	// BrokerGone, if not nil, delivers how the broker's process ended, should it end during the run.
	BrokerGone <-chan error

	Locals       []net.Addr    // Where the clients dial from, in turns; one address has only some 28,000 ports. Empty: the system's choice.
	ConnectLimit int           // Connections being opened at a time, all groups together. Default 256.
	ConnectFor   time.Duration // How long connecting and subscribing may take in all. Default 60 s.
	ProbeFor     time.Duration // How long the probe may take. Default 30 s.
	DrainFor     time.Duration // How long the drain may take; it ends as soon as all is quiet. Default 30 s.
	Interval     time.Duration // Of the result's lines. Default 1 s.

	// Progress, if not nil, is called once an interval, and with each change of phase; total is the planned length in seconds. It must not keep iv.
	Progress func(iv *result.Interval, total float64)
	// Events, if not nil, is asked with each interval for what has been done to the run since: faults, for example.
	Events func() []Event
	// Faults, if not nil, is asked at the end how often each fault that was asked for has been committed.
	Faults func() []result.FaultCount
	// UnderWay, if not nil, reports whether something that was done to the run is not over: the drain waits for it.
	UnderWay func() bool
	// Lull is for how long nothing may come because of what is done to the run: so much longer does it wait for what is under way.
	Lull time.Duration
	// KeepTransient: what MSER-5 finds to be warm-up still stays in the figures, and the run is DRIFTING.
	KeepTransient bool
	// Silences, if not nil, tells of the clients that were made silent and what the broker did about it, and of how many that is not known yet: the
	// drain waits for them.
	Silences func() (all []Silence, waiting int)
	// Unanswered, if not nil, is what the broker owes to those who spoke to it in a client's name. The drain waits for it.
	Unanswered func() []Unanswered
	// Fresh: the broker was started for this run, so that its counters began at 0.
	Fresh bool
	// Dropping, if not nil, is a line of the broker's log that says that it dropped messages at a limit; "": there is none.
	Dropping func() string
	// Soak: it is a long run, whose memory is judged as well.
	Soak bool
	// Ceiling is what this generator is known to reach against a broker that does next to nothing, messages a second; 0: not known.
	Ceiling float64
	// Objectives, if not nil, holds the summary against what was asked of the run.
	Objectives func(s *result.Summary) *result.Objectives
	// Measuring, if not nil, is called when the measured part begins and when it ends. Without a warm-up it begins before anything is published.
	Measuring func(begins bool)

	system func() (measure.SystemUsage, error) // What the machine says of itself. Default: measure.SampleSystem. For tests.
}

// An Event is something that was done to a run from outside.
type Event struct {
	At    time.Time
	Lasts time.Duration // 0: it was an instant.
	Kind  result.EventKind
	Name  string
	Text  string
}

const (
	defaultConnectLimit = 256
	defaultConnectFor   = time.Minute
	defaultProbeFor     = 30 * time.Second
	defaultDrainFor     = 30 * time.Second
	defaultInterval     = time.Second

	// goneAfter is how long all connections may be down before the broker counts as gone.
	goneAfter = 5 * time.Second
	// quietFor is how long nothing may arrive before a drain that misses messages is given up; five times p99.9, if that is longer.
	quietFor = 2 * time.Second
	// interruptedDrain is the patience of a run that was interrupted.
	interruptedDrain = time.Second
	// sessionExpiry is what a persistent session asks for in version 5: long enough for any run, and gone a day later.
	sessionExpiry = 24 * 60 * 60
)

func (c *Config) withDefaults() error {
	if c.Engine == nil || len(c.Engine.Groups()) == 0 {
		return errors.New("bench: no engine")
	}
	if err := c.Plan.Validate(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	orDefault(&c.ConnectLimit, defaultConnectLimit)
	orDefault(&c.ConnectFor, defaultConnectFor)
	orDefault(&c.ProbeFor, defaultProbeFor)
	orDefault(&c.DrainFor, defaultDrainFor)
	orDefault(&c.Interval, defaultInterval)
	orDefault(&c.CPUs, runtime.GOMAXPROCS(0))
	if c.system == nil {
		c.system = measure.SampleSystem
	}
	return nil
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// A SetupError says that the run could not begin: the broker cannot be reached, is none, or
// refuses. Nothing was measured, and what is wrong is the user's to mend.
type SetupError struct{ Err error }

func (e *SetupError) Error() string { return e.Err.Error() }
func (e *SetupError) Unwrap() error { return e.Err }
