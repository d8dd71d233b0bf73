package paho

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"mqttbench/bench/client"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

const (
	writeTimeout  = 5 * time.Second // Also how long Paho may hold a goroutine of ours after a cut.
	quiesce       = 250             // ms that Paho may take to send its DISCONNECT.
	maxQueue      = 1000            // Messages that wait for Paho to take them...
	maxQueueBytes = 1 << 20         // ...and bytes of them.
)

// A job is what waits for Paho: a message, or with f set anything else.
type job struct {
	msg   client.Message // The payload is our own copy.
	order uint64         // Of messages, as published.
	sent  int64          // ns
	f     func(p mqtt.Client)
}

// A pahoClient is one client with its session. All fields are guarded by g.mu, but for the first.
type pahoClient struct {
	// Immutable.
	g     *group
	obs   client.Observer
	o     client.Options
	store *store
	more  *sync.Cond // The queue, or a link's state, has changed.

	queue      []*job
	queueBytes int
	flight     map[uint16]*job // QoS 1/2 messages that Paho has, by Packet Identifier.
	inflight   int             // QoS 1/2 messages published and not complete.
	order      uint64

	owned map[uint16]bool // QoS 2 identifiers received and not released.
	again []bool          // For each QoS 2 PUBLISH in the store and not yet at the handler, if it was owned.

	link  *link // nil: offline.
	times uint32
	wants bool
	retry bool // Connect was called while closing.
}

// A link is one connection: a Paho client, and the goroutine that feeds it.
type link struct {
	p       mqtt.Client
	socket  *socket
	began   int64 // ns: dialling.
	dialled int64 // ns
	greeted int64 // ns: CONNACK.
	code    byte
	present bool

	isOnline bool
	closing  bool
	over     bool
	handing  *job // The message that Paho is being given and has not stored yet.
}

func newPahoClient(g *group, o client.Options, obs client.Observer) *pahoClient {
	if o.Version == 0 {
		o.Version = packet.V311
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 60 * time.Second
	}
	if o.Window <= 0 {
		o.Window = 20
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	c := &pahoClient{g: g, obs: obs, o: o, flight: map[uint16]*job{}, owned: map[uint16]bool{}}
	c.more = sync.NewCond(&g.mu)
	c.store = newStore(c)
	return c
}

// Connect implements client.Client.
func (c *pahoClient) Connect() {
	switch {
	case c.link != nil:
		c.retry = c.link.closing
		return
	case c.g.closing:
		return
	case c.o.Version == packet.V5:
		c.g.Post(func() { c.obs.Disconnected(errVersion, c.g.now) })
		return
	}
	l := &link{began: transport.Clock()}
	c.link, c.again = l, nil
	l.p = mqtt.NewClient(c.options(l))
	c.g.links.Add(1)
	go func() {
		defer c.g.links.Done()
		c.serve(l)
	}()
}

func (c *pahoClient) options(l *link) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().AddBroker(c.o.URL)
	o.SetClientID(c.o.ClientID).SetProtocolVersion(uint(c.o.Version)).SetCleanSession(c.o.CleanStart)
	if c.o.HasUsername {
		o.SetUsername(c.o.Username)
	}
	if c.o.HasPassword {
		o.SetPassword(c.o.Password)
	}
	if x := c.o.Extra; x != nil && x.Will != nil {
		o.SetBinaryWill(x.Will.Topic, x.Will.Payload, byte(x.Will.QoS), x.Will.Retain)
	}
	alive := max(0, c.o.KeepAlive).Round(time.Second)
	o.SetKeepAlive(alive).SetPingTimeout(max(alive, time.Second))
	o.SetConnectTimeout(c.o.ConnectTimeout).SetWriteTimeout(writeTimeout)
	o.SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(true).SetStore(c.store)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.receive(l, m) })
	o.SetOnConnectHandler(func(mqtt.Client) { c.online(l) })
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.end(l, err) })
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) { return c.open(l, u) })
	return o
}

// open is Paho's call for a net.Conn.
func (c *pahoClient) open(l *link, u *url.URL) (net.Conn, error) {
	nc, err := dial(u, &c.o)
	if err != nil {
		return nil, err
	}
	c.g.lock()
	defer c.g.mu.Unlock()
	s := &socket{Conn: nc, connack: func(present bool, code byte, at int64) { c.connack(l, present, code, at) }}
	l.socket, l.dialled = s, c.g.now
	if l.closing {
		s.cut()
		return nil, errCut
	}
	c.obs.Took(client.ConnectTCP, time.Duration(l.dialled-l.began))
	return s, nil
}

// connack hears of the CONNACK before Paho does, so that no message can come before it.
func (c *pahoClient) connack(l *link, present bool, code byte, at int64) {
	c.g.lock()
	defer c.g.mu.Unlock()
	l.present, l.code, l.greeted = present, code, at
	if code == 0 && !present {
		clear(c.owned)
	}
}

// online tells the observer that l stands: once, from whichever of Paho's goroutines comes first.
func (c *pahoClient) online(l *link) {
	c.g.lock()
	defer c.g.mu.Unlock()
	c.onlineLocked(l)
}

func (c *pahoClient) onlineLocked(l *link) {
	if l.isOnline || l.over || l.code != 0 {
		return
	}
	l.isOnline = true
	c.times++
	c.obs.Took(client.ConnectMQTT, time.Duration(l.greeted-l.dialled))
	c.obs.Connected(l.present, c.g.now)
	c.wake()
}

// serve is the link's goroutine: it connects, and then hands Paho one job after the other.
func (c *pahoClient) serve(l *link) {
	t := l.p.Connect()
	t.Wait() // Paho has resent its store by now.
	if err := t.Error(); err != nil {
		c.refused(l)
		c.end(l, fmt.Errorf("connect to %s: %w", c.o.URL, err))
		return
	}
	for {
		j := c.next(l)
		if j == nil {
			break
		}
		c.hand(l, j)
	}
	c.g.lock()
	defer c.g.mu.Unlock()
	for !l.over { // So that the group's end waits for the last word.
		c.more.Wait()
	}
}

// next waits for a job. nil: the link is over.
func (c *pahoClient) next(l *link) *job {
	c.g.lock()
	defer c.g.mu.Unlock()
	for len(c.queue) == 0 && !l.over {
		c.more.Wait()
	}
	if l.over {
		return nil
	}
	j := c.queue[0]
	c.queue = c.queue[1:]
	c.queueBytes -= len(j.msg.Payload)
	if j.f == nil && j.msg.QoS > 0 {
		l.handing = j
	}
	c.wake()
	return j
}

// hand gives one job to Paho, which blocks until it was written.
func (c *pahoClient) hand(l *link, j *job) {
	if j.f != nil {
		j.f(l.p)
		return
	}
	m := &j.msg
	j.sent = transport.Clock()
	l.p.Publish(m.Topic, byte(m.QoS), m.Retain, m.Payload)
	c.g.lock()
	defer c.g.mu.Unlock()
	if l.handing != j {
		return
	}
	// Not taken: Paho has noticed that the connection is gone, and will say so.
	l.handing = nil
	c.queue = slices.Insert(c.queue, 0, j)
	c.queueBytes += len(m.Payload)
	c.more.Broadcast()
	for !l.over {
		c.more.Wait()
	}
}

// handed is told by the store: Paho has taken a message and given it id.
func (c *pahoClient) handed(id uint16) {
	if c.link == nil || c.link.handing == nil {
		return
	}
	j := c.link.handing
	c.link.handing = nil
	c.flight[id] = j
	c.more.Broadcast()
}

// acked is told by the store: the exchange of id is complete.
func (c *pahoClient) acked(id uint16) {
	j := c.flight[id]
	if j == nil {
		return // A SUBSCRIBE's.
	}
	delete(c.flight, id)
	c.inflight--
	if j.msg.QoS == 1 {
		c.obs.Took(client.PublishAck, time.Duration(c.g.now-j.sent))
	}
	c.obs.Acked(j.msg.Token, packet.Success, c.g.now)
	c.wake()
}

// requeue puts what Paho has forgotten before what it has not had yet.
func (c *pahoClient) requeue() {
	var js []*job
	for _, j := range c.flight {
		c.queueBytes += len(j.msg.Payload)
		js = append(js, j)
	}
	clear(c.flight)
	slices.SortFunc(js, func(a, b *job) int { return cmp.Compare(a.order, b.order) })
	c.queue = slices.Insert(c.queue, 0, js...)
	c.more.Broadcast()
}

// own is told by the store: a QoS 2 PUBLISH is on its way to receive.
func (c *pahoClient) own(id uint16) {
	c.again = append(c.again, c.owned[id])
	c.owned[id] = true
}

// receive is Paho's handler. Paho acknowledges when it returns.
func (c *pahoClient) receive(l *link, m mqtt.Message) {
	c.g.lock()
	defer c.g.mu.Unlock()
	c.onlineLocked(l)
	r := client.Reception{
		Topic: []byte(m.Topic()), Payload: m.Payload(), QoS: packet.QoS(m.Qos()),
		Dup: m.Duplicate(), Retain: m.Retained(), ID: packet.ID(m.MessageID()),
		Epoch: max(c.times, 1) - 1,
		Now:   c.g.now,
	}
	if r.QoS == 2 && len(c.again) > 0 {
		r.Again, c.again = c.again[0], c.again[1:]
	}
	c.obs.Received(&r)
}

// wake pays the Writable that is owed.
func (c *pahoClient) wake() {
	if c.wants && c.mayPublish(1) {
		c.wants = false
		c.obs.Writable()
	}
}

func (c *pahoClient) mayPublish(q packet.QoS) bool {
	return c.link != nil && c.link.isOnline && !c.link.closing &&
		len(c.queue) < maxQueue && c.queueBytes < maxQueueBytes &&
		(q == 0 || c.inflight < c.o.Window)
}

// Publish implements client.Client.
func (c *pahoClient) Publish(m *client.Message) bool {
	if !c.mayPublish(m.QoS) {
		c.wants = true
		return false
	}
	j := &job{msg: *m, order: c.order}
	j.msg.Payload = slices.Clone(m.Payload)
	c.order++
	if m.QoS > 0 {
		c.inflight++
	}
	c.queueBytes += len(m.Payload)
	c.enqueue(j)
	return true
}

func (c *pahoClient) enqueue(j *job) {
	c.queue = append(c.queue, j)
	c.more.Broadcast()
}

// Subscribe implements client.Client.
func (c *pahoClient) Subscribe(filters []string, qos packet.QoS) {
	subs := make([]client.Subscription, len(filters))
	for i, f := range filters {
		subs[i] = client.Subscription{Filter: f, QoS: qos}
	}
	c.SubscribeTo(subs, nil)
}

// SubscribeTo implements client.Client. This Paho speaks no version 5, so there are no properties.
func (c *pahoClient) SubscribeTo(subs []client.Subscription, _ packet.Props) {
	l := c.link
	if l == nil || !l.isOnline || l.closing {
		return
	}
	want := map[string]byte{}
	filters := make([]string, len(subs))
	for i, s := range subs {
		want[s.Filter], filters[i] = byte(s.QoS), s.Filter
	}
	c.enqueue(&job{f: func(p mqtt.Client) {
		began := transport.Clock()
		t := p.SubscribeMultiple(want, nil).(*mqtt.SubscribeToken)
		c.g.links.Go(func() { c.subscribed(l, t, filters, began) })
	}})
}

// subscribed waits for one SUBACK, or the end of the connection.
func (c *pahoClient) subscribed(l *link, t *mqtt.SubscribeToken, filters []string, began int64) {
	t.Wait()
	if t.Error() != nil {
		return
	}
	got := t.Result()
	codes := make([]packet.ReasonCode, len(filters))
	for i, f := range filters {
		codes[i] = packet.ReasonCode(got[f])
	}
	c.g.lock()
	defer c.g.mu.Unlock()
	if l.over {
		return
	}
	c.obs.Took(client.SubscribeAck, time.Duration(c.g.now-began))
	c.obs.Subscribed(codes, c.g.now)
}

// Unsubscribe implements client.Client.
func (c *pahoClient) Unsubscribe(filters []string) {
	if c.link == nil || !c.link.isOnline || c.link.closing {
		return
	}
	filters = slices.Clone(filters)
	l := c.link
	c.enqueue(&job{f: func(p mqtt.Client) {
		began := transport.Clock()
		t := p.Unsubscribe(filters...)
		c.g.links.Go(func() { c.unsubscribed(l, t, began) })
	}})
}

// unsubscribed waits for one UNSUBACK, or the end of the connection.
func (c *pahoClient) unsubscribed(l *link, t mqtt.Token, began int64) {
	t.Wait()
	c.g.lock()
	defer c.g.mu.Unlock()
	if t.Error() != nil || l.over {
		return
	}
	c.obs.Took(client.UnsubscribeAck, time.Duration(c.g.now-began))
	c.obs.Unsubscribed(c.g.now)
}

// Disconnect implements client.Client. What was published before goes first.
func (c *pahoClient) Disconnect() {
	c.retry = false
	l := c.link
	switch {
	case l == nil || l.closing:
	case !l.isOnline:
		c.Cut()
	default:
		l.closing = true
		c.enqueue(&job{f: func(p mqtt.Client) {
			p.Disconnect(quiesce)
			c.end(l, nil)
		}})
	}
}

// Cut implements client.Client.
func (c *pahoClient) Cut() {
	c.retry = false
	if l := c.link; l != nil {
		l.closing = true
		if l.socket != nil {
			l.socket.cut()
		}
	}
}

// refused reports a CONNACK that says no. The five return codes of 3.1.1 are in order, [v3.1.1 3.2.2.3].
func (c *pahoClient) refused(l *link) {
	c.g.lock()
	defer c.g.mu.Unlock()
	if l.code != 0 && !l.closing {
		c.obs.Refused(reasonOf(l.code))
	}
}

func reasonOf(code byte) packet.ReasonCode {
	reasons := [...]packet.ReasonCode{
		packet.Success,
		packet.UnsupportedProtocolVersion,
		packet.ClientIdentifierNotValid,
		packet.ServerUnavailable,
		packet.BadUserNameOrPassword,
		packet.NotAuthorized,
	}
	if int(code) < len(reasons) {
		return reasons[code]
	}
	return packet.UnspecifiedError
}

// end is the end of a link, whoever finds out first.
func (c *pahoClient) end(l *link, err error) {
	c.g.lock()
	defer c.g.mu.Unlock()
	if l.over {
		return
	}
	// A message that Paho is just taking must be in its store before the next connection reads it.
	for l.handing != nil {
		c.more.Wait()
	}
	if l.over {
		return
	}
	l.over = true
	c.link = nil
	c.dropJobs()
	c.more.Broadcast()
	c.obs.Disconnected(c.explain(l, err), transport.Clock())
	if c.retry {
		c.retry = false
		c.Connect()
	}
}

// dropJobs leaves in the queue only what outlives a connection: messages of QoS 1 and 2.
func (c *pahoClient) dropJobs() {
	c.queue = slices.DeleteFunc(c.queue, func(j *job) bool { return j.f != nil || j.msg.QoS == 0 })
	c.queueBytes = 0
	for _, j := range c.queue {
		c.queueBytes += len(j.msg.Payload)
	}
}

func (c *pahoClient) explain(l *link, err error) error {
	var not *client.NotMQTTError
	switch {
	case l.closing:
		return nil
	case l.code != 0:
		return &client.RefusedError{Reason: reasonOf(l.code)}
	case errors.As(err, &not):
		return not
	case err == nil:
		return errors.New("the connection was closed")
	}
	return err
}

// Inflight implements client.Client.
func (c *pahoClient) Inflight() int { return c.inflight }

// Pending implements client.Client: payload bytes that Paho has not taken.
func (c *pahoClient) Pending() int { return c.queueBytes }
