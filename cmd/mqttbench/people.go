package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench"
	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
	"mqttbench/bench/strict"
	"mqttbench/broker/packet"
	"mqttbench/broker/scram"
)

// people are the flags about who the clients are and what they say besides messages: groups and flows, names and credentials, wills, readers
// of retained messages, and the properties of MQTT 5.
type people struct {
	groupTexts, flowTexts []string
	kinds                 []plan.Group // What --group says.
	flows                 []plan.Flow  // What --flow says.
	stageTexts            []string
	stages                []plan.Stage
	limit                 int64
	payloadMax            int
	message, messageFile  string
	body                  []byte // What is in it.
	wild                  bool
	decoys                int

	clientID, prefix string
	shortIDs         bool
	credentialsFile  string
	credentials      []credential
	authMethod       string

	sessionExpiry     time.Duration
	receiveMaximum    uint16
	maximumPacketSize uint32
	topicAlias        bool
	topicAliasMaximum uint16
	userProperties    []string
	connectProperties []string
	askProperties     []string // Of every SUBSCRIBE.
	responseInfo      bool
	problemInfo       bool
	expiry            time.Duration
	contentType       string
	responseTopic     string
	correlation       string
	utf8              bool
	noLocal           bool
	retainHandling    int
	subscriptionID    uint32

	readers     int
	readerEvery time.Duration
	readerQoS   int

	offlineAbrupt bool
	offlineWho    string
	sloText       string
	slo           series.SLO

	testaments
	comings
	links
}

func (p *people) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&p.groupTexts, "group", nil, "")
	f.StringArrayVar(&p.flowTexts, "flow", nil, "")
	f.StringArrayVar(&p.stageTexts, "stages", nil, "")
	f.Int64Var(&p.limit, "limit", 0, "")
	f.IntVar(&p.payloadMax, "payload-max", 0, "")
	f.StringVarP(&p.message, "message", "m", "", "")
	f.StringVar(&p.messageFile, "message-file", "", "")
	f.BoolVar(&p.wild, "wild", false, "")
	f.IntVar(&p.decoys, "decoys", 0, "")
	f.StringVar(&p.clientID, "client-id", "", "")
	f.StringVar(&p.prefix, "prefix", "", "")
	f.BoolVar(&p.shortIDs, "short-ids", false, "")
	f.StringVar(&p.credentialsFile, "credentials", "", "")
	f.StringVar(&p.authMethod, "auth-method", "", "")
	f.DurationVar(&p.sessionExpiry, "session-expiry", 0, "")
	f.Uint16Var(&p.receiveMaximum, "receive-maximum", 0, "")
	f.Uint32Var(&p.maximumPacketSize, "maximum-packet-size", 0, "")
	f.BoolVar(&p.topicAlias, "topic-alias", false, "")
	f.Uint16Var(&p.topicAliasMaximum, "topic-alias-maximum", 0, "")
	f.StringArrayVar(&p.userProperties, "user-property", nil, "")
	f.StringArrayVar(&p.connectProperties, "connect-user-property", nil, "")
	f.StringArrayVar(&p.askProperties, "subscribe-user-property", nil, "")
	f.BoolVar(&p.responseInfo, "request-response-info", false, "")
	f.BoolVar(&p.problemInfo, "request-problem-info", true, "")
	f.DurationVar(&p.expiry, "message-expiry", 0, "")
	f.StringVar(&p.contentType, "message-content-type", "", "")
	f.StringVar(&p.responseTopic, "message-response-topic", "", "")
	f.StringVar(&p.correlation, "message-correlation", "", "")
	f.BoolVar(&p.utf8, "message-utf8", false, "")
	f.BoolVar(&p.noLocal, "no-local", false, "")
	f.IntVar(&p.retainHandling, "retain-handling", 0, "")
	f.Uint32Var(&p.subscriptionID, "subscription-id", 0, "")
	p.testaments.flags(f)
	p.comings.flags(f)
	p.links.flags(f)
	f.IntVar(&p.readers, "readers-count", 0, "")
	f.DurationVar(&p.readerEvery, "readers-every", time.Second, "")
	f.IntVar(&p.readerQoS, "readers-qos", 0, "")
	f.BoolVar(&p.offlineAbrupt, "offline-abrupt", false, "")
	f.StringVar(&p.offlineWho, "offline-who", string(plan.ChurnSubscribers), "")
	f.StringVar(&p.sloText, "slo", "", "")
}

// aliases are names that users of other tools type.
var aliases = map[string]string{"ifaddr": "local-addr", "keepalive": "keep-alive", "shortids": "short-ids", "connrate": "connect-rate"}

func alias(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if ours, ok := aliases[name]; ok {
		name = ours
	}
	return pflag.NormalizedName(name)
}

// version5 are the flags that mean something in MQTT 5 alone.
var version5 = append([]string{
	"auth-method", "session-expiry", "receive-maximum", "maximum-packet-size", "topic-alias", "topic-alias-maximum", "user-property", "connect-user-property", "subscribe-user-property", "request-response-info", "request-problem-info", "message-expiry",
	"message-content-type", "message-response-topic", "message-correlation", "message-utf8", "no-local", "retain-handling", "subscription-id",
}, willProps...)

// readPeople reads what is more than a number: groups, flows, stages and files.
func (s *settings) readPeople(f *pflag.FlagSet) error {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	s.kinds, s.flows, s.stages = nil, nil, nil
	for _, t := range s.groupTexts {
		g, err := parseGroup(t)
		s.kinds = append(s.kinds, g)
		note(err)
	}
	for _, t := range s.flowTexts {
		w, err := s.parseFlow(t)
		s.flows = append(s.flows, w)
		note(err)
	}
	for _, t := range s.stageTexts {
		all, err := parseStages(t)
		s.stages = append(s.stages, all...)
		note(err)
	}
	note(s.readAbsences())
	note(s.readHeaders())
	if s.sloText != "" {
		var err error
		s.slo, err = series.ParseSLO(s.sloText)
		note(prefixed("--slo: ", err))
	}
	if s.messageFile != "" {
		var err error
		if s.body, err = os.ReadFile(s.messageFile); err != nil {
			note(fmt.Errorf("--message-file: %w", err))
		} else if len(s.body) == 0 {
			note(fmt.Errorf("--message-file: %s is empty", s.messageFile))
		}
	}
	if s.credentialsFile != "" {
		text, err := os.ReadFile(s.credentialsFile)
		if err != nil {
			note(fmt.Errorf("--credentials: %w", err))
		} else {
			s.credentials, err = readCredentials(s.credentialsFile, text)
			note(err)
		}
	}
	for _, name := range version5 {
		if f.Changed(name) && s.mqtt != "5" && s.mqtt != "5.0" {
			note(fmt.Errorf("--%s needs --mqtt 5", name))
		}
	}
	return errors.Join(errs...)
}

func prefixed(prefix string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s%w", prefix, err)
}

// derivePeople fills in what follows from groups, flows, stages and --limit.
func (s *settings) derivePeople() {
	if len(s.flows) > 0 || len(s.stages) > 0 {
		if len(s.flows) == 0 && s.rate == 0 {
			s.rate = 1 // The stages say how much it is.
		}
		p := s.plan()
		s.publishers, s.subscribers, s.rate, s.duration = p.Publishers, p.Subscribers, p.Rate, time.Duration(p.Duration)
	}
	if s.limit > 0 && s.rate > 0 {
		s.duration = time.Duration(float64(s.limit) / s.rate * float64(time.Second))
	}
}

func (s *settings) checkPeople(f *pflag.FlagSet) error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	several := len(s.flows) > 0 || len(s.kinds) > 0
	for _, name := range []string{"rate", "closed", "idle", "clients", "publishers", "subscribers", "pattern", "share", "pub-clean-session", "sub-clean-session", "clean-session"} {
		refuse(several && f.Changed(name), "--%s is for a run without --group and --flow, which say it for each", name)
	}
	for _, name := range []string{"rate", "closed", "idle", "duration", "limit"} {
		refuse(len(s.stages) > 0 && f.Changed(name), "--%s and --stages exclude each other: the stages say how long, and at what rates", name)
	}
	refuse(f.Changed("limit") && (s.limit < 1 || s.closed || s.idle || f.Changed("duration")), "--limit %d: a number of messages, at a rate and in place of a --duration", s.limit)
	refuse(f.Changed("payload-max") && s.payloadMax < s.payload, "--payload-max %d is less than --payload %d", s.payloadMax, s.payload)
	refuse(f.Changed("message") && (f.Changed("message-file") || f.Changed("payload") || f.Changed("payload-max")), "--message says how long messages are, and what is in them: no --payload, --payload-max or --message-file")
	refuse(f.Changed("client-id") && (f.Changed("prefix") || s.shortIDs), "--client-id says it all; --prefix and --short-ids are for the default")
	refuse(s.prefix != "" && strings.ContainsAny(s.prefix, "%"), "--prefix %q is taken as it is; --client-id is the template", s.prefix)
	refuse(f.Changed("credentials") && (f.Changed("username") || f.Changed("password")), "--credentials has user names and passwords; --username and --password exclude it")
	refuse(f.Changed("auth-method") && s.authMethod != scram.Name, "--auth-method %q: there is %s", s.authMethod, scram.Name)
	refuse(s.authMethod == scram.Name && s.username == "" && s.credentialsFile == "", "--auth-method %s takes a user name and a password: --username and --password, or --credentials", scram.Name)
	refuse(s.retainHandling < 0 || s.retainHandling > 2, "--retain-handling %d: there are 0, 1 and 2", s.retainHandling)
	refuse(f.Changed("offline-abrupt") && s.offlineFor == 0 || f.Changed("offline-who") && s.offlineFor == 0, "--offline-abrupt and --offline-who without --offline-for")
	refuse(f.Changed("readers-every") && s.readers == 0 || f.Changed("readers-qos") && s.readers == 0, "--readers-every and --readers-qos without --readers-count")
	s.testaments.check(refuse, f)
	s.checkComings(refuse, f)
	for flag, texts := range map[string][]string{"user-property": s.userProperties, "connect-user-property": s.connectProperties, "subscribe-user-property": s.askProperties} {
		for _, t := range texts {
			refuse(!isPair(t), "--%s %q is not NAME=VALUE", flag, t)
		}
	}
	if n := len(s.credentials); n > 0 && len(errs) == 0 {
		p := s.plan()
		refuse(n < p.Clients(), "%s: %d lines for %d clients: each needs one of its own", s.credentialsFile, n, p.Clients())
	}
	role := s.clientID != "" || s.prefix != "" || s.shortIDs || len(s.credentials) > 0 && s.credentials[0].clientID != "" || several
	for _, m := range s.faults {
		refuse(role && (m.fault.Client == "mb*p*" || m.fault.Client == "mb*s*"), "--fault %s: publishers and subscribers are told apart by their default Client Identifiers; with others, say a pattern of them", m.text)
	}
	return errors.Join(errs...)
}

// peopleOf adds to a plan what the flags of people say.
func (s *settings) peopleOf(p *plan.Plan) {
	p.Groups, p.Flows, p.Stages = s.kinds, s.flows, s.stages
	p.PayloadMax, p.Wild, p.Decoys, p.Body, p.Message = s.payloadMax, s.wild, s.decoys, s.body, s.message
	p.SessionExpiry = plan.Duration(s.sessionExpiry)
	p.Wills = s.testaments.of()
	s.comingsOf(p)
	if s.readers != 0 {
		p.Readers = plan.Readers{Count: s.readers, Every: plan.Duration(s.readerEvery), QoS: packet.QoS(s.readerQoS)}
	}
	if p.Offline.For != 0 && len(s.absences) == 0 {
		p.Offline.Abrupt, p.Offline.Who = s.offlineAbrupt, plan.Who(s.offlineWho)
	}
	p.ClientID, p.Username = s.clientID, s.username
	switch {
	case s.prefix != "" && s.shortIDs:
		p.ClientID = s.prefix + "%g%i"
	case s.prefix != "":
		p.ClientID = s.prefix + "%r%g%i"
	case s.shortIDs:
		p.ClientID = "%g%i"
	}
	for _, c := range s.credentials {
		p.Usernames = append(p.Usernames, c.username)
		if c.clientID != "" {
			p.ClientIDs = append(p.ClientIDs, c.clientID)
		}
	}
}

// configure adds to a run what the plan does not know: credentials and properties.
func (s *settings) configure(cfg *bench.Config) {
	x := client.Extra{TopicAlias: s.topicAlias, TopicAliasMaximum: s.topicAliasMaximum, ReceiveMaximum: s.receiveMaximum}
	number := func(to *packet.Props, id packet.PropID, n uint32) {
		if n != 0 {
			*to = packet.AppendProp(*to, packet.Prop{ID: id, N: n})
		}
	}
	text := func(to *packet.Props, id packet.PropID, t string) {
		if t != "" {
			*to = packet.AppendProp(*to, packet.Prop{ID: id, B: []byte(t)})
		}
	}
	number(&x.Connect, packet.PropMaximumPacketSize, s.maximumPacketSize)
	if s.responseInfo {
		number(&x.Connect, packet.PropRequestResponseInformation, 1)
	}
	if !s.problemInfo {
		x.Connect = packet.AppendProp(x.Connect, packet.Prop{ID: packet.PropRequestProblemInformation, N: 0})
	}
	user := func(to *packet.Props, texts []string) {
		for _, t := range texts {
			key, value, _ := strings.Cut(t, "=")
			*to = packet.AppendProp(*to, packet.Prop{ID: packet.PropUserProperty, Key: []byte(key), B: []byte(value)})
		}
	}
	user(&x.Connect, s.connectProperties)
	x.Header = s.header
	if s.topicAlias || s.topicAliasMaximum > 0 || s.receiveMaximum > 0 || len(x.Connect) > 0 || len(x.Header) > 0 {
		cfg.Client.Extra = &x
	}
	if s.utf8 {
		number(&cfg.Props, packet.PropPayloadFormatIndicator, 1)
	}
	number(&cfg.Props, packet.PropMessageExpiryInterval, uint32(s.expiry/time.Second))
	text(&cfg.Props, packet.PropContentType, s.contentType)
	text(&cfg.Props, packet.PropResponseTopic, s.responseTopic)
	text(&cfg.Props, packet.PropCorrelationData, s.correlation)
	user(&cfg.Props, s.userProperties)
	number(&cfg.SubscribeProps, packet.PropSubscriptionIdentifier, s.subscriptionID)
	user(&cfg.SubscribeProps, s.askProperties)
	cfg.Subscription = client.Subscription{NoLocal: s.noLocal, RetainHandling: uint8(s.retainHandling)}
	cfg.Personal = s.personal(&cfg.Plan)
	if s.sloText != "" {
		cfg.Objectives = func(sum *result.Summary) *result.Objectives {
			why := s.slo.Missed(sum)
			return &result.Objectives{Text: s.slo.String(), Met: why == "", Why: why}
		}
	}
}

// personal gives each client its own credentials, if they differ; nil: they do not.
func (s *settings) personal(p *plan.Plan) func(n int, o *client.Options) {
	switch {
	case len(s.credentials) > 0:
		return func(n int, o *client.Options) {
			c := s.credentials[n%len(s.credentials)]
			o.Username, o.HasUsername, o.Password, o.HasPassword = c.username, true, c.password, true
		}
	case strings.Contains(s.username+s.password, "%"):
		return func(n int, o *client.Options) {
			o.Username, o.Password = p.Expand(s.username, n), p.Expand(s.password, n)
		}
	}
	return nil
}

// authenticate has each client prove who it is by SCRAM, with the user name and password that it was given. What costs time, to derive keys from a
// password, is done once for each of them.
func (s *settings) authenticate(cfg *bench.Config) error {
	if s.authMethod == "" {
		return nil
	}
	given := cfg.Personal
	if given == nil {
		given = func(int, *client.Options) {}
	}
	known := map[credential]*scram.Client{} // Not written to once the run has begun.
	for n := range s.connections() {
		o := cfg.Client
		given(n, &o)
		who := credential{username: o.Username, password: o.Password}
		if known[who] != nil {
			continue
		}
		c, err := scram.NewClient(who.username, who.password, nil)
		if err != nil {
			return inputError{fmt.Errorf("--auth-method %s: user name or password of client %d (%q): %w", scram.Name, n, who.username, err)}
		}
		known[who] = c
	}
	cfg.Personal = func(n int, o *client.Options) {
		given(n, o)
		o.Auth = known[credential{username: o.Username, password: o.Password}]
	}
	return nil
}

// A credential is a line of the file of --credentials.
type credential struct{ username, password, clientID string }

// readCredentials reads username,password or username,password,client id, one client a line. There is no header. What is wrong has its line.
func readCredentials(file string, text []byte) (all []credential, err error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	seen := map[string]int{}
	fields := 0
	for {
		x, err := r.Read()
		if err == io.EOF {
			break
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			return nil, fmt.Errorf("%s:%d:%d: %w", file, wrong.Line, wrong.Column, wrong.Err)
		}
		line, _ := r.FieldPos(0)
		if fields == 0 {
			fields = len(x)
		}
		switch {
		case len(x) != 2 && len(x) != 3:
			return nil, fmt.Errorf("%s:%d: %d fields: a line is username,password or username,password,client id", file, line, len(x))
		case len(x) != fields:
			return nil, fmt.Errorf("%s:%d: %d fields, and %d in the lines before: either all lines have a client id or none", file, line, len(x), fields)
		case x[0] == "":
			return nil, fmt.Errorf("%s:%d: no user name", file, line)
		}
		c := credential{username: x[0], password: x[1]}
		if len(x) == 3 {
			c.clientID = x[2]
			if c.clientID == "" {
				return nil, fmt.Errorf("%s:%d: no client id", file, line)
			}
			if before, twice := seen[c.clientID]; twice {
				return nil, fmt.Errorf("%s:%d: client id %q is in line %d too: the two would throw each other out", file, line, c.clientID, before)
			}
			seen[c.clientID] = line
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: there are no credentials in it", file)
	}
	return all, nil
}

// pairsOf reads KEY=VALUE,KEY=VALUE into fields.
func pairsOf(flag, text string, fields map[string]func(value string) error) error {
	for _, part := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(part, "=")
		set, known := fields[key]
		switch {
		case !ok:
			return fmt.Errorf("--%s %q: %q is not KEY=VALUE", flag, text, part)
		case !known:
			return fmt.Errorf("--%s %q: unknown key %q%s", flag, text, key, strict.DidYouMean(key, sortedKeys(fields)))
		}
		if err := set(value); err != nil {
			return fmt.Errorf("--%s %q: %s: %w", flag, text, key, err)
		}
	}
	return nil
}

func parseGroup(text string) (g plan.Group, err error) {
	clean := true
	err = pairsOf("group", text, map[string]func(string) error{
		"name": asText(&g.Name), "count": asInt(&g.Count), "clean-session": asBool(&clean),
	})
	g.Session = session(clean)
	if err == nil && (g.Name == "" || g.Count == 0) {
		err = fmt.Errorf("--group %q: a group has a name= and a count=", text)
	}
	return g, err
}

func (s *settings) parseFlow(text string) (w plan.Flow, err error) {
	pub, sub := s.pubQoS, s.subQoS
	rate := -1.0
	err = pairsOf("flow", text, map[string]func(string) error{
		"from": asText(&w.From), "to": asText(&w.To), "pattern": asText((*string)(&w.Pattern)), "share": asText(&w.ShareName), "topic": asText(&w.Topic),
		"retain": asBool(&w.Retain), "rate": asFloat(&rate), "pub-qos": asInt(&pub), "sub-qos": asInt(&sub),
		"qos":     func(v string) error { return errors.Join(asInt(&pub)(v), asInt(&sub)(v)) },
		"payload": asInt(&w.Payload), "payload-max": asInt(&w.PayloadMax), "arrivals": asText((*string)(&w.Arrivals)),
	})
	if err == nil && (pub < 0 || pub > 2 || sub < 0 || sub > 2) {
		err = fmt.Errorf("--flow %q: a QoS is 0, 1 or 2", text)
	}
	w.PubQoS, w.SubQoS = packet.QoS(pub), packet.QoS(sub)
	if rate < 0 && w.From != "" {
		rate = defaultRate(w.Pattern, max(1, s.groupCount(w.From)), s.groupCount(w.To))
	}
	w.Rate = max(0, rate)
	return w, err
}

func (s *settings) groupCount(name string) int {
	for _, g := range s.kinds {
		if g.Name == name {
			return g.Count
		}
	}
	return 0
}

// parseStages reads a stage as profiles have it, or all of them as plan.ParseStages does.
func parseStages(text string) ([]plan.Stage, error) {
	if !strings.Contains(text, "=") {
		all, err := plan.ParseStages(text)
		return all, prefixed("--stages: ", err)
	}
	var x plan.Stage
	var d time.Duration
	to := -1.0
	err := pairsOf("stages", text, map[string]func(string) error{"for": asDuration(&d), "rate": asFloat(&x.From), "to": asFloat(&to)})
	x.For, x.To = plan.Duration(d), to
	if to < 0 {
		x.To = x.From
	}
	return []plan.Stage{x}, err
}

func asText(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

func asInt(to *int) func(string) error {
	return func(v string) (err error) {
		if *to, err = strconv.Atoi(v); err != nil {
			err = fmt.Errorf("%q is no whole number", v)
		}
		return err
	}
}

func asFloat(to *float64) func(string) error {
	return func(v string) (err error) {
		if *to, err = strconv.ParseFloat(v, 64); err != nil || !(*to >= 0) {
			return fmt.Errorf("%q is not a number from 0 on", v)
		}
		return nil
	}
}

func asBool(to *bool) func(string) error {
	return func(v string) (err error) {
		if *to, err = strconv.ParseBool(v); err != nil {
			err = fmt.Errorf("%q is neither true nor false", v)
		}
		return err
	}
}

func asDuration(to *time.Duration) func(string) error {
	return func(v string) (err error) {
		if *to, err = time.ParseDuration(v); err != nil {
			err = fmt.Errorf("%q is no duration such as 30s", v)
		}
		return err
	}
}
