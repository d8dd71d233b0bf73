package bench

import (
	"reflect"
	"slices"
	"testing"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/broker/packet"
)

// A keeper is an engine and its group, and keeps what its clients publish.
type keeper struct{ kept []sending }

type sending struct {
	client.Message
	by client.Observer
}

func (k *keeper) Groups() []client.Group                { return []client.Group{k} }
func (k *keeper) Close() error                          { return nil }
func (k *keeper) Post(f func())                         { f() }
func (k *keeper) SetTimer(func(now int64) (next int64)) {}
func (k *keeper) Now() int64                            { return 0 }
func (k *keeper) New(_ client.Options, obs client.Observer) client.Client {
	return &kept{keeper: k, obs: obs}
}

// A kept is one of its clients.
type kept struct {
	client.Client
	keeper *keeper
	obs    client.Observer
}

func (c *kept) Publish(m *client.Message) bool {
	x := sending{*m, c.obs}
	x.Payload = slices.Clone(m.Payload)
	c.keeper.kept = append(c.keeper.kept, x)
	return true
}

// TestRecall: a message that is made again is the one that was published, whatever its payload and Topic Name are made of.
func TestRecall(t *testing.T) {
	for name, p := range map[string]plan.Plan{
		"pattern":       {Payload: 100},
		"sizes":         {Payload: 20, PayloadMax: 3000},
		"body":          {Payload: 100, Body: []byte("body")},
		"template":      {Message: "%i of %c says %s"},
		"name for each": {Topic: "x/%i/%s"},
		"retained":      {Retain: true},
		"flows":         {Groups: []plan.Group{{Name: "g", Count: 3}}, Flows: []plan.Flow{{From: "g", To: "g", Rate: 1, Payload: 77}, {From: "g", To: "g", Rate: 2, PubQoS: 2, Topic: "y/%i", Payload: 18, PayloadMax: 40}}},
		"QoS 2, closed": {PubQoS: 2, Closed: true},
	} {
		t.Run(name, func(t *testing.T) {
			if len(p.Flows) == 0 {
				p.Publishers, p.Subscribers, p.PubQoS, p.SubQoS = 3, 3, max(p.PubQoS, 1), 1
				if !p.Closed {
					p.Rate = 10
				}
			}
			p.Duration = plan.Duration(1e9)
			p = p.WithDefaults()
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			k := new(keeper)
			r := &run{cfg: Config{Engine: k, ConnectLimit: 1, Props: packet.Props{1, 1}}, plan: &p, ledger: measure.NewLedger(&p, 1), origin: 1}
			r.workers = []*worker{newWorker(r, 0, k)}
			r.populate()
			for _, x := range r.pubs {
				x.connected = true
				x.probe()
				for seq := range uint32(5) {
					if _, ok := x.publish(seq, 0); !ok {
						t.Fatal("not published")
					}
				}
			}
			if len(k.kept) != 6*len(r.pubs) {
				t.Fatalf("%d messages of %d publishers", len(k.kept), len(r.pubs))
			}
			for _, m := range slices.Backward(k.kept) {
				if got := m.by.Recall(m.Token, m.Sent); !reflect.DeepEqual(*got, m.Message) {
					t.Errorf("made again: %+v, published: %+v", *got, m.Message)
				}
				if stamp, ok := plan.ReadStamp(m.Payload); !ok || stamp.Sent != m.Sent-r.origin || m.Sent <= 0 {
					t.Errorf("sent at %d, stamp %+v", m.Sent, stamp)
				}
			}
		})
	}
}
