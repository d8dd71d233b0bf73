// Package broker is an MQTT broker for versions 3.1, 3.1.1 and 5.0.
//
// In one sentence: bytes (packet), names (topic), promises (session), wires
// (transport), and this package ties them together.
//
// # The life of a PUBLISH
//
// A connection belongs to one loop. The loop hands it all bytes that arrived; it
// decodes packet after packet in place (conn.go), and answers leave together in
// one write when the last one is done. A PUBLISH is matched to its subscribers
// through a small cache of the loop (match.go), encoded at most four times
// (frame.go), and appended to the outbox of each subscriber (route.go), whichever
// loop that one lives on: nobody waits, no message is handed over between
// goroutines, and each loop flushes at the end of its turn what it has appended to.
//
// QoS 0 takes no lock of a session and allocates nothing. QoS 1 and 2 make one
// counted session.Message that all subscribers share, and one entry in each session.
//
// # What becomes of a message that cannot be delivered
//
// QoS 0 to a client that is offline, or whose outbox is full, is dropped and
// counted. QoS 1 and 2 wait in the session. A session at its limits refuses:
// the message is counted as dropped for that subscriber. If no subscriber took
// it, a version 5 publisher is told so with 0x97 in PUBACK or PUBREC. Where some did, PUBACK says 0x97,
// too, and PUBREC says Success with a Reason String: see outcome.reason. In version 3,
// which has no word for it, the acknowledgement is positive.
//
// Retained messages that a SUBSCRIBE asks for are beyond these limits: what finds no
// room waits in a backlog (retained.go). What there is no room to retain is delivered
// and not retained, which is counted; the publisher is told as above.
//
// Everything that clients can make the broker keep has a limit in Options, and a
// counter in Stats that says how often it was reached (limits.go). conformance.md says
// which test shows which statement of the specifications.
//
// # Durable mode
//
// With Options.DataDir sessions, what they were promised and retained messages survive
// kill -9, or the end of the machine. Each callback of a loop writes what it has promised to
// one batch of a journal, which all loops share (ledger.go), and whatever it puts to a connection leaves at once or
// waits until a batch is durable (held.go), in the order of its connection. Nobody waits for a disk: a
// client that asks for more than the disk takes is not read for a while. What is stored,
// and what must wait for what, is in package journal. When the store fails nothing is acknowledged any
// more: all connections are closed, and Run returns the reason.
//
// # Who may come in, and who may do what
//
// A CONNECT is let in by identity.go: by a password, which is checked on the Pool of package auth while the CONNECT stays
// in its connection, by a certificate, or by an exchange of AUTH packets (exchange.go). With an ACL each PUBLISH, SUBSCRIBE and
// delivery is judged (rights.go). security.md says what clients see of it.
//
// # Goroutines and locks
//
// All code runs on the transport's loops, save the methods of Server, the hashing of passwords and, with a data directory, the
// cutter of the ledger (ledger.go).
//
// At most two locks are held at a time, in this order, and with a data directory ledger.cut
// before them, shared, for the whole of a callback:
//
//  1. a shard of the directory (directory.go)
//  2. client.mu
//  3. the mu of one connection's naming (naming.go), below which only the transport's is taken
//  4. any of: numbers.mu, deadlines.mu, the locks inside topic and transport; those of the ledger, which
//     nest in the order ledger.retaining, ledger.numbersMu, ledger.mu, and kept.mu, loop.holdMu
//
// No lock is held while a second client's is taken, and none across a system call.
package broker
