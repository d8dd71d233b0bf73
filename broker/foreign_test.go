package broker

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// TestForeign* speak to a broker with clients that others wrote, through nothing but its address: by
// default to ours, over both drivers. suites/run says another one by foreignEnv, as in 127.0.0.1:1883,
// to put brokers beside each other; each subtest is a line of its table. Names are new for each of
// them, since other brokers are not started anew.
const foreignEnv = "MQTTBENCH_FOREIGN_BROKER"

// overForeign runs a test for the broker that is wanted. id makes names its own.
func overForeign(t *testing.T, test func(t *testing.T, addr, id string)) {
	t.Helper()
	waits(t)
	id := fmt.Sprintf("f%x", time.Now().UnixNano())
	if addr := os.Getenv(foreignEnv); addr != "" {
		test(t, addr, id)
		return
	}
	parent := t
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			besideIfWaiting(parent, t)
			b := startBroker(t, Options{Driver: d.driver})
			test(t, strings.TrimPrefix(b.Addrs()[0], "tcp://"), id)
		})
	}
}

// A fiver is a client of paho.golang, which speaks version 5.
type fiver struct {
	*paho.Client
	t       *testing.T
	connack *paho.Connack
	got     chan *paho.Publish
	told    chan *paho.Disconnect
}

func connectFiver(t *testing.T, addr string, c *paho.Connect) *fiver {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f := &fiver{t: t, got: make(chan *paho.Publish, 1000), told: make(chan *paho.Disconnect, 1)}
	f.Client = paho.NewClient(paho.ClientConfig{
		Conn:          conn,
		PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			f.got <- p.Packet
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { f.told <- d },
		OnClientError:      func(error) {},
	})
	c.KeepAlive = 60
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if f.connack, err = f.Connect(ctx, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-f.Done()
	})
	return f
}

func (f *fiver) subscribe(o paho.SubscribeOptions, id int) {
	f.t.Helper()
	s := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{o}}
	if id > 0 {
		s.Properties = &paho.SubscribeProperties{SubscriptionIdentifier: &id}
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	if a, err := f.Subscribe(ctx, s); err != nil || a.Reasons[0] != o.QoS {
		f.t.Fatalf("%s: %+v %v", o.Topic, a, err)
	}
}

// publish returns the Reason Code.
func (f *fiver) publish(p *paho.Publish) byte {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	a, err := f.Publish(ctx, p)
	if a == nil && err != nil {
		f.t.Fatal(err)
	}
	if a == nil { // QoS 0
		return 0
	}
	return a.ReasonCode
}

func (f *fiver) take(payload string) *paho.Publish {
	f.t.Helper()
	select {
	case p := <-f.got:
		if string(p.Payload) != payload {
			f.t.Fatalf("got %q, want %q", p.Payload, payload)
		}
		return p
	case <-time.After(patience):
		f.t.Fatalf("%q did not come", payload)
		return nil
	}
}

// nothing expects that no message came. What was published to mark before tells that it would have.
func (f *fiver) nothing(by *fiver, mark string) {
	f.t.Helper()
	f.subscribe(paho.SubscribeOptions{Topic: mark}, 0)
	by.publish(&paho.Publish{Topic: mark, Payload: []byte("mark")})
	f.take("mark")
}

func (f *fiver) leave() {
	f.t.Helper()
	if err := f.Disconnect(&paho.Disconnect{}); err != nil {
		f.t.Error(err)
	}
	<-f.Done()
}

func lastingFiver(id string) *paho.Connect {
	return &paho.Connect{ClientID: id, Properties: &paho.ConnectProperties{SessionExpiryInterval: new(uint32(300)), RequestProblemInfo: true}}
}

// TestForeignPahoGolang is version 5 feature by feature.
func TestForeignPahoGolang(t *testing.T) {
	overForeign(t, func(t *testing.T, addr, id string) {
		run := func(name string, test func(t *testing.T, name string)) {
			t.Run(name, func(t *testing.T) { test(t, id+"/"+strings.ReplaceAll(name, " ", "-")) })
		}
		enter := func(t *testing.T, name string) *fiver {
			t.Helper()
			return connectFiver(t, addr, &paho.Connect{ClientID: name, CleanStart: true})
		}
		run("QoS 0 1 2 and all properties in order", func(t *testing.T, name string) {
			sub, pub := enter(t, name+"s"), enter(t, name+"p")
			sub.subscribe(paho.SubscribeOptions{Topic: name + "/+", QoS: 2}, 0)
			sent := &paho.PublishProperties{
				CorrelationData: []byte{0, 255}, ContentType: "text/plain", ResponseTopic: "answer/here",
				PayloadFormat: new(byte(1)), MessageExpiry: new(uint32(100)),
				User: paho.UserProperties{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "1"}},
			}
			for qos := range byte(3) {
				for i := range 50 {
					pub.publish(&paho.Publish{Topic: name + "/x", QoS: qos, Payload: fmt.Append(nil, qos, i), Properties: sent})
					p := sub.take(fmt.Sprint(qos, i))
					if p.QoS != qos || p.Topic != name+"/x" || !reflect.DeepEqual(p.Properties, sent) {
						t.Fatalf("QoS %d: %+v %+v", p.QoS, p, p.Properties)
					}
				}
			}
		})
		run("persistent session", func(t *testing.T, name string) {
			sub, pub := connectFiver(t, addr, lastingFiver(name+"s")), enter(t, name+"p")
			if sub.connack.SessionPresent {
				t.Error("Session Present at first")
			}
			sub.subscribe(paho.SubscribeOptions{Topic: name, QoS: 2}, 7)
			sub.leave()
			for i := range 30 {
				pub.publish(&paho.Publish{Topic: name, QoS: byte(1 + i%2), Payload: fmt.Append(nil, i)})
			}
			sub = connectFiver(t, addr, lastingFiver(name+"s"))
			if !sub.connack.SessionPresent {
				t.Error("no Session Present")
			}
			for i := range 30 {
				if p := sub.take(fmt.Sprint(i)); p.Properties.SubscriptionIdentifier == nil || *p.Properties.SubscriptionIdentifier != 7 {
					t.Errorf("%d without its Subscription Identifier", i)
				}
			}
		})
		run("taken over with 0x8E", func(t *testing.T, name string) {
			old := enter(t, name)
			enter(t, name)
			select {
			case d := <-old.told:
				if d.ReasonCode != 0x8E {
					t.Errorf("DISCONNECT %#x", d.ReasonCode)
				}
			case <-time.After(patience):
				t.Error("no DISCONNECT")
			}
		})
		run("will with its properties", func(t *testing.T, name string) {
			watch := enter(t, name+"w")
			watch.subscribe(paho.SubscribeOptions{Topic: name, QoS: 2}, 0)
			c := &paho.Connect{ClientID: name, CleanStart: true}
			c.WillMessage = &paho.WillMessage{Topic: name, Payload: []byte("gone"), QoS: 1}
			user := paho.UserProperties{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}} // This client sends no Content Type of a will.
			c.WillProperties = &paho.WillProperties{WillDelayInterval: new(uint32(0)), User: user}
			lost := connectFiver(t, addr, c)
			if err := lost.Disconnect(&paho.Disconnect{ReasonCode: 0x04}); err != nil {
				t.Error(err)
			}
			p := watch.take("gone")
			if p.QoS != 1 || !reflect.DeepEqual(p.Properties.User, user) {
				t.Errorf("%+v %+v", p, p.Properties)
			}
		})
		run("Retain Handling and Retain As Published", func(t *testing.T, name string) {
			pub, sub := enter(t, name+"p"), enter(t, name+"s")
			pub.publish(&paho.Publish{Topic: name, QoS: 1, Retain: true, Payload: []byte("kept")})
			defer pub.publish(&paho.Publish{Topic: name, QoS: 1, Retain: true})
			sub.subscribe(paho.SubscribeOptions{Topic: name, QoS: 1, RetainHandling: 1}, 0)
			if p := sub.take("kept"); !p.Retain {
				t.Error("RETAIN is 0")
			}
			sub.subscribe(paho.SubscribeOptions{Topic: name, QoS: 1, RetainHandling: 1}, 0)
			sub.subscribe(paho.SubscribeOptions{Topic: name, QoS: 1, RetainHandling: 2, RetainAsPublished: true}, 0)
			sub.nothing(pub, name+"/mark")
			pub.publish(&paho.Publish{Topic: name, QoS: 1, Retain: true, Payload: []byte("live")})
			if p := sub.take("live"); !p.Retain {
				t.Error("RETAIN as published is 0")
			}
		})
		run("No Local", func(t *testing.T, name string) {
			p, other := enter(t, name), enter(t, name+"o")
			p.subscribe(paho.SubscribeOptions{Topic: name, QoS: 1, NoLocal: true}, 0)
			p.publish(&paho.Publish{Topic: name, QoS: 1, Payload: []byte("own")})
			p.nothing(other, name+"/mark")
		})
		run("shared subscription", func(t *testing.T, name string) {
			pub, a, b := enter(t, name+"p"), enter(t, name+"a"), enter(t, name+"b")
			for _, s := range []*fiver{a, b} {
				s.subscribe(paho.SubscribeOptions{Topic: "$share/g/" + name, QoS: 2}, 0)
			}
			for i := range 40 {
				pub.publish(&paho.Publish{Topic: name, QoS: byte(1 + i%2), Payload: fmt.Append(nil, i)})
			}
			seen := map[string]bool{}
			for range 40 {
				select {
				case p := <-a.got:
					seen[string(p.Payload)] = true
				case p := <-b.got:
					seen[string(p.Payload)] = true
				case <-time.After(patience):
					t.Fatalf("%d of 40 came", len(seen))
				}
			}
			if len(seen) != 40 {
				t.Errorf("%d different ones of 40", len(seen))
			}
		})
		run("Reason Codes 0x10 and 0x11", func(t *testing.T, name string) {
			p := enter(t, name)
			if code := p.publish(&paho.Publish{Topic: name, QoS: 1, Payload: []byte("x")}); code != 0x10 {
				t.Errorf("PUBACK %#x", code)
			}
			a, err := p.Unsubscribe(t.Context(), &paho.Unsubscribe{Topics: []string{name}})
			if err != nil || a.Reasons[0] != 0x11 {
				t.Errorf("%+v %v", a, err)
			}
		})
		run("Topic Alias to the server", func(t *testing.T, name string) {
			pub, sub := enter(t, name+"p"), enter(t, name+"s")
			sub.subscribe(paho.SubscribeOptions{Topic: name, QoS: 2}, 0)
			if m := pub.connack.Properties.TopicAliasMaximum; m == nil || *m == 0 {
				t.Fatal("the server takes none")
			}
			alias := &paho.PublishProperties{TopicAlias: new(uint16(1))}
			for i, topic := range []string{name, "", ""} {
				pub.publish(&paho.Publish{Topic: topic, QoS: byte(i), Payload: fmt.Append(nil, i), Properties: alias})
				if p := sub.take(fmt.Sprint(i)); p.Topic != name {
					t.Errorf("topic %q", p.Topic)
				}
			}
		})
		run("assigned Client Identifier", func(t *testing.T, _ string) {
			if p := enter(t, ""); p.connack.Properties.AssignedClientID == "" {
				t.Error("none")
			}
		})
		run("request and response", func(t *testing.T, name string) {
			asks, answers := enter(t, name+"a"), enter(t, name+"b")
			answers.subscribe(paho.SubscribeOptions{Topic: name + "/ask", QoS: 1}, 0)
			asks.subscribe(paho.SubscribeOptions{Topic: name + "/reply", QoS: 1, NoLocal: true}, 0)
			asks.publish(&paho.Publish{Topic: name + "/ask", QoS: 1, Payload: []byte("?"),
				Properties: &paho.PublishProperties{ResponseTopic: name + "/reply", CorrelationData: []byte("17")}})
			q := answers.take("?")
			answers.publish(&paho.Publish{Topic: q.Properties.ResponseTopic, QoS: 1, Payload: []byte("!"),
				Properties: &paho.PublishProperties{CorrelationData: q.Properties.CorrelationData}})
			if p := asks.take("!"); string(p.Properties.CorrelationData) != "17" {
				t.Errorf("%q", p.Properties.CorrelationData)
			}
		})
	})
}

// TestForeignPahoMqttGolang is 3.1.1 and 3.1.
func TestForeignPahoMqttGolang(t *testing.T) {
	overForeign(t, func(t *testing.T, addr, id string) {
		for name, version := range map[string]uint{"3.1": 3, "3.1.1": 4} {
			t.Run(name, func(t *testing.T) {
				id := id[len(id)-8:] + name
				got := make(chan mqtt.Message, 1000)
				enter := func(id string, clean bool) mqtt.Client {
					o := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetCleanSession(clean).SetProtocolVersion(version).
						SetAutoReconnect(false).SetConnectTimeout(patience).SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { got <- m })
					c := mqtt.NewClient(o)
					pahoWait(t, c.Connect())
					t.Cleanup(func() { c.Disconnect(10) })
					return c
				}
				taken := map[string]bool{}
				take := func(payload string) {
					t.Helper()
					select {
					case m := <-got:
						for m.Duplicate() && taken[string(m.Payload())] { // Its acknowledgements leave after its handlers, and perhaps not before it leaves.
							m = <-got
						}
						if taken[payload] = true; string(m.Payload()) != payload {
							t.Fatalf("got %q, want %q", m.Payload(), payload)
						}
					case <-time.After(patience):
						t.Fatalf("%q did not come", payload)
					}
				}
				sub, pub := enter(id+"s", false), enter(id+"p", true)
				pahoWait(t, sub.Subscribe(id+"/#", 2, nil))
				for qos := range byte(3) {
					for i := range 50 {
						pahoWait(t, pub.Publish(id+"/x", qos, false, fmt.Sprint(qos, i)))
						take(fmt.Sprint(qos, i))
					}
				}
				sub.Disconnect(100)
				for i := range 30 {
					pahoWait(t, pub.Publish(id+"/x", byte(1+i%2), false, fmt.Sprint(i)))
				}
				sub = enter(id+"s", false)
				for i := range 30 {
					take(fmt.Sprint(i))
				}
				pahoWait(t, sub.Unsubscribe(id+"/#"))
			})
		}
	})
}

// TestForeignMosquittoTools has mosquitto_sub, mosquitto_pub and mosquitto_rr.
func TestForeignMosquittoTools(t *testing.T) {
	sub, pub, rr := tool(t, "mosquitto_sub"), tool(t, "mosquitto_pub"), tool(t, "mosquitto_rr")
	overForeign(t, func(t *testing.T, addr, id string) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		command := func(name, version string, args ...string) *exec.Cmd {
			args = append([]string{"-V", version, "-h", host, "-p", port}, args...)
			if name != pub {
				args = append(args, "-W", "60") // How long to wait, s.
			}
			return exec.Command(name, args...)
		}
		for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
			t.Run("retained "+version, func(t *testing.T) {
				name := id + "/" + version
				for qos := range 3 {
					if out, err := command(pub, version, "-t", name, "-q", fmt.Sprint(qos), "-r", "-m", fmt.Sprint("kept ", qos)).CombinedOutput(); err != nil {
						t.Fatalf("%v %s", err, out)
					}
					out, err := command(sub, version, "-t", name, "-q", "2", "-C", "1", "-F", "%q %r %p").CombinedOutput()
					if err != nil || string(out) != fmt.Sprintf("%d 1 kept %d\n", qos, qos) {
						t.Errorf("QoS %d: %v %q", qos, err, out)
					}
				}
				if out, err := command(pub, version, "-t", name, "-r", "-n").CombinedOutput(); err != nil {
					t.Errorf("%v %s", err, out)
				}
			})
			t.Run("persistent session "+version, func(t *testing.T) {
				name := id[len(id)-8:] + version
				session := []string{"-c", "-i", name, "-t", name, "-q", "2"}
				if version == "mqttv5" {
					session = append(session, "-x", "300")
				}
				if out, err := command(sub, version, append(session, "-E")...).CombinedOutput(); err != nil {
					t.Fatalf("%v %s", err, out)
				}
				p := command(pub, version, "-t", name, "-q", "2", "-l")
				p.Stdin = strings.NewReader("one\ntwo\nthree\n")
				if out, err := p.CombinedOutput(); err != nil {
					t.Fatalf("%v %s", err, out)
				}
				out, err := command(sub, version, append(session, "-C", "3")...).CombinedOutput()
				if err != nil || string(out) != "one\ntwo\nthree\n" {
					t.Errorf("%v %q", err, out)
				}
			})
		}
		t.Run("mosquitto_rr", func(t *testing.T) {
			name := id + "/rr"
			answerer := connectFiver(t, addr, lastingFiver(name))
			answerer.subscribe(paho.SubscribeOptions{Topic: name + "/ask", QoS: 1}, 0)
			go func() {
				q := <-answerer.got
				answerer.Publish(context.Background(), &paho.Publish{Topic: q.Properties.ResponseTopic, QoS: 1, Payload: append([]byte("re: "), q.Payload...),
					Properties: &paho.PublishProperties{CorrelationData: q.Properties.CorrelationData}})
			}()
			out, err := command(rr, "mqttv5", "-t", name+"/ask", "-e", name+"/reply", "-q", "1", "-m", "ping").CombinedOutput()
			if err != nil || string(out) != "re: ping\n" {
				t.Errorf("%v %q", err, out)
			}
		})
	})
}

// TestForeignPython is Debian's python3-paho-mqtt.
func TestForeignPython(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import paho.mqtt.client").Run(); err != nil {
		t.Skip("python3-paho-mqtt is not installed")
	}
	overForeign(t, func(t *testing.T, addr, _ string) {
		_, port, _ := net.SplitHostPort(addr)
		for name, protocol := range map[string]string{"3.1": "3", "3.1.1": "4", "5.0": "5"} {
			t.Run(name, func(t *testing.T) {
				out, err := exec.Command(python, "-c", pythonExercise, port, protocol).CombinedOutput()
				if err != nil || string(out) != "test/topic hello 2\n" {
					t.Errorf("%v %s", err, out)
				}
			})
		}
	})
}
