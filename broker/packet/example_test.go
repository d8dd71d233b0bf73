package packet_test

import (
	"fmt"

	"mqttbench/broker/packet"
)

// A connection keeps what it has read in one buffer, takes every whole packet
// from its front and leaves the beginning of the next for the next read.
func ExampleNext() {
	var buf []byte
	buf = packet.AppendPing(buf, packet.PINGREQ)
	p := packet.Publish{Topic: []byte("plant/temperature"), Payload: []byte("21.5")}
	buf = p.Append(buf, packet.V5)
	buf = append(buf, 0x40, 0x02, 0x00) // A PUBACK whose last byte is still on its way.

	const limit = 1 << 20 // Bytes.
	for {
		f, err := packet.Next(buf, limit)
		if err != nil {
			fmt.Println(err)
			return
		}
		if f.Size == 0 {
			break
		}
		fmt.Println(f.Type, f.Size)
		if f.Type == packet.PUBLISH {
			if err := p.Decode(packet.V5, f.Flags, f.Body); err != nil {
				fmt.Println(err)
				return
			}
			fmt.Printf("%s = %s\n", p.Topic, p.Payload)
		}
		buf = buf[f.Size:]
	}
	fmt.Println(len(buf), "bytes left")
	// Output:
	// PINGREQ 2
	// PUBLISH 26
	// plant/temperature = 21.5
	// 3 bytes left
}

// What a decoder refuses, it refuses with the Reason Code for the peer.
func ExampleError() {
	f, _ := packet.Next([]byte("\x30\x06\x00\x03a/#\x00"), 0)
	var p packet.Publish
	err := p.Decode(packet.V5, f.Flags, f.Body)
	fmt.Println(err)
	// Output: Malformed Packet: Topic Name of a PUBLISH contains a wildcard [v5 MQTT-3.3.2-2]
}
