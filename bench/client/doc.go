// Package client is who carries out a plan: MQTT clients, thousands on a few event loops.
//
// A Group is a serial executor with clients on it. Clients are told what to do by method calls on
// their Group and report through their Observer, on their Group; nothing waits.
//
// The native engine stands on broker/transport (bytes) and broker/packet (their meaning). Its client is one
// small struct:
//
//	Publish ─► outgoing (what we owe) ─► outbox of the transport ─► server
//	Observer ◄─ Receive ◄─ inbox of the transport ◄─ server
//	               └─► idSet (QoS 2 identifiers we own)
//
// The session of a client (outgoing and idSet) is written a second time here, and not shared with the broker's, on
// purpose: the instrument and the thing measured must not be able to agree on the same mistake. It lives as long as
// the Client and is kept across connections, as [v5 4.1] asks.
//
// A client keeps no message that it has in flight, but how far its exchange has come: whoever published it makes it again if it has
// to be sent again (Observer.Recall). That is 32 bytes for each, whatever its size.
//
// # What a resumed connection puts on the wire
//
//	state at the cut            session present                 session lost
//	PUBLISH sent, no answer     PUBLISH, DUP 1, same id         PUBLISH, DUP 0, same id: a new exchange
//	PUBREC received             PUBREL, same id                 nothing: Acked with Success
//	PUBLISH received (QoS 2)    PUBREC, if the server resends   forgotten
//	SUBSCRIBE sent, no answer   nothing: the caller's to repeat nothing
//
// All PUBREL go first, in the order of their PUBREC, [v5 MQTT-4.6.0-4]; then the PUBLISH in the order in
// which they were first sent, [v5 MQTT-4.6.0-1], as many at a time as the server's Receive Maximum of this
// connection allows; and only then new messages of any QoS. A message whose PUBREC had come when the server
// lost its session cannot complete its exchange any more. It counts as acknowledged, because the server had
// taken ownership with the PUBREC [v5 4.3.3]: what became of it is what a delivery ledger is to find out.
// Publishing it anew would risk a duplicate of our own making.
//
// The package knows no plan, no schedule, no ledger, and nothing of the broker but its wire format.
package client
