package rounds

// Packet looks at the front of p, which is not empty. n is 0 when no packet of
// the family begins here, else its size, or how many bytes are needed to tell;
// whole says that all n bytes are here and their check is right.
type Packet func(p []byte) (n int, whole bool)

// Framer cuts the byte stream into packets, by length: an EPC holds every byte
// value. When a packet is impossible or its check is wrong, one byte is dropped
// and the search goes on behind it, for a good packet may hide inside. It holds
// no clock and does no I/O. It holds at most one packet beside what it is given.
type Framer struct {
	packet    Packet
	buf       []byte
	good, bad uint64
}

// NewFramer makes the framer of a family.
func NewFramer(p Packet) *Framer { return &Framer{packet: p} }

// Push takes received bytes and calls frame for each whole packet, which is
// only valid during the call.
func (f *Framer) Push(p []byte, frame func(wire []byte)) {
	f.buf = append(f.buf, p...)
	f.scan(frame)
}

// Skip gives up on the packet that has begun and looks for others behind its
// first byte: call it when its rest did not come. A length byte made by noise
// would otherwise hold back good packets.
func (f *Framer) Skip(frame func(wire []byte)) {
	if len(f.buf) == 0 {
		return
	}
	f.bad++
	f.buf = f.buf[:copy(f.buf, f.buf[1:])]
	f.scan(frame)
}

func (f *Framer) scan(frame func([]byte)) {
	at, inBad := 0, false
	for at < len(f.buf) {
		n, whole := f.packet(f.buf[at:])
		if n > 0 && !whole {
			break // may become one
		}
		if n == 0 {
			if !inBad {
				f.bad++ // a run of thrown away bytes counts once
			}
			inBad = true
			at++
			continue
		}
		inBad = false
		f.good++
		frame(f.buf[at : at+n])
		at += n
	}
	f.buf = f.buf[:copy(f.buf, f.buf[at:])]
}

// Pending reports whether a packet has begun and not ended.
func (f *Framer) Pending() bool { return len(f.buf) > 0 }

// Held is how many bytes wait for more.
func (f *Framer) Held() int { return len(f.buf) }

// Reset forgets what was received.
func (f *Framer) Reset() { f.buf = f.buf[:0] }

// Good counts packets, Bad runs of bytes that were thrown away.
func (f *Framer) Good() uint64 { return f.good }

// Bad counts runs of bytes that were thrown away.
func (f *Framer) Bad() uint64 { return f.bad }
