// Package plan says what will happen in a run, before it happens: who publishes to whom on which
// Topic Names, when each message is due, who comes and goes, and what every payload looks like.
//
// Everything here is a pure function of the Plan. Nothing starts a goroutine, reads a clock or
// opens a socket, so a plan can be asked the same question by the sender and by the receiver of a
// message, on one machine or on two, and both get the same answer. That is what lets a 16-byte
// stamp do without the instant a message was due: the receiver works it out.
//
// All instants are nanoseconds since the start of publishing, warm-up included. Publishers,
// subscribers and messages are counted from 0. A stream is what one publisher sends; its number
// is the publisher's.
package plan
