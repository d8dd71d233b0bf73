// Package scram is both sides of the exchange SCRAM-SHA-256, RFC 5802 and RFC 7677: the broker's, which knows what a password leaves behind, and a
// client's, which knows the password and believes nobody who cannot prove that he knows what it leaves behind. It has no channel binding, and knows
// neither MQTT nor files.
package scram

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/xdg-go/scram"
)

// Name is what the exchange is called, as in MQTT's Authentication Method.
const Name = "SCRAM-SHA-256"

// Keys are what a server keeps of a password.
type Keys struct {
	Iterations     int
	Salt           []byte
	Stored, Server []byte // StoredKey and ServerKey of RFC 5802 section 3.
}

// Derive makes the keys of a password. It takes as long as the iterations want, and fails for passwords that SASLprep forbids.
func Derive(password string, salt []byte, iterations int) (Keys, error) {
	c, err := scram.SHA256.NewClient("x", password, "") // The name is not part of the keys.
	if err != nil {
		return Keys{}, err
	}
	k, err := c.WithMinIterations(1).GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	return Keys{Iterations: iterations, Salt: salt, Stored: k.StoredKey, Server: k.ServerKey}, err
}

const (
	maxName = 64 << 10 // Bytes: what MQTT's User Name may have.
	// maxMessage is the longest message, bytes: a name with every byte escaped, and the rest.
	maxMessage = 3*maxName + 4096
)

// check refuses what is no message at all.
func check(data []byte) error {
	switch {
	case len(data) > maxMessage:
		return fmt.Errorf("%d bytes of SCRAM", len(data))
	case !utf8.Valid(data):
		return errors.New("SCRAM that is not UTF-8")
	}
	return nil
}

// A Server is the server's side of one exchange: two messages from either side, of which its last one proves that it knows the user, too.
type Server struct{ said *scram.ServerConversation }

// NewServer begins an exchange. keys are those of a user; there are always some. nonce may be nil: a random one.
func NewServer(keys func(user string) Keys, nonce func() string) *Server {
	s, err := scram.SHA256.NewServer(func(user string) (scram.StoredCredentials, error) {
		k := keys(user)
		return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(k.Salt), Iters: k.Iterations}, StoredKey: k.Stored, ServerKey: k.Server}, nil
	})
	if err != nil {
		panic(err) // It has no reason to.
	}
	if nonce != nil {
		s.WithNonceGenerator(nonce)
	}
	return &Server{s.NewConversation()}
}

// Next takes a message of the client, lent; nil: there was none. It returns what to answer, and done with the last answer. An error is the end.
func (s *Server) Next(data []byte) (answer []byte, done bool, err error) {
	if data == nil {
		return nil, false, nil // The client is to begin, RFC 5802 section 5: so it is asked to.
	}
	if err := check(data); err != nil {
		return nil, false, err
	}
	text, err := s.said.Step(string(data))
	if err != nil {
		return nil, false, err
	}
	if as := s.said.AuthzID(); as != "" && as != s.said.Username() {
		return nil, false, fmt.Errorf("user %q wants to be %q", s.said.Username(), as)
	}
	if s.said.Done() && !s.said.Valid() {
		return nil, false, errors.New("not valid") // Step has said so before; never let in by a mistake there.
	}
	return []byte(text), s.said.Done(), nil
}

// User is who the client is, once it is done.
func (s *Server) User() string { return s.said.Username() }

// A Client is somebody who knows a password. It keeps what it has derived from it, so that coming back with the salt of before costs nothing. Any goroutine
// may use it.
type Client struct{ who *scram.Client }

// NewClient fails for names and passwords that SASLprep forbids. nonce may be nil: a random one.
func NewClient(user, password string, nonce func() string) (*Client, error) {
	c, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		return nil, err
	}
	if nonce != nil {
		c.WithNonceGenerator(nonce)
	}
	return &Client{c}, nil
}

// Begin begins an exchange, with the first message, which is the client's.
func (c *Client) Begin() (x *Proof, first []byte) {
	x = &Proof{c.who.NewConversation()}
	text, err := x.said.Step("")
	if err != nil {
		panic(err) // The first message depends on nothing that could be wrong by now.
	}
	return x, []byte(text)
}

// A Proof is the client's side of one exchange.
type Proof struct{ said *scram.ClientConversation }

// Next takes a message of the server, lent, and returns what to answer. After the server's last message there is nothing to say. An error is the end:
// the server does not know the user's keys, or is none.
func (x *Proof) Next(data []byte) (answer []byte, err error) {
	if err := check(data); err != nil {
		return nil, err
	}
	text, err := x.said.Step(string(data))
	return []byte(text), err
}

// Valid reports whether the server has proved that it knows the user.
func (x *Proof) Valid() bool { return x.said.Done() && x.said.Valid() }
