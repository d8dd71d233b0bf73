package profile

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"mqttbench/bench/strict"
)

// An Error says what is wrong with a profile, and where.
type Error = strict.Error

// Read reads a profile. file names it in errors, which are of type *Error; the first one counts. base finds
// the profile that this one extends, if it does; it may be nil if there are none.
func Read(file string, text []byte, base func(name string) (*Profile, error)) (*Profile, error) {
	r := reader{Reader: strict.Reader{File: file, What: "profile"}, base: base}
	root, err := r.Parse(text)
	if err != nil {
		return nil, err
	}
	p, err := r.profile(root)
	if err != nil {
		return nil, err
	}
	return p, nil
}

type reader struct {
	strict.Reader
	base   func(name string) (*Profile, error)
	places Places // Of what is being read, the profile or a variant.
}

// put adds a setting, and notes where it is.
func (r *reader) put(to *Settings, flag, value string, at *token.Token) {
	*to = append(*to, Setting{flag, value})
	if _, known := r.places[flag]; !known && at != nil && at.Position != nil {
		r.places[flag] = Place(fmt.Sprintf("%s:%d:%d", r.File, at.Position.Line, at.Position.Column))
	}
}

// about are the keys that are not settings, of a profile and of a variant.
var (
	about        = []string{"name", "description", "source", "expect", "extends", "variants"}
	aboutVariant = []string{"name", "description"}
)

func (r *reader) profile(root ast.Node) (*Profile, error) {
	p := &Profile{Places: Places{}}
	r.places = p.Places
	all, err := r.Pairs(root, "a profile")
	if err != nil {
		return nil, err
	}
	var settings Settings
	for _, x := range all {
		switch x.Key {
		case "name":
			p.Name, err = r.name(x)
		case "description":
			p.Description, err = r.value(x, prose)
		case "source":
			p.Source, err = r.value(x, prose)
		case "expect":
			p.Expect, err = r.value(x, prose)
		case "extends":
			err = r.extend(p, x)
		case "variants":
			p.Variants, err = r.variants(x)
		default:
			err = r.setting(&settings, "", x, about)
		}
		if err != nil {
			return nil, err
		}
	}
	p.Settings = settings.Over(p.Settings)
	switch {
	case p.Name == "":
		return nil, r.Fault(nil, "it has no name")
	case p.Description == "":
		return nil, r.Fault(nil, "it has no description")
	}
	return p, nil
}

// extend begins with another profile. What the file says before has precedence all the same: the order of keys has no meaning.
func (r *reader) extend(p *Profile, x strict.Pair) error {
	name, err := r.value(x, text)
	if err != nil {
		return err
	}
	if r.base == nil {
		return r.Fault(x.At, "there is nothing to extend")
	}
	b, err := r.base(name)
	if err != nil {
		return r.Fault(x.Value.GetToken(), "%v", err)
	}
	p.Settings = slices.Clone(b.Settings)
	p.Description, p.Source, p.Expect = cmp.Or(p.Description, b.Description), cmp.Or(p.Source, b.Source), cmp.Or(p.Expect, b.Expect)
	if p.Variants == nil {
		p.Variants = slices.Clone(b.Variants)
	}
	return nil
}

func (r *reader) variants(x strict.Pair) ([]Variant, error) {
	list, ok := x.Value.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return nil, r.Fault(x.Value.GetToken(), "variants is not a list of variants")
	}
	var all []Variant
	for _, n := range list.Values {
		v, err := r.variant(n)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Variant) bool { return o.Name == v.Name }) {
			return nil, r.Fault(n.GetToken(), "there are two variants %q", v.Name)
		}
		all = append(all, *v)
	}
	return all, nil
}

func (r *reader) variant(n ast.Node) (*Variant, error) {
	all, err := r.Pairs(n, "a variant")
	if err != nil {
		return nil, err
	}
	v := &Variant{Places: Places{}}
	defer func(outer Places) { r.places = outer }(r.places)
	r.places = v.Places
	for _, x := range all {
		switch x.Key {
		case "name":
			v.Name, err = r.variantName(x)
		case "description":
			v.Description, err = r.value(x, prose)
		default:
			err = r.setting(&v.Settings, "", x, aboutVariant)
		}
		if err != nil {
			return nil, err
		}
	}
	if v.Name == "" {
		return nil, r.Fault(n.GetToken(), "a variant without a name")
	}
	return v, nil
}

// setting adds a setting, or all of those below its key. others are the keys that could have been meant besides.
func (r *reader) setting(to *Settings, level string, x strict.Pair, others []string) error {
	key := level + x.Key
	if k, ok := keys[key]; ok {
		v, err := r.value(x, k)
		r.put(to, flagOf(key), v, x.Value.GetToken())
		return err
	}
	inner := below(key + ".")
	list, isList := x.Value.(*ast.SequenceNode)
	if l, ok := lists[key]; ok && (isList || len(inner) == 0) {
		if !isList || len(list.Values) == 0 {
			return r.Fault(x.Value.GetToken(), "%s is not a list", key)
		}
		for _, n := range list.Values {
			v, err := l.each(r, key, n)
			if err != nil {
				return err
			}
			r.put(to, l.flag, v, n.GetToken())
		}
		return nil
	}
	if len(inner) > 0 {
		all, err := r.Pairs(x.Value, key)
		for _, y := range all {
			if err == nil {
				err = r.setting(to, key+".", y, nil)
			}
		}
		return err
	}
	known := append(below(level), others...)
	where := ""
	if level != "" {
		where = " in " + strings.TrimSuffix(level, ".")
	}
	return r.Fault(x.At, "unknown key %q%s%s", x.Key, where, strict.DidYouMean(x.Key, known))
}

// value is a value of a kind.
func (r *reader) value(x strict.Pair, k kind) (string, error) {
	v, complaint := k(x.Value)
	if complaint == "" {
		return v, nil
	}
	return "", r.Fault(x.Value.GetToken(), "%s: %s %s", x.Key, strict.Quote(x.Value), complaint)
}

// aName becomes part of paths and of what a user types.
var aName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

func (r *reader) name(x strict.Pair) (string, error) {
	return r.value(x, func(n ast.Node) (string, string) {
		v, ok := strict.Plain(n)
		if !ok || !aName.MatchString(v) {
			return "", "is not a name: small letters, digits, - and . make one"
		}
		return v, ""
	})
}

// aVariant may be one of a part of the family: PART/NAME.
var aVariant = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}(/[a-z0-9][a-z0-9.-]{0,63})?$`)

func (r *reader) variantName(x strict.Pair) (string, error) {
	return r.value(x, func(n ast.Node) (string, string) {
		v, ok := strict.Plain(n)
		if !ok || !aVariant.MatchString(v) {
			return "", "is not a name: small letters, digits, - and . make one, and a / may stand between two"
		}
		return v, ""
	})
}

// oneText is a text of a list.
func (r *reader) oneText(what string, n ast.Node) (string, error) {
	v, complaint := text(n)
	if complaint != "" {
		return "", r.Fault(n.GetToken(), "%s: %s %s", what, strict.Quote(n), complaint)
	}
	return v, nil
}

// fields reads a mapping of a list as KEY=VALUE,KEY=VALUE.
func fields(known map[string]kind) func(r *reader, what string, n ast.Node) (string, error) {
	return func(r *reader, what string, n ast.Node) (string, error) {
		all, err := r.Pairs(n, "one of "+what)
		if err != nil {
			return "", err
		}
		var parts []string
		for _, x := range all {
			k, ok := known[x.Key]
			if !ok {
				return "", r.Fault(x.At, "unknown key %q in %s%s", x.Key, what, strict.DidYouMean(x.Key, slices.Sorted(maps.Keys(known))))
			}
			v, err := r.value(x, k)
			if err != nil {
				return "", err
			}
			if strings.Contains(v, ",") {
				return "", r.Fault(x.Value.GetToken(), "%s: %s contains a comma, which parts the settings of %s", x.Key, strict.Quote(x.Value), what)
			}
			parts = append(parts, strings.ReplaceAll(x.Key, "_", "-")+"="+v)
		}
		return strings.Join(parts, ","), nil
	}
}
