package client

import (
	"errors"
	"fmt"

	"mqttbench/broker/packet"
	"mqttbench/broker/scram"
)

// Enhanced authentication, [v5 4.12], by SCRAM-SHA-256: CONNECT carries the client's first message, AUTH packets the next ones, and CONNACK the server's
// last, which proves that it knows the user, too. A server that lets in without that proof may be anybody, and its connection is ended.
//
// The exchanges that are under way lie beside the clients, as few have one.

// authMethod is how every AUTH names the exchange, as CONNECT has, [v5 MQTT-4.12.0-5].
func authMethod(dst packet.Props) packet.Props {
	return packet.AppendProp(dst, packet.Prop{ID: packet.PropAuthenticationMethod, B: []byte(scram.Name)})
}

func authProps(dst packet.Props, data []byte) packet.Props {
	return packet.AppendProp(authMethod(dst), packet.Prop{ID: packet.PropAuthenticationData, B: data})
}

// authenticates reports whether the client says who it is by enhanced authentication.
func (o *Options) authenticates() bool { return o.Auth != nil && o.Version == packet.V5 }

// beginProof adds to a CONNECT the beginning of an exchange. The password stays here: that is what it is for.
func (c *client) beginProof(p *packet.Connect) {
	x, first := c.o.Auth.Begin()
	if c.g.proofs == nil {
		c.g.proofs = map[*client]*scram.Proof{}
	}
	c.g.proofs[c] = x
	p.HasUsername, p.HasPassword = false, false
	p.Props = authProps(p.Props, first)
}

// challenged answers an AUTH before CONNACK.
func (c *client) challenged(f *packet.Frame) error {
	var a packet.Auth
	if err := a.Decode(f.Flags, f.Body); err != nil {
		return broken(err)
	}
	method, _ := a.Props.Get(packet.PropAuthenticationMethod)
	switch {
	case a.Reason != packet.ContinueAuthentication:
		return violation(packet.ProtocolError, "v5 MQTT-4.12.0-2", "an AUTH with another Reason Code than Continue authentication")
	case string(method.B) != scram.Name:
		return violation(packet.ProtocolError, "v5 MQTT-4.12.0-5", "an AUTH with another Authentication Method than CONNECT")
	}
	data, _ := a.Props.Get(packet.PropAuthenticationData)
	answer, err := c.g.proofs[c].Next(data.B)
	if err != nil {
		return unproven(err)
	}
	began := c.last // Of the CONNECT: the time to CONNACK is that of all of it.
	took := since(began, c.g.arrived)
	reply := packet.Auth{Reason: packet.ContinueAuthentication, Props: authProps(nil, answer)}
	c.put(packet.AUTH, reply.Append(c.g.scratch[:0]))
	c.last = began
	c.obs.Took(AuthContinue, took)
	return nil
}

// proved holds the CONNACK of a server against what it was asked to prove.
func (c *client) proved(p *packet.Connack) error {
	x := c.g.proofs[c]
	if x == nil {
		return nil
	}
	delete(c.g.proofs, c)
	if data, ok := p.Props.Get(packet.PropAuthenticationData); ok && !x.Valid() {
		if _, err := x.Next(data.B); err != nil {
			return unproven(err)
		}
	}
	if !x.Valid() {
		return unproven(errors.New("it said nothing that would prove it"))
	}
	return nil
}

// ErrUnproven is in every error that says that a server could not be believed.
var ErrUnproven = errors.New("the server has not proved that it knows the user")

func unproven(why error) error { return fmt.Errorf("%s: %w: %w", scram.Name, ErrUnproven, why) }
