package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Field is one field of a node: uint64, int64, bool (one bit), string, []byte,
// []uint64 or Bits.
type Field struct {
	Name  string
	Value any
}

// Bits is a bit array: Count bits, first bit first, in (Count+7)/8 bytes.
type Bits struct {
	Count int
	Data  []byte
}

// Node is a message or parameter as a tree. A parameter that the table does not
// know has its bytes in Rest.
type Node struct {
	Type   uint16
	TV     bool // a parameter without a length
	Fields []Field
	Params []*Node
	// Rest is what could not be read: an unknown parameter's body, or what lies
	// behind an unknown TV.
	Rest []byte

	def *def
}

// Name is the node's name, "parameter 900" when it is not known.
func (n *Node) Name() string {
	if n.def != nil {
		return n.def.name
	}
	return fmt.Sprintf("parameter %d", n.Type)
}

// Parse reads the body of a message into a tree. The error is ErrLength or
// ErrSize.
func Parse(t Type, body []byte) (*Node, error) {
	n := &Node{Type: uint16(t), def: messages[uint16(t)]}
	left := maxNodes
	return n, n.parse(body, &left, 0)
}

func (n *Node) parse(body []byte, left *int, depth int) error {
	if *left--; *left < 0 || depth > maxDepth {
		return ErrSize
	}
	if n.def == nil {
		if len(body) > 0 {
			n.Rest = body
		}
		return nil
	}
	var err error
	if body, err = n.parseFields(body); err != nil {
		return fmt.Errorf("%s: %w", n.def.name, err)
	}
	for len(body) > 0 {
		one, rest, ok, err := next(body)
		if err != nil {
			return fmt.Errorf("%s: %w", n.def.name, err)
		}
		if !ok {
			n.Rest = body
			return nil
		}
		child := &Node{Type: one.typ, TV: one.tv, def: tlvs[one.typ]}
		if one.tv {
			child.def = tvs[one.typ]
		}
		if err := child.parse(one.body, left, depth+1); err != nil {
			return fmt.Errorf("%s: %w", n.def.name, err)
		}
		n.Params, body = append(n.Params, child), rest
	}
	return nil
}

// parseFields takes the fields off the front of a body.
func (n *Node) parseFields(b []byte) ([]byte, error) {
	bit := 0 // of the first byte that are used
	n.Fields = make([]Field, 0, len(n.def.fields))
	for _, f := range n.def.fields {
		var v any
		count := 0
		switch f.kind {
		case kindText, kindBytes, kindBits, kindList:
			if len(b) < 2 {
				return nil, fmt.Errorf("%w: no room for the count of %s", ErrLength, f.name)
			}
			count, b = int(binary.BigEndian.Uint16(b)), b[2:]
		}
		size := f.bytes(count, len(b))
		if len(b) < size || f.width%8 != 0 && len(b) == 0 {
			return nil, fmt.Errorf("%w: %s needs %d bytes of %d", ErrLength, f.name, size, len(b))
		}
		switch {
		case f.width%8 != 0 && f.kind <= kindPad: // within one byte
			u := uint64(b[0]) << bit & 0xFF >> (8 - f.width)
			bit += f.width
			if bit == 8 {
				b, bit = b[1:], 0
			}
			if v = u; f.width == 1 {
				v = u == 1
			}
			if f.kind == kindPad {
				continue
			}
		default:
			v, b = f.value(b[:size], count), b[size:]
			if f.kind == kindPad {
				continue
			}
		}
		n.Fields = append(n.Fields, Field{f.name, v})
	}
	return b, nil
}

// bytes is how many a field takes, with its count and of what is left.
func (f fieldDef) bytes(count, left int) int {
	switch f.kind {
	case kindText, kindBytes:
		return count
	case kindBits:
		return (count + 7) / 8
	case kindList:
		return count * f.width / 8
	case kindRest:
		return left
	}
	return f.width / 8
}

// value reads a field of whole bytes.
func (f fieldDef) value(b []byte, count int) any {
	switch f.kind {
	case kindUint:
		return number(b)
	case kindInt:
		shift := 64 - f.width
		return int64(number(b)<<shift) >> shift
	case kindText:
		return string(b)
	case kindBits:
		return Bits{count, b}
	case kindList:
		list := make([]uint64, count)
		for i := range list {
			list[i] = number(b[i*f.width/8 : (i+1)*f.width/8])
		}
		return list
	}
	return b
}

func number(b []byte) (u uint64) {
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	return u
}

// New makes a parameter by name, with fields by name; those left out are zero.
// It panics on a name that is not in the table: requests are written in code.
func New(name string, fields map[string]any, params ...*Node) *Node {
	for _, t := range []map[uint16]*def{tlvs, tvs} {
		for typ, d := range t {
			if d.name == name {
				return newNode(typ, typ < 128, d, fields, params)
			}
		}
	}
	panic("llrp: no parameter " + name)
}

// Message makes a message with its fields and parameters, as New does.
func Message(t Type, fields map[string]any, params ...*Node) *Node {
	d := messages[uint16(t)]
	if d == nil {
		panic("llrp: no " + t.String())
	}
	return newNode(uint16(t), false, d, fields, params)
}

func newNode(typ uint16, tv bool, d *def, fields map[string]any, params []*Node) *Node {
	n := &Node{Type: typ, TV: tv, def: d, Params: params}
	for _, f := range d.fields {
		if f.kind == kindPad {
			continue
		}
		v, given := fields[f.name]
		if !given {
			v = f.zero()
		} else if i, isInt := v.(int); isInt {
			if v = uint64(i); f.kind == kindInt {
				v = int64(i)
			}
		}
		n.Fields = append(n.Fields, Field{f.name, v})
	}
	for name := range fields {
		if n.Get(name) == nil {
			panic("llrp: " + d.name + " has no " + name)
		}
	}
	return n
}

func (f fieldDef) zero() any {
	switch f.kind {
	case kindUint:
		if f.width == 1 {
			return false
		}
		return uint64(0)
	case kindInt:
		return int64(0)
	case kindText:
		return ""
	case kindBits:
		return Bits{}
	case kindList:
		return []uint64{}
	}
	return make([]byte, f.width/8)
}

// Body writes the node without its own header. The error is ErrLayout or
// ErrLength.
func (n *Node) Body() ([]byte, error) { return n.append(nil, 0) }

func (n *Node) append(b []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, ErrSize
	}
	if n.def == nil {
		return append(b, n.Rest...), nil
	}
	i, bit := 0, 0
	for _, f := range n.def.fields {
		var v any = uint64(0)
		if f.kind != kindPad {
			if i >= len(n.Fields) || n.Fields[i].Name != f.name {
				return nil, fmt.Errorf("%w: %s of %s", ErrLayout, f.name, n.def.name)
			}
			v = n.Fields[i].Value
			i++
		}
		var err error
		if b, err = f.append(b, v, &bit); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.name, n.def.name, err)
		}
	}
	for _, p := range n.Params {
		start := len(b)
		if p.TV {
			b = append(b, 0x80|byte(p.Type))
		} else {
			b = append(binary.BigEndian.AppendUint16(b, p.Type&0x3FF), 0, 0)
		}
		var err error
		if b, err = p.append(b, depth+1); err != nil {
			return nil, err
		}
		if size := len(b) - start; !p.TV {
			if size > 0xFFFF {
				return nil, fmt.Errorf("%w: %s of %d bytes", ErrLength, p.Name(), size)
			}
			binary.BigEndian.PutUint16(b[start+2:], uint16(size))
		}
	}
	return append(b, n.Rest...), nil
}

// append writes one field; bit is how many bits of the last byte are used.
func (f fieldDef) append(b []byte, v any, bit *int) ([]byte, error) {
	counted := func(n int) []byte { return binary.BigEndian.AppendUint16(b, uint16(n)) }
	if f.width%8 != 0 && f.kind <= kindPad {
		u, ok := v.(uint64)
		if on, flag := v.(bool); flag {
			if ok = true; on {
				u = 1
			}
		}
		if !ok || u >= 1<<f.width {
			return nil, ErrLayout
		}
		if *bit == 0 {
			b = append(b, 0)
		}
		b[len(b)-1] |= byte(u << (8 - f.width - *bit))
		*bit = (*bit + f.width) % 8
		return b, nil
	}
	switch v := v.(type) {
	case uint64:
		return appendNumber(b, v, f.width), nil
	case int64:
		return appendNumber(b, uint64(v), f.width), nil
	case string:
		if f.kind == kindText && len(v) <= 0xFFFF {
			return append(counted(len(v)), v...), nil
		}
	case Bits:
		if f.kind == kindBits && v.Count <= 0xFFFF && len(v.Data) == (v.Count+7)/8 {
			return append(counted(v.Count), v.Data...), nil
		}
	case []uint64:
		if f.kind == kindList && len(v) <= 0xFFFF {
			b = counted(len(v))
			for _, u := range v {
				b = appendNumber(b, u, f.width)
			}
			return b, nil
		}
	case []byte:
		switch {
		case f.kind == kindBytes && len(v) <= 0xFFFF:
			return append(counted(len(v)), v...), nil
		case f.kind == kindRest, f.kind == kindRaw && len(v) == f.width/8:
			return append(b, v...), nil
		}
	}
	return nil, ErrLayout
}

func appendNumber(b []byte, u uint64, width int) []byte {
	for shift := width - 8; shift >= 0; shift -= 8 {
		b = append(b, byte(u>>shift))
	}
	return b
}

// Find gives the first parameter called name that lies directly in n, or nil.
// It may be called on nil.
func (n *Node) Find(name string) *Node {
	for _, p := range n.All(name) {
		return p
	}
	return nil
}

// All gives the parameters called name that lie directly in n.
func (n *Node) All(name string) (out []*Node) {
	if n == nil {
		return nil
	}
	for _, p := range n.Params {
		if p.def != nil && p.def.name == name {
			out = append(out, p)
		}
	}
	return out
}

// Get gives a field's value, nil when there is none. It may be called on nil.
func (n *Node) Get(name string) any {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Num gives a number or flag as an int, 0 when there is none.
func (n *Node) Num(name string) int {
	switch v := n.Get(name).(type) {
	case uint64:
		return int(v)
	case int64:
		return int(v)
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

// Text gives a text, "" when there is none. What is no UTF-8 is replaced.
func (n *Node) Text(name string) string {
	s, _ := n.Get(name).(string)
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// String tells the node in words: "AntennaEvent{EventType 0 AntennaID 2}".
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	b.WriteString(n.Name())
	if len(n.Fields)+len(n.Params)+len(n.Rest) == 0 {
		return
	}
	sep := "{"
	item := func() {
		b.WriteString(sep)
		sep = " "
	}
	for _, f := range n.Fields {
		item()
		b.WriteString(f.Name + " ")
		switch v := f.Value.(type) {
		case []byte:
			b.WriteString(strings.ToUpper(hex.EncodeToString(v)))
		case Bits:
			b.WriteString(strings.ToUpper(hex.EncodeToString(v.Data)))
		case string:
			fmt.Fprintf(b, "%q", v)
		default:
			fmt.Fprint(b, v)
		}
	}
	for _, p := range n.Params {
		item()
		p.write(b)
	}
	if len(n.Rest) > 0 {
		item()
		fmt.Fprintf(b, "%d bytes unread", len(n.Rest))
	}
	b.WriteString("}")
}
