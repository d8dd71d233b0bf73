package main

import (
	"fmt"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/series"
)

// level is a group of runs at one rate, judged.
func level(g *result.Group, slo series.SLO) series.Level {
	l := series.Level{Rate: g.Rate}
	for _, r := range g.Runs {
		l.Verdicts = append(l.Verdicts, slo.Judge(&r.Summary))
	}
	return l
}

// levelWord says of a group in how many runs its rate was carried, and if not, why not.
func levelWord(slo series.SLO) func(*result.Group) string {
	return func(g *result.Group) string {
		l := level(g, slo)
		passed, failed, why := 0, 0, ""
		for _, v := range l.Verdicts {
			switch {
			case v.Outcome == series.Passed:
				passed++
				continue
			case v.Outcome == series.Failed:
				failed++
			}
			if why == "" {
				why = v.Why
			}
		}
		switch {
		case passed == len(l.Verdicts):
			return "carried"
		case passed == 0 && failed == 0:
			return "cannot be told: " + why
		case passed == 0:
			return "not carried: " + why
		}
		return fmt.Sprintf("carried in %d of %d: %s", passed, len(l.Verdicts), why)
	}
}

// A knee is where the curve of a series of groups bends.
type knee struct {
	name    string
	bracket series.Bracket
}

func knees(groups []*result.Group, slo series.SLO) (all []knee) {
	levels := map[string][]series.Level{}
	for _, g := range groups {
		if levels[g.Series] == nil {
			all = append(all, knee{name: g.Series})
		}
		levels[g.Series] = append(levels[g.Series], level(g, slo))
	}
	for i := range all {
		all[i].bracket = series.Knee(levels[all[i].name])
	}
	return all
}

// bands are the knees for charts. Where it may be the instrument that failed, nothing is known of the upper end.
func bands(groups []*result.Group, slo series.SLO) (all []result.CapacityBand) {
	for _, k := range knees(groups, slo) {
		b := result.CapacityBand{Series: k.name, Lo: k.bracket.Lo, Hi: k.bracket.Hi}
		if k.bracket.Instrument {
			b.Hi = 0
		}
		all = append(all, b)
	}
	return all
}

// bracketText is a bracket in a sentence or two.
func bracketText(name string, b series.Bracket, slo series.SLO) string {
	text := fmt.Sprintf("%s carries %s", name, report.Exactly(b.Lo))
	switch {
	case b.Lo == 0 && b.Hi == 0:
		return fmt.Sprintf("%s: nothing is known", name)
	case b.Lo == 0 && b.Instrument:
		return fmt.Sprintf("%s: nothing can be said; at %s it may be the generator or the machine that fails: %s", name, report.Exactly(b.Hi), b.Why)
	case b.Lo == 0:
		return fmt.Sprintf("%s carries nothing within %s: even %s fails: %s", name, slo, report.Exactly(b.Hi), b.Why)
	case b.Hi == 0:
		text = fmt.Sprintf("%s carries at least %s; no rate that was tried fails", name, report.Exactly(b.Lo))
	case b.Instrument:
		text = fmt.Sprintf("%s carries at least %s; at %s it may be the generator or the machine that fails: %s", name, report.Exactly(b.Lo), report.Exactly(b.Hi), b.Why)
	default:
		text += fmt.Sprintf("; %s fails: %s", report.Exactly(b.Hi), b.Why)
	}
	return text + fmt.Sprintf(". SLO %s; %s", slo, support(b))
}

// support says what a bracket rests on.
func support(b series.Bracket) string {
	lower := fmt.Sprintf("the lower end passed in %d of %d runs", b.LoPassed, b.LoRuns)
	upper := fmt.Sprintf("the upper end failed in %d of %d", b.HiFailed, b.HiRuns)
	switch {
	case b.Confirmed:
		return fmt.Sprintf("confirmed: %s, %s", lower, upper)
	case b.LoRuns == 0:
		return "not confirmed"
	case b.Hi == 0:
		return lower
	}
	return lower + ", " + upper
}
