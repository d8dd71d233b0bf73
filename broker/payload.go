package broker

import (
	"unicode/utf8"

	"mqttbench/broker/packet"
)

// badPayload reports whether a payload that is said to be UTF-8 is not, where Options.CheckPayload has
// that looked at, [v5 3.3.2.3.2].
func (o *Options) badPayload(saysUTF8 bool, payload []byte) bool {
	return saysUTF8 && o.CheckPayload && !utf8.Valid(payload)
}

// saysUTF8 reports whether the Payload Format Indicator among props is 1.
func saysUTF8(props packet.Props) bool {
	p, ok := props.Get(packet.PropPayloadFormatIndicator)
	return ok && p.N == 1
}
