package topic_test

import (
	"fmt"

	"mqttbench/broker/topic"
)

// One client has two filters that match, another is one of a group.
func Example() {
	tree := topic.NewTree()
	tree.Subscribe("site/7/dev/+/temp", topic.Subscription{Subscriber: 1, QoS: 1, ID: 40})
	tree.Subscribe("site/#", topic.Subscription{Subscriber: 1, QoS: 2, ID: 41})
	tree.Subscribe("$share/store/site/#", topic.Subscription{Subscriber: 2})

	var r topic.Result // One for each goroutine, used again and again.
	tree.Match(&r, []byte("site/7/dev/12/temp"))
	for i := range r.Targets {
		to := &r.Targets[i]
		fmt.Println("subscriber", to.Subscriber, "QoS", to.QoS, "because of", len(r.IDs(to)), "subscriptions")
	}
	for _, g := range r.Groups {
		n := g.Turn.Add(1) % uint32(len(g.Members))
		fmt.Println("of the group, subscriber", g.Members[n].Subscriber)
	}
	fmt.Println("may be kept:", tree.Current(&r))

	// Output:
	// subscriber 1 QoS 2 because of 2 subscriptions
	// of the group, subscriber 2
	// may be kept: true
}
