package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/plan"
	"mqttbench/bench/profile"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// settings are the flags of a run. Each maps to one field of the plan, or of the configuration of the run.
type settings struct {
	brokers, brokerCmds   []string
	brokerName            string
	brokerPID             int
	sources               []source // What --broker and --broker-cmd say.
	source                source   // The one of them that this run is about.
	brokerLoops, loops    int
	driver                string
	client                string
	levels                []int // What --qos says.
	qos, pubQoS, subQoS   int   // qos is the one of levels that this run is about.
	clients               int
	publishers            int
	subscribers           int
	pattern               string
	share                 string
	rate                  float64
	closed                bool
	arrivals              string
	duration, warmup      time.Duration
	warmupCut             string // auto or off.
	drain, connectFor     time.Duration
	payload               int
	topic                 string
	retain                bool
	cleanSession          bool
	pubClean, subClean    bool
	idle                  bool
	connectRate           float64
	localAddrs            []string
	offlineAt             time.Duration
	offlineFor            time.Duration
	profile               string         // What --profile says, and then NAME/VARIANT.
	places                profile.Places // Where flags are that it has set.
	member, familyDir     string         // The variant to run, and the folder of the whole family; "": as the flags say.
	churn                 float64
	churnWho              string
	churnAbrupt           float64
	churnDown             time.Duration
	faultTexts            []string
	faults                []mishap // What --fault says.
	mqtt                  string
	window                int
	keepAlive             time.Duration
	username, password    string
	transport             string                // Of the built-in broker.
	files                 transport.ClientFiles // What --cafile and its kind say.
	seed                  uint64
	runID                 uint32 // What tells the Topic Names and Client Identifiers of this run from those of all others.
	connecting            int
	precision             string
	cpus, brokerCPUs      string
	out                   string
	quiet, json, tolerant bool
	live                  string        // auto or off.
	durable               bool          // The built-in broker keeps its sessions on disk.
	soak                  time.Duration // 0: it is none.
	metricsListen         string
	exposed               *exposure // Of all runs of this process.
	pprof, pprofAddr      string
	charts                bool
	repeat, repetition    int // repetition is 1-based; 0: this run is no part of a series.
	place                 int // Of this run's setting in the order in which the user named them.
	pause                 time.Duration
	format, failOn        string
	resume, keepGoing     bool // Of a comparison of brokers.

	people
}

const (
	defaultClients     = 1000
	defaultMessageRate = 2.0      // Messages a second of each publisher, unless --rate says otherwise,
	defaultDeliveries  = 10_000.0 // and no more than this many deliveries a second in all.
	defaultDuration    = 20 * time.Second
	defaultWarmup      = 5 * time.Second
)

func (s *settings) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("mqttbench", pflag.ContinueOnError)
	f.SortFlags = false
	f.SetOutput(io.Discard)
	s.exposed = new(exposure)
	f.IntSliceVarP(&s.levels, "qos", "q", []int{0}, "")
	f.IntVar(&s.pubQoS, "pub-qos", 0, "")
	f.IntVar(&s.subQoS, "sub-qos", 0, "")
	f.IntVarP(&s.clients, "clients", "c", defaultClients, "")
	f.IntVar(&s.publishers, "publishers", 0, "")
	f.IntVar(&s.subscribers, "subscribers", 0, "")
	f.StringVar(&s.pattern, "pattern", string(plan.Pairs), "")
	f.StringVar(&s.share, "share", "", "")
	f.Float64VarP(&s.rate, "rate", "r", 0, "")
	f.BoolVar(&s.closed, "closed", false, "")
	f.BoolVar(&s.idle, "idle", false, "")
	f.StringVar(&s.arrivals, "arrivals", string(plan.Constant), "")
	f.DurationVarP(&s.duration, "duration", "d", defaultDuration, "")
	f.DurationVar(&s.warmup, "warmup", defaultWarmup, "")
	f.StringVar(&s.warmupCut, "warmup-cut", "auto", "")
	f.DurationVar(&s.drain, "drain", 30*time.Second, "")
	f.IntVar(&s.payload, "payload", 64, "")
	f.StringVarP(&s.topic, "topic", "t", plan.DefaultTopic, "")
	f.BoolVar(&s.retain, "retain", false, "")
	f.BoolVar(&s.cleanSession, "clean-session", true, "")
	f.BoolVar(&s.pubClean, "pub-clean-session", true, "")
	f.BoolVar(&s.subClean, "sub-clean-session", true, "")
	f.Float64Var(&s.churn, "churn", 0, "")
	f.StringVar(&s.churnWho, "churn-who", string(plan.ChurnBoth), "")
	f.Float64Var(&s.churnAbrupt, "churn-abrupt", 0.5, "")
	f.DurationVar(&s.churnDown, "churn-down", time.Second, "")
	f.StringArrayVar(&s.faultTexts, "fault", nil, "")
	f.DurationVar(&s.offlineAt, "offline-at", 0, "")
	f.DurationVar(&s.offlineFor, "offline-for", 0, "")
	f.StringVar(&s.profile, "profile", "", "")
	f.IntVarP(&s.window, "window", "w", plan.DefaultWindow, "")
	f.StringArrayVarP(&s.brokers, "broker", "b", nil, "")
	f.StringArrayVar(&s.brokerCmds, "broker-cmd", nil, "")
	f.StringVar(&s.brokerName, "broker-name", "", "")
	f.IntVar(&s.brokerPID, "broker-pid", 0, "")
	f.StringVar(&s.mqtt, "mqtt", "3.1.1", "")
	f.StringVarP(&s.username, "username", "u", "", "")
	f.StringVarP(&s.password, "password", "P", "", "")
	f.StringVar(&s.transport, "transport", "tcp", "")
	f.StringVar(&s.files.CA, "cafile", "", "")
	f.StringVar(&s.files.Certificate, "certfile", "", "")
	f.StringVar(&s.files.Key, "keyfile", "", "")
	f.BoolVar(&s.files.Insecure, "insecure", false, "")
	f.DurationVar(&s.keepAlive, "keep-alive", time.Minute, "")
	f.StringVar(&s.client, "client", "native", "")
	f.IntVar(&s.loops, "loops", 0, "")
	f.IntVar(&s.connecting, "connecting", 256, "")
	f.Float64Var(&s.connectRate, "connect-rate", 0, "")
	f.StringSliceVar(&s.localAddrs, "local-addr", nil, "")
	f.DurationVar(&s.connectFor, "connect-timeout", time.Minute, "")
	f.StringVar(&s.precision, "precision", "precise", "")
	f.StringVar(&s.cpus, "cpus", "", "")
	f.StringVar(&s.brokerCPUs, "broker-cpus", "", "")
	f.StringVar(&s.driver, "driver", "auto", "")
	f.IntVar(&s.brokerLoops, "broker-loops", 0, "")
	f.Uint64Var(&s.seed, "seed", 0, "")
	f.StringVarP(&s.out, "out", "o", "", "")
	f.BoolVar(&s.charts, "charts", true, "")
	f.BoolVar(&s.quiet, "quiet", false, "")
	f.BoolVar(&s.durable, "durable", false, "")
	f.DurationVar(&s.soak, "soak", 0, "")
	f.StringVar(&s.metricsListen, "metrics-listen", "", "")
	f.StringVar(&s.live, "live", "auto", "")
	f.BoolVar(&s.tolerant, "tolerate-noise", false, "")
	f.BoolVar(&s.json, "json", false, "")
	f.StringVar(&s.pprof, "pprof", "", "")
	f.StringVar(&s.pprofAddr, "pprof-addr", "", "")
	f.IntVar(&s.repeat, "repeat", 1, "")
	f.DurationVar(&s.pause, "pause", time.Second, "")
	f.StringVar(&s.format, "format", "table", "")
	f.StringVar(&s.failOn, "fail-on", "", "")
	s.people.flags(f)
	f.SetNormalizeFunc(alias)
	return f
}

// parse reads the flags of a run. All that is wrong with them comes in one error. more may add flags, and presets.
func (s *settings) parse(args []string, more ...func(*pflag.FlagSet)) (*pflag.FlagSet, error) {
	f := s.flags()
	for _, add := range more {
		add(f)
	}
	if err := f.Parse(args); err != nil {
		return nil, suggest(f, err)
	}
	if err := s.useProfile(f); err != nil {
		return nil, err
	}
	var err error
	if s.sources, err = sources(s.brokers, s.brokerCmds, s.brokerName); err != nil {
		return nil, err
	}
	if len(s.levels) == 0 {
		return nil, errors.New("--qos names no QoS")
	}
	s.source = s.sources[0]
	s.useQoS(f, s.levels[0])
	if err := s.readPeople(f); err != nil {
		return nil, s.placed(err)
	}
	s.derive(f)
	s.derivePeople()
	return f, s.placed(errors.Join(s.check(f), s.checkSeries(f)))
}

// suggest adds to a complaint about an unknown flag the one that may be meant.
func suggest(f *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var known []string
	f.VisitAll(func(flag *pflag.Flag) { known = append(known, flag.Name) })
	return fmt.Errorf("%w%s", err, didYouMean(unknown.GetSpecifiedName(), known))
}

// preset gives a flag another default.
func preset(f *pflag.FlagSet, name string, value any) {
	flag := f.Lookup(name)
	flag.DefValue = fmt.Sprint(value)
	if err := flag.Value.Set(flag.DefValue); err != nil {
		panic(err)
	}
}

// maxRate is more than any machine can send, in messages a second: who asks for more would wait for ever.
const maxRate = 100e6

// minSoak is the least that a soak lasts.
const minSoak = 2 * time.Second

// soakInterval is how often a soak writes a line; 0: as any run. There are at most 3600 of them, so that its files stay small however long it
// lasts, and at least some tens, so that a trial shows something.
func (s *settings) soakInterval() time.Duration {
	switch {
	case s.soak == 0:
		return 0
	case s.soak < time.Minute:
		return s.soak / 60
	}
	return max(time.Second, (s.soak / 3600).Truncate(time.Second))
}

// derive fills in what follows from other flags.
func (s *settings) derive(f *pflag.FlagSet) {
	if s.soak > 0 && !f.Changed("duration") {
		s.duration = s.soak
	}
	s.useQoS(f, s.levels[0])
	if !f.Changed("pub-clean-session") {
		s.pubClean = s.cleanSession
	}
	if !f.Changed("sub-clean-session") {
		s.subClean = s.cleanSession
	}
	pubs, subs := f.Changed("publishers"), f.Changed("subscribers")
	switch {
	case s.idle && !pubs && !subs: // Publishers that never publish: clients that only connect.
		s.publishers, s.subscribers = s.clients, 0
	case s.idle && !pubs && !f.Changed("clients"):
		s.publishers = 0
	case s.idle && !subs && !f.Changed("clients"):
		s.subscribers = 0
	case !pubs && !subs:
		s.publishers, s.subscribers = split(plan.Pattern(s.pattern), s.clients)
	case !pubs:
		s.publishers = s.clients - s.subscribers
		if !f.Changed("clients") {
			s.publishers = s.subscribers
		}
	case !subs:
		s.subscribers = s.clients - s.publishers
		if !f.Changed("clients") {
			s.subscribers = s.publishers
		}
	}
	s.runID = rand.Uint32()
	if s.seed == 0 {
		s.seed = uint64(rand.Uint32())
	}
	if !f.Changed("rate") && !s.closed && !s.idle && s.publishers > 0 {
		s.rate = defaultRate(plan.Pattern(s.pattern), s.publishers, s.subscribers)
	}
}

// useQoS sets the level of this run.
func (s *settings) useQoS(f *pflag.FlagSet, level int) {
	s.qos = level
	if !f.Changed("pub-qos") {
		s.pubQoS = level
	}
	if !f.Changed("sub-qos") {
		s.subQoS = level
	}
}

// split divides clients by the pattern: half and half in pairs, one on the narrow side of the others.
func split(p plan.Pattern, clients int) (publishers, subscribers int) {
	switch p {
	case plan.FanOut:
		return 1, clients - 1
	case plan.FanIn:
		return clients - 1, 1
	}
	return clients / 2, clients - clients/2
}

func defaultRate(p plan.Pattern, publishers, subscribers int) float64 {
	rate := defaultMessageRate * float64(publishers)
	copies := 1.0
	if p != plan.Pairs || subscribers > publishers {
		copies = float64(subscribers)
		if p == plan.Pairs {
			copies /= float64(publishers)
		}
	}
	return min(rate, max(1, defaultDeliveries/max(1, copies)))
}

func (s *settings) check(f *pflag.FlagSet) error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, q := range s.levels {
		refuse(q < 0 || q > 2, "--qos %d: a QoS is 0, 1 or 2", q)
	}
	for name, q := range map[string]int{"pub-qos": s.pubQoS, "sub-qos": s.subQoS} {
		refuse(f.Changed(name) && (q < 0 || q > 2), "--%s %d: a QoS is 0, 1 or 2", name, q)
	}
	refuse(s.clients <= 0, "--clients %d: there must be at least one client", s.clients)
	refuse(s.clients == 1 && !s.idle && !f.Changed("publishers") && !f.Changed("subscribers"), "--clients 1: one client alone has nobody to publish to; it takes 2, or --publishers 1 --subscribers 0")
	refuse(f.Changed("publishers") && s.publishers < 0, "--publishers %d is negative", s.publishers)
	refuse(f.Changed("subscribers") && s.subscribers < 0, "--subscribers %d is negative", s.subscribers)
	both := f.Changed("publishers") && f.Changed("subscribers")
	refuse(f.Changed("clients") && both && s.publishers+s.subscribers != s.clients && s.clients > 0,
		"--publishers %d and --subscribers %d are not --clients %d", s.publishers, s.subscribers, s.clients)
	refuse(f.Changed("clients") && !both && s.clients > 1 && (s.publishers < 0 || s.subscribers < 0), "--clients %d is less than the --publishers or --subscribers it contains", s.clients)
	refuse(both && s.publishers == 0 && s.subscribers == 0, "--publishers 0 and --subscribers 0: there is nobody to connect")
	refuse(f.Changed("rate") && !(s.rate > 0), "--rate %g: a rate is more than 0 messages a second; leave it away for the default, or use --closed", s.rate)
	whose := "--rate"
	if !f.Changed("rate") {
		whose = "rate of all flows:"
	}
	refuse(s.rate > maxRate, "%s %g: nobody publishes more than %g messages a second; --closed finds out how many", whose, s.rate, float64(maxRate))
	_, _, pprofErr := net.SplitHostPort(s.pprofAddr)
	refuse(s.pprofAddr != "" && pprofErr != nil, "--pprof-addr %s: it is HOST:PORT", s.pprofAddr)
	refuse(f.Changed("rate") && s.rate > 0 && s.publishers == 0, "--rate %g with no publishers: nobody could publish", s.rate)
	refuse(f.Changed("rate") && s.closed, "--rate and --closed exclude each other: in a closed loop the broker sets the rate")
	refuse(s.idle && (f.Changed("rate") || s.closed), "--idle publishes nothing; --rate and --closed do")
	refuse(f.Changed("connect-rate") && s.connectRate <= 0, "--connect-rate %g: it is more than 0 connections a second; leave it away for as many as --connecting allows", s.connectRate)
	refuse(f.Changed("offline-at") && s.offlineFor == 0, "--offline-at without --offline-for: they would never come back")
	refuse(s.offlineFor < 0, "--offline-for %v is negative", s.offlineFor)
	if _, err := parseLocals(s.localAddrs); err != nil {
		refuse(true, "%v", err)
	}
	refuse(f.Changed("soak") && s.soak < minSoak, "--soak %v: it takes %v to see anything grow", s.soak, minSoak)
	refuse(s.soak > 0 && f.Changed("duration"), "--soak says how long: it goes without --duration")
	refuse(s.duration <= 0, "--duration %v: the measured part must last", s.duration)
	refuse(s.warmup < 0, "--warmup %v is negative", s.warmup)
	refuse(s.warmupCut != "auto" && s.warmupCut != "off", "--warmup-cut %q: there are auto and off", s.warmupCut)
	refuse(s.drain <= 0, "--drain %v: it must be more than 0", s.drain)
	refuse(s.connectFor <= 0, "--connect-timeout %v: it must be more than 0", s.connectFor)
	refuse(f.Changed("payload") && s.payload < plan.StampSize, "--payload %d: a message begins with a stamp of %d bytes", s.payload, plan.StampSize)
	refuse(f.Changed("topic") && s.topic == "", "--topic is empty; leave it away for %s", plan.DefaultTopic)
	refuse(s.window <= 0 || s.window > 65535, "--window %d: it is 1 to 65535 messages", s.window)
	refuse(!(s.churn >= 0), "--churn %g: it is 0 or more connections a second", s.churn)
	refuse(s.churn*s.duration.Seconds() > mostDepartures, "--churn %g for %v: so many departures are no test of anything; up to %d in all are possible", s.churn, s.duration, mostDepartures)
	refuse(s.churnAbrupt < 0 || s.churnAbrupt > 1, "--churn-abrupt %g: it is a share, 0 to 1", s.churnAbrupt)
	refuse(s.churnDown < 0, "--churn-down %v is negative", s.churnDown)
	refuse(s.keepAlive < 0 || s.keepAlive > 65535*time.Second || s.keepAlive%time.Second != 0, "--keep-alive %v: it is whole seconds, at most 65535", s.keepAlive)
	refuse(s.live != "auto" && s.live != "off", "--live %q: there are auto and off", s.live)
	refuse(s.loops < 0 || s.loops > mostLoops, "--loops %d: there are 1 to %d, and 0 is as many as fit the machine", s.loops, mostLoops)
	refuse(s.brokerLoops < 0 || s.brokerLoops > mostLoops, "--broker-loops %d: there are 1 to %d, and 0 is as many as fit the machine", s.brokerLoops, mostLoops)
	refuse(s.brokerPID < 0, "--broker-pid %d is no process", s.brokerPID)
	refuse(f.Changed("receive-maximum") && s.receiveMaximum == 0, "--receive-maximum 0: it is 1 to 65535")
	refuse(s.connecting <= 0, "--connecting %d: it must be more than 0", s.connecting)
	refuse(s.client != "native" && s.client != "paho", "--client %q: there are native and paho", s.client)
	refuse(s.client == "paho" && s.mqtt == "5", "--client paho speaks MQTT 3.1.1 only")
	_, known := drivers[s.driver]
	refuse(!known, "--driver %q: there are auto, epoll and goroutine", s.driver)
	refuse(s.precision != "precise" && s.precision != "tick" && s.precision != "spin", "--precision %q: there are precise, tick and spin", s.precision)
	_, known = versions[s.mqtt]
	refuse(!known, "--mqtt %q: there are 3.1, 3.1.1 and 5", s.mqtt)
	refuse(f.Changed("password") && !f.Changed("username") && s.mqtt != "5", "--password without --username: MQTT 3.1.1 does not allow that")
	refuse(s.brokerLoops != 0 && !slices.ContainsFunc(s.sources, source.builtIn), "--broker-loops is for the built-in broker")
	refuse(s.durable && !slices.ContainsFunc(s.sources, source.builtIn), "--durable is for the built-in broker")
	refuse(s.brokerPID != 0 && len(s.sources) > 1, "--broker-pid is for one broker")
	refuse(len(s.faultTexts) > 0 && slices.ContainsFunc(s.sources, func(x source) bool { return len(x.nodes) > 0 }), "--fault stands between clients and one broker, not between them and a cluster")
	var err error
	s.faults, err = parseFaults(s.faultTexts)
	security := errors.Join(s.checkSecurity(f), s.checkLinks())
	refuse(security != nil, "%v", security)
	refuse(err != nil, "%v", err)
	silences := s.checkSilences()
	refuse(silences != nil, "%v", silences)
	persons := s.checkPeople(f)
	refuse(persons != nil, "%v", persons)
	refuse(len(ofProcess(s.faults)) > 0 && slices.ContainsFunc(s.sources, func(x source) bool { return x.url != "" }),
		"--fault %s is about the broker's process, which must be one that mqttbench starts: the built-in broker, or --broker-cmd", strings.Join(s.faultTexts, " --fault "))
	for _, m := range s.faults {
		refuse(m.at >= s.duration && s.duration > 0, "--fault %s: by then the measured part is over, which lasts %v", m.text, s.duration)
	}
	if len(errs) == 0 {
		p := s.plan()
		refuse(p.Validate() != nil, "%v", p.Validate())
	}
	if len(errs) == 0 {
		refuse(s.lull() >= s.drain, "--fault may hold everything up for %v: it takes a --drain that is longer, and not %v", s.lull(), s.drain)
	}
	return errors.Join(errs...)
}

var drivers = map[string]transport.Driver{"auto": transport.Auto, "epoll": transport.Epoll, "goroutine": transport.Goroutine}

var versions = map[string]packet.Version{"3.1": packet.V31, "3.1.1": packet.V311, "5": packet.V5, "5.0": packet.V5}

const (
	mostLoops      = 1024
	mostDepartures = 10_000_000 // They are drawn before the run begins.
)

// ways are the schemes of brokers, with the ports that are registered for them.
var ways = map[string]struct{ scheme, port string }{
	"tcp": {"tcp", "1883"}, "mqtt": {"tcp", "1883"},
	"tls": {"tls", "8883"}, "ssl": {"tls", "8883"}, "mqtts": {"tls", "8883"},
	"ws": {"ws", "80"}, "wss": {"wss", "443"},
}

// brokerURL completes a URL: tcp:// and the port may be left away.
func brokerURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "tcp://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q is no URL such as tcp://127.0.0.1:1883", text)
	}
	switch u.Scheme {
	case "unix":
		return text, nil
	}
	way, known := ways[u.Scheme]
	if !known {
		return "", fmt.Errorf("%q: there are tcp://, tls://, ws:// and wss://host:port, and unix:///path", text)
	}
	if u.Hostname() == "" {
		return "", fmt.Errorf("%q has no host", text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s://%s: a URL of a broker has a host, a port and perhaps a path, and nothing else; --username and --password are flags", u.Scheme, u.Host)
	}
	port := u.Port()
	if port == "" {
		port = way.port
	}
	if u.Path = strings.TrimSuffix(u.Path, "/"); u.Path != "" && way.scheme != "ws" && way.scheme != "wss" {
		return "", fmt.Errorf("%q: only ws:// and wss:// have a path", text)
	}
	return way.scheme + "://" + net.JoinHostPort(u.Hostname(), port) + u.Path, nil
}

// plan is the run that the flags ask for.
func (s *settings) plan() plan.Plan {
	p := plan.Plan{
		Seed: s.seed, RunID: uint16(s.runID), Run: fmt.Sprintf("%08x", s.runID), Pattern: plan.Pattern(s.pattern),
		Publishers: s.publishers, Subscribers: s.subscribers, ShareName: s.share, Topic: s.topic,
		Version: versions[s.mqtt], PubQoS: packet.QoS(s.pubQoS), SubQoS: packet.QoS(s.subQoS), Retain: s.retain,
		PublisherSession: session(s.pubClean), SubscriberSession: session(s.subClean),
		Window: s.window, Payload: s.payload, Closed: s.closed, Rate: s.rate, Arrivals: plan.Arrivals(s.arrivals),
		Warmup: plan.Duration(s.warmup), Duration: plan.Duration(s.duration), ConnectRate: s.connectRate,
		Offline: plan.Offline{At: plan.Duration(s.offlineAt), For: plan.Duration(s.offlineFor)},
	}
	if s.churn > 0 {
		p.Churn = plan.Churn{Rate: s.churn, Abrupt: s.churnAbrupt, Down: plan.Duration(s.churnDown), Who: plan.Who(s.churnWho)}
	}
	s.peopleOf(&p)
	return p.WithDefaults()
}

func session(clean bool) plan.Session {
	if clean {
		return plan.Clean
	}
	return plan.Persistent
}
