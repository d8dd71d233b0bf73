package fault

import (
	"errors"
	"io"
	"time"

	"mqttbench/broker/packet"
)

// A Silence is what a broker did about a client of which it heard nothing any more, though the connection stood: it must end it after
// one and a half times the Keep Alive, [v3.1.1 MQTT-3.1.2-24], [v5 MQTT-3.1.2-22].
type Silence struct {
	Client     string
	Connection int           // Of that client, from 0.
	KeepAlive  time.Duration // In force: the CONNECT's, or what a version 5 CONNACK put in its place. 0: off, and nothing is asked of the broker.
	Grace      time.Duration // Beyond 1.5 times that.
	Last       packet.Type   // The last packet that was forwarded to the broker,
	LastID     packet.ID     // and its Packet Identifier; 0: none.
	Since      time.Time     // When its last byte was.
	Waited     time.Duration // From then until the broker ended the connection, or nobody waited any more.
	Ended      bool          // The broker ended the connection,
	Reset      bool          // with a RST and not with a FIN.
	Spoke      bool          // It sent a DISCONNECT before, as version 5 can,
	Said       packet.ReasonCode
	Stalled    time.Duration // The longest time in which this process itself stood still.
	Verdict    Noticing
}

// Noticing is whether a broker noticed.
type Noticing uint8

// The verdicts on a silence.
const (
	Undecided Noticing = iota // There was no Keep Alive, the run ended first, or this process stood still.
	Noticed                   // In time.
	Early                     // Before 1.5 times the Keep Alive. A server may end a silent connection whenever it likes, [v3.1.1 3.1.2.10]; but not say that it was the Keep Alive.
	Unnoticed                 // Not within 1.5 times the Keep Alive and the grace.
)

func (n Noticing) String() string { return [...]string{"unknown", "noticed", "early", "unnoticed"}[n] }

const (
	// SilenceGrace is what a broker may take beyond 1.5 times the Keep Alive unless the plan says otherwise. The rule has no grace, but
	// brokers look now and then: mosquitto every six seconds and in whole seconds, which is the coarsest that is known.
	SilenceGrace = 10 * time.Second
	// coarse is how far a broker may be off that counts in whole seconds.
	coarse = time.Second
	// silenceBeat is how often the wait looks whether this process stood still; stillFor is what is too much: a broker's FIN may have lain there meanwhile.
	silenceBeat = 50 * time.Millisecond
	stillFor    = 500 * time.Millisecond
)

// A muteness is a Silence that is being waited for.
type muteness struct {
	quiet chan struct{} // Closed when the last byte has been forwarded.
	over  chan struct{} // Closed when the broker has ended the connection.

	// Guarded by life.mu.
	Silence
	ended time.Duration // Proxy.age, once Ended.
}

// lastHeard is the last packet that went to the broker.
type lastHeard struct {
	typ packet.Type
	id  packet.ID
}

// attend learns from the packets that pass what a silence will need. The caller holds life.mu.
func (c *conn) attend(l *line, f *packet.Frame) {
	switch {
	case !c.proxy.silences:
	case l.direction == Up:
		c.last = lastHeard{f.Type, c.identifier(f)}
	case f.Type == packet.CONNACK:
		var p packet.Connack
		if p.Decode(c.version, f.Flags, f.Body) == nil && p.HasServerKeepAlive { // [v5 MQTT-3.2.2-21]
			c.keepAlive = time.Duration(p.ServerKeepAlive) * time.Second
		}
	}
}

// overhear looks at what goes nowhere any more: a DISCONNECT says why the broker ends the connection. The caller holds life.mu.
func (c *conn) overhear(l *line, f *packet.Frame) {
	if c.silence == nil || l.direction != Down || f.Type != packet.DISCONNECT {
		return
	}
	var p packet.Disconnect
	if p.Decode(c.version, f.Flags, f.Body) == nil {
		c.silence.Spoke, c.silence.Said = true, p.Reason
	}
}

// fallSilent lets nothing pass any more, behind what was put before: neither what the client sends, PINGREQ included, nor what is for it. Until the
// broker has been judged the client is kept out, or its coming back would end the old connection, [v5 MQTT-3.1.4-3]. The caller holds life.mu.
func (c *conn) fallSilent(f *Fault) {
	c.doomed = true
	s := &muteness{quiet: make(chan struct{}), over: make(chan struct{}), Silence: Silence{
		Client: c.life.id, Connection: c.number, KeepAlive: c.keepAlive, Grace: f.For, Last: c.last.typ, LastID: c.last.id,
	}}
	c.silence = s
	c.keepOut(s.patience() + dialFor)
	c.up.finish(nil, func() {
		c.hole.Store(true)
		close(s.quiet)
	})
	c.proxy.silent.Add(1)
	c.proxy.running.Go(func() { c.await(s) })
}

func (s *muteness) patience() time.Duration { return s.KeepAlive*3/2 + s.Grace }

// brokerEnded notes when and how the broker ended the connection of a silent client. The caller holds life.mu.
func (s *muteness) brokerEnded(at time.Duration, err error) {
	s.ended, s.Ended, s.Reset = at, true, !errors.Is(err, io.EOF)
	close(s.over)
}

// await waits for the broker's end of the connection, judges, and lets the client in again.
func (c *conn) await(s *muteness) {
	defer c.proxy.silent.Add(-1)
	select {
	case <-s.quiet:
	case <-c.dead:
	}
	stalled := c.awaitEnd(s)
	now := c.proxy.age()
	c.life.mu.Lock()
	s.judge(time.Duration(c.heardFrom.Load()), time.Duration(c.heardTo.Load()), now, stalled, c.isDead())
	s.Since = c.proxy.born.Add(time.Duration(c.heardTo.Load()))
	told := s.Silence
	c.life.outUntil = time.Now()
	c.life.mu.Unlock()
	c.abort()
	if c.proxy.judged != nil {
		c.proxy.reporting.Lock()
		defer c.proxy.reporting.Unlock()
		c.proxy.judged(told)
	}
}

// awaitEnd returns when the broker has ended the connection, its time is over, or the connection is dead; and how long this process stood still meanwhile.
func (c *conn) awaitEnd(s *muteness) (stalled time.Duration) {
	deadline := time.Duration(c.heardTo.Load()) + s.patience()
	for last := c.proxy.age(); ; {
		select {
		case <-s.over:
			return max(stalled, c.proxy.age()-last-silenceBeat)
		case <-c.dead:
			return stalled
		case <-time.After(silenceBeat):
		}
		now := c.proxy.age()
		stalled = max(stalled, now-last-silenceBeat)
		if last > deadline { // One beat more than there was time: what has come must be read, too.
			return stalled
		}
		last = now
	}
}

func (c *conn) isDead() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

// judge decides. The last write to the broker lasted from from to to: whether the broker was early counts from its beginning, whether it was late from its end.
func (s *muteness) judge(from, to, now, stalled time.Duration, dead bool) {
	s.Waited, s.Stalled = now-to, stalled
	if s.Ended {
		s.Waited = s.ended - to
	}
	switch limit := s.KeepAlive * 3 / 2; {
	case s.KeepAlive == 0:
	case s.Ended && s.ended-from < limit-coarse:
		if stalled <= stillFor {
			s.Verdict = Early
		}
	case s.Ended:
		s.Verdict = Noticed
	case !dead && stalled <= stillFor:
		s.Verdict = Unnoticed
	}
}
