package transport

// An outbox holds what waits to be written to one connection. A connection has one only while something waits.
//
// It is a pair of batches: while one is in the kernel the other fills, so what is put during a write leaves
// together in the next.
type outbox struct {
	pending batch // Guarded by Conn.mu.
	flight  batch // Owned by the flusher.
	size    int   // Guarded by Conn.mu. Bytes in both which the kernel has not taken.
}

// A batch is bytes in their order: buf, with a body put in at each cut. 0 <= sent <= size.
type batch struct {
	buf  *buffer // nil: empty
	cuts []cut   // Ascending.
	size int     // Bytes, those of the bodies with them.
	sent int     // Bytes that the kernel has taken.
}

// A cut is where a body stands that is not copied: behind at bytes of the batch's buffer.
type cut struct {
	at   int
	body []byte
	ref  Ref
}

// byReference is the size from which a body is cheaper to write by reference than to copy, bytes: below it
// memcpy into one buffer beats the work that writev makes the kernel do for each vector.
const byReference = 8 << 10

func (b *batch) append(p *pool, x []byte) {
	if b.buf == nil {
		b.buf = p.get(len(x))
	} else if n := len(b.buf.b) + len(x); n > cap(b.buf.b) {
		b.buf = p.grow(b.buf, n)
	}
	b.buf.b = append(b.buf.b, x...)
	b.size += len(x)
}

func (b *batch) refer(p *pool, body []byte, r Ref) {
	if b.buf == nil {
		b.buf = p.get(0)
	}
	r.Hold()
	b.cuts = append(b.cuts, cut{at: len(b.buf.b), body: body, ref: r})
	b.size += len(body)
}

// next is the batch to write now: what is left of the one in flight, or else what is pending. nil: nothing is.
func (o *outbox) next() *batch {
	if o.flight.sent == o.flight.size {
		o.flight.reset()
		o.flight, o.pending = o.pending, o.flight
	}
	if o.flight.size == 0 {
		return nil
	}
	return &o.flight
}

// reset makes a batch empty, but keeps its buffer for the next.
func (b *batch) reset() {
	for i := range b.cuts {
		b.cuts[i].ref.Release()
		b.cuts[i] = cut{}
	}
	b.cuts = b.cuts[:0]
	if b.buf != nil {
		b.buf.b = b.buf.b[:0]
	}
	b.size, b.sent = 0, 0
}

func (b *batch) clear(p *pool) {
	b.reset()
	if b.buf != nil {
		p.put(b.buf)
		b.buf = nil
	}
}

// rest is what is not sent of a batch without cuts.
func (b *batch) rest() []byte { return b.buf.b[b.sent:] }

// vectors appends what is not sent to dst, as far as its capacity goes.
func (b *batch) vectors(dst [][]byte) [][]byte {
	skip, from := b.sent, 0
	add := func(p []byte) {
		if skip >= len(p) {
			skip -= len(p)
			return
		}
		if len(dst) < cap(dst) {
			dst = append(dst, p[skip:])
		}
		skip = 0
	}
	for i := range b.cuts {
		c := &b.cuts[i]
		add(b.buf.b[from:c.at])
		add(c.body)
		from = c.at
	}
	add(b.buf.b[from:])
	return dst
}
