package client

// Unreleased is how many QoS 2 messages were received whose PUBREL has not come. When all is quiet it is 0, or the server has forgotten an exchange that it
// owes the rest of, [v5 MQTT-4.3.3-5]. Call it on the group.
func (c *client) Unreleased() (n int) {
	if c.in == nil {
		return 0
	}
	for _, p := range c.in.pages {
		n += int(p.n)
	}
	return n
}
