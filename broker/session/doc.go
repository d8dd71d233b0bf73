// Package session keeps what a client has been promised: the messages in flight to it,
// the messages queued for it, and the QoS 2 messages of its own that are not complete.
//
// It is pure: it starts no goroutine, reads no clock, opens no socket and stores
// nothing. Times come in as nanoseconds. A Session is not safe for concurrent use (the
// server holds the session's lock); a Message is shared by many sessions, and its
// count is atomic.
//
// # Outgoing
//
// A promise is an entry of 16 bytes that passes through two queues, in order of
// arrival:
//
//	         Offer                Next               acknowledged
//	message -------> [ waiting ] ------> [ in flight ] ---------->
//	            |                        ^
//	            +------------------------+  online, nothing waits, window open
//
// An entry in flight is, by QoS and by what came from the client:
//
//	state      sent      PUBACK   PUBREC < 0x80     PUBREC >= 0x80  PUBCOMP  sent again as
//	published  QoS 1     done     unknown           unknown         unknown  PUBLISH, DUP
//	published  QoS 2     unknown  released, PUBREL  done            unknown  PUBLISH, DUP
//	released   PUBREL    unknown  PUBREL again      done            done     PUBREL
//	done       -         unknown  unknown           unknown         unknown  never
//
// The message itself is let go as soon as it can not be sent again: with the PUBACK,
// or with the PUBREC, [v5 MQTT-4.3.3-6].
//
// A Packet Identifier is a place: the entry behind the one with identifier n has n+1
// (and 1 follows 65535). So an acknowledgement finds its entry without a search, an
// entry need not store its identifier, and none can be given to two exchanges at once
// as long as the queue in flight, from the oldest exchange that is not complete to the
// newest, is no longer than there are identifiers (maxSpan). Exchanges that complete
// out of order stay as holes until the front reaches them.
//
// # The window
//
// At most min(Receive Maximum, MaxInflight) exchanges are open on one Network
// Connection, [v5 MQTT-3.3.4-9]. Only a PUBLISH needs room in the window; PUBACK,
// PUBCOMP and a PUBREC with an error give it back, [v5 4.9]. A new connection begins
// with nothing open: an exchange counts from when it is sent on that connection, be it
// as PUBLISH or as PUBREL. A PUBREL never waits for room, so a client whose Receive
// Maximum shrank may find more exchanges open than that, but never more PUBLISH
// packets.
//
// # Resume
//
// After Online everything in flight is sent again, in the original order and with the
// original identifiers, [v5 MQTT-4.4.0-1], before anything that waits. When the new
// window is smaller than what is in flight this takes several rounds: a round ends at
// the first PUBLISH that finds the window shut, and acknowledgements make room for the
// next. Next carries on with the resume wherever it stopped, so the rule for the
// caller is the same on every connection: call Next until it returns false
//
//   - after Online,
//   - after every acknowledgement, and
//   - when a connection that had no room for bytes has room again.
package session
