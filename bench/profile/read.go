package profile

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// An Error says what is wrong with a profile, and where.
type Error struct {
	File         string
	Line, Column int // From 1; 0: of the file as a whole.
	Text         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// maxSize bounds a profile, in bytes: whoever gives a result file or a disk image by mistake is told so at once.
const maxSize = 1 << 20

// Read reads a profile. file names it in errors, which are of type *Error; the first one counts. base finds
// the profile that this one extends, if it does; it may be nil if there are none.
func Read(file string, text []byte, base func(name string) (*Profile, error)) (*Profile, error) {
	r := reader{file: file, base: base}
	if len(text) > maxSize {
		return nil, r.fault(nil, "this is %d bytes long, and no profile", len(text))
	}
	root, err := r.parse(text)
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
	file string
	base func(name string) (*Profile, error)
}

func (r *reader) fault(at *token.Token, format string, args ...any) error {
	e := &Error{File: r.file, Text: fmt.Sprintf(format, args...)}
	if at != nil && at.Position != nil {
		e.Line, e.Column = at.Position.Line, at.Position.Column
	}
	return e
}

func (r *reader) parse(text []byte) (ast.Node, error) {
	f, err := parser.ParseBytes(text, 0)
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		return nil, r.fault(syntax.GetToken(), "%s", syntax.GetMessage())
	case err != nil:
		return nil, r.fault(nil, "%v", err)
	}
	docs := slices.DeleteFunc(f.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch len(docs) {
	case 0:
		return nil, r.fault(nil, "it is empty")
	case 1:
		return docs[0].Body, nil
	}
	return nil, r.fault(docs[1].Body.GetToken(), "a second document: a profile is one")
}

// A pair is a key and its value.
type pair struct {
	key   string
	at    *token.Token // Of the key.
	value ast.Node
}

// pairs are those of a mapping, in their order. Anchors, aliases and merges are not for profiles: what a file says
// should be seen where it stands.
func (r *reader) pairs(n ast.Node, what string) ([]pair, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, r.fault(n.GetToken(), "%s is not a list of keys and values", what)
	}
	var all []pair
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return nil, r.fault(v.Key.GetToken(), "%s is not a name", v.Key)
		}
		if slices.ContainsFunc(all, func(p pair) bool { return p.key == key.Value }) {
			return nil, r.fault(key.GetToken(), "%s is here twice", key.Value)
		}
		all = append(all, pair{key.Value, key.GetToken(), v.Value})
	}
	return all, nil
}

// about are the keys that are not settings, of a profile and of a variant.
var (
	about        = []string{"name", "description", "source", "expect", "extends", "variants"}
	aboutVariant = []string{"name", "description"}
)

func (r *reader) profile(root ast.Node) (*Profile, error) {
	p := new(Profile)
	all, err := r.pairs(root, "a profile")
	if err != nil {
		return nil, err
	}
	var settings Settings
	for _, x := range all {
		switch x.key {
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
		return nil, r.fault(nil, "it has no name")
	case p.Description == "":
		return nil, r.fault(nil, "it has no description")
	}
	return p, nil
}

// extend begins with another profile. What the file says before has precedence all the same: the order of keys has no meaning.
func (r *reader) extend(p *Profile, x pair) error {
	name, err := r.value(x, text)
	if err != nil {
		return err
	}
	if r.base == nil {
		return r.fault(x.at, "there is nothing to extend")
	}
	b, err := r.base(name)
	if err != nil {
		return r.fault(x.value.GetToken(), "%v", err)
	}
	p.Settings = slices.Clone(b.Settings)
	p.Description, p.Source, p.Expect = cmp.Or(p.Description, b.Description), cmp.Or(p.Source, b.Source), cmp.Or(p.Expect, b.Expect)
	if p.Variants == nil {
		p.Variants = slices.Clone(b.Variants)
	}
	return nil
}

func (r *reader) variants(x pair) ([]Variant, error) {
	list, ok := x.value.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return nil, r.fault(x.value.GetToken(), "variants is not a list of variants")
	}
	var all []Variant
	for _, n := range list.Values {
		v, err := r.variant(n)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Variant) bool { return o.Name == v.Name }) {
			return nil, r.fault(n.GetToken(), "there are two variants %q", v.Name)
		}
		all = append(all, *v)
	}
	return all, nil
}

func (r *reader) variant(n ast.Node) (*Variant, error) {
	all, err := r.pairs(n, "a variant")
	if err != nil {
		return nil, err
	}
	v := new(Variant)
	for _, x := range all {
		switch x.key {
		case "name":
			v.Name, err = r.name(x)
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
		return nil, r.fault(n.GetToken(), "a variant without a name")
	}
	return v, nil
}

// setting adds a setting, or all of those below its key. others are the keys that could have been meant besides.
func (r *reader) setting(to *Settings, level string, x pair, others []string) error {
	key := level + x.key
	if k, ok := keys[key]; ok {
		v, err := r.value(x, k)
		*to = append(*to, Setting{flagOf(key), v})
		return err
	}
	if inner := below(key + "."); len(inner) > 0 {
		all, err := r.pairs(x.value, key)
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
	return r.fault(x.at, "unknown key %q%s%s", x.key, where, DidYouMean(x.key, known))
}

// value is a value of a kind.
func (r *reader) value(x pair, k kind) (string, error) {
	v, complaint := k(x.value)
	if complaint == "" {
		return v, nil
	}
	said, ok := plain(x.value)
	if !ok {
		said = "the value"
	} else if len(said) > maxQuoted {
		said = said[:maxQuoted] + "..."
	}
	return "", r.fault(x.value.GetToken(), "%s: %s %s", x.key, said, complaint)
}

// maxQuoted is how many bytes of a wrong value are repeated to its writer.
const maxQuoted = 40

// aName becomes part of paths and of what a user types.
var aName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

func (r *reader) name(x pair) (string, error) {
	return r.value(x, func(n ast.Node) (string, string) {
		v, ok := plain(n)
		if !ok || !aName.MatchString(v) {
			return "", "is not a name: small letters, digits, - and . make one"
		}
		return v, ""
	})
}
