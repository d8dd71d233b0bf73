package profiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"mqttbench/bench/profile"
)

// read is how a shipped profile is read: one may extend another.
func read(name string) (*profile.Profile, error) {
	text, ok := Text(name)
	if !ok {
		return nil, fmt.Errorf("there is no %s", name)
	}
	return profile.Read(name+suffix, text, read)
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits is the schema's opinion of a YAML text.
func fits(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestShipped: every file can be read, fits the schema, is called like its file, says whose it is, and is
// embedded.
func TestShipped(t *testing.T) {
	s := schema(t)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := Names()
	for _, f := range files {
		name, isProfile := strings.CutSuffix(f.Name(), suffix)
		if !isProfile {
			continue
		}
		text, ok := Text(name)
		if !ok || !slices.Contains(names, name) {
			t.Errorf("%s is not embedded", name)
			continue
		}
		if err := fits(t, s, text); err != nil {
			t.Errorf("%s does not fit the schema: %v", name, err)
		}
		p, err := read(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Name != name || p.Source == "" {
			t.Errorf("%s calls itself %q, of source %q", name, p.Name, p.Source)
		}
		if n := len(p.Summary()); n > 160 {
			t.Errorf("%s: its first sentence has %d letters, too many for a list", name, n)
		}
	}
	if len(names) < 40 {
		t.Errorf("only %d profiles", len(names))
	}
	if _, ok := Text("../profiles"); ok {
		t.Error("a path is taken for a name")
	}
}

// listFlags are the flags of lists: each of a list is said with the flag once more.
var listFlags = map[string]string{"faults": "fault", "user_properties": "user-property", "connect_user_properties": "connect-user-property", "subscribe_user_properties": "subscribe-user-property", "groups": "group", "flows": "flow", "stages": "stages",
	"offline": "offline", "will.user_properties": "will-user-property", "ws_headers": "ws-header", "alpn": "alpn"}

// TestSchemaOfLists: what the schema allows in a group, a flow and a stage, the reader takes, and nothing else.
func TestSchemaOfLists(t *testing.T) {
	s := schema(t)
	for list, keys := range map[string]string{
		"groups": "name: x|count: 1|clean_session: false",
		"flows":  "from: a|to: b|pattern: pairs|share: g|topic: t|retain: true|rate: 1.5|qos: 1|pub_qos: 1|sub_qos: 1|payload: 16|payload_max: 17|arrivals: burst",
		"stages": "for: 5s|rate: 0|to: 7",
	} {
		var inSchema struct {
			Defs struct {
				Settings struct {
					Properties map[string]struct {
						Items struct {
							Properties map[string]any `json:"properties"`
						} `json:"items"`
					} `json:"properties"`
				} `json:"settings"`
			} `json:"$defs"`
		}
		if err := json.Unmarshal(Schema, &inSchema); err != nil {
			t.Fatal(err)
		}
		all := strings.Split(keys, "|")
		if n := len(inSchema.Defs.Settings.Properties[list].Items.Properties); n != len(all) {
			t.Errorf("%s: the schema has %d keys, want %d", list, n, len(all))
		}
		for _, wrong := range []string{"", ", nothing: 1"} {
			text := []byte("name: a\ndescription: b\n" + list + ": [{" + strings.Join(all, ", ") + wrong + "}]\n")
			_, err := profile.Read("f", text, read)
			if fit := fits(t, s, text); (fit == nil) != (wrong == "") || (err == nil) != (wrong == "") {
				t.Errorf("%s%s: the schema says %v, the reader %v", list, wrong, fit, err)
			}
		}
	}
}

// TestSchemaIsComplete: reader and schema know the same settings, at the top and in variants.
func TestSchemaIsComplete(t *testing.T) {
	type object struct {
		Properties map[string]object `json:"properties"`
		Items      *object           `json:"items"`
		AnyOf      []object          `json:"anyOf"`
		Defs       map[string]object `json:"$defs"`
	}
	var top object
	if err := json.Unmarshal(Schema, &top); err != nil {
		t.Fatal(err)
	}
	var flags []string
	for key, o := range top.Defs["settings"].Properties {
		if flag, isList := listFlags[key]; isList {
			flags = append(flags, flag)
			if len(o.AnyOf) == 0 {
				continue
			}
			o = o.AnyOf[0] // It may also be said once, without a list.
		}
		if len(o.Properties) == 0 {
			flags = append(flags, strings.ReplaceAll(key, "_", "-"))
		}
		for inner := range o.Properties {
			if flag, isList := listFlags[key+"."+inner]; isList {
				flags = append(flags, flag)
				continue
			}
			flags = append(flags, strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(key+"-"+inner, "-rate"), "-template"), "_", "-"))
		}
	}
	slices.Sort(flags)
	if want := profile.Flags(); !slices.Equal(flags, want) {
		t.Errorf("the schema has %v\nthe reader %v", flags, want)
	}
	for key := range top.Defs["settings"].Properties {
		_, atTop := top.Properties[key]
		if _, inVariant := top.Properties["variants"].Items.Properties[key]; !atTop || !inVariant {
			t.Errorf("%s: at the top %t, in a variant %t", key, atTop, inVariant)
		}
	}
	about := slices.Sorted(maps.Keys(top.Properties))
	if got := len(about) - len(top.Defs["settings"].Properties); got != 6 {
		t.Errorf("%d keys besides settings, want name, description, source, expect, extends, variants", got)
	}
}

// TestSchemaRefuses: the schema refuses what the reader refuses, so that an editor says it first.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	base := "name: a\ndescription: b\n"
	if err := fits(t, s, []byte(base)); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		"qoss: 1", "qos: 3", "qos: \"1\"", "clients: 0", "clients: many", "rate: 0", "closed: maybe", "duration: 30", "duration: soon",
		"pattern: star", "payload: 3", "topic: \"\"", "churn: 5", "churn: {rte: 1}", "churn: {abrupt: 2}", "offline: {for: 5}",
		"offline: []", "offline: [{fro: 1s}]", "offline: [5]", "churn: {takeover: 2}", "flap: {rate: 0}", "flap: 5", "will: {user_properties: x}", "ws_headers: x", "alpn: [5]", "server_name: 5",
		"variants: []", "variants: [{qos: 1}]", "variants: [{name: x, variants: []}]", "mqtt: 6", "window: 65536", "extends: 5",
	} {
		text := []byte(base + wrong + "\n")
		if _, err := profile.Read("f", text, read); err == nil {
			t.Errorf("%s: the reader takes it", wrong)
		}
		if err := fits(t, s, text); err == nil {
			t.Errorf("%s: the schema takes it", wrong)
		}
	}
}

// TestSchemaOfMore: what may be said once or several times, and lists below the top.
func TestSchemaOfMore(t *testing.T) {
	s := schema(t)
	for _, right := range []string{
		"offline: {at: 1s, for: 2s}", "offline: [{for: 1s}, {at: 3s, for: 2s, abrupt: true, who: both}]", "flap: {rate: 2.5, for: 0}", "churn: {rate: 1, takeover: 0.5}",
		"will: {watchers: 1, utf8: true, expiry: 1m, content_type: a, response_topic: b, correlation: c, user_properties: [a=b, c=d]}",
		"ws_headers: [\"X-Tenant: a\"]", "alpn: [mqtt]", "server_name: broker.example",
	} {
		text := []byte("name: a\ndescription: b\n" + right + "\n")
		_, err := profile.Read("f", text, read)
		if fit := fits(t, s, text); fit != nil || err != nil {
			t.Errorf("%s: the schema says %v, the reader %v", right, fit, err)
		}
	}
}

// TestSuiteIsWhole: each of the eight use cases of the Open MQTT Benchmark Suite is the source of a
// profile.
func TestSuiteIsWhole(t *testing.T) {
	useCase := regexp.MustCompile(`singlenode-\S+[^.\s]`)
	seen := map[string]bool{}
	for _, name := range Names() {
		if p, err := read(name); err == nil && strings.HasPrefix(name, "mqttbs-") {
			seen[useCase.FindString(p.Source)] = true
		}
	}
	for _, want := range []string{
		"singlenode-conn-tcp-10K-100", "singlenode-conn-tcp-1M-5K", "singlenode-fanout-1-1K-1-1K", "singlenode-fanout-5-1000-5-250K",
		"singlenode-p2p-1K-1K-1K-1K", "singlenode-p2p-50K-50K-50K-50K", "singlenode-sharedsub-1K-5-1K-1K", "singlenode-sharedsub-50K-500-50K-50K",
	} {
		if !seen[want] {
			t.Errorf("no profile says that it is %s", want)
		}
	}
}

// TestReadme: the example of the README is a profile, and means what the text says.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	if err := fits(t, schema(t), []byte(example)); err != nil {
		t.Error(err)
	}
	p, err := profile.Read("README.md", []byte(example), read)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Of("persistent")
	if err != nil || s.Get("publishers") != "1000" || s.Get("payload") != "180" || s.Get("clean-session") != "false" {
		t.Errorf("%v, %v", err, s)
	}
}
