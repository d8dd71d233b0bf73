package broker

import (
	"net"
	"strings"
	"sync/atomic"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// Anonymous says who may come without anything that shows who it is.
type Anonymous uint8

const (
	// AnonymousLocal: whoever comes over the loopback interface or a unix socket, as long as nothing is set up by which
	// clients could show who they are.
	AnonymousLocal  Anonymous = iota
	AnonymousAlways           // Everybody.
	AnonymousNever
)

// rare is what few connections have.
type rare struct {
	aliases  aliases
	naming   *naming       // Immutable once CONNECT was accepted.
	sliced   *sliced       // A packet that is worked on over several turns.
	attempt  *attempt      // A password that is being checked.
	exchange *authExchange // Enhanced authentication that is under way,
	method   string        // and the method of the one that let the client in; "": there was none.

	who *identity // Nil without Options.Guard and without method. Immutable once CONNECT was accepted, but for proof.
}

func (c *conn) rareOnes() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// An identity is who a client is, on one Network Connection.
type identity struct {
	// Immutable
	user     string
	named    bool // It has a User Name.
	clientID string

	proof  auth.Proof // Owned by the loop. By which it came in, if that was a password file.
	rights atomic.Pointer[granted]
}

// granted are the rights by one version of the ACL file.
type granted struct {
	by *auth.ACL
	*auth.Rights
}

// under are the rights by an ACL, found once.
func (who *identity) under(acl *auth.ACL) *auth.Rights {
	g := who.rights.Load()
	if g == nil || g.by != acl {
		g = &granted{acl, acl.Rights(who.user, who.named, who.clientID)}
		who.rights.Store(g)
	}
	return g.Rights
}

// origin is where the clients of a listener come from.
type origin uint8

const (
	fromAnywhere origin = iota
	fromHere            // The loopback interface or a unix socket.
	fromProxy           // The same, but the address that counts is the one in the header.
)

// originOf is that of the listener on a URL.
func originOf(url string) origin {
	scheme, rest, _ := strings.Cut(url, "://")
	rest, _, proxied := strings.Cut(rest, "?")
	here := fromHere
	if proxied {
		here = fromProxy
	}
	if scheme == "unix" {
		return here
	}
	rest, _, _ = strings.Cut(rest, "/")
	a, err := net.ResolveTCPAddr("tcp", rest)
	if err != nil || !a.IP.IsLoopback() {
		return fromAnywhere
	}
	return here
}

// isLocal reports whether the client is on this machine.
func (c *conn) isLocal() bool {
	if c.origin != fromProxy {
		return c.origin == fromHere
	}
	a, ok := c.tc.RemoteAddr().(*net.TCPAddr)
	return !ok || a.IP.IsLoopback()
}

// authenticates reports whether clients can show who they are.
func (s *Server) authenticates() bool {
	o := &s.o
	return o.Authenticate != nil || o.Guard.Passwords() != nil || o.CertIdentity != auth.CertNone || len(o.Methods) > 0
}

// mayBeAnonymous reports whether a client may come that shows nothing.
func (c *conn) mayBeAnonymous() bool {
	switch s := c.loop.s; s.o.Anonymous {
	case AnonymousAlways:
		return true
	case AnonymousNever:
		return false
	default:
		return !s.authenticates() && c.isLocal()
	}
}

// warnOpen says what it means that a listener can be reached from elsewhere, where it means that there is nobody to keep out
// strangers, or nobody who could come in.
func (s *Server) warnOpen(addr string, from origin) {
	switch {
	case from != fromAnywhere || s.authenticates():
	case s.o.Anonymous == AnonymousAlways:
		s.o.Logger.Warn("anybody who can reach this address may connect, read and publish: there is no password file, no certificate identity, and anonymous clients were asked for", "address", addr)
	default:
		s.o.Logger.Warn("all clients of this address are refused: it can be reached from beyond this machine, and there is nothing to tell clients apart; "+
			"give a password file or a certificate identity, or ask for anonymous clients", "address", addr)
	}
}

var (
	errBadPassword = refusal(packet.BadUserNameOrPassword, "", "bad user name or password")
	errAnonymous   = refusal(packet.NotAuthorized, "", "a client that does not say who it is; anonymous ones are not admitted here")
	errNoCert      = refusal(packet.NotAuthorized, "", "no certificate, from which the User Name is to be taken")
	errPasswords   = refusal(packet.QuotaExceeded, "", "too many passwords wait to be checked")
	errExchanges   = refusal(packet.QuotaExceeded, "", "too many authentications are under way")
)

// authenticate finds out who has sent a CONNECT. ready is false while that is being found out.
func (c *conn) authenticate(f packet.Frame, p *packet.Connect) (ready bool, err error) {
	s := c.loop.s
	if a := c.attempt(); a != nil {
		return true, c.conclude(a, p)
	}
	if !s.gate.pass(c.loop.now) {
		return false, errConnectRate
	}
	if p.HasAuthMethod {
		return c.beginExchange(f, p)
	}
	name, certified, err := c.certifiedName()
	switch {
	case err != nil:
		return false, err
	case certified:
		c.identify(name, true)
		return true, nil
	case s.o.Authenticate != nil:
		if code := s.o.Authenticate(string(p.ClientID), string(p.Username), p.Password); code != packet.Success {
			return false, refusal(code, "", "refused")
		}
	case p.HasUsername && s.o.Guard.Passwords() != nil:
		return false, c.askPassword(f, p)
	case !c.mayBeAnonymous():
		return false, errAnonymous
	}
	c.identify(string(p.Username), p.HasUsername)
	return true, nil
}

// certifiedName is the User Name by the client's certificate, on listeners that have certificates.
func (c *conn) certifiedName() (name string, certified bool, err error) {
	id := c.loop.s.o.CertIdentity
	if id == auth.CertNone {
		return "", false, nil
	}
	cert, secure := c.tc.PeerCertificate()
	switch {
	case !secure:
		return "", false, nil
	case cert == nil:
		return "", false, errNoCert
	}
	if name, err = id.Name(cert); err != nil {
		return "", false, refusal(packet.NotAuthorized, "", err.Error())
	}
	return name, true, nil
}

// identify notes who the client is. Its Client Identifier comes later: it may be given one.
func (c *conn) identify(user string, named bool) {
	if c.loop.s.o.Guard != nil || c.rare != nil && c.rare.method != "" {
		c.rareOnes().who = &identity{user: user, named: named}
	}
}

// An attempt is one password that waits for its turn or is being checked, beside the loops. The CONNECT stays
// where it was received, and nothing behind it is looked at.
type attempt struct {
	gone atomic.Bool // The connection has ended.

	// Owned by the loop
	answered, good bool
	proof          auth.Proof
}

// attempt is nil when no password is being checked.
func (c *conn) attempt() *attempt {
	if c.rare == nil {
		return nil
	}
	return c.rare.attempt
}

// isWaiting reports whether a password is being checked, and its result is not known.
func (c *conn) isWaiting() bool {
	a := c.attempt()
	return a != nil && !a.answered
}

func (c *conn) askPassword(f packet.Frame, p *packet.Connect) error {
	l := c.loop
	if !p.HasPassword {
		return errBadPassword
	}
	a := new(attempt)
	user, password, passwords := string(p.Username), append([]byte(nil), p.Password...), l.s.o.Guard.Passwords()
	a.proof, _ = passwords.Proof(user)
	taken := l.s.pool.Do(f.Size, func() {
		if a.gone.Load() {
			return
		}
		good := passwords.Check(user, password)
		l.t.Post(func() { c.hear(a, good) })
	})
	if !taken {
		l.n.refused.PasswordQueue++
		return errPasswords
	}
	c.rareOnes().attempt = a
	c.tc.Pause()
	return nil
}

// hear is told whether a password was good, and goes on with the CONNECT.
func (c *conn) hear(a *attempt, good bool) {
	if a.gone.Load() {
		return
	}
	a.answered, a.good = true, good
	c.tc.Resume()
	c.tc.Again()
}

// conclude goes on with a CONNECT whose password has been checked.
func (c *conn) conclude(a *attempt, p *packet.Connect) error {
	c.rare.attempt = nil
	if !a.good {
		return errBadPassword
	}
	c.identify(string(p.Username), true)
	c.rare.who.proof = a.proof
	return nil
}

// abandon lets go of what has not been found out by the end of the connection.
func (c *conn) abandon() {
	if c.rare == nil {
		return
	}
	if a := c.rare.attempt; a != nil {
		a.gone.Store(true)
	}
	c.endExchange()
}

// Recheck has the broker look at its clients again after the password file was read again. Who came in by an entry
// that is not there any more, or is another, is told to go; the rights of all others are those of
// the ACL file as it is now, in any case.
func (s *Server) Recheck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loops == nil || s.stopping || s.o.Guard == nil {
		return
	}
	for _, l := range s.own {
		l.t.Post(l.recheck)
	}
}

func (l *loop) recheck() {
	l.turn()
	l.enter()
	defer l.leave(nil)
	passwords := l.s.o.Guard.Passwords()
	l.wheel.each(func(c *conn) {
		if c.client == nil || c.rare == nil || c.rare.who == nil || c.rare.who.proof == (auth.Proof{}) {
			return
		}
		if now, _ := passwords.Proof(c.rare.who.user); !now.Same(c.rare.who.proof) {
			c.kick(l, packet.AdministrativeAction, errRevoked)
		}
	})
}
