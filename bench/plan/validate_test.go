package plan

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func valid() Plan {
	return Plan{Publishers: 10, Subscribers: 10, Rate: 100, Duration: Duration(time.Second)}.WithDefaults()
}

func TestDefaultsAreValid(t *testing.T) {
	p := valid()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if p.Pattern != Pairs || p.Run != "0000" || p.Topic != DefaultTopic || p.Window != 20 || p.Payload != 16 || p.Version != 4 {
		t.Errorf("defaults are %+v", p)
	}
}

// TestValidate makes one thing wrong at a time and expects one sentence about it.
func TestValidate(t *testing.T) {
	for _, c := range []struct {
		wrong func(p *Plan)
		want  string
	}{
		{func(p *Plan) { p.Publishers = -1; p.Rate = 0 }, "-1 publishers"},
		{func(p *Plan) { p.Publishers = MaxClients + 1 }, "16777217 publishers"},
		{func(p *Plan) { p.Subscribers = -1 }, "-1 subscribers"},
		{func(p *Plan) { p.Pattern = "star" }, `pattern "star"`},
		{func(p *Plan) { p.Pattern = FanOut; p.Publishers = MaxFanOut + 1 }, "fan-out from 1001"},
		{func(p *Plan) { p.ShareName = "g"; p.Version = 5 }, "needs the pattern fan-in"},
		{func(p *Plan) { p.ShareName = "g"; p.Pattern = FanIn }, "needs MQTT 5.0"},
		{func(p *Plan) { p.ShareName = "a/b"; p.Pattern = FanIn; p.Version = 5 }, "contains one of"},
		{func(p *Plan) { p.Run = "a/b" }, "run name"},
		{func(p *Plan) { p.Version = 6 }, "protocol version 6"},
		{func(p *Plan) { p.PubQoS = 3 }, "publishing at QoS 3"},
		{func(p *Plan) { p.SubQoS = 3 }, "subscribing at QoS 3"},
		{func(p *Plan) { p.Window = 65536 }, "window of 65536"},
		{func(p *Plan) { p.Payload = 15 }, "payload of 15 bytes"},
		{func(p *Plan) { p.Payload = MaxPayload + 1 }, "payload of 268435001 bytes"},
		{func(p *Plan) { p.PublisherSession = "x" }, `session "x"`},
		{func(p *Plan) { p.Rate = -1 }, "rate of -1"},
		{func(p *Plan) { p.Closed = true }, "has no rate"},
		{func(p *Plan) { p.Publishers = 0 }, "there are no publishers"},
		{func(p *Plan) { p.Arrivals = "x" }, `arrivals "x"`},
		{func(p *Plan) { p.Warmup = -1 }, "is negative"},
		{func(p *Plan) { p.Duration = 0 }, "nothing to measure"},
		{func(p *Plan) { p.Rate = 1e12 }, "32 bits for them"},
		{func(p *Plan) { p.Topic = "a\x00/%i" }, "U+0000"},
		{func(p *Plan) { p.Topic = "a/+/%i" }, "contains a wildcard"},
		{func(p *Plan) { p.Topic = "$SYS/%i" }, "begins with $"},
		{func(p *Plan) { p.Topic = "a/%i/%x" }, "followed by none of"},
		{func(p *Plan) { p.Topic = "a/%i/%" }, "followed by none of"},
		{func(p *Plan) { p.Topic = "a/%d" }, "has no %i"},
		{func(p *Plan) { p.Topic = "%i" + strings.Repeat("/aaaaaaa", 8192) }, "more than 65535 bytes"},
		{func(p *Plan) { p.Churn = Churn{Rate: -1, Who: ChurnBoth} }, "churn of -1"},
		{func(p *Plan) { p.Churn = Churn{Rate: 1, Abrupt: 1.5, Who: ChurnBoth} }, "not between 0 and 1"},
		{func(p *Plan) { p.Churn = Churn{Rate: 1, Down: -1, Who: ChurnBoth} }, "to stay away for"},
		{func(p *Plan) { p.Churn = Churn{Rate: 1, Who: "all"} }, `churn of "all"`},
		{func(p *Plan) { p.Churn = Churn{Rate: 1, Who: ChurnSubscribers}; p.Subscribers = 0 }, "there are none"},
		{func(p *Plan) { p.ConnectRate = -1 }, "rate of -1 connections"},
		{offline(func(p *Plan) { p.Offline.At = p.Duration }), "which lasts 1s"},
		{offline(func(p *Plan) { p.Offline.At = -1 }), "into the measured part"},
		{offline(func(p *Plan) { p.Offline = Offline{At: 1} }), "offline for 0s"},
		{offline(func(p *Plan) { p.Subscribers = 0 }), "no subscribers to be offline"},
		{offline(func(p *Plan) { p.Offline.Who = "all" }), `offline are "all"`},
		{offline(func(p *Plan) { p.Offline.Who = ChurnPublishers; p.Publishers, p.Rate = 0, 0 }), "no publishers to be offline"},
		{func(p *Plan) { p.Topic = "a/%s/%i"; p.Retain = true }, "there would be no end"},
		{func(p *Plan) { p.ClientID = "me" }, "all 20 clients would be one"},
		{func(p *Plan) { p.ClientID = "me%i" }, "has no %g"},
		{func(p *Plan) { p.ClientID = "me%g%i%x" }, "followed by none of"},
		{func(p *Plan) { p.ClientIDs = []string{"a"} }, "1 client identifiers for 20 clients"},
		{func(p *Plan) { p.Username = "u%c" }, "user name template"},
		{func(p *Plan) { p.PayloadMax = 17; p.Payload = 20 }, "payloads of 20 to 17"},
		{func(p *Plan) { p.Wills = Wills{Watchers: 1, Delay: 1} }, "will delay needs MQTT 5.0"},
		{func(p *Plan) { p.Wills = Wills{Watchers: 1, QoS: 3} }, "wills of QoS 3"},
		{func(p *Plan) { p.Readers = Readers{Count: 1, Every: 1} }, "nothing is published with RETAIN"},
		{func(p *Plan) { p.Decoys = 1001 }, "1001 decoys"},
		{func(p *Plan) { p.SessionExpiry = 1 }, "session expiry needs MQTT 5.0"},
		{func(p *Plan) { p.Stages = []Stage{{For: -1, From: 1, To: 1}} }, "a stage lasts"},
		{func(p *Plan) { p.Groups = []Group{{Name: "a", Count: 1, Session: Clean}} }, "no flow says what they do"},
		{offline(func(p *Plan) { p.Closed, p.Rate = true, 0 }), "in a closed loop"},
		{offline(func(p *Plan) { p.Pattern, p.ShareName, p.Version = FanIn, "g", 5 }), "nobody is promised"},
		{offline(func(p *Plan) { p.Churn = Churn{Rate: 1, Who: ChurnPublishers} }), "churn and being offline"},
	} {
		p := valid()
		c.wrong(&p)
		err := p.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want a sentence with %q", err, c.want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("one fault, and more than one sentence:\n%v", err)
		}
	}
}

// offline is a valid offline window with something wrong.
func offline(wrong func(p *Plan)) func(p *Plan) {
	return func(p *Plan) {
		p.PubQoS, p.SubQoS, p.SubscriberSession = 1, 1, Persistent
		p.Offline = Offline{For: Duration(time.Second)}
		if err := p.Validate(); err != nil {
			panic(err)
		}
		wrong(p)
	}
}

// TestValidateJoins: all contradictions come at once.
func TestValidateJoins(t *testing.T) {
	p := Plan{PubQoS: 3, Rate: -1, Payload: 1, Topic: "#"}.WithDefaults()
	err := p.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"neither publishers nor subscribers", "QoS 3", "rate of -1", "payload of 1", "wildcard", "nothing to measure"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no sentence with %q in:\n%v", want, err)
		}
	}
}

func TestPlanInJSON(t *testing.T) {
	p := valid()
	p.Seed = 1<<63 + 1 // Not a float64.
	p.Warmup = Duration(1500 * time.Millisecond)
	p.Churn = Churn{Rate: 2, Abrupt: 0.5, Down: Duration(3 * time.Second), Who: ChurnBoth}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"seed":"9223372036854775809"`, `"warm_up_s":1.5`, `"down_s":3`, `"publish_qos":0`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	var back Plan
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("%v, got back %+v, want %+v", err, back, p)
	}
	if err := json.Unmarshal([]byte(`{"duration_s":"2m"}`), &back); err != nil || back.Duration != Duration(2*time.Minute) {
		t.Errorf("%v, duration %v, want 2m", err, back.Duration)
	}
	if err := json.Unmarshal([]byte(`{"duration_s":true}`), &back); err == nil {
		t.Error("true is taken for a duration")
	}
}
