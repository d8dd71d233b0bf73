package result

// What a workload may be about besides messages. Each is nil where the workload has none of it.

// Sessions are persistent sessions whose subscribers came back.
type Sessions struct {
	Returned  int64 `json:"returned"`             // How often one came back.
	Present   int64 `json:"present"`              // With Session Present in the CONNACK.
	Kept      int64 `json:"kept"`                 // And received something new without subscribing again: the subscriptions were kept.
	Expire    bool  `json:"expire,omitempty"`     // By their Session Expiry Interval they were to be gone.
	QueueLost int64 `json:"queue_lost,omitempty"` // Deliveries that are lost of what was published while a session was kept for its client.
}

// Wills are those of clients that were cut off, as their watchers received them.
type Wills struct {
	Watchers int64  `json:"watchers"`
	Expected int64  `json:"expected"` // Clients cut off, times watchers.
	Received int64  `json:"received"`
	Missing  int64  `json:"missing"`
	Uncalled int64  `json:"uncalled"`            // Of clients that were not cut off, or again.
	LostQoS0 int64  `json:"lost_qos0,omitempty"` // Missing, where QoS 0 promised no more.
	Altered  int64  `json:"altered,omitempty"`   // With other properties than were given to them,
	How      string `json:"how,omitempty"`       // as the first of them was.
}

// TakeOvers are connections that were to end because another one came with their Client Identifier, [v5 MQTT-3.1.4-3].
type TakeOvers struct {
	Begun    int64 `json:"begun"`
	Granted  int64 `json:"granted"`             // The other one was let in.
	Closed   int64 `json:"closed"`              // The first one was ended by the server,
	Told     int64 `json:"told_0x8e,omitempty"` // with a DISCONNECT that says why. Version 5.
	Standing int64 `json:"standing"`            // Both stood when all was quiet.
}

// Flaps are subscriptions that were taken back and made again while their connections stood.
type Flaps struct {
	Unsubscribed int64 `json:"unsubscribed"`
	Acked        int64 `json:"acked"`   // With an UNSUBACK.
	Renewed      int64 `json:"renewed"` // Made again.
	Unasked      int64 `json:"unasked"` // Deliveries of what was published after the UNSUBACK and before the new SUBSCRIBE.
}

// Retained are the retained messages that readers received because they subscribed.
type Retained struct {
	Readers   int64 `json:"readers"`
	Readings  int64 `json:"readings"` // Subscriptions of readers.
	Expected  int64 `json:"expected"` // One for each reading and topic with an acknowledged message.
	Delivered int64 `json:"delivered"`
	Missing   int64 `json:"missing"`
	Stale     int64 `json:"stale"` // Older than what had been acknowledged when the reader subscribed.
}

// Shared is how evenly the members of shared subscriptions were served.
type Shared struct {
	Members   int64   `json:"members"`
	Least     int64   `json:"least"` // Deliveries to one member.
	Most      int64   `json:"most"`
	Mean      float64 `json:"mean"`
	Variation float64 `json:"variation"` // Standard deviation over mean; 0: all the same.
}

// Objectives are what a run was held against besides the promises of MQTT.
type Objectives struct {
	Text string `json:"text"` // "p99<10ms,loss=0".
	Met  bool   `json:"met"`
	Why  string `json:"why,omitempty"` // Not met.
}

// Slowest is a subscriber that waited much longer for its messages than the others.
type Slowest struct {
	Subscriber string  `json:"subscriber"`
	Delivered  int64   `json:"delivered"`
	Mean       float64 `json:"mean_response_s"`
	Others     float64 `json:"others_mean_response_s"` // The median of the means of the others.
}
