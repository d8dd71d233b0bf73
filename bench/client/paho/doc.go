// Package paho carries out a plan with Eclipse Paho, the MQTT client that many applications use: the contract of
// package client over github.com/eclipse/paho.mqtt.golang.
//
// It is a second witness. What the native engine and Paho both see, the broker did; and what an application
// costs with this library can be measured next to what it costs at best. Paho takes about ten goroutines and
// 50 KB for a client and tens of allocations for a message, so it is not for many clients.
//
// A Paho client is made for each connection and one store lives through all of them: Paho's own store is
// where a session is kept, and its Put and Del are the only places where a Paho client tells exactly which
// message was acknowledged. (Its tokens do not: a resend completes the token of the first sending as if it
// had been acknowledged.)
//
// # What is not as the contract says, because Paho cannot
//
//   - MQTT 3.1 and 3.1.1 only. Connect of a version 5 client ends in Disconnected with errVersion.
//   - A QoS 2 message whose PUBREC had come is sent again as PUBLISH with DUP after a reconnect, where PUBREL is owed,
//     [v3.1.1 MQTT-4.3.3-1]: Paho does not store the PUBREC. If the broker had completed the exchange, that
//     makes a duplicate, and it is Paho's. Do not judge a broker's exactly-once by this engine across cuts.
//   - When the server has lost the session, unacknowledged messages are sent again with DUP 1 all the same. (With
//     CleanStart they are published anew, with DUP 0, by this package.)
//   - Connected comes before the resends are on the wire. What is published from then on follows them.
//   - Took knows no PublishRec and no ReleaseComp.
//   - Acked has no reason but Success; 3.1.1 has none either.
//   - Recall is never asked for: Paho keeps its messages.
//   - A password without a username, and an empty one, are not sent.
//   - Publish hands over to a goroutine. A QoS 0 message that was handed over when the connection broke is gone.
//   - After a cut in the wrong moment a Paho goroutine may linger for writeTimeout; Close waits for it.
//
// Duplicate, MessageID and the like are Paho's own and are passed on. Again is found by watching the store.
// Cut is a TCP RST on the net.Conn that this package opened for Paho.
package paho
