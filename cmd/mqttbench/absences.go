package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/plan"
)

// comings are the flags about clients that come and go, or take back what they had subscribed to, besides --churn and --offline-for.
type comings struct {
	churnTakeOver float64
	offlineTexts  []string
	absences      []plan.Offline // What --offline says.
	flap          float64
	flapFor       time.Duration
}

func (c *comings) flags(f *pflag.FlagSet) {
	f.Float64Var(&c.churnTakeOver, "churn-takeover", 0, "")
	f.StringArrayVar(&c.offlineTexts, "offline", nil, "")
	f.Float64Var(&c.flap, "flap", 0, "")
	f.DurationVar(&c.flapFor, "flap-for", time.Second, "")
}

// readAbsences reads --offline.
func (c *comings) readAbsences() error {
	c.absences = nil
	for _, t := range c.offlineTexts {
		var at, lasts time.Duration
		var o plan.Offline
		err := pairsOf("offline", t, map[string]func(string) error{
			"at": asDuration(&at), "for": asDuration(&lasts), "abrupt": asBool(&o.Abrupt), "who": asText((*string)(&o.Who)),
		})
		if err != nil {
			return err
		}
		if !strings.Contains(","+t, ",for=") {
			return fmt.Errorf("--offline %q: for how long? for= is missing", t)
		}
		o.At, o.For = plan.Duration(at), plan.Duration(lasts)
		c.absences = append(c.absences, o)
	}
	return nil
}

func (s *settings) checkComings(refuse func(wrong bool, format string, args ...any), f *pflag.FlagSet) {
	refuse(s.churnTakeOver < 0 || s.churnTakeOver > 1, "--churn-takeover %g: it is a share, 0 to 1", s.churnTakeOver)
	refuse(f.Changed("churn-takeover") && s.churn == 0, "--churn-takeover without --churn: nobody is taken over")
	refuse(s.churnTakeOver > 0 && s.client == "paho", "--churn-takeover: the other connection must acknowledge nothing, and paho does; use --client native")
	refuse(f.Changed("flap") && s.flap <= 0, "--flap %g: it is more than 0 a second", s.flap)
	refuse(f.Changed("flap-for") && s.flap == 0, "--flap-for without --flap")
	refuse(s.flapFor < 0, "--flap-for %v is negative", s.flapFor)
	for _, name := range []string{"offline-at", "offline-for", "offline-abrupt", "offline-who"} {
		refuse(len(s.absences) > 0 && f.Changed(name), "--%s and --offline exclude each other: --offline says it for each time", name)
	}
}

// comingsOf adds to a plan what the flags say.
func (s *settings) comingsOf(p *plan.Plan) {
	p.Churn.TakeOver = s.churnTakeOver
	if len(s.absences) > 0 {
		p.Offline, p.MoreOffline = s.absences[0], s.absences[1:]
	}
	if s.flap != 0 {
		p.Flap = plan.Flap{Rate: s.flap, For: plan.Duration(s.flapFor)}
	}
}
