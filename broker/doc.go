// Package broker is an MQTT broker for 3.1, 3.1.1 and 5.0: it ties bytes (packet),
// names (topic), promises (session) and wires (transport) together.
package broker

import "time"

const shutdownGrace = 3 * time.Second
