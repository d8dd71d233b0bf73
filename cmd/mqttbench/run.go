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
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench"
	"mqttbench/bench/client"
	"mqttbench/bench/client/paho"
	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// runCommand is a run, from its flags to its exit code.
func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, usage)
		return err
	}
	if wants(args, "--version") {
		_, err := fmt.Fprintf(stdout, "mqttbench %s\n", version)
		return err
	}
	var s settings
	return s.carryOut(ctx, args, stdout, stderr)
}

// carryOut reads the flags of a run, or of a series of them, and carries it out. more are for flags that are not a run's.
func (s *settings) carryOut(ctx context.Context, args []string, stdout, stderr io.Writer, more ...func(*pflag.FlagSet)) error {
	f, err := s.parse(args, more...)
	var several *family
	if errors.As(err, &several) {
		return several.carryOut(ctx, args, s.out, stdout, stderr, more)
	}
	if err != nil {
		return inputError{err}
	}
	if f.Changed("format") && !s.several() {
		return inputError{errors.New("--format is for a comparison: several brokers, several levels of --qos, or --repeat; a single run is told as a table, or with --json as an object")}
	}
	if err := s.provide(); err != nil {
		return inputError{err}
	}
	if s.several() {
		return s.series(ctx, f, stdout, stderr)
	}
	res, err := s.run(ctx, f, stderr)
	var setup *bench.SetupError
	failed := errors.As(err, &setup)
	switch { // If nothing was measured, there is nothing to keep or to show.
	case ctx.Err() != nil && (res == nil || failed):
		s.tidy()
		fmt.Fprintln(stderr, "mqttbench: interrupted before anything was measured")
		return exitError(exitInterrupted)
	case failed:
		s.tidy()
		return inputError{err}
	case res == nil:
		s.tidy()
		return err
	}
	err = errors.Join(err, s.show(res, stdout))
	switch {
	case err != nil:
		return err
	case res.Summary.ExitCode != exitKept:
		return exitError(res.Summary.ExitCode)
	}
	return nil
}

func wants(args []string, flags ...string) bool {
	for _, a := range args {
		for _, f := range flags {
			if a == f {
				return true
			}
		}
	}
	return false
}

// connections are those of the run: its clients, and those who only watch and read.
func (s *settings) connections() int {
	p := s.plan()
	return p.Clients() + p.Wills.Watchers + p.Readers.Count
}

// provide makes sure, before anything begins, that the run can have what it needs.
func (s *settings) provide() error {
	need := s.connections() + spareFiles
	if s.churnTakeOver > 0 { // The other connections, as many as there may be at a time.
		need += min(s.connections(), int(s.churn*time.Minute.Seconds()))
	}
	if len(s.faults) > 0 { // The proxy has both ends of each connection.
		need *= 3
	}
	if err := allowFiles(need); err != nil {
		return fmt.Errorf("%d clients: %w", s.connections(), err)
	}
	if s.out == "" {
		s.out = filepath.Join("results", fmt.Sprintf("%s-qos%d-%d-%04x", time.Now().UTC().Format("20060102-150405"),
			s.pubQoS, s.connections(), uint16(s.runID)))
	}
	if _, err := os.Stat(filepath.Join(s.out, result.ResultFile)); err == nil {
		return fmt.Errorf("--out %s holds a result already", s.out)
	}
	for _, dir := range []string{s.out, s.pprof} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("the folder for the results cannot be made: %w", err)
		}
	}
	return nil
}

// tidy removes the result of a run that could not begin, and its folder if nothing else is in it.
func (s *settings) tidy() {
	for _, name := range []string{result.ResultFile, result.ResponseFile, result.ServiceFile} {
		os.Remove(filepath.Join(s.out, name))
	}
	os.Remove(s.out)
}

// spareFiles are the descriptors that a process needs besides its connections.
const spareFiles = 64

// run starts what the run needs, carries it out, and stops it all again.
func (s *settings) run(ctx context.Context, f *pflag.FlagSet, stderr io.Writer) (*result.Run, error) {
	cfg := bench.Config{
		Plan: s.plan(), Dir: s.out, ConnectLimit: s.connecting, ConnectFor: s.connectFor, DrainFor: s.drain,
		Manifest: s.manifest(f),
		Client: client.Options{
			KeepAlive: s.keepAliveOption(), Username: s.username, Password: s.password,
			HasUsername: f.Changed("username"), HasPassword: f.Changed("password"),
		},
	}
	s.configure(&cfg)
	if err := s.authenticate(&cfg); err != nil {
		return nil, err
	}
	t, err := s.target(ctx, stderr)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	cfg.Manifest.Broker.URL = t.url
	faults, err := s.newMishaps(ctx, t)
	if err != nil {
		return nil, err
	}
	cfg.Client.URL, cfg.BrokerPID, cfg.BrokerGone = t.url, t.pid, t.gone
	if cfg.Nodes = s.source.nodes; cfg.Nodes != nil {
		cfg.Manifest.Broker.URL = strings.Join(cfg.Nodes, ",")
	}
	sec, err := s.security(t)
	if err != nil {
		return nil, err
	}
	cfg.Client.TLS, cfg.ClientTLS = sec.shared, sec.each
	cfg.Manifest.Workload.Transport, cfg.Manifest.Workload.Insecure = schemeOf(t.url), s.files.Insecure
	cfg.Locals = s.locals(t.url)
	if err := s.pin(t.pid); err != nil {
		return nil, inputError{err}
	}
	cfg.Manifest.Broker.CPUs, cfg.Manifest.Machine.GeneratorCPUs, cfg.CPUs = s.brokerCPUs, s.cpus, processors
	cfg.Measuring = s.profiling(t.own, stderr)
	cfg.Fresh, cfg.Dropping = s.source.url == "", s.loggedDropping()
	if faults != nil {
		defer faults.close()
		faults.arrange(&cfg)
	}
	cfg.Manifest.Broker.CoLocated = cfg.BrokerPID != 0
	if cfg.Manifest.Broker.Name == "" {
		cfg.Manifest.Broker.Name = processName(cfg.BrokerPID)
	}
	if s.pprofAddr != "" {
		servePprof(s.pprofAddr, stderr)
	}
	engine, err := s.engine()
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	cfg.Engine = engine
	if c := s.calibrated(&cfg.Plan, stderr); c != nil {
		cfg.Manifest.Calibration, cfg.Ceiling = c, c.Ceiling
	}
	live := newProgress(s, stderr)
	cfg.Soak, cfg.Interval = s.soak > 0, s.soakInterval()
	cfg.KeepTransient = s.warmupCut == "off"
	cfg.Progress, cfg.Events = live.interval, live.watch(cfg.Events)
	if err := s.exposeRun(ctx, &cfg, stderr); err != nil {
		return nil, err
	}
	defer live.done()
	res, err := bench.Run(ctx, cfg)
	return res, s.hint(err)
}

// pin has broker and generator run on the CPUs they were given.
func (s *settings) pin(broker int) error {
	if s.brokerCPUs != "" {
		if broker == 0 {
			return errors.New("--broker-cpus: the broker's process is not known; say --broker-pid")
		}
		if err := pin(broker, s.brokerCPUs); err != nil {
			return fmt.Errorf("--broker-cpus: %w", err)
		}
	}
	if s.cpus != "" {
		if err := pin(os.Getpid(), s.cpus); err != nil {
			return fmt.Errorf("--cpus: %w", err)
		}
	}
	return nil
}

// keepAliveOption is --keep-alive; 0 turns it off [v3.1.1 3.1.2.10], which an option has another word for.
func (s *settings) keepAliveOption() time.Duration {
	if s.keepAlive == 0 {
		return -1
	}
	return s.keepAlive
}

// processors are the CPUs that the generator may use, as the system or --cpus says. GOMAXPROCS can be more: see engine.
var processors = runtime.GOMAXPROCS(0)

// groups are the event loops of the generator.
func (s *settings) groups() int {
	if s.loops > 0 {
		return s.loops
	}
	return max(1, processors/2)
}

func (s *settings) engine() (client.Engine, error) {
	groups := s.groups()
	// With a P to spare, the runtime leaves a loop its P while it sleeps, and whatever else there is to do need not wait for it.
	runtime.GOMAXPROCS(max(processors, groups+1))
	if s.client == "paho" {
		return paho.New(groups), nil
	}
	tighten()
	return client.NewNative(client.NativeOptions{Groups: groups, Precise: s.precision == "precise", Spin: s.precision == "spin", Driver: drivers[s.driver]})
}

// manifest is what only the command line knows of a run.
func (s *settings) manifest(f *pflag.FlagSet) result.Manifest {
	m := result.Manifest{
		Tool:     result.Tool{Version: version, GoVersion: runtime.Version(), Commit: commit()},
		Command:  append([]string{"mqttbench"}, withoutSecrets(os.Args[1:])...),
		Flags:    map[string]string{},
		Profile:  s.profile,
		Workload: result.Workload{Engine: s.client, Faults: strings.Join(s.faultTexts, " ")},
		Broker:   result.Broker{Name: s.source.name, Version: s.source.version, BuiltIn: s.source.builtIn()},

		Repetition: s.repetition,
	}
	if s.source.builtIn() {
		m.Broker.Name, m.Broker.Version, m.Broker.Driver, m.Broker.Loops = cmp.Or(s.source.name, s.source.label()), cmp.Or(s.source.version, version), s.driver, s.brokerLoops
	}
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "password" && flag.Name != "ws-header" {
			m.Flags[flag.Name] = flag.Value.String()
		}
	})
	if s.pprof != "" {
		m.Flags["pprof"] = s.pprof // In a series, a folder below the one that was said.
	}
	m.Flags["qos"], m.Flags["rate"] = strconv.Itoa(s.qos), strconv.FormatFloat(s.rate, 'g', -1, 64) // Of this run, in a series.
	return m
}

// withoutSecrets hides the password of a command line.
func withoutSecrets(args []string) []string {
	var kept []string
	hide := false
	for _, a := range args {
		switch {
		case hide:
			a, hide = "***", false
		case a == "--password" || a == "-P" || a == "--ws-header":
			hide = true
		case strings.HasPrefix(a, "--ws-header="):
			a = "--ws-header=***"
		case len(a) > 11 && a[:11] == "--password=":
			a = "--password=***"
		case len(a) > 2 && a[:2] == "-P":
			a = "-P***"
		}
		kept = append(kept, a)
	}
	return kept
}

func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

// profiling returns what to do when the measured part begins and ends; nil: nothing.
func (s *settings) profiling(c *child, stderr io.Writer) func(begins bool) {
	if s.pprof == "" {
		return nil
	}
	var own *profiles
	say := func(err error) {
		if err != nil {
			fmt.Fprintf(stderr, "mqttbench: profiling: %v\n", err)
		}
	}
	return func(begins bool) {
		var err error
		if begins {
			if c != nil {
				say(c.startProfile(s.pprof))
			}
			own, err = startProfiles(s.pprof, "generator")
			say(err)
			return
		}
		if own != nil {
			say(own.stop())
		}
		if c != nil {
			say(c.stopProfile())
		}
	}
}

// show prints the summary, draws the charts and writes the page.
func (s *settings) show(r *result.Run, stdout io.Writer) error {
	var errs []error
	page := ""
	if s.charts && r.Summary.Measured.Seconds > 0 && r.Summary.Sane() {
		page = filepath.Join(s.out, report.ReportFile)
		_, err := report.Charts(s.out, r)
		errs = append(errs, err, report.SaveHTML(page, r))
	}
	if s.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		errs = append(errs, e.Encode(struct {
			Dir      string          `json:"dir"`
			Manifest result.Manifest `json:"manifest"`
			Summary  result.Summary  `json:"summary"`
		}{s.out, r.Manifest, r.Summary}))
	} else {
		width, color := terminal(stdout)
		errs = append(errs, report.Summary(stdout, r, width, color))
		if page != "" {
			sayPage(stdout, page)
		}
	}
	return errors.Join(errs...)
}

// nextPort is the address after addr; "" stays "".
func nextPort(addr string) string {
	if addr == "" {
		return ""
	}
	host, port, err := splitPort(addr)
	if err != nil {
		return ""
	}
	return host + ":" + strconv.Itoa(port+1)
}
