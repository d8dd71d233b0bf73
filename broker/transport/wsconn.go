package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A wsConn carries a byte stream in the binary frames of a WebSocket. One goroutine reads; any may write.
//
// Each Write is one frame, and one Write of what is below, so that a flush costs one system call here, too.
type wsConn struct {
	net.Conn // What carries the frames.

	// Immutable.
	client bool

	// Owned by the reader.
	frames deframer
	early  []byte // What came with the handshake, to be read first.

	writing sync.Mutex
	ended   bool // Guarded by writing. A close frame has been sent: nothing may follow it.

	owesPong atomic.Bool
	pongMu   sync.Mutex // Taken within writing.
	pong     []byte     // Guarded by pongMu. What the last ping carried; RFC 6455 section 5.5.3 asks for no more.
}

// newWSConn makes one of a connection after its handshake. early is kept.
func newWSConn(nc net.Conn, client bool, early []byte) *wsConn {
	w := &wsConn{Conn: nc, client: client, early: early}
	w.frames = deframer{fromClient: !client, control: w.control}
	return w
}

// NetConn is what carries the frames.
func (w *wsConn) NetConn() net.Conn { return w.Conn }

func (w *wsConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		raw, err := w.readRaw(b)
		n, werr := w.frames.decode(b[:raw])
		if werr != nil {
			var fault *wsError
			if errors.As(werr, &fault) {
				w.sendClose(fault.status, fault.text)
			}
			return n, werr
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (w *wsConn) readRaw(b []byte) (int, error) {
	if len(w.early) == 0 {
		return w.Conn.Read(b)
	}
	n := copy(b, w.early)
	if w.early = w.early[n:]; len(w.early) == 0 {
		w.early = nil
	}
	return n, nil
}

// control answers a control frame.
func (w *wsConn) control(op byte, payload []byte) error {
	switch op {
	case opPing:
		w.pongMu.Lock()
		w.pong = append(w.pong[:0], payload...)
		w.owesPong.Store(true)
		w.pongMu.Unlock()
		w.sendPong()
	case opClose:
		status, err := readClose(payload)
		w.sendClose(status, "")
		return err
	}
	return nil
}

// framePool holds buffers for frames on their way out.
var framePool = sync.Pool{New: func() any { return new([]byte) }}

// maxKeptFrame is the largest buffer that goes back to framePool, bytes.
const maxKeptFrame = 256 << 10

func (w *wsConn) Write(p []byte) (int, error) {
	buf := framePool.Get().(*[]byte)
	*buf = appendFrame((*buf)[:0], opBinary, p, w.client)
	w.writing.Lock()
	err := errClosedFrame
	if !w.ended {
		_, err = w.Conn.Write(*buf)
	}
	w.writing.Unlock()
	w.sendPong()
	if cap(*buf) <= maxKeptFrame {
		framePool.Put(buf)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// sendPong sends the pong that is owed, unless somebody is writing, who will call it afterwards. The reader must not wait
// for a writer: the peer may be one that reads only when it has written.
func (w *wsConn) sendPong() {
	for w.owesPong.Load() && w.writing.TryLock() {
		w.pongMu.Lock()
		frame := appendFrame(nil, opPong, w.pong, w.client)
		owes := w.owesPong.Swap(false)
		w.pongMu.Unlock()
		if owes && !w.ended {
			w.Conn.Write(frame) // If it fails, reading does, too.
		}
		w.writing.Unlock()
	}
}

// sendClose sends a close frame, once, if that does not take long.
func (w *wsConn) sendClose(status uint16, text string) {
	body := binary.BigEndian.AppendUint16(nil, status)
	body = append(body, text[:min(len(text), maxControl-2)]...)
	w.Conn.SetWriteDeadline(time.Now().Add(goodbye)) // Ends the write of another, too, if the peer takes nothing.
	w.writing.Lock()
	defer w.writing.Unlock()
	if !w.ended {
		w.ended = true
		w.Conn.Write(appendFrame(nil, opClose, body, w.client))
	}
}

// Close says so first, RFC 6455 section 7.1.1.
func (w *wsConn) Close() error {
	w.sendClose(wsNormal, "")
	return part(w.Conn, goodbye)
}
