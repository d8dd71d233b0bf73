package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Passwords is what a password file says. It is immutable.
type Passwords struct {
	users  map[string]*hash
	list   []*hash // All of them, and
	scrams []*hash // those that SCRAM can use, in the order of the file.
	secret []byte  // Nobody knows it who does not know the file.
}

// maxName is the longest User Name there can be in MQTT, bytes.
const maxName = 65535

// ParsePasswords reads a password file whose name is only for its errors. Every line that is wrong is in
// the error, as FILE:LINE: what and what to do.
func ParsePasswords(file string, text []byte) (*Passwords, error) {
	p := &Passwords{users: make(map[string]*hash)}
	lines := make(map[string]int)
	var errs problems
	for n, line := range numbered(text) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		name, h, err := parseUser(line)
		if err == nil && lines[name] != 0 {
			err = fmt.Errorf("user %.80q is in line %d already; remove one of the two", name, lines[name])
		}
		if err != nil {
			errs.add(file, n, err)
			continue
		}
		lines[name] = n
		p.users[name] = h
		p.list = append(p.list, h)
		if h.kind == SCRAM {
			p.scrams = append(p.scrams, h)
		}
	}
	if err := errs.join(); err != nil {
		return nil, err
	}
	if len(p.list) == 0 {
		return nil, fmt.Errorf("%s: %w", file, errNoUser)
	}
	sum := sha256.Sum256(text)
	p.secret = sum[:]
	return p, nil
}

var errNoUser = errors.New("there is no user in this file; add one with mqttbroker passwd or mosquitto_passwd")

// parseUser reads one line.
func parseUser(line string) (name string, h *hash, err error) {
	name, rest, ok := strings.Cut(line, ":")
	if !ok {
		return "", nil, errors.New("no colon between a user name and a password hash; write the line with mqttbroker passwd or mosquitto_passwd")
	}
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return "", nil, err
	}
	if h, err = parseHash(strings.TrimSpace(rest)); err != nil {
		return "", nil, fmt.Errorf("user %.80q: %w; write the line with mqttbroker passwd or mosquitto_passwd", name, err)
	}
	return name, h, nil
}

// checkName refuses names that no client can give.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("an empty user name")
	case len(name) > maxName:
		return fmt.Errorf("a user name of %d bytes; MQTT has at most %d", len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("user name %.80q is not UTF-8 as MQTT wants it", name)
	case strings.ContainsAny(name, ":\r\n"):
		return fmt.Errorf("user name %.80q has a colon or a line break, which the file cannot hold", name)
	}
	return nil
}

// Check reports whether the file has the user with this password. It takes its time, the same for users
// that the file has not: belongs on a Pool.
func (p *Passwords) Check(user string, password []byte) bool {
	h, known := p.users[user]
	if !known {
		h = p.standIn(user, p.list)
	}
	return h.matches(password) && known
}

// Proof stands for the entry of a user: it is the same as that of another file if the user has the
// same password there. False: there is no such user.
func (p *Passwords) Proof(user string) (Proof, bool) {
	if p == nil {
		return Proof{}, false
	}
	h, ok := p.users[user]
	return Proof{h}, ok
}

// A Proof is the entry of a password file by which somebody came in.
type Proof struct{ h *hash }

// Same reports whether two are the same entry. That of nobody is no other's.
func (p Proof) Same(o Proof) bool { return p.h != nil && o.h != nil && p.h.same(o.h) }

// standIn is an entry for a user who has none, always the same one for a name. In a file whose entries cost different
// times an unknown name thus costs what some known one does.
func (p *Passwords) standIn(user string, from []*hash) *hash {
	return from[binary.BigEndian.Uint64(p.mac("user", user))%uint64(len(from))]
}

// mac is noise that is always the same for a name, and that only the file can tell.
func (p *Passwords) mac(what, user string) []byte {
	m := hmac.New(sha256.New, p.secret)
	m.Write([]byte(what))
	m.Write([]byte{0})
	m.Write([]byte(user))
	return m.Sum(nil)
}

// Len is how many users there are.
func (p *Passwords) Len() int { return len(p.list) }
