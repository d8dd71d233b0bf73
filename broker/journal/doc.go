// Package journal writes what the broker has promised as records, keys and
// values, and reads a broker's state back from them. It is pure: it starts no goroutine, reads no
// clock, and knows neither the store the records go to nor the server they come from.
//
// In one sentence: a Writer turns what happens to a session into changes of a
// Batch, and a Recovery turns a scan of all keys back into sessions.
//
// # Keys
//
// Numbers are big-endian, so that the order of bytes is the order of numbers. A scan meets messages before
// the sessions that refer to them, and everything of one session together, its head first and its
// promises in the order in which they were made:
//
//	'A'                                    the numbers that are not free
//	'M' message                            one Application Message that several wait for
//	'R' Topic Name                         a retained message
//	'S' session 0                          head: Client Identifier, expiry, since when offline
//	'S' session 1 Topic Filter             a subscription
//	'S' session 2 Packet Identifier        a QoS 2 message came, and its PUBREL has not
//	'S' session 3                          the Will Message
//	'S' session 4 position 0               a promise: a message, and how it is to be delivered
//	'S' session 4 position 1               it was sent, under this Packet Identifier
//	'S' session 4 position 2               its PUBREC came; from now on it is this identifier and no more
//
// message and session are numbers of 8 bytes that are never given twice in the
// life of a store, so nothing that is left of an old session can become part of a new one of
// the same Client Identifier, and most keys are set once and deleted once, which the store does
// nearly for nothing. That holds over restarts because numbers are reserved in blocks before
// they are used. A position is a number of 8 bytes that counts within the session.
//
// # A message is stored once
//
// What one session waits for stands in its promise: one key comes, one key goes. What
// several wait for is a message of its own, and each promise refers to it. Nothing is counted on disk: the
// references are the promises. The message's record only says how many there were at
// first, as a check. The server counts in memory, and when the last promise is gone it deletes the message, in
// a later batch than any of those that deleted promises. So a crash can leave a message without references, which
// Recovery lists as an orphan to be deleted, but never a reference without its message; that is damage.
//
// # How the server is to use it
//
// The server (its files ledger.go, held.go and recover.go) has a Writer for each loop and one Batch for all of
// them, and writes the records of one session in the order in which it changes. It hands a Batch over with everything that must hold together, and notes its
// number with the acknowledgement that waits for it; acknowledgements stand in one queue
// for each connection, and the loop sends them as far as the store has got. Nobody waits.
//
// Four gates make exactly-once hold across a crash. Nothing to the right is
// sent before what is to the left is durable:
//
//	gate  record                                           then
//	1     PutMessage, Promise..., and for QoS 2 Receive    PUBACK, PUBREC
//	2     Release                                          PUBCOMP
//	3     Promise and Send, for QoS 2                      PUBLISH
//	4     Pubrec                                           PUBREL
//
// Gate 1 is one batch. Without gate 2 a new message under the same identifier would be taken for the
// old one after a crash, and lost, [v5 MQTT-4.3.3-12]. Without gate 3 the message would be sent again under another
// identifier, and be there twice, [v5 MQTT-4.4.0-1]. Without gate 4 PUBLISH would follow PUBREL, [v5 MQTT-4.3.3-6].
// What is lost of a subscriber's PUBACK or PUBCOMP costs a redelivery that the protocol allows: Done
// is written, and nobody waits for it. Send is written for QoS 1 too, and
// nobody waits for that either: after a crash a few messages at the end may be taken for unsent, and
// be sent again without DUP.
//
// An incoming message of QoS 2 is matched when it comes, since its targets belong to
// gate 1, but shown to nobody before that batch is durable: else its publisher, to whom nothing
// was acknowledged, would send it again after a crash, and subscribers would see it twice.
// QoS 1 may go out at once.
//
// CONNACK waits for PutSession when Session Present would be 0 and the session is to outlive its
// connection; SUBACK and UNSUBACK wait for Subscribe and Unsubscribe. A retained message is a record like
// a promise, and gate 1 holds for it. Without a persistent subscriber, a persistent publisher's QoS 2 exchange or
// a retained flag nothing is written, and the acknowledgement leaves at once.
//
// A session that ends with its connection is stored only for its Will Message: head and
// will, and nothing else. A broker that was killed owes it, [v5 3.1.2.5].
//
// # Time
//
// Records hold wall time, in nanoseconds since 1970, for the server's own clock begins anew
// with every process. Recovery translates.
package journal
