// Package qr draws QR codes (ISO/IEC 18004) for the links by which handhelds are let
// in: text of bytes, error correction level M, versions 1 to 10, which is up to 213
// bytes. Pure functions, no goroutines.
package qr

import (
	"errors"
	"fmt"
	"strings"
)

// ErrTooLong: the text does not fit into the largest version.
var ErrTooLong = errors.New("qr: the text is too long")

// MaxText is the longest text, in bytes.
const MaxText = 213

// Quiet is the light margin around a code, in modules (clause 9.1).
const Quiet = 4

// Code is a symbol: Size modules a side, without the quiet zone.
type Code struct {
	Size int
	dark []bool
	set  []bool // of a function pattern
}

// Dark tells whether a module is; those outside are light.
func (c *Code) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < c.Size && y < c.Size && c.dark[y*c.Size+x]
}

// blocks is how the codewords of a version at level M are split (table 9): groups of
// blocks of so many data codewords, each with ec of error correction.
type blocks struct {
	ec     int
	groups [][2]int // number of blocks, data codewords of each
	align  []int    // centres of alignment patterns (annex E)
}

var versions = []blocks{
	{10, [][2]int{{1, 16}}, nil},
	{16, [][2]int{{1, 28}}, []int{6, 18}},
	{26, [][2]int{{1, 44}}, []int{6, 22}},
	{18, [][2]int{{2, 32}}, []int{6, 26}},
	{24, [][2]int{{2, 43}}, []int{6, 30}},
	{16, [][2]int{{4, 27}}, []int{6, 34}},
	{18, [][2]int{{4, 31}}, []int{6, 22, 38}},
	{22, [][2]int{{2, 38}, {2, 39}}, []int{6, 24, 42}},
	{22, [][2]int{{3, 36}, {2, 37}}, []int{6, 26, 46}},
	{26, [][2]int{{4, 43}, {1, 44}}, []int{6, 28, 50}},
}

func (b blocks) data() (n int) {
	for _, g := range b.groups {
		n += g[0] * g[1]
	}
	return n
}

// Encode makes the code of a text, in the smallest version it fits into and with the
// mask that scanners like best.
func Encode(text string) (*Code, error) {
	for i, b := range versions {
		head := 2 // mode and a length of 8 bits, 12 bits in all
		if i+1 >= 10 {
			head = 3
		}
		if len(text)+head > b.data() {
			continue
		}
		words := interleave(b, payload(text, i+1, b.data()))
		var best *Code
		low := 0
		for mask := range 8 {
			c := draw(i+1, b, words, mask)
			if p := c.penalty(); best == nil || p < low {
				best, low = c, p
			}
		}
		return best, nil
	}
	return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(text), MaxText)
}

// payload is the data codewords: byte mode, the length, the text, the end, padding.
func payload(text string, version, n int) []byte {
	var w bits
	w.put(0b0100, 4)
	if version >= 10 {
		w.put(len(text), 16)
	} else {
		w.put(len(text), 8)
	}
	for i := range len(text) {
		w.put(int(text[i]), 8)
	}
	w.put(0, min(4, n*8-w.n))
	w.put(0, (8-w.n%8)%8)
	for pad := 0xec; len(w.b) < n; pad ^= 0xec ^ 0x11 {
		w.put(pad, 8)
	}
	return w.b
}

type bits struct {
	b []byte
	n int
}

func (w *bits) put(v, count int) {
	for i := count - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// interleave adds the error correction and mixes the blocks (clause 7.6).
func interleave(b blocks, data []byte) (out []byte) {
	var parts, ecs [][]byte
	for _, g := range b.groups {
		for range g[0] {
			parts = append(parts, data[:g[1]])
			ecs = append(ecs, remainder(data[:g[1]], b.ec))
			data = data[g[1]:]
		}
	}
	for _, all := range [][][]byte{parts, ecs} {
		for i := range all[len(all)-1] {
			for _, p := range all {
				if i < len(p) {
					out = append(out, p[i])
				}
			}
		}
	}
	return out
}

// remainder is the Reed-Solomon code of a block over GF(256) with 0x11d.
func remainder(data []byte, n int) []byte {
	gen := make([]byte, n)
	gen[n-1] = 1
	root := byte(1)
	for range n {
		for j := range n {
			gen[j] = mul(gen[j], root)
			if j+1 < n {
				gen[j] ^= gen[j+1]
			}
		}
		root = mul(root, 2)
	}
	rem := make([]byte, n)
	for _, d := range data {
		f := d ^ rem[0]
		copy(rem, rem[1:])
		rem[n-1] = 0
		for j := range n {
			rem[j] ^= mul(gen[j], f)
		}
	}
	return rem
}

func mul(a, b byte) (p byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			p ^= a
		}
		carry := a & 0x80
		a <<= 1
		if carry != 0 {
			a ^= 0x1d
		}
	}
	return p
}

// draw places the patterns and the codewords, under a mask.
func draw(version int, b blocks, words []byte, mask int) *Code {
	size := 17 + 4*version
	c := &Code{size, make([]bool, size*size), make([]bool, size*size)}
	for i := range size { // timing
		c.fix(6, i, i%2 == 0)
		c.fix(i, 6, i%2 == 0)
	}
	c.finder(3, 3)
	c.finder(size-4, 3)
	c.finder(3, size-4)
	for i, x := range b.align {
		for j, y := range b.align {
			last := len(b.align) - 1
			if i == 0 && j == 0 || i == 0 && j == last || i == last && j == 0 {
				continue // the finders
			}
			for dx := -2; dx <= 2; dx++ {
				for dy := -2; dy <= 2; dy++ {
					c.fix(x+dx, y+dy, max(abs(dx), abs(dy)) != 1)
				}
			}
		}
	}
	c.format(mask)
	if version >= 7 {
		c.version(version)
	}
	c.fill(words, mask)
	return c
}

func (c *Code) fix(x, y int, dark bool) {
	c.dark[y*c.Size+x], c.set[y*c.Size+x] = dark, true
}

// finder with its separator, around a centre.
func (c *Code) finder(cx, cy int) {
	for dx := -4; dx <= 4; dx++ {
		for dy := -4; dy <= 4; dy++ {
			if x, y := cx+dx, cy+dy; x >= 0 && y >= 0 && x < c.Size && y < c.Size {
				d := max(abs(dx), abs(dy))
				c.fix(x, y, d != 2 && d != 4)
			}
		}
	}
}

// format places level and mask twice (clause 7.9).
func (c *Code) format(mask int) {
	rem := mask // level M is 00
	for range 10 {
		rem = rem<<1 ^ (rem >> 9 * 0x537)
	}
	v := (mask<<10 | rem) ^ 0x5412
	bit := func(i int) bool { return v>>i&1 == 1 }
	for i := range 6 {
		c.fix(8, i, bit(i))
	}
	c.fix(8, 7, bit(6))
	c.fix(8, 8, bit(7))
	c.fix(7, 8, bit(8))
	for i := 9; i < 15; i++ {
		c.fix(14-i, 8, bit(i))
	}
	for i := range 8 {
		c.fix(c.Size-1-i, 8, bit(i))
	}
	for i := 8; i < 15; i++ {
		c.fix(8, c.Size-15+i, bit(i))
	}
	c.fix(8, c.Size-8, true)
}

// version is placed twice from version 7 on (clause 7.10).
func (c *Code) version(n int) {
	rem := n
	for range 12 {
		rem = rem<<1 ^ (rem >> 11 * 0x1f25)
	}
	v := n<<12 | rem
	for i := range 18 {
		a, b := c.Size-11+i%3, i/3
		c.fix(a, b, v>>i&1 == 1)
		c.fix(b, a, v>>i&1 == 1)
	}
}

// fill places the codewords in the zigzag of clause 7.7.3.
func (c *Code) fill(words []byte, mask int) {
	i := 0
	for right := c.Size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5
		}
		for v := range c.Size {
			for j := range 2 {
				x, y := right-j, v
				if (right+1)&2 == 0 {
					y = c.Size - 1 - v
				}
				if c.set[y*c.Size+x] {
					continue
				}
				dark := i < len(words)*8 && words[i/8]>>(7-i%8)&1 == 1
				i++
				c.dark[y*c.Size+x] = dark != masked(mask, x, y)
			}
		}
	}
}

// masked is the condition of a mask (table 10).
func masked(mask, x, y int) bool {
	switch mask {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (x/3+y/2)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	}
	return ((x+y)%2+x*y%3)%2 == 0
}

// penalty is how hard the code is to scan (clause 7.8.3).
func (c *Code) penalty() (p int) {
	dark := 0
	for a := range c.Size {
		for _, at := range []func(int) bool{func(i int) bool { return c.Dark(i, a) }, func(i int) bool { return c.Dark(a, i) }} {
			p += c.line(at)
		}
		for b := range c.Size {
			if c.Dark(a, b) {
				dark++
			}
			if a+1 < c.Size && b+1 < c.Size && c.Dark(a, b) == c.Dark(a+1, b) && c.Dark(a, b) == c.Dark(a, b+1) && c.Dark(a, b) == c.Dark(a+1, b+1) {
				p += 3
			}
		}
	}
	return p + abs(dark*100/(c.Size*c.Size)-50)/5*10
}

// line is the part of a row or column: long runs, and what looks like a finder.
func (c *Code) line(at func(int) bool) (p int) {
	run, history := 0, 0
	for i := range c.Size {
		if i > 0 && at(i) == at(i-1) {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			p += 3
		case run > 5:
			p++
		}
		history = history << 1 & 0x7ff
		if at(i) {
			history |= 1
		}
		if i >= 10 && (history == 0b10111010000 || history == 0b00001011101) {
			p += 40
		}
	}
	return p
}

func abs(n int) int { return max(n, -n) }

// SVG is the code as a picture that scales, with its quiet zone.
func (c *Code) SVG() string {
	var b strings.Builder
	side := c.Size + 2*Quiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side, side, side)
	for y := range c.Size {
		for x := range c.Size {
			if c.Dark(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+Quiet, y+Quiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}

// Terminal is the code in half blocks, two modules a character high, dark on light
// whatever the colours of the terminal are.
func (c *Code) Terminal() string {
	var b strings.Builder
	for y := -Quiet; y < c.Size+Quiet; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -Quiet; x < c.Size+Quiet; x++ {
			b.WriteString([]string{" ", "▀", "▄", "█"}[one(c.Dark(x, y))+2*one(c.Dark(x, y+1))])
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

func one(dark bool) int {
	if dark {
		return 1
	}
	return 0
}
