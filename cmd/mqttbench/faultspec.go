package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mqttbench/bench/fault"
	"mqttbench/bench/strict"
	"mqttbench/broker/packet"
)

// A mishap is one --fault: of the proxy that then stands between clients and broker, or of the broker's process.
//
//	FAULT   = WHAT [ "=" VALUE ] { ":" DETAIL }
//	WHAT    = reset | finish | cut | blackhole | pause | delay | throttle | slice | takeover | silence     what happens to a wire
//	        | drop | forge | duplicate | resend | reorder | corrupt | reuse                      lies about a PUBLISH
//	        | stop | kill | terminate                                                            the broker's process
//	DETAIL  = PUBLISH | PUBACK | ...                        the packets that count
//	        | from=WHO | to=WHO | of=WHO                    of whom: publisher, subscriber, client or a pattern such as mb*p7
//	        | nth=N | every=N | prob=P | at=D | mttf=D      when: exactly one; prob is 0.01 or 1%
//	        | limit=N | for=D | mttr=D | side=client|broker | after | per-connection
//
// Times and counts begin with the measured part. A delay, throttle or slice at=D is a state from then on, for=D.
type mishap struct {
	text    string
	place   int         // Among the flags.
	fault   fault.Fault // Of the proxy, unless process is set.
	process string      // "": none.
	at      time.Duration
	lasts   time.Duration
}

// A faultWord is a WHAT.
type faultWord struct {
	action  fault.Action
	process bool
	value   func(m *mishap, text string) error // nil: it takes none.
	need    string                             // Not empty: it needs a value, such as this one.
	always  bool                               // Every packet, unless the details say otherwise.
}

var faultWords = map[string]faultWord{
	"reset":     {action: fault.Reset},
	"finish":    {action: fault.Finish},
	"cut":       {action: fault.Cut, value: countIn(func(m *mishap) *int { return &m.fault.Bytes })},
	"blackhole": {action: fault.BlackHole},
	"pause":     {action: fault.Pause, value: faultDuration, need: "pause=50ms"},
	"delay":     {action: fault.Delay, value: faultDelay, need: "delay=20ms", always: true},
	"throttle":  {action: fault.Throttle, value: countIn(func(m *mishap) *int { return &m.fault.Rate }), need: "throttle=50000, bytes a second", always: true},
	"slice":     {action: fault.Slice, value: countIn(func(m *mishap) *int { return &m.fault.Bytes }), always: true},
	"silence":   {action: fault.Silent},
	"takeover":  {action: fault.TakeOver, value: countIn(func(m *mishap) *int { return &m.fault.Times })},
	"drop":      {action: fault.Drop},
	"forge":     {action: fault.Forge},
	"duplicate": {action: fault.Duplicate},
	"resend":    {action: fault.Resend, value: countIn(func(m *mishap) *int { return &m.fault.Times })},
	"reorder":   {action: fault.Reorder},
	"corrupt":   {action: fault.Corrupt},
	"reuse":     {action: fault.Reuse},
	"stop":      {process: true},
	"kill":      {process: true},
	"terminate": {process: true},
}

// faultDetails are the DETAILs with a value.
var faultDetails = map[string]func(m *mishap, value string) error{
	"from":  func(m *mishap, who string) error { return m.concern(fault.Up, who) },
	"to":    func(m *mishap, who string) error { return m.concern(fault.Down, who) },
	"of":    func(m *mishap, who string) error { return m.concern(fault.Either, who) },
	"nth":   countIn(func(m *mishap) *int { return &m.fault.Nth }),
	"every": countIn(func(m *mishap) *int { return &m.fault.Every }),
	"limit": countIn(func(m *mishap) *int { return &m.fault.Limit }),
	"at":    timeIn(func(m *mishap) *time.Duration { return &m.at }),
	"for":   timeIn(func(m *mishap) *time.Duration { return &m.lasts }),
	"mttf":  timeIn(func(m *mishap) *time.Duration { return &m.fault.MTTF }),
	"mttr":  timeIn(func(m *mishap) *time.Duration { return &m.fault.MTTR }),
	"prob":  faultProbability,
	"side":  faultSide,
}

// faultFlags are the DETAILs without one.
var faultFlags = map[string]func(m *mishap){
	"after":          func(m *mishap) { m.fault.After = true },
	"per-connection": func(m *mishap) { m.fault.PerConnection = true },
}

// whos are those that a fault can be about. The run's name, which stands before p and s, has neither letter.
var whos = map[string]string{
	"publisher": "mb*p*", "publishers": "mb*p*", "subscriber": "mb*s*", "subscribers": "mb*s*", "client": "", "clients": "",
}

// A faultError says what is wrong with a --fault, and where.
type faultError struct {
	text   string
	column int // From 1.
	what   error
}

func (e *faultError) Error() string {
	return fmt.Sprintf("--fault %q, column %d: %v", e.text, e.column, e.what)
}

// parseFaults reads all --fault flags. All that is wrong comes in one error, the first mistake of each flag.
func parseFaults(texts []string) (all []mishap, err error) {
	var errs []error
	for i, text := range texts {
		m, err := parseFault(text)
		m.place = i
		all, errs = append(all, m), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func parseFault(text string) (m mishap, err error) {
	m.text = text
	column := 1
	var word faultWord
	seen := map[string]bool{}
	for i, part := range strings.Split(text, ":") {
		if i == 0 {
			word, err = m.what(part)
		} else {
			key, _, _ := strings.Cut(part, "=")
			if seen[key] {
				err = fmt.Errorf("%s is said twice", key)
			} else {
				err = m.detail(part)
			}
			seen[key] = true
		}
		if err != nil {
			return m, &faultError{text, column, err}
		}
		column += len(part) + 1
	}
	if err := m.settle(word, seen); err != nil {
		return m, &faultError{text, 1, err}
	}
	return m, nil
}

// what reads the first part.
func (m *mishap) what(part string) (faultWord, error) {
	name, value, has := strings.Cut(part, "=")
	word, known := faultWords[name]
	switch {
	case !known:
		return word, fmt.Errorf("there is no fault %q%s", name, didYouMean(name, sortedKeys(faultWords)))
	case has && word.value == nil:
		return word, fmt.Errorf("%s takes no value", name)
	case !has && word.need != "":
		return word, fmt.Errorf("%s needs a value: %s", name, word.need)
	}
	m.fault.Action = word.action
	if word.process {
		m.process = name
	}
	if has {
		return word, word.value(m, value)
	}
	return word, nil
}

// detail reads one of the others.
func (m *mishap) detail(part string) error {
	key, value, has := strings.Cut(part, "=")
	if set, ok := faultDetails[key]; ok {
		if !has || value == "" {
			return fmt.Errorf("%s= what?", key)
		}
		return set(m, value)
	}
	if set, ok := faultFlags[key]; ok && !has {
		set(m)
		return nil
	}
	for t := packet.CONNECT; t <= packet.AUTH; t++ {
		if part != t.String() {
			continue
		}
		if m.fault.Type != 0 {
			return fmt.Errorf("%v and %v: a fault is about one type of packet, or all", m.fault.Type, t)
		}
		m.fault.Type = t
		return nil
	}
	known := slices.Concat(sortedKeys(faultDetails), sortedKeys(faultFlags))
	for t := packet.CONNECT; t <= packet.AUTH; t++ {
		known = append(known, t.String())
	}
	return fmt.Errorf("what is %q%s", part, orQuestion(didYouMean(key, known)))
}

// settle looks at the whole.
func (m *mishap) settle(word faultWord, seen map[string]bool) error {
	if m.process != "" {
		return m.settleProcess(seen)
	}
	f := &m.fault
	f.At = m.at
	switch why := m.neverLasts(word, seen); {
	case seen["for"] && why != "":
		return fmt.Errorf("for=%v: %s", m.lasts, why)
	case word.always && seen["at"]:
		f.Until = forGood
		if seen["for"] {
			f.Until = m.at + m.lasts
		}
	case seen["for"]:
		f.For = m.lasts
	}
	when := 0
	for _, key := range []string{"nth", "every", "prob", "at", "mttf"} {
		if seen[key] {
			when++
		}
	}
	switch {
	case when == 0 && word.always:
		f.Every = 1
	case when == 0:
		return errors.New("when? say one of nth=, every=, prob=, at= and mttf=")
	case when > 1:
		return errors.New("nth=, every=, prob=, at= and mttf= exclude each other")
	}
	f.Name = f.Action.String()
	if f.Type != 0 && f.Action < fault.Drop {
		f.Name += " " + f.Type.String()
	}
	p := fault.Plan{Faults: []fault.Fault{*f}}
	return p.Validate()
}

// forGood is later than the end of any run.
const forGood = 100 * 365 * 24 * time.Hour

// neverLasts says why a fault has no for=; "": it has.
func (m *mishap) neverLasts(word faultWord, seen map[string]bool) string {
	switch a := m.fault.Action; {
	case word.always && !seen["at"]:
		return "it goes with at=, which says from when on"
	case a == fault.Pause:
		return fmt.Sprintf("pause=%v has said how long", m.fault.For)
	case a == fault.TakeOver, a >= fault.Drop && a != fault.Reorder && a != fault.Reuse:
		return fmt.Sprintf("%v does not last", a)
	}
	return ""
}

// manyTimes the mean: an exponentially distributed time is longer than that once in 3000 times.
const manyTimes = 8

// lull is for how long a fault may hold up everything there is, so that a run that waits for what is under way must not take the silence
// for its end. payload is that of the largest message, bytes.
func (m *mishap) lull(payload int) time.Duration {
	f := &m.fault
	switch {
	case m.process != "":
		return m.lasts
	case f.Action == fault.Silent: // Who is silent is away, and waited for as such.
		return 0
	case f.Action == fault.Throttle:
		return time.Duration(payload) * time.Second / time.Duration(f.Rate)
	}
	return max(f.For+f.Jitter, manyTimes*f.MTTR)
}

// goneAfter is how long the broker may be away before a run gives it up.
const goneAfter = 5 * time.Second

func (m *mishap) settleProcess(seen map[string]bool) error {
	for key := range seen {
		if key != "at" && key != "for" {
			return fmt.Errorf("%s is about the broker's process: it takes at= and for=, and not %s", m.process, key)
		}
	}
	switch {
	case !seen["at"]:
		return fmt.Errorf("when? %s needs at=", m.process)
	case m.process == "stop" && !seen["for"]:
		return errors.New("for how long? stop needs for=")
	case m.process != "stop" && m.lasts >= goneAfter:
		return fmt.Errorf("for=%v: a run gives a broker up that is away for %v", m.lasts, goneAfter)
	}
	return nil
}

// concern says of whom, and which way.
func (m *mishap) concern(d fault.Direction, who string) error {
	if m.fault.Client != "" || m.fault.Direction != fault.Either {
		return errors.New("from=, to= and of= exclude each other")
	}
	pattern, known := whos[who]
	if !known && !strings.ContainsAny(who, "*?") && !strings.HasPrefix(who, "mb") {
		return fmt.Errorf("who is %q? There are publisher, subscriber, client, and patterns of Client Identifiers such as mb*p7%s", who, didYouMean(who, sortedKeys(whos)))
	}
	if !known {
		pattern = who
	}
	m.fault.Direction, m.fault.Client = d, pattern
	return nil
}

// countIn reads a number from 1 on.
func countIn(field func(*mishap) *int) func(*mishap, string) error {
	return func(m *mishap, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no whole number from 1 on", text)
		}
		*field(m) = n
		return nil
	}
}

// timeIn reads a time of more than 0.
func timeIn(field func(*mishap) *time.Duration) func(*mishap, string) error {
	return func(m *mishap, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is no time such as 5s or 20ms", text)
		}
		*field(m) = d
		return nil
	}
}

var faultDuration = timeIn(func(m *mishap) *time.Duration { return &m.fault.For })

// faultDelay reads TIME or TIME+-TIME.
func faultDelay(m *mishap, text string) error {
	text, jitter, has := strings.Cut(text, "+-")
	if err := faultDuration(m, text); err != nil || !has {
		return err
	}
	if err := timeIn(func(m *mishap) *time.Duration { return &m.fault.Jitter })(m, jitter); err != nil {
		return err
	}
	if m.fault.Jitter > m.fault.For {
		return fmt.Errorf("%v+-%v would arrive before it was sent", m.fault.For, m.fault.Jitter)
	}
	return nil
}

func faultProbability(m *mishap, text string) error {
	number, percent := strings.CutSuffix(text, "%")
	p, err := strconv.ParseFloat(number, 64)
	if percent {
		p /= 100
	}
	if err != nil || !(p > 0 && p <= 1) {
		return fmt.Errorf("%q is no probability such as 0.01 or 1%%", text)
	}
	m.fault.Probability = p
	return nil
}

func faultSide(m *mishap, text string) error {
	switch text {
	case "client":
		m.fault.Side = fault.Client
	case "broker":
		m.fault.Side = fault.Broker
	default:
		return fmt.Errorf("side=%s: there are client and broker", text)
	}
	return nil
}

// didYouMean looks for a name that may be meant, also one that was typed in another case.
func didYouMean(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	return strict.DidYouMean(name, known)
}

func orQuestion(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

func sortedKeys[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
