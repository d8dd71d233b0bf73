package result

// Wire is the MQTT that crossed the wire in the measured part, of all clients and of all types of Control Packets, as the
// clients counted it. What TCP and IP add is not in it.
type Wire struct {
	ToBroker   Flow  `json:"to_broker"`
	FromBroker Flow  `json:"from_broker"`
	Resent     int64 `json:"resent,omitempty"` // PUBLISH and PUBREL of resumed sessions, contained in ToBroker.
}

// A Flow is one direction of it.
type Flow struct {
	Packets int64 `json:"packets"`
	Bytes   int64 `json:"bytes"`
}

// wire is an amount for each delivered message; not ok if it was not counted, or nothing was delivered.
func wire(of func(*Wire) int64) func(*Run) (float64, bool) {
	return func(r *Run) (float64, bool) {
		w, n := r.Summary.Wire, r.Summary.Measured.Delivered
		if w == nil || n == 0 {
			return 0, false
		}
		return float64(of(w)) / float64(n), true
	}
}
