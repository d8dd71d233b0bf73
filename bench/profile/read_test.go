package profile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mqttbench/bench/strict"
)

// head is what every profile needs.
const head = "name: a\ndescription: b\n"

// TestNonsense: one sentence each, with the place that an editor can jump to.
func TestNonsense(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "f.yaml: it is empty"},
		{"# nothing\n", "f.yaml: it is empty"},
		{"hello", "f.yaml:1:1: a profile is not a list of keys and values"},
		{"- a\n", "f.yaml:1:1: a profile is not a list"},
		{"name: a\n", "f.yaml: it has no description"},
		{"description: a\n", "f.yaml: it has no name"},
		{"name: A b\n", "f.yaml:1:7: name: A b is not a name"},
		{"name: a/b\n", "f.yaml:1:7: name: a/b is not a name"},
		{"name: [a]\n", "f.yaml:1:7: name: the value is not a name"},
		{"1: a\n", "f.yaml:1:1: 1 is not a name"},
		{head + "qoss: 1\n", `f.yaml:3:1: unknown key "qoss"; did you mean "qos"?`},
		{head + "pub-qos: 1\n", `f.yaml:3:1: unknown key "pub-qos"; did you mean "pub_qos"?`},
		{head + "descripton: c\n", `f.yaml:3:1: unknown key "descripton"; did you mean "description"?`},
		{head + "zzz: 1\n", `f.yaml:3:1: unknown key "zzz"`},
		{head + "churn:\n  rte: 5\n", `f.yaml:4:3: unknown key "rte" in churn; did you mean "rate"?`},
		{head + "churn: 5\n", "f.yaml:3:8: churn is not a list of keys and values"},
		{head + "churn:\n  name: x\n", `f.yaml:4:3: unknown key "name" in churn`},
		{head + "qos: 1\nqos: 2\n", "f.yaml:4:1: "},
		{head + "qos: 3\n", "f.yaml:3:6: qos: 3 is none of 0, 1 and 2"},
		{head + "topic: ''\n", "f.yaml:3:8: topic: the value is not a text"},
		{"name: a\ndescription: \"\xff\"\n", "f.yaml:2:15: this is not UTF-8"},
		{head + "qos: 01\n", "f.yaml:3:6: qos: 01 is none of"},
		{head + "qos: [1, 2]\n", "qos: the value is none of 0, 1 and 2"},
		{head + "qos:\n", "qos: the value is none of 0, 1 and 2"},
		{head + "clients: 010\n", "f.yaml:3:10: clients: 010 is not a whole number from 1"},
		{head + "clients: 1e-3\n", "clients: 1e-3 is not a whole number"},
		{head + "clients: 1.5e0\n", "clients: 1.5e0 is not a whole number"},
		{head + "clients: \"1e3\"\n", "clients: 1e3 is not a whole number"},
		{head + "clients: 01e3\n", "clients: 01e3 is not a whole number"},
		{head + "clients: 1e300\n", "clients: 1e300 is not a whole number"},
		{head + "rate: 1e999\n", "rate: 1e999 is not a number above 0"},
		{head + "rate: 0e3\n", "rate: 0e3 is not a number above 0"},
		{head + "rate: '1e3'\n", "rate: 1e3 is not a number above 0"},
		{head + "clients: many\n", "clients: many is not a whole number"},
		{head + "clients: 0\n", "clients: 0 is not a whole number from 1"},
		{head + "clients: \"5\"\n", "clients: 5 is not a whole number"},
		{head + "clients: 99999999999999999999\n", "is not a whole number"},
		{head + "payload: 3\n", "payload: 3 is not a whole number from 16"},
		{head + "rate: 0\n", "rate: 0 is not a number above 0"},
		{head + "rate: .inf\n", "is not a number above 0"},
		{head + "rate: fast\n", "rate: fast is not a number above 0"},
		{head + "rate: 0777\n", "rate: 0777 is not a number above 0"},
		{head + "closed: maybe\n", "closed: maybe is neither true nor false"},
		{head + "closed: 1\n", "closed: 1 is neither true nor false"},
		{head + "duration: 30\n", "f.yaml:3:11: duration: 30 is no duration such as 30s"},
		{head + "duration: -3s\n", "duration: -3s is no duration"},
		{head + "pattern: pair\n", `pattern: pair is none of pairs, fan-in and fan-out; did you mean "pairs"?`},
		{head + "churn: {rate: 1, abrupt: 2}\n", "abrupt: 2 is not a share"},
		{head + "topic: 5\n", "topic: 5 is not a text"},
		{head + "topic: \"\"\n", "is not a text"},
		{head + "variants: 5\n", "f.yaml:3:11: variants is not a list of variants"},
		{head + "variants: []\n", "variants is not a list of variants"},
		{head + "variants:\n  - qos: 1\n", "a variant without a name"},
		{head + "variants:\n  - {name: x}\n  - {name: x}\n", `there are two variants "x"`},
		{head + "variants:\n  - {name: x, variants: []}\n", `f.yaml:4:15: unknown key "variants"`},
		{head + "extends: nobody\n", `f.yaml:3:10: no "nobody"`},
		{head + "extends: 5\n", "extends: 5 is not a text"},
		{head + "faults: reset\n", "f.yaml:3:9: faults is not a list"},
		{head + "faults: [5]\n", "f.yaml:3:10: faults: 5 is not a text"},
		{head + "groups:\n  - {nam: a}\n", `f.yaml:4:6: unknown key "nam" in groups; did you mean "name"?`},
		{head + "groups:\n  - {name: a, count: 0}\n", "f.yaml:4:22: count: 0 is not a whole number from 1"},
		{head + "flows:\n  - {from: a, to: b, qos: 3}\n", "qos: 3 is none of 0, 1 and 2"},
		{head + "flows: [{topic: \"a,b\"}]\n", "topic: a,b contains a comma"},
		{head + "flows: [5]\n", "one of flows is not a list of keys and values"},
		{head + "stages: [{for: 5}]\n", "for: 5 is no duration"},
		{head + "will: {watcher: 1}\n", `unknown key "watcher" in will; did you mean "watchers"?`},
		{head + "readers: {count: 1, qos: 5}\n", "qos: 5 is none of"},
		{head + "offline: 5\n", "f.yaml:3:10: offline is not a list of keys and values"},
		{head + "offline: [{at: 1s, fro: 2s}]\n", `f.yaml:3:20: unknown key "fro" in offline; did you mean "for"?`},
		{head + "offline: {fro: 2s}\n", `f.yaml:3:11: unknown key "fro" in offline; did you mean "for"?`},
		{head + "churn: {rate: 1, takover: 1}\n", `unknown key "takover" in churn; did you mean "takeover"?`},
		{head + "will: {user_propertys: []}\n", `unknown key "user_propertys" in will; did you mean "user_properties"?`},
		{head + "flap: {rate: 0}\n", "rate: 0 is not a number above 0"},
		{head + "qos: 1\n---\nqos: 2\n", "a second document"},
		{head + "a: &x 1\nqos: *x\n", `unknown key "a"`},
		{head + "qos: *x\n", "f.yaml:3:6: "},
		{head + "<<: {qos: 1}\n", "f.yaml:3:1: "},
		{head + "qos: {\n", "f.yaml:"},
		{head + "\tqos: 1\n", "f.yaml:"},
		{"\x00\xff\xfe", "f.yaml"},
		{strings.Repeat("x", strict.MaxSize+1), "no profile"},
		{head + "topic: [" + strings.Repeat("[", 2000), "f.yaml"},
	} {
		_, err := Read("f.yaml", []byte(c.text), shipped)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v, want one line with %q", c.text, err, c.want)
		}
	}
}

// TestExponents: 1e3 is a number, and a whole one, however YAML's parser takes it.
func TestExponents(t *testing.T) {
	for text, want := range map[string]Setting{
		"rate: 1e3": {"rate", "1e3"}, "rate: 2.5e+1": {"rate", "2.5e+1"}, "rate: 5E-1": {"rate", "5E-1"},
		"clients: 1e3": {"clients", "1000"}, "clients: 2.5e1": {"clients", "25"}, "publishers: 0e0": {"publishers", "0"},
	} {
		p, err := Read("f", []byte(head+text+"\n"), nil)
		if err != nil || len(p.Settings) != 1 || p.Settings[0] != want {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
}

// withoutPlaces leaves out what TestPlaces is for.
var withoutPlaces = cmp.Options{cmpopts.IgnoreFields(Profile{}, "Places"), cmpopts.IgnoreFields(Variant{}, "Places")}

// TestPlaces: where a setting is, for complaints that only the whole of them gives rise to.
func TestPlaces(t *testing.T) {
	p, err := Read("f", []byte(head+"rate: 5\nchurn: {rate: 1}\noffline:\n  - {for: 1s}\nvariants:\n  - {name: x, rate: 6}\n  - {name: y, qos: 1}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Places{
		"":  {"rate": "f:3:7", "churn": "f:4:15", "offline": "f:6:5"},
		"x": {"rate": "f:8:21", "churn": "f:4:15", "offline": "f:6:5"},
		"y": {"rate": "f:3:7", "churn": "f:4:15", "offline": "f:6:5", "qos": "f:9:20"},
	} {
		if d := cmp.Diff(want, p.PlacesOf(name)); d != "" {
			t.Errorf("%q: %s", name, d)
		}
	}
}

// shipped has one profile, called base.
func shipped(name string) (*Profile, error) {
	if name != "base" {
		return nil, errors.New(`no "` + name + `"`)
	}
	return Read("base.yaml", []byte("name: base\ndescription: The base.\nsource: me\nqos: 1\nrate: 10\nvariants: [{name: x}]\n"), nil)
}

func TestRead(t *testing.T) {
	got, err := Read("f", []byte(`
name: all
description: >
  First sentence. Second
  one.
mqtt: 5
qos: 2
clients: 10
rate: 2.5
topic: a/%i
keep_alive: 0
churn:
  rate: 10
  who: both
offline: {at: 1s, for: 1m30s}
alpn: [mqtt, h2]
faults: ["reset:PUBLISH:nth=1", "delay=5ms"]
groups:
  - {name: a, count: 3, clean_session: false}
flows: [{from: a, to: a, pub_qos: 1}]
stages: [{for: 5s, rate: 10, to: 20}]
variants:
  - name: one
    description: Closed.
    closed: true
  - {name: two, pub_qos: 0, publishers: 3}
`), nil)
	want := &Profile{
		Name: "all", Description: "First sentence. Second one.",
		Settings: Settings{
			{"mqtt", "5"}, {"qos", "2"}, {"clients", "10"}, {"rate", "2.5"}, {"topic", "a/%i"}, {"keep-alive", "0"},
			{"churn", "10"}, {"churn-who", "both"}, {"offline-at", "1s"}, {"offline-for", "1m30s"}, {"alpn", "mqtt"}, {"alpn", "h2"},
			{"fault", "reset:PUBLISH:nth=1"}, {"fault", "delay=5ms"}, {"group", "name=a,count=3,clean-session=false"}, {"flow", "from=a,to=a,pub-qos=1"},
			{"stages", "for=5s,rate=10,to=20"},
		},
		Variants: []Variant{
			{Name: "one", Description: "Closed.", Settings: Settings{{"closed", "true"}}},
			{Name: "two", Settings: Settings{{"pub-qos", "0"}, {"publishers", "3"}}},
		},
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, withoutPlaces); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{"First sentence. Second.": "First sentence", "What? That.": "What?", "2.5 of it.": "2.5 of it", "A": "A"} {
		if s := (&Profile{Description: text}).Summary(); s != want {
			t.Errorf("of %q the first sentence is %q", text, s)
		}
	}
}

// TestOf: a variant takes back what it contradicts, and leaves the profile as it is.
func TestOf(t *testing.T) {
	p := &Profile{
		Name:     "p",
		Settings: Settings{{"qos", "1"}, {"sub-qos", "0"}, {"rate", "10"}, {"clients", "5"}},
		Variants: []Variant{{Name: "x", Settings: Settings{{"closed", "true"}, {"qos", "2"}}}, {Name: "y", Settings: Settings{{"publishers", "3"}}}},
	}
	for name, want := range map[string]Settings{
		"":  p.Settings,
		"x": {{"clients", "5"}, {"closed", "true"}, {"qos", "2"}},
		"y": {{"qos", "1"}, {"sub-qos", "0"}, {"rate", "10"}, {"publishers", "3"}},
	} {
		got, err := p.Of(name)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q: %v\n%s", name, err, d)
		}
	}
	if len(p.Settings) != 4 || p.Settings.Get("rate") != "10" {
		t.Errorf("the profile was changed: %v", p.Settings)
	}
	if _, err := p.Of("z"); err == nil || !strings.Contains(err.Error(), "there are x, y") {
		t.Error(err)
	}
}

// TestOffline: who says it once takes back the list, and the other way round.
func TestOffline(t *testing.T) {
	p, err := Read("f", []byte(head+"offline: [{for: 1s}, {at: 3s, for: 1s, abrupt: true, who: both}]\nvariants: [{name: once, offline: {at: 2s, for: 5s}}]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	several := Settings{{"offline", "for=1s"}, {"offline", "at=3s,for=1s,abrupt=true,who=both"}}
	once, err := p.Of("once")
	if d := cmp.Diff(Settings{{"offline-at", "2s"}, {"offline-for", "5s"}}, once); d != "" || err != nil {
		t.Error(d, err)
	}
	if d := cmp.Diff(several, p.Settings); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(several, several.Over(once)); d != "" {
		t.Error(d)
	}
}

// TestExtends: a user's own file changes what it says, wherever it says so.
func TestExtends(t *testing.T) {
	for _, text := range []string{"name: mine\nextends: base\nrate: 20\ndescription: Mine.\n", "rate: 20\ndescription: Mine.\nextends: base\nname: mine\n"} {
		p, err := Read("f", []byte(text), shipped)
		if err != nil {
			t.Fatal(err)
		}
		want := &Profile{Name: "mine", Description: "Mine.", Source: "me", Settings: Settings{{"qos", "1"}, {"rate", "20"}}, Variants: []Variant{{Name: "x"}}}
		if d := cmp.Diff(want, p, withoutPlaces); d != "" {
			t.Error(d)
		}
	}
}

// FuzzRead: whatever the file, an *Error or a profile that can be used, and never a panic.
func FuzzRead(f *testing.F) {
	f.Add(head + "qos: 1\nchurn: {rate: 1}\nvariants: [{name: x, qos: 2}]\n")
	f.Add("a: &x [*x]\n")
	f.Add("? {a: b}\n: c\n")
	if files, err := os.ReadDir("../../profiles"); err == nil {
		for _, e := range files {
			if text, err := os.ReadFile("../../profiles/" + e.Name()); err == nil && strings.HasSuffix(e.Name(), ".yaml") {
				f.Add(string(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read("f", []byte(text), shipped)
		var e *Error
		switch {
		case err != nil && (p != nil || !errors.As(err, &e)):
			t.Fatalf("%v, and %v", err, p)
		case err == nil && (p.Name == "" || p.Description == ""):
			t.Fatalf("%+v", p)
		}
	})
}
