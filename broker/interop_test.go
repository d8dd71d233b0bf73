package broker

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"mqttbench/broker/packet"
)

// These tests speak to the broker with clients that others wrote.

func pahoClient(t *testing.T, b *bench, id string, clean bool, got chan<- mqtt.Message) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker(b.Addrs()[0]).SetClientID(id).SetCleanSession(clean).
		SetAutoReconnect(false).SetOrderMatters(true).SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { got <- m })
	c := mqtt.NewClient(o)
	pahoWait(t, c.Connect())
	return c
}

func pahoWait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("paho: no answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// The client your Go application uses: all QoS levels, then a persistent session and its queue.
func TestPahoGo(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		const n = 100
		got := make(chan mqtt.Message, 4*n)
		sub := pahoClient(t, b, "sub", false, got)
		pub := pahoClient(t, b, "pub", true, nil)
		pahoWait(t, sub.Subscribe("paho/+", 2, nil))
		send := func(qos byte, what string) {
			for i := range n {
				pahoWait(t, pub.Publish("paho/x", qos, false, fmt.Sprint(what, i)))
			}
		}
		expect := func(qos byte, what string) {
			t.Helper()
			for i := range n {
				select {
				case m := <-got:
					if string(m.Payload()) != fmt.Sprint(what, i) || m.Qos() != qos || m.Topic() != "paho/x" {
						t.Fatalf("got %s at QoS %d, want %s%d at %d", m.Payload(), m.Qos(), what, i, qos)
					}
				case <-time.After(patience):
					t.Fatalf("QoS %d: %d did not come", qos, i)
				}
			}
		}
		for qos := range byte(3) {
			send(qos, "live")
			expect(qos, "live")
		}
		// Its acknowledgements leave after its handlers; what it leaves behind unacknowledged it gets again.
		b.await("everything is acknowledged", func() bool { return b.inflight("sub") == 0 })
		sub.Disconnect(100)
		b.gone(1)
		for qos := range byte(3) {
			send(qos, "kept")
		}
		sub = pahoClient(t, b, "sub", false, got)
		expect(1, "kept")
		expect(2, "kept")
		sub.Disconnect(100)
		pub.Disconnect(100)
	})
}

// inflight is how many messages the client has not acknowledged.
func (b *bench) inflight(id string) int {
	sh := b.directory.shard([]byte(id))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	cl := sh.by[id]
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.sess.Inflight()
}

// tool finds a program or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

func (b *bench) port() string {
	addr := b.Addrs()[0]
	return addr[strings.LastIndexByte(addr, ':')+1:]
}

// mosquitto_sub and mosquitto_pub, all versions they know and all QoS levels.
func TestMosquittoClients(t *testing.T) {
	waits(t)
	sub, pub := tool(t, "mosquitto_sub"), tool(t, "mosquitto_pub")
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
			for _, qos := range []string{"0", "1", "2"} {
				args := []string{"-V", version, "-h", "127.0.0.1", "-p", b.port(), "-t", "m/" + version, "-q", qos}
				name := version + " QoS " + qos
				s := exec.Command(sub, append(args, "-C", "3", "-W", "60", "-F", "%q %p")...)
				var out, errs strings.Builder
				s.Stdout, s.Stderr = &out, &errs
				before := b.Stats().Subscriptions
				if err := s.Start(); err != nil {
					t.Fatal(err)
				}
				b.await("the subscription", func() bool { return b.Stats().Subscriptions > before })
				p := exec.Command(pub, append(args, "-l")...)
				p.Stdin = strings.NewReader("one\ntwo\nthree\n")
				if text, err := p.CombinedOutput(); err != nil {
					t.Fatalf("%s: mosquitto_pub: %v %s", name, err, text)
				}
				if err := s.Wait(); err != nil {
					t.Fatalf("%s: mosquitto_sub: %v %s", name, err, errs.String())
				}
				if want := fmt.Sprintf("%[1]s one\n%[1]s two\n%[1]s three\n", qos); out.String() != want {
					t.Errorf("%s: got %q, want %q", name, out.String(), want)
				}
				b.await("the subscription is gone", func() bool { return b.Stats().Subscriptions == before })
			}
		}
	})
}

// A will, as mosquitto_sub leaves it behind, seen by a version 5 client.
func TestMosquittoWill(t *testing.T) {
	sub := tool(t, "mosquitto_sub")
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		watch := b.connect(packet.V5, "watch")
		watch.subscribe("will", 1)
		s := exec.Command(sub, "-V", "mqttv5", "-h", "127.0.0.1", "-p", b.port(), "-t", "x",
			"--will-topic", "will", "--will-payload", "gone", "--will-qos", "1")
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		b.await("the subscription", func() bool { return b.Stats().Subscriptions == 2 })
		s.Process.Kill()
		s.Wait()
		watch.take("will", "gone")
	})
}

// The exercise of a course: Debian's python3-paho-mqtt publishes and subscribes at QoS 2.
const pythonExercise = `
import sys, threading
import paho.mqtt.client as mqtt
port, protocol = int(sys.argv[1]), int(sys.argv[2])
try:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, "exercise", protocol=protocol)
except AttributeError:
    client = mqtt.Client("exercise", protocol=protocol)
done = threading.Event()
def connected(c, *rest): c.subscribe("test/topic", qos=2)
def subscribed(c, *rest): c.publish("test/topic", "hello", qos=2)
def received(c, userdata, m):
    print(m.topic, m.payload.decode(), m.qos)
    done.set()
client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, received
client.connect("127.0.0.1", port)
client.loop_start()
ok = done.wait(60)
client.disconnect()
client.loop_stop()
sys.exit(0 if ok else 1)
`

func TestPythonPaho(t *testing.T) {
	sideBySide(t)
	const python = "/usr/bin/python3" // Debian's own, which sees Debian's packages.
	if err := exec.Command(python, "-c", "import paho.mqtt.client").Run(); err != nil {
		t.Skip("python3-paho-mqtt is not installed")
	}
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, protocol := range []string{"3", "4", "5"} {
			out, err := exec.Command(python, "-c", pythonExercise, b.port(), protocol).CombinedOutput()
			if err != nil || string(out) != "test/topic hello 2\n" {
				t.Errorf("protocol %s: %v %s", protocol, err, out)
			}
		}
	})
}
