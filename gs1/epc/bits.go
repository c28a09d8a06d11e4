package epc

// maxBytes is the most the protocol control word of a tag can announce: 31 words.
const maxBytes = 62

// bitReader takes bits from the front, most significant first. What lies behind
// the end reads as zero; over tells that it was asked for.
type bitReader struct {
	raw  [maxBytes]byte
	bits int // how many there are
	at   int
}

// take gives the next n bits, up to 64.
func (b *bitReader) take(n int) uint64 {
	var v uint64
	for n > 0 {
		var c byte
		if b.at/8 < maxBytes {
			c = b.raw[b.at/8]
		}
		have := 8 - b.at%8
		c <<= b.at % 8 // what was taken before is gone
		if n < have {
			v = v<<n | uint64(c>>(8-n))
			b.at += n
			break
		}
		v = v<<have | uint64(c>>(8-have))
		b.at += have
		n -= have
	}
	return v
}

func (b *bitReader) over() bool { return b.at > b.bits }

// bitWriter puts bits behind each other, most significant first.
type bitWriter struct {
	out [maxBytes]byte
	at  int
}

func (b *bitWriter) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		b.out[b.at/8] |= byte(v>>i&1) << (7 - b.at%8)
		b.at++
	}
}

// pow10 is 10 to the n, n up to 19.
func pow10(n int) uint64 {
	v := uint64(1)
	for range n {
		v *= 10
	}
	return v
}
