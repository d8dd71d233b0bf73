package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// Access is what a client does with a message.
type Access uint8

const (
	Read  Access = 1 << iota // To be delivered one.
	Write                    // To publish one.

	deny Access = 0
)

var accesses = map[string]Access{"read": Read, "write": Write, "readwrite": Read | Write, "deny": deny}

// A rule of a file.
type rule struct {
	filter string
	access Access
}

// rules are in the order in which they are asked: deny first.
type rules []rule

func (r *rules) add(x rule) {
	if x.access == deny {
		*r = slices.Insert(*r, 0, x)
	} else {
		*r = append(*r, x)
	}
}

// An ACL is what an ACL file says. It is immutable.
type ACL struct {
	anonymous rules
	users     map[string]*rules
	patterns  rules

	// Without patterns, Rights depend on the User Name alone, and all clients of one share them.
	shared map[string]*Rights
	nobody *Rights // Of users that the file has not.
	noName *Rights
}

// ParseACL reads an ACL file whose name is only for its errors. Every line that is wrong is in the error, as
// FILE:LINE: what and what to do.
func ParseACL(file string, text []byte) (*ACL, error) {
	a := &ACL{users: make(map[string]*rules)}
	into := &a.anonymous
	var errs problems
	for n, line := range numbered(text) {
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		rest = strings.TrimSpace(rest)
		var err error
		switch word {
		case "user":
			if err = checkACLName(rest); err == nil {
				if a.users[rest] == nil {
					a.users[rest] = new(rules)
				}
				into = a.users[rest]
			}
		case "topic":
			err = parseRule(rest, into)
		case "pattern":
			err = parseRule(rest, &a.patterns)
		default:
			err = fmt.Errorf("%.80q; lines begin with topic, pattern, user or, in the first column, #", word)
		}
		if err != nil {
			errs.add(file, n, err)
		}
	}
	if err := errs.join(); err != nil {
		return nil, err
	}
	a.share()
	return a, nil
}

func (a *ACL) share() {
	a.nobody = newRights(nil, nil, false)
	a.noName = newRights(a.anonymous, nil, false)
	a.shared = make(map[string]*Rights, len(a.users))
	for name, r := range a.users {
		a.shared[name] = newRights(*r, nil, false)
	}
}

func checkACLName(name string) error {
	if name == "" {
		return errors.New("user without a name")
	}
	if !utf8.ValidString(name) || len(name) > maxName || strings.ContainsRune(name, 0) {
		return fmt.Errorf("user name %.80q is not UTF-8 as MQTT wants it", name)
	}
	return nil
}

// parseRule reads [ACCESS] FILTER. A single word is a filter, whatever it is.
func parseRule(text string, into *rules) error {
	word, rest, two := strings.Cut(text, " ")
	x := rule{filter: text, access: Read | Write}
	if two {
		var ok bool
		if x.access, ok = accesses[word]; !ok {
			return fmt.Errorf("%.80q is none of read, write, readwrite and deny; they are needed in front of a filter with a space in it", word)
		}
		x.filter = strings.TrimSpace(rest)
	}
	if err := checkFilter(x.filter); err != nil {
		return err
	}
	into.add(x)
	return nil
}

// checkFilter holds a filter to [v5 4.7].
func checkFilter(filter string) error {
	switch {
	case filter == "":
		return errors.New("a rule without a topic filter")
	case len(filter) > maxName:
		return fmt.Errorf("a topic filter of %d bytes; MQTT has at most %d", len(filter), maxName)
	case !utf8.ValidString(filter) || strings.ContainsRune(filter, 0):
		return fmt.Errorf("topic filter %.80q is not UTF-8 as MQTT wants it", filter)
	}
	for rest, more := filter, true; more; {
		var level string
		level, rest, more = cutLevel(rest)
		if strings.ContainsAny(level, "+#") && len(level) > 1 {
			return fmt.Errorf("topic filter %.80q: + and # stand for whole levels", filter)
		}
		if level == "#" && more {
			return fmt.Errorf("topic filter %.80q: # can only be its end", filter)
		}
	}
	return nil
}

// Rights are what one client may do. They are immutable.
type Rights struct {
	topics   rules
	patterns rules // With the client's names in place.
	barred   bool  // There are patterns, and its names are not to be put into them.
	id       uint64
}

var lastID atomic.Uint64

func newRights(topics, patterns rules, barred bool) *Rights {
	return &Rights{topics, patterns, barred, lastID.Add(1)}
}

// Rights are those of a client; named says that it has a User Name.
func (a *ACL) Rights(user string, named bool, clientID string) *Rights {
	if len(a.patterns) == 0 {
		if !named {
			return a.noName
		}
		if r := a.shared[user]; r != nil {
			return r
		}
		return a.nobody
	}
	topics := a.anonymous
	if named {
		topics = nil
		if r := a.users[user]; r != nil {
			topics = *r
		}
	}
	// A name with a wildcard in it would open what the pattern keeps to others.
	barred := named && strings.ContainsAny(user, "+#") || strings.ContainsAny(clientID, "+#")
	var patterns rules
	if !barred {
		patterns = a.expand(user, named, clientID)
	}
	return newRights(topics, patterns, barred)
}

// expand puts the names of a client into the patterns. Those with a User Name are not for a client that has none.
func (a *ACL) expand(user string, named bool, clientID string) rules {
	r := make(rules, 0, len(a.patterns))
	names := strings.NewReplacer("%c", clientID, "%u", user)
	for _, p := range a.patterns {
		if !named && strings.Contains(p.filter, "%u") {
			continue
		}
		r = append(r, rule{names.Replace(p.filter), p.access})
	}
	return r
}

// ID is a number that no other Rights have, for caches.
func (r *Rights) ID() uint64 { return r.id }

// May reports whether the client may publish (Write) or be delivered (Read) messages of a Topic Name. It allocates nothing.
func (r *Rights) May(access Access, name []byte) bool {
	for i := range r.topics {
		x := &r.topics[i]
		if (x.access == deny || x.access&access != 0) && matches(x.filter, name) {
			return x.access != deny
		}
	}
	for i := range r.patterns {
		x := &r.patterns[i]
		if (x.access == deny || x.access&access != 0) && matches(x.filter, name) {
			return x.access != deny
		}
	}
	return false
}

// MaySubscribe is false when no message that a Topic Filter matches could be delivered: no rule grants reading any of it,
// or each that does is overruled by one deny. What it lets pass is not all deliverable: that is for May to say.
//
// It looks at the rules alone, so the answer says nothing about which Topic Names exist.
func (r *Rights) MaySubscribe(filter string) bool {
	filter = withoutShare(filter)
	return r.topics.reach(filter, nil) || r.patterns.reach(filter, r.topics)
}

// reach looks for a rule that grants some of the filter. before are rules that are asked earlier.
func (r rules) reach(filter string, before rules) bool {
	for _, x := range r {
		if x.access&Read != 0 && meet(x.filter, filter) && !r.deny(x.filter, filter) && !before.deny(x.filter, filter) {
			return true
		}
	}
	return false
}

// deny reports whether one deny covers all that both filters match.
func (r rules) deny(a, b string) bool {
	for _, x := range r {
		if x.access != deny {
			return false // They are in front.
		}
		if covers(x.filter, a) || covers(x.filter, b) {
			return true
		}
	}
	return false
}

// withoutShare is the Topic Filter of "$share/NAME/FILTER".
func withoutShare(filter string) string {
	rest, ok := strings.CutPrefix(filter, "$share/")
	if !ok {
		return filter
	}
	if _, inner, ok := strings.Cut(rest, "/"); ok {
		return inner
	}
	return filter
}
