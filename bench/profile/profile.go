package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mqttbench/bench/strict"
)

// A Profile is a workload, or a family of them.
type Profile struct {
	Name        string
	Description string // What it does, in a few sentences; the first stands alone in a list.
	Source      string // Whose workload it is.
	Expect      string // What is known of its outcome.

	Settings Settings  // Of all variants.
	Variants []Variant // Empty: the profile is one workload.
	Places   Places    // Of the Settings that are in this file.
}

// Places are where settings are in their file, by flag. Of a list, it is where the list begins.
type Places map[string]Place

// A Place is FILE:LINE:COLUMN.
type Place string

// A Variant is a workload of a family.
type Variant struct {
	Name        string
	Description string
	Settings    Settings // Over those of the profile.
	Places      Places
}

// Settings are what a profile says, each flag once but for those that make up lists.
type Settings []Setting

// A Setting is a flag, without its dashes, and its value as text.
type Setting struct {
	Flag, Value string
}

// takesBack says which flags a flag takes back that was given before and less specifically, in a profile
// that a variant, a user's own file or the command line changes: whoever asks for a rate does not want the closed
// loop of the profile any more.
var takesBack = map[string][]string{
	"qos":           {"pub-qos", "sub-qos"},
	"clients":       {"publishers", "subscribers"},
	"publishers":    {"clients"},
	"subscribers":   {"clients"},
	"rate":          {"closed", "idle"},
	"closed":        {"rate", "idle"},
	"idle":          {"rate", "closed"},
	"clean-session": {"pub-clean-session", "sub-clean-session"},
	"stages":        {"rate", "closed", "idle", "duration"},
	"flow":          {"rate", "closed", "idle", "clients", "publishers", "subscribers"},
	"offline":       {"offline-at", "offline-for", "offline-abrupt", "offline-who"},
	"offline-at":    {"offline"},
	"offline-for":   {"offline"},
	"client-id":     {"prefix", "short-ids"},
	"message":       {"payload", "payload-max", "message-file"},
}

// Over puts s over base: both together, where s has the last word.
func (s Settings) Over(base Settings) Settings {
	flags := make([]string, len(s))
	for i := range s {
		flags[i] = s[i].Flag
	}
	return append(base.Under(flags), s...)
}

// Under is s without what flags say, or take back.
func (s Settings) Under(flags []string) Settings {
	return slices.DeleteFunc(slices.Clone(s), func(x Setting) bool {
		return slices.ContainsFunc(flags, func(f string) bool {
			return f == x.Flag || slices.Contains(takesBack[f], x.Flag)
		})
	})
}

// Get is the value of a flag; "" if it is not set.
func (s Settings) Get(flag string) string {
	for _, x := range s {
		if x.Flag == flag {
			return x.Value
		}
	}
	return ""
}

// Of is the settings of one variant in full; of the profile, where name is "".
func (p *Profile) Of(name string) (Settings, error) {
	if name == "" {
		return slices.Clone(p.Settings), nil
	}
	var names []string
	for i := range p.Variants {
		if p.Variants[i].Name == name {
			return p.Variants[i].Settings.Over(p.Settings), nil
		}
		names = append(names, p.Variants[i].Name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("profile %s has no variants, and so none called %q", p.Name, name)
	}
	return nil, fmt.Errorf("profile %s has no variant %q%s; there are %s", p.Name, name, strict.DidYouMean(name, names), strings.Join(names, ", "))
}

// PlacesOf are those of one variant, or of the profile, where name is "".
func (p *Profile) PlacesOf(name string) Places {
	all := maps.Clone(p.Places)
	for i := range p.Variants {
		if p.Variants[i].Name == name && all != nil {
			maps.Copy(all, p.Variants[i].Places)
		}
	}
	return all
}

// Summary is the first sentence of the description, or the question that it begins with.
func (p *Profile) Summary() string {
	for i := 1; i < len(p.Description); i++ {
		if p.Description[i] == ' ' && strings.IndexByte(".?", p.Description[i-1]) >= 0 {
			return strings.TrimSuffix(p.Description[:i], ".")
		}
	}
	return strings.TrimSuffix(p.Description, ".")
}
