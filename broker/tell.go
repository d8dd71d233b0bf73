package broker

import (
	"context"
	"errors"
	"log/slog"

	"mqttbench/broker/packet"
)

// What is told: every connection that the broker ends or does not let in, and everything that it refuses a client that
// stays. Each line names the client, its address, the packet and the rule.
//
//	Warn   a client broke a rule, met a limit or may not enter
//	Info   a client was silent, was taken over, or was refused something and stays
//	Debug  all other connections that ended
//
// Whoever wants to could make a broker write thousands of lines a second, so Warn and Info are rationed, each loop's by
// itself; the next line that is written says how many were not. Debug is not: who asks for it wants all of it.

// A ration lets a line pass each second, and after a pause some at once: 86,400 a day, which is 25 MB or so.
type ration struct {
	next   int64  // When the one after the last would be on schedule, ns.
	unsaid uint64 // Since the last line.
}

const (
	rationEvery = second
	rationBurst = 50
)

// take reports whether a line may be written, and how many were not since the last.
func (r *ration) take(now int64) (unsaid uint64, say bool) {
	at := max(r.next, now)
	if at-now >= rationBurst*rationEvery {
		r.unsaid++
		return 0, false
	}
	r.next = at + rationEvery
	unsaid, r.unsaid = r.unsaid, 0
	return unsaid, true
}

// note keeps what a line about the end of a connection will have to say: by then the packet is gone.
func (l *loop) note(err error) error {
	at, client := l.culprit, l.claimant
	l.claimant = ""
	if err == errGone || err == errTakenOver {
		return err
	}
	return &refusedPacket{err, at, client}
}

// tellClosed counts and tells of a connection that has ended.
func (l *loop) tellClosed(c *conn, err error) {
	cause := causeOf(err)
	what := "connection closed"
	switch {
	case c.client != nil:
		l.n.closed[cause]++
	case cause == CauseNone:
		what = "connection closed before CONNECT"
	default:
		what = "client refused"
		l.n.refusedConnects[cause]++
	}
	level := closeLevel(cause)
	log := l.s.o.Logger
	if !log.Enabled(context.Background(), level) {
		return
	}
	unsaid := uint64(0)
	if level > slog.LevelDebug {
		var say bool
		if unsaid, say = l.closings.take(l.now); !say {
			// A log that shows everything shows this, too.
			if level = slog.LevelDebug; !log.Enabled(context.Background(), level) {
				return
			}
		}
	}
	log.LogAttrs(context.Background(), level, what, l.closeAttrs(c, err, cause, unsaid)...)
}

func closeLevel(cause Cause) slog.Level {
	switch cause {
	case CauseNone, CauseShutdown:
		return slog.LevelDebug
	case CauseTakenOver, CauseKeepAlive:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (l *loop) closeAttrs(c *conn, err error, cause Cause, unsaid uint64) []slog.Attr {
	var r *refusedPacket
	client, at := "", packet.Type(0)
	if errors.As(err, &r) {
		client, at = r.client, r.at
	}
	if c.client != nil {
		client = c.client.id
	}
	attrs := []slog.Attr{slog.String("client", clip(client)), slog.String("remote", c.remote())}
	if at != 0 {
		attrs = append(attrs, slog.String("packet", at.String()))
	}
	text, rule := "", cause.String()
	var e *packet.Error
	switch {
	case errors.As(err, &e):
		text = e.Code.String() + ": " + e.Text
		if e.Clause != "" {
			rule = e.Clause
		}
	case err != nil:
		text = err.Error()
	}
	if cause != CauseNone {
		attrs = append(attrs, slog.String("rule", rule))
	}
	attrs = append(attrs, slog.String("error", text))
	if unsaid > 0 {
		attrs = append(attrs, slog.Uint64("unsaid", unsaid))
	}
	return attrs
}

// tellRefused tells that a client, which stays, was refused something. name is the Topic Name or Topic Filter that it is about; rule
// is what was in the way.
func (l *loop) tellRefused(c *conn, at packet.Type, name []byte, code packet.ReasonCode, rule string) {
	log := l.s.o.Logger
	if !log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	unsaid, say := l.refusals.take(l.now)
	if !say {
		return
	}
	attrs := []slog.Attr{
		slog.String("client", clip(c.client.id)), slog.String("remote", c.remote()), slog.String("packet", at.String()),
		slog.String("topic", clip(string(name[:min(len(name), clipAt+1)]))), slog.String("reason", code.String()), slog.String("rule", rule),
	}
	if unsaid > 0 {
		attrs = append(attrs, slog.Uint64("unsaid", unsaid))
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, "refused", attrs...)
}

// remote is the client's address, as a log has it.
func (c *conn) remote() string {
	if a := c.tc.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

// clipAt is how much a log shows of a name that a client has chosen, bytes: it may be 64 KiB long.
const clipAt = 128

func clip(s string) string {
	if len(s) > clipAt {
		return s[:clipAt] + "..."
	}
	return s
}
