package broker

import (
	"bytes"
	"errors"
	"fmt"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// Enhanced authentication, [v5 4.12]: a CONNECT that names an Authentication Method is answered with AUTH packets until
// the method knows who the client is, and only then with CONNACK. A client that came in that way may do it again
// later, while its other packets go on.
//
//	state                     what may come                     what follows
//	CONNECT with a method     AUTH 0x18, DISCONNECT             AUTH 0x18, or CONNACK
//	accepted                  AUTH 0x19                         AUTH 0x18, or AUTH 0x00
//	authenticating again      AUTH 0x18                         AUTH 0x18, or AUTH 0x00
//
// Everything else is a Protocol Error; who is refused gets the Reason Code in CONNACK or DISCONNECT.

// An authExchange is one authentication that is under way.
type authExchange struct {
	said    auth.Exchange
	connect packet.Frame // The CONNECT that waits for its end, copied; without a Body when it was accepted before.
	answer  []byte       // The last Authentication Data, for CONNACK.
}

// exchanging reports whether a CONNECT waits for AUTH.
func (c *conn) exchanging() bool { return c.rare != nil && c.rare.exchange != nil && c.client == nil }

// methodNamed is nil for one that is not known here.
func (s *Server) methodNamed(name string) auth.Method {
	for _, m := range s.o.Methods {
		if m.Name() == name {
			return m
		}
	}
	if m := s.o.Guard.Passwords().SCRAM(); m != nil && m.Name() == name {
		return m
	}
	return nil
}

// begin finds the method and room for an exchange.
func (c *conn) begin(method string) (*authExchange, error) {
	s := c.loop.s
	m := s.methodNamed(method)
	if m == nil {
		return nil, refusal(packet.BadAuthenticationMethod, "v5 MQTT-4.12.0-1", "an Authentication Method that is not supported")
	}
	if s.exchanges.Add(1) > int64(s.o.AuthQueue) {
		s.exchanges.Add(-1)
		c.loop.n.refused.PasswordQueue++
		return nil, errExchanges
	}
	x := &authExchange{said: m.Begin()}
	c.rareOnes().exchange = x
	return x, nil
}

func (c *conn) endExchange() {
	if c.rare.exchange != nil {
		c.rare.exchange = nil
		c.loop.s.exchanges.Add(-1)
	}
}

// beginExchange takes a CONNECT with an Authentication Method.
func (c *conn) beginExchange(f packet.Frame, p *packet.Connect) (ready bool, err error) {
	method := string(p.AuthMethod)
	x, err := c.begin(method)
	if err != nil {
		return false, err
	}
	c.rare.method = method
	x.connect = f
	x.connect.Body = bytes.Clone(f.Body)
	c.maxPacket = p.MaximumPacketSize // For AUTH; the rest follows in adopt.
	done, err := c.step(x, p.Props)
	if err != nil || !done {
		return false, err
	}
	return true, c.known(x)
}

// step gives the Authentication Data among props to the method. What it answers goes to the client, unless it is the last.
func (c *conn) step(x *authExchange, props packet.Props) (done bool, err error) {
	var data []byte
	if p, ok := props.Get(packet.PropAuthenticationData); ok {
		data = p.B
		if data == nil {
			data = []byte{} // Empty, but there.
		}
	}
	answer, done, err := x.said.Next(data)
	if err != nil {
		return false, notAuthenticated(err)
	}
	x.answer = answer
	if done {
		return true, nil
	}
	return false, c.sendAuth(packet.ContinueAuthentication, answer)
}

// notAuthenticated tells the log why, and the client no more than that it is so: Reason Strings of errors go to clients.
func notAuthenticated(why error) error {
	return fmt.Errorf("%w (%w)", refusal(packet.NotAuthorized, "", "not authenticated"), why)
}

func (c *conn) sendAuth(code packet.ReasonCode, data []byte) error {
	a := packet.Auth{Reason: code, Props: c.appendAuthProps(nil, data)}
	b := a.Append(nil)
	if c.maxPacket != 0 && len(b) > int(c.maxPacket) {
		return refusal(packet.PacketTooLarge, "v5 MQTT-3.1.2-24", "the answer exceeds the Maximum Packet Size")
	}
	c.loop.acks = append(c.loop.acks, b...)
	c.loop.n.controlOut++
	return nil
}

// appendAuthProps says the method, [v5 MQTT-4.12.0-5], and what it has to say.
func (c *conn) appendAuthProps(dst []byte, data []byte) packet.Props {
	dst = packet.AppendProp(dst, packet.Prop{ID: packet.PropAuthenticationMethod, B: []byte(c.rare.method)})
	if data != nil {
		dst = packet.AppendProp(dst, packet.Prop{ID: packet.PropAuthenticationData, B: data})
	}
	return packet.Props(dst)
}

// known takes the result of an exchange for a CONNECT.
func (c *conn) known(x *authExchange) error {
	user := x.said.User()
	name, certified, err := c.certifiedName()
	switch {
	case err != nil:
		return err
	case certified && name != user:
		return refusal(packet.NotAuthorized, "", "the certificate is of another user")
	}
	c.identify(user, true)
	if who := c.rare.who; who != nil {
		who.proof, _ = c.loop.s.o.Guard.Passwords().Proof(user)
	}
	return nil
}

// proceed takes what comes between a CONNECT and its CONNACK.
func (c *conn) proceed(f packet.Frame) error {
	x := c.rare.exchange
	switch f.Type {
	case packet.DISCONNECT:
		var d packet.Disconnect
		if err := d.Decode(packet.V5, f.Flags, f.Body); err != nil {
			return c.refuseConnect(packet.V5, err)
		}
		return errGone
	case packet.AUTH:
	default:
		return c.refuseConnect(packet.V5, protocolError("v5 MQTT-3.1.2-30", "something other than AUTH and DISCONNECT before CONNACK"))
	}
	props, err := c.checkAuth(f, packet.ContinueAuthentication)
	if err != nil {
		return c.refuseConnect(packet.V5, err)
	}
	done, err := c.step(x, props)
	if err != nil {
		return c.refuseConnect(packet.V5, err)
	}
	if !done {
		return nil
	}
	var p packet.Connect
	if err := p.Decode(x.connect.Flags, x.connect.Body); err != nil {
		return c.refuseMalformed(packet.V5, err) // It was good before.
	}
	if err := c.known(x); err != nil {
		return c.refuseConnect(packet.V5, err)
	}
	c.flush() // CONNACK does not wait for the end of the read, and an AUTH before it may.
	return c.enter(&p)
}

// checkAuth expects an AUTH with this Reason Code, and the method that the connection has.
func (c *conn) checkAuth(f packet.Frame, code packet.ReasonCode) (packet.Props, error) {
	var a packet.Auth
	if err := a.Decode(f.Flags, f.Body); err != nil {
		return nil, err
	}
	method, _ := a.Props.Get(packet.PropAuthenticationMethod)
	switch {
	case a.Reason != code:
		return nil, protocolError("v5 3.15.2.1", "an AUTH with a Reason Code that cannot come now")
	case string(method.B) != c.rare.method:
		return nil, protocolError("v5 MQTT-4.12.0-5", "an AUTH with another Authentication Method than CONNECT")
	}
	return a.Props, nil
}

// authAgain takes an AUTH from a client that was let in, [v5 4.12.1].
func (c *conn) authAgain(f packet.Frame) error {
	if c.version != packet.V5 || c.rare == nil || c.rare.method == "" {
		return protocolError("v5 MQTT-4.12.0-6", "AUTH without an Authentication Method")
	}
	x, expect := c.rare.exchange, packet.ContinueAuthentication
	if x == nil {
		expect = packet.ReAuthenticate
	}
	props, err := c.checkAuth(f, expect)
	if err != nil {
		return err
	}
	if x == nil {
		if x, err = c.begin(c.rare.method); err != nil {
			return err
		}
	}
	done, err := c.step(x, props)
	if err != nil || !done {
		return err
	}
	return c.knownAgain(x)
}

// knownAgain takes the result of an authentication of a client that was let in: it is to be the same as before.
func (c *conn) knownAgain(x *authExchange) error {
	user, who := x.said.User(), c.rare.who
	if who != nil {
		if user != who.user {
			return notAuthenticated(errors.New("authenticated again as another user"))
		}
		who.proof, _ = c.loop.s.o.Guard.Passwords().Proof(user)
	}
	c.endExchange()
	return c.sendAuth(packet.Success, x.answer)
}
