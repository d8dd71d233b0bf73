package topic

import (
	"slices"
	"testing"
)

// matchCases are the examples of section 4.7 and what follows from its sentences.
var matchCases = []struct {
	filter, name string
	want         bool
}{
	// 4.7.1.2, multi-level wildcard.
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/#", "sport", true},
	{"#", "sport", true},
	{"#", "sport/tennis/player1", true},
	{"#", "/", true},
	{"sport/tennis/#", "sport/tennis", true},
	{"sport/#", "sports", false},
	{"sport/#", "sports/x", false},
	// 4.7.1.3, single-level wildcard.
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player2", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+", "sport", true},
	{"+", "sport/tennis", false},
	{"+/tennis/#", "sport/tennis", true},
	{"+/tennis/#", "sport/tennis/player1", true},
	{"sport/+/player1", "sport/tennis/player1", true},
	{"sport/+/player1", "sport//player1", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	// 4.7.2, names beginning with $.
	{"#", "$SYS/monitor/Clients", false},
	{"+/monitor/Clients", "$SYS/monitor/Clients", false},
	{"+", "$SYS", false},
	{"$SYS/#", "$SYS/monitor/Clients", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"$SYS/+/Clients", "$SYS/monitor/Clients", true},
	{"$SYS/monitor/Clients", "$SYS/monitor/Clients", true},
	{"a/+", "a/$b", true}, // Only the first level is special.
	{"a/#", "a/$b/c", true},
	// 4.7.3, semantics.
	{"ACCOUNTS", "Accounts", false},
	{"Accounts payable", "Accounts payable", true},
	{"/finance", "finance", false},
	{"finance", "/finance", false},
	{"/", "/", true},
	{"a//b", "a//b", true},
	{"a//b", "a/b", false},
	{"a/+/b", "a//b", true},
	{"a/b/", "a/b", false},
	{"a/b", "a/b/", false},
	{"a/b/+", "a/b/", true},
	{"a/b/#", "a/b/", true},
	{"+/+/+", "//", true},
	{"größe/+", "größe/°C", true},
	{"größe/°C", "größe/°C", true},
	{"A\u030a/+", "\u00c5/x", false}, // Not normalised [v5 MQTT-4.7.3-4].
}

// TestMatchesSpecification holds all three ways to match to the specification: the
// definition, the tree and the retained store.
func TestMatchesSpecification(t *testing.T) {
	for _, c := range matchCases {
		if got := Matches(c.filter, c.name); got != c.want {
			t.Errorf("Matches(%q, %q) = %t", c.filter, c.name, got)
		}
		tree := NewTree()
		tree.Subscribe(c.filter, Subscription{Subscriber: 7})
		tree.Subscribe("$share/g/"+c.filter, Subscription{Subscriber: 8})
		var r Result
		tree.Match(&r, []byte(c.name))
		if got := len(r.Targets) == 1 && len(r.Groups) == 1; got != c.want {
			t.Errorf("tree with %q gives %q %d targets and %d groups", c.filter, c.name, len(r.Targets), len(r.Groups))
		}
		kept := NewRetained[int]()
		kept.Set(c.name, 1)
		var names []string
		for name := range kept.Match(c.filter) {
			names = append(names, name)
		}
		if got := slices.Equal(names, []string{c.name}); got != c.want {
			t.Errorf("retained %q gives %q %q", c.name, c.filter, names)
		}
	}
}

func TestShared(t *testing.T) {
	for _, c := range []struct{ filter, name, rest string }{
		{"$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+"},
		{"$share/g//finance", "g", "/finance"},
		{"$share/g/#", "g", "#"},
		{"sport/$share/x", "", "sport/$share/x"},
		{"$SYS/#", "", "$SYS/#"},
	} {
		if name, rest := Shared(c.filter); name != c.name || rest != c.rest {
			t.Errorf("Shared(%q) = %q, %q", c.filter, name, rest)
		}
	}
}
