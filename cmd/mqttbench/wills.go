package main

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/plan"
	"mqttbench/broker/packet"
)

// testaments are the flags about wills.
type testaments struct {
	watchers, willQoS int
	willRetain        bool
	willDelay         time.Duration
	willUTF8          bool
	willExpiry        time.Duration
	willContentType   string
	willResponse      string
	willCorrelation   string
	willProperties    []string
}

func (w *testaments) flags(f *pflag.FlagSet) {
	f.IntVar(&w.watchers, "will-watchers", 0, "")
	f.IntVar(&w.willQoS, "will-qos", 1, "")
	f.BoolVar(&w.willRetain, "will-retain", false, "")
	f.DurationVar(&w.willDelay, "will-delay", 0, "")
	f.BoolVar(&w.willUTF8, "will-utf8", false, "")
	f.DurationVar(&w.willExpiry, "will-expiry", 0, "")
	f.StringVar(&w.willContentType, "will-content-type", "", "")
	f.StringVar(&w.willResponse, "will-response-topic", "", "")
	f.StringVar(&w.willCorrelation, "will-correlation", "", "")
	f.StringArrayVar(&w.willProperties, "will-user-property", nil, "")
}

// willProps are those flags about wills that are MQTT 5's.
var willProps = []string{"will-delay", "will-utf8", "will-expiry", "will-content-type", "will-response-topic", "will-correlation", "will-user-property"}

func (w *testaments) check(refuse func(wrong bool, format string, args ...any), f *pflag.FlagSet) {
	for _, name := range append([]string{"will-qos", "will-retain"}, willProps...) {
		refuse(f.Changed(name) && w.watchers == 0, "--%s without --will-watchers: nobody would see the wills", name)
	}
	for _, t := range w.willProperties {
		refuse(!isPair(t), "--will-user-property %q is not NAME=VALUE", t)
	}
}

// isPair reports whether a text is NAME=VALUE.
func isPair(text string) bool {
	name, _, ok := strings.Cut(text, "=")
	return ok && name != ""
}

// of is what a plan has of them; the zero value: nothing.
func (w *testaments) of() (x plan.Wills) {
	if w.watchers == 0 {
		return x
	}
	x = plan.Wills{
		Watchers: w.watchers, QoS: packet.QoS(w.willQoS), Retain: w.willRetain, Delay: plan.Duration(w.willDelay),
		UTF8: w.willUTF8, Expiry: plan.Duration(w.willExpiry), ContentType: w.willContentType, ResponseTopic: w.willResponse, Correlation: w.willCorrelation,
	}
	for _, t := range w.willProperties {
		name, value, _ := strings.Cut(t, "=")
		x.UserProperties = append(x.UserProperties, [2]string{name, value})
	}
	return x
}
