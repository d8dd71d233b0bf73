package auth

import (
	"fmt"

	"mqttbench/broker/scram"
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

func (scramMethod) Name() string { return scram.Name }

func (m scramMethod) Begin() Exchange { return scram.NewServer(m.passwords.keysOf, m.nonce) }

// keysOf are those of a user, or some that nobody knows the password to.
func (p *Passwords) keysOf(user string) scram.Keys {
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
	return scram.Keys{Iterations: h.iterations, Salt: h.salt, Stored: h.sum, Server: h.serverKey}
}
