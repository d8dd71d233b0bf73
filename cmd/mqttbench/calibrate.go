package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/fault"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
)

const calibrateUsage = `mqttbench calibrate - what generator and kernel can do by themselves on this machine

SYNOPSIS
  mqttbench calibrate [--duration D] [--out FILE]

It measures how many messages a second the generator reaches at each QoS against a broker that does next to nothing, and
what a message costs in a relay that only moves bytes, one write and one read each. Later runs on this machine find
results/calibration.json below the folder they are started in: a run that reaches more than half of the ceiling is not
to be trusted, and the chart of costs has both figures beside the broker's.

      --duration D           of each of the four measurements (default 2s)
      --loops N, --driver D, --precision P, --cpus LIST, --broker-cpus LIST, --broker-loops N
                             as for a run; a calibration is for runs with the same generator
  -o, --out FILE             (default results/calibration.json)
`

// A calibrationFile is results/calibration.json.
type calibrationFile struct {
	Format  string                `json:"format"`
	Made    time.Time             `json:"made"`
	Machine result.Machine        `json:"machine"`
	Setup   generatorSetup        `json:"generator"`
	QoS     [3]result.Calibration `json:"qos"` // By level.
}

const (
	calibrationFormat = "mqttbench-calibration"
	maxCalibrated     = 1024 // Bytes of a payload up to which a calibration with small ones says something.
)

var calibrationPath = filepath.Join("results", "calibration.json")

// A generatorSetup is what the ceiling of a generator depends on, besides the machine.
type generatorSetup struct {
	Engine    string `json:"engine"`
	Loops     int    `json:"loops"`
	Driver    string `json:"driver"`
	Precision string `json:"precision"`
	CPUs      string `json:"cpus,omitempty"`
	Procs     int    `json:"gomaxprocs"`
}

func (s *settings) generatorSetup() generatorSetup {
	return generatorSetup{Engine: s.client, Loops: s.groups(), Driver: s.driver, Precision: s.precision, CPUs: s.cpus, Procs: processors}
}

// sameMachine compares what the figures depend on.
func sameMachine(a, b *result.Machine) bool {
	return a.CPU == b.CPU && a.Cores == b.Cores && a.OS == b.OS && a.Kernel == b.Kernel && a.Virtual == b.Virtual
}

// calibrated is what is known of the generator for such a run; nil: nothing. The ceiling was found with pairs, so it
// says nothing about a fan-out, nor about large payloads, nor about a generator that is a fault proxy, too.
func (s *settings) calibrated(p *plan.Plan, stderr io.Writer) *result.Calibration {
	text, err := os.ReadFile(calibrationPath)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var c calibrationFile
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err == nil && c.Format != calibrationFormat {
		err = errors.New("it is no calibration")
	}
	if err != nil {
		fmt.Fprintf(stderr, "mqttbench: %s is not used: %v\n", calibrationPath, err)
		return nil
	}
	here := measure.DescribeMachine()
	fits := sameMachine(&here, &c.Machine) && c.Setup == s.generatorSetup() && len(s.faults) == 0 &&
		p.FanOut() == 1 && p.ShareName == "" && p.PubQoS == p.SubQoS && p.Payload <= maxCalibrated && !p.Idle()
	if !fits {
		return nil
	}
	return &c.QoS[p.PubQoS]
}

// calibrateCommand measures and writes the file.
func calibrateCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, calibrateUsage)
		return err
	}
	var s settings
	f, err := s.parse(args, func(f *pflag.FlagSet) { preset(f, "duration", 2*time.Second) })
	if err != nil {
		return inputError{err}
	}
	for _, name := range []string{"broker", "broker-cmd", "qos", "rate", "fault", "repeat", "pattern", "idle", "profile", "client"} {
		if f.Changed(name) {
			return inputError{fmt.Errorf("calibrate takes no --%s; see mqttbench calibrate --help", name)}
		}
	}
	path := s.out
	if path == "" {
		path = calibrationPath
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return inputError{err}
	}
	c := calibrationFile{Format: calibrationFormat, Made: time.Now().UTC(), Machine: measure.DescribeMachine(), Setup: s.generatorSetup()}
	for qos := range c.QoS {
		if c.QoS[qos], err = s.ceiling(ctx, qos, stderr); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "QoS %d  the generator reaches %.0f messages a second against a broker that does next to nothing, for %s CPU each (%s there)\n",
			qos, c.QoS[qos].Ceiling, microseconds(c.QoS[qos].Generator), microseconds(c.QoS[qos].Null))
	}
	relay, peer, err := s.floor(ctx, stderr)
	if err != nil {
		return err
	}
	for qos := range c.QoS {
		c.QoS[qos].Relay, c.QoS[qos].RelayPeer = relay, peer
	}
	fmt.Fprintf(stdout, "relay  moving the bytes of a message takes %s CPU, and sending and receiving it %s: the kernel's floor\n", microseconds(relay), microseconds(peer))
	return c.write(path, stdout)
}

func microseconds(s float64) string {
	if s == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.2f us", s*1e6)
}

func (c *calibrationFile) write(path string, stdout io.Writer) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return inputError{err}
	}
	_, err = fmt.Fprintf(stdout, "written to %s\n", path)
	return err
}

// aid starts a child that a calibration is made against.
func (s *settings) aid(kind string, stderr io.Writer) (*child, error) {
	return startChild(childOptions{Kind: kind, Listen: "tcp://127.0.0.1:0", Driver: drivers[s.driver], Loops: s.brokerLoops}, stderr)
}

// ceiling measures the generator against the null broker, at one QoS. A machine so busy that nothing arrived is asked again.
func (s *settings) ceiling(ctx context.Context, qos int, stderr io.Writer) (c result.Calibration, err error) {
	for range attempts {
		if c, err = s.ceilingOnce(ctx, qos, stderr); err != nil || c.Ceiling > 0 {
			return c, err
		}
	}
	return c, fmt.Errorf("the null broker at QoS %d: nothing was delivered within %v, %d times: this machine is too busy, or --duration is too short", qos, s.duration, attempts)
}

// ceilingOnce is a real run, in a closed loop.
func (s *settings) ceilingOnce(ctx context.Context, qos int, stderr io.Writer) (c result.Calibration, err error) {
	null, err := s.aid(aidNull, stderr)
	if err != nil {
		return c, err
	}
	defer null.stop()
	dir, err := os.MkdirTemp("", "mqttbench-calibrate")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	args := []string{
		"--quiet", "--closed", "--qos", strconv.Itoa(qos), "--clients", "100", "--warmup", "300ms", "--duration", s.duration.String(),
		"--broker", null.URL, "--broker-pid", strconv.Itoa(null.PID), "--out", filepath.Join(dir, "run"),
		"--loops", strconv.Itoa(s.loops), "--driver", s.driver, "--precision", s.precision, "--cpus", s.cpus, "--broker-cpus", s.brokerCPUs,
	}
	r, err := carry(ctx, 0, args, stderr)
	if err != nil {
		return c, err
	}
	if r.Summary.Interrupted {
		return c, exitError(exitInterrupted)
	}
	if r.Summary.Outcome != result.Kept {
		return c, fmt.Errorf("the null broker at QoS %d: the run is %s", qos, r.Summary.Outcome)
	}
	c.Ceiling = r.Summary.Measured.DeliveredRate
	if g := r.Summary.Cost.Generator; g != nil {
		c.Generator = g.PerDelivered()
	}
	if b := r.Summary.Cost.Broker; b != nil {
		c.Null = b.PerDelivered()
	}
	return c, nil
}

// carry carries out one run, as from the command line, and returns what it left. repetition is 0 unless it is one of a series.
func carry(ctx context.Context, repetition int, args []string, stderr io.Writer) (*result.Run, error) {
	var s settings
	f, err := s.parse(args)
	if err != nil {
		return nil, err
	}
	s.repetition = repetition
	if err := s.provide(); err != nil {
		return nil, inputError{err}
	}
	if _, err := s.run(ctx, f, stderr); err != nil {
		return nil, err
	}
	return result.Read(s.out)
}

// floor measures what a message costs in the relay, and at its ends: CPU seconds, 0 where the system does not tell.
func (s *settings) floor(ctx context.Context, stderr io.Writer) (relay, peer float64, err error) {
	c, err := s.aid(aidRelay, stderr)
	if err != nil {
		return 0, 0, err
	}
	defer c.stop()
	if err := s.pin(c.PID); err != nil {
		return 0, 0, inputError{err}
	}
	var before, after [2]int64
	var n int64
	for range attempts {
		n, err = fault.DriveRelay(ctx, fault.DriveOptions{URL: c.URL, Driver: drivers[s.driver], Loops: s.groups(), WarmUp: 300 * time.Millisecond, For: s.duration}, func(begins bool) {
			at := &after
			if begins {
				at = &before
			}
			*at = [2]int64{cpuTime(c.PID), cpuTime(os.Getpid())}
		})
		if !errors.Is(err, fault.ErrNothingArrived) {
			break
		}
	}
	if err != nil {
		return 0, 0, err
	}
	per := func(i int) float64 { return float64(max(0, after[i]-before[i])) / 1e9 / float64(n) }
	return per(0), per(1), nil
}

// cpuTime is what a process has used, ns; 0: not known.
func cpuTime(pid int) int64 {
	p, err := measure.OpenProcess(pid)
	if err != nil {
		return 0
	}
	u, err := p.Sample()
	if err != nil {
		return 0
	}
	return u.CPU
}
