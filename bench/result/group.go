package result

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Group is a set of runs with the same settings: repetitions of each other.
type Group struct {
	Label  string  // What tells it from the other groups: "mosquitto 2.0.18", "QoS 1 at 10000/s".
	Series string  // As Label, without the rate: groups of a series lie on one curve.
	Rate   float64 // Offered messages a second, planned.
	Runs   []*Run  // By Manifest.Repetition, then Start.
}

// field is a setting that may tell groups apart.
type field struct {
	name   string
	of     func(*Manifest) string
	differ differ
}

// differ is what it means for a comparison if a field differs.
type differ int

const (
	mayDiffer differ = iota // It is what comparisons are made for.
	minor                   // To be mentioned.
	refused                 // The figures mean different things.
)

// fields are all settings, in the order in which a label names them.
var fields = []field{
	{"broker", func(m *Manifest) string { return m.Broker.Label() }, mayDiffer},
	{"broker config", func(m *Manifest) string { return plain(m.Broker.Config) }, mayDiffer},
	{"qos", func(m *Manifest) string { return "QoS " + plainInts(m.Workload.QoS) }, refused},
	{"subscribe qos", func(m *Manifest) string { return plainInts(m.Workload.SubscribeQoS) }, refused},
	{"payload", func(m *Manifest) string { return fmt.Sprintf("%d B", m.Workload.PayloadBytes) }, refused},
	{"publishers", func(m *Manifest) string { return fmt.Sprintf("%d publishers", m.Workload.Publishers) }, refused},
	{"subscribers", func(m *Manifest) string { return fmt.Sprintf("%d subscribers", m.Workload.Subscribers) }, refused},
	{"clients", func(m *Manifest) string { return fmt.Sprintf("%d clients", m.Workload.Clients) }, refused},
	{"topics", func(m *Manifest) string { return fmt.Sprintf("%d topics", m.Workload.Topics) }, refused},
	{"fan-out", func(m *Manifest) string { return fmt.Sprintf("fan-out %g", m.Workload.FanOut) }, refused},
	{"shared members", func(m *Manifest) string { return fmt.Sprintf("%d shared members", m.Workload.SharedMembers) }, refused},
	{"mqtt version", func(m *Manifest) string { return "MQTT " + m.Workload.MQTTVersion }, refused},
	{"transport", func(m *Manifest) string { return m.Workload.Transport }, refused},
	{"load", func(m *Manifest) string { return m.Workload.Load + " load" }, refused},
	{"arrivals", func(m *Manifest) string { return m.Workload.Arrivals + " arrivals" }, refused},
	{"window", func(m *Manifest) string { return fmt.Sprintf("window %d", m.Workload.Window) }, refused},
	{"churn", func(m *Manifest) string { return fmt.Sprintf("churn %g/s", m.Workload.ChurnPerSec) }, refused},
	{"faults", func(m *Manifest) string { return faultText(m.Workload.Faults) }, refused},
	{"offline", func(m *Manifest) string { return fmt.Sprintf("offline for %g s", m.Workload.Offline) }, refused},
	{"connect rate", func(m *Manifest) string { return fmt.Sprintf("%g connects/s", m.Workload.ConnectPerSec) }, refused},
	{"clean start", func(m *Manifest) string { return fmt.Sprintf("clean start %t", m.Workload.CleanStart) }, refused},
	{"engine", func(m *Manifest) string { return m.Workload.Engine + " engine" }, refused},
	{"cpu", func(m *Manifest) string { return fmt.Sprintf("%d x %s", m.Machine.Cores, m.Machine.CPU) }, refused},
	{"co-located", func(m *Manifest) string { return fmt.Sprintf("co-located %t", m.Broker.CoLocated) }, refused},
	{"virtual", func(m *Manifest) string { return "virtual " + m.Machine.Virtual }, refused},
	{"cpu sets", func(m *Manifest) string {
		return fmt.Sprintf("CPUs %s for the broker, %s for the generator", orAll(m.Broker.CPUs), orAll(m.Machine.GeneratorCPUs))
	}, refused},
	{"memory", func(m *Manifest) string { return fmt.Sprintf("%d GiB", (m.Machine.MemoryBytes+1<<29)>>30) }, minor},
	{"kernel", func(m *Manifest) string { return m.Machine.OS + " " + m.Machine.Kernel }, minor},
	{"governor", func(m *Manifest) string { return "governor " + m.Machine.Governor }, minor},
	{"congestion control", func(m *Manifest) string { return m.Machine.CongestionControl }, minor},
	{"file limit", func(m *Manifest) string { return fmt.Sprintf("file limit %d", m.Machine.FileLimit) }, minor},
	{"duration", func(m *Manifest) string { return fmt.Sprintf("%g s", m.Workload.Duration) }, minor},
	{"warm-up", func(m *Manifest) string { return fmt.Sprintf("warm-up %g s", m.Workload.WarmUp) }, minor},
	{"tool", func(m *Manifest) string { return "mqttbench " + m.Tool.Version + " " + m.Tool.Commit }, minor},
	{"go", func(m *Manifest) string { return m.Tool.GoVersion }, minor},
	{"rate", func(m *Manifest) string { return fmt.Sprintf("at %g/s", m.Workload.Rate) }, mayDiffer},
}

func plain(config map[string]string) string {
	var all []string
	for k, v := range config {
		all = append(all, k+"="+v)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func faultText(faults string) string {
	if faults == "" {
		return "no faults"
	}
	return "faults " + faults
}

func plainInts(levels []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(levels), "[]"), " ", "+")
}

func orAll(cpus string) string {
	if cpus == "" {
		return "all"
	}
	return cpus
}

// Label names a broker as far as it is known: "mosquitto 2.0.18", "mqttbroker 0.1 (epoll, 2 loops)".
func (b *Broker) Label() string {
	name := b.Name
	if name == "" {
		name = b.URL
	}
	if b.Version != "" {
		name += " " + b.Version
	}
	var how []string
	if b.Driver != "" {
		how = append(how, b.Driver)
	}
	if b.Loops == 1 {
		how = append(how, "1 loop")
	} else if b.Loops > 1 {
		how = append(how, fmt.Sprintf("%d loops", b.Loops))
	}
	if b.Durable != "" {
		how = append(how, "durable: "+b.Durable)
	}
	if how != nil {
		name += " (" + strings.Join(how, ", ") + ")"
	}
	return name
}

// GroupRuns puts repetitions together and labels the groups by what differs among them, by the
// broker if nothing does. The order is that of first appearance.
func GroupRuns(runs []*Run) []*Group {
	var groups []*Group
	byKey := map[string]*Group{}
	for _, r := range runs {
		key := settings(&r.Manifest, fields)
		g := byKey[key]
		if g == nil {
			g = &Group{Rate: r.Manifest.Workload.Rate}
			byKey[key] = g
			groups = append(groups, g)
		}
		g.Runs = append(g.Runs, r)
	}
	for _, g := range groups {
		slices.SortStableFunc(g.Runs, func(a, b *Run) int {
			return cmp.Or(cmp.Compare(a.Manifest.Repetition, b.Manifest.Repetition), a.Manifest.Start.Compare(b.Manifest.Start))
		})
	}
	label(groups)
	return groups
}

// settings are the values of the given fields.
func settings(m *Manifest, of []field) string {
	var b strings.Builder
	for _, f := range of {
		fmt.Fprintf(&b, "%s\x00", f.of(m))
	}
	return b.String()
}

// label names groups by as few of the fields as tell them apart, and by the broker if there is
// nothing to tell. The rate comes last and is not part of the series; nor is how long runs lasted where that follows from the rate, and then a label says
// it of those that lasted longer than the shortest.
func label(groups []*Group) {
	last := len(fields) - 1
	rate, names := fields[last], fields[:last]
	follows := lengthFollowsRate(groups)
	if follows {
		names = without(names, lengthField)
	}
	kinds := map[string]bool{}
	for _, g := range groups {
		kinds[settings(&g.Runs[0].Manifest, names)] = true
	}
	name := names[:1]
	for i := 1; i < len(names) && distinct(groups, name) < len(kinds); i++ {
		if differs(groups, names[i]) {
			name = append(slices.Clip(name), names[i])
		}
	}
	if len(name) > 1 && !differs(groups, name[0]) {
		name = name[1:]
	}
	for _, g := range groups {
		m := &g.Runs[0].Manifest
		g.Series = strings.TrimRight(strings.ReplaceAll(settings(m, name), "\x00", ", "), ", ")
		g.Label = g.Series
		if differs(groups, rate) {
			g.Label += " " + rate.of(m)
		}
		if follows && m.Workload.Duration > shortest(groups) {
			g.Label += fmt.Sprintf(" for %g s", m.Workload.Duration)
		}
	}
}

// lengthField is the setting that a search changes with the rate: at low rates, enough messages take longer.
const lengthField = "duration"

func without(all []field, name string) []field {
	return slices.DeleteFunc(slices.Clone(all), func(f field) bool { return f.name == name })
}

// lengthFollowsRate reports whether runs lasted differently long at different rates, and alike where all else is alike.
func lengthFollowsRate(groups []*Group) bool {
	rest, lengths, rates := without(fields, lengthField), map[float64]bool{}, map[float64]float64{}
	for _, g := range groups {
		w := &g.Runs[0].Manifest.Workload
		lengths[w.Duration] = true
		if d, seen := rates[w.Rate]; seen && d != w.Duration {
			return false
		}
		rates[w.Rate] = w.Duration
	}
	return len(lengths) > 1 && distinct(groups, rest) == len(groups)
}

func shortest(groups []*Group) float64 {
	least := groups[0].Runs[0].Manifest.Workload.Duration
	for _, g := range groups {
		least = min(least, g.Runs[0].Manifest.Workload.Duration)
	}
	return least
}

// Lengthened are the groups that lasted longer than the shortest of them because of their rates. Nil: none did, or it was for another reason.
func Lengthened(groups []*Group) (all []*Group) {
	if len(groups) == 0 || !lengthFollowsRate(groups) {
		return nil
	}
	for _, g := range groups {
		if g.Runs[0].Manifest.Workload.Duration > shortest(groups) {
			all = append(all, g)
		}
	}
	return all
}

// distinct counts how many groups the named fields tell apart.
func distinct(groups []*Group, by []field) int {
	seen := map[string]bool{}
	for _, g := range groups {
		seen[settings(&g.Runs[0].Manifest, by)] = true
	}
	return len(seen)
}

func differs(groups []*Group, f field) bool {
	first := f.of(&groups[0].Runs[0].Manifest)
	return slices.ContainsFunc(groups, func(g *Group) bool { return f.of(&g.Runs[0].Manifest) != first })
}

// differences are the fields in which groups differ and ought not to.
func differences(groups []*Group) (all []Difference) {
	for _, f := range fields {
		if f.differ == mayDiffer || !differs(groups, f) {
			continue
		}
		d := Difference{Field: f.name, Refuse: f.differ == refused}
		for _, g := range groups {
			d.Values = append(d.Values, f.of(&g.Runs[0].Manifest))
		}
		all = append(all, d)
	}
	return all
}

// Response is the merged histogram of all runs of the group. Percentiles of many runs are taken from it: the mean
// of percentiles is a percentile of nothing.
func (g *Group) Response() *Histogram {
	sum := new(Histogram)
	for _, r := range g.Runs {
		sum.Merge(r.Response)
	}
	return sum
}
