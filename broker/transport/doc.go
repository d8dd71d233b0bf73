// Package transport carries bytes between connections and the code that understands them, on a few loops.
// It knows no MQTT. Both the broker and the load generator stand on it.
//
// The design in one sentence: a Loop takes turns; in a turn it reads connections, lends the bytes to their
// Handlers, collects what they Put in outboxes, and writes each dirty outbox once when the turn ends.
//
// Two drivers find out when a turn is due. Epoll (Linux) waits for all sockets of a loop at once and costs two
// system calls for a relayed message. Goroutine (everywhere, and for any net.Conn) parks one goroutine for each
// connection, which takes a turn of the loop when there is something to read. Everything above the waiting is
// the same code, and both kinds of connection can live on one loop: a TLS connection on an epoll loop is normal.
//
// What comes before the protocol (PROXY header, TLS, WebSocket) is done on goroutines beside the loops: accepted connections wait
// for it in an anteroom, which is bounded. After it they are net.Conns like others. TLS is that of crypto/tls, which wants to block; of the
// WebSocket library only the handshake and the masking are used.
//
// Locks, in the order in which they nest: Loop.turn, then Conn.mu, then the leaves pool.mu and Loop.mailMu. Loop.turn
// is what makes a loop serial, and is held while its non-blocking system calls are made; the others never are held
// across a system call, with the one exception noted at Loop.wake.
package transport
