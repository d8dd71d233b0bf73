package auth

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/xdg-go/scram"
)

// A Method is one way of enhanced authentication, [v5 4.12]. Any goroutine may call it.
type Method interface {
	Name() string    // As in the property Authentication Method.
	Begin() Exchange // One for each CONNECT, and for each re-authentication.
}

// An Exchange is what Client and Server say to each other until the Server knows who the Client is.
// It is called on an event loop, so it must neither wait nor compute for long.
type Exchange interface {
	// Next takes the Authentication Data of a CONNECT or AUTH, lent; nil: there was none. It returns what to
	// answer, and done with the last answer. An error is the end: the client is refused. What the error says is for
	// the log, and not for the client.
	Next(data []byte) (answer []byte, done bool, err error)
	// User is who the client is, once it is done.
	User() string
}

// ScramName is the Authentication Method of RFC 7677.
const ScramName = "SCRAM-SHA-256"

// SCRAM is the method SCRAM-SHA-256 for those users whose entry is of that kind; nil: there are none. A
// user whom the file has not looks like one who has given the wrong password: RFC 5802 has an error for
// that, but it would tell the names.
func (p *Passwords) SCRAM() Method {
	if p == nil || len(p.scrams) == 0 {
		return nil
	}
	return scramMethod{passwords: p}
}

type scramMethod struct {
	passwords *Passwords
	nonce     func() string // Nil, save in a test that repeats what an RFC has printed.
}

func (scramMethod) Name() string { return ScramName }

func (m scramMethod) Begin() Exchange {
	server, err := scram.SHA256.NewServer(m.passwords.credentials)
	if err != nil {
		panic(err) // It has no reason to.
	}
	if m.nonce != nil {
		server.WithNonceGenerator(m.nonce)
	}
	return &scramExchange{said: server.NewConversation()}
}

// credentials are those of a user, or some that nobody knows the password to.
func (p *Passwords) credentials(user string) (scram.StoredCredentials, error) {
	h := p.users[user]
	if h == nil || h.kind != SCRAM {
		like := p.standIn(user, p.scrams)
		var salt []byte
		for i := 0; len(salt) < len(like.salt); i++ {
			salt = append(salt, p.mac(fmt.Sprint("salt", i), user)...)
		}
		h = &hash{
			iterations: like.iterations, salt: salt[:len(like.salt)],
			sum: p.mac("stored", user), serverKey: p.mac("server", user),
		}
	}
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(h.salt), Iters: h.iterations},
		StoredKey:  h.sum, ServerKey: h.serverKey,
	}, nil
}

// A scramExchange is two messages from either side: the server's last one proves that it knows the user, too.
type scramExchange struct {
	said *scram.ServerConversation
}

// maxScram is the longest message, bytes: a name of 64 KiB with every byte escaped, and the rest.
const maxScram = 3*maxName + 4096

func (e *scramExchange) Next(data []byte) (answer []byte, done bool, err error) {
	switch {
	case data == nil:
		return nil, false, nil // The client is to begin, RFC 5802 section 5: so it is asked to.
	case len(data) > maxScram:
		return nil, false, fmt.Errorf("%d bytes of SCRAM", len(data))
	case !utf8.Valid(data):
		return nil, false, errors.New("SCRAM that is not UTF-8")
	}
	text, err := e.said.Step(string(data))
	if err != nil {
		return nil, false, err
	}
	if as := e.said.AuthzID(); as != "" && as != e.said.Username() {
		return nil, false, fmt.Errorf("user %q wants to be %q", e.said.Username(), as)
	}
	if e.said.Done() && !e.said.Valid() {
		return nil, false, errors.New("not valid") // Step has said so before; never let in by a mistake there.
	}
	return []byte(text), e.said.Done(), nil
}

func (e *scramExchange) User() string { return e.said.Username() }
