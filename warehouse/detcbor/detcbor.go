// Package detcbor reads and writes plain records in core deterministic CBOR (RFC
// 8949 section 4.2.1) with integer keys, as the general library does and several
// times as fast: it works a type out once and takes nothing but the one encoding.
//
// Bytes are those of the library, and what [Set.Unmarshal] takes the library takes
// with the same value; tests hold the two against each other. Whatever this
// package does not do (another type, another form, something wrong) it leaves to
// the library by saying no. A [Set] never
// changes and is safe for use by many goroutines.
package detcbor

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxArray is the longest array that is read.
const MaxArray = 16384

// maxFields keeps the head of a map and a key of it in two bytes each.
const maxFields = 255

// The major types.
const (
	majorUint  = 0 << 5
	majorNeg   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5

	cborFalse = 0xf4
	cborTrue  = 0xf5
	cborNull  = 0xf6
)

// plan is how a type is written. A nil plan is a type this package leaves alone.
type plan struct {
	kind   reflect.Kind
	typ    reflect.Type
	elem   *plan // of slices and pointers
	fields []field
}

type field struct {
	key   uint64
	index int
	omit  bool
	plan  *plan
}

// Set is the types that are read and written here. It is made once and then only
// looked up.
type Set map[reflect.Type]*plan

// Compile makes the set of the types of some values. A type that has to be left
// to the library is not in it.
func Compile(values ...any) Set {
	s := make(Set, len(values))
	for _, v := range values {
		t := reflect.TypeOf(v)
		if p := work(t, nil); p != nil {
			s[t] = p
		}
	}
	return s
}

// Has tells whether values of v's type are read and written here.
func (s Set) Has(v any) bool { return s[reflect.TypeOf(v)] != nil }

// of is the plan and the value behind a pointer; nil when the library has to.
func (s Set) of(ptr any) (*plan, reflect.Value) {
	v := reflect.ValueOf(ptr)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, v
	}
	v = v.Elem()
	return s[v.Type()], v
}

// work makes the plan of a type; around are the types it stands in, for one that
// holds itself is left alone.
func work(t reflect.Type, around []reflect.Type) *plan {
	if slices.Contains(around, t) || t.NumMethod() > 0 && marshals(t) || marshals(reflect.PointerTo(t)) {
		return nil
	}
	around = append(slices.Clone(around), t)
	p := &plan{kind: t.Kind(), typ: t}
	switch t.Kind() {
	case reflect.String, reflect.Bool,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return p
	case reflect.Slice, reflect.Pointer:
		if t.Elem().Kind() == reflect.Uint8 && t.Kind() == reflect.Slice {
			if t.Elem() != reflect.TypeFor[byte]() {
				return nil
			}
			p.elem = nil
			return p
		}
		if t.Elem().Kind() == reflect.Pointer {
			return nil
		}
		if p.elem = work(t.Elem(), around); p.elem == nil {
			return nil
		}
		return p
	case reflect.Struct:
		return p.structure(around)
	}
	return nil
}

// marshals tells whether a type says itself how it is written.
func marshals(t reflect.Type) bool {
	for _, m := range []string{"MarshalCBOR", "UnmarshalCBOR", "MarshalBinary", "UnmarshalBinary", "MarshalText", "UnmarshalText"} {
		if _, has := t.MethodByName(m); has {
			return true
		}
	}
	return false
}

// structure adds the fields in the order of their keys.
func (p *plan) structure(around []reflect.Type) *plan {
	for i := range p.typ.NumField() {
		f := p.typ.Field(i)
		tag := f.Tag.Get("cbor")
		if tag == "-" {
			continue
		}
		name, opts, _ := strings.Cut(tag, ",")
		key, err := strconv.ParseUint(name, 10, 8)
		if err != nil || !f.IsExported() || f.Anonymous {
			return nil
		}
		omit := false
		switch opts {
		case "keyasint":
		case "keyasint,omitempty":
			omit = true
		default:
			return nil
		}
		inner := work(f.Type, around)
		if inner == nil || omit && inner.kind == reflect.Struct {
			return nil
		}
		p.fields = append(p.fields, field{key: key, index: i, omit: omit, plan: inner})
	}
	slices.SortFunc(p.fields, func(a, b field) int { return int(a.key) - int(b.key) })
	for i := 1; i < len(p.fields); i++ {
		if p.fields[i].key == p.fields[i-1].key {
			return nil
		}
	}
	if len(p.fields) > maxFields {
		return nil
	}
	return p
}

// Append writes what ptr points to behind dst; false when the library has to.
func (s Set) Append(dst []byte, ptr any) ([]byte, bool) {
	p, v := s.of(ptr)
	if p == nil {
		return dst, false
	}
	return p.append(dst, v), true
}

// head writes a major type and its number in the shortest form.
func head(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return append(dst, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func (p *plan) append(dst []byte, v reflect.Value) []byte {
	switch p.kind {
	case reflect.String:
		s := v.String()
		return append(head(dst, majorText, uint64(len(s))), s...)
	case reflect.Bool:
		if v.Bool() {
			return append(dst, cborTrue)
		}
		return append(dst, cborFalse)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < 0 {
			return head(dst, majorNeg, uint64(-1-n))
		}
		return head(dst, majorUint, uint64(v.Int()))
	case reflect.Slice:
		if v.IsNil() {
			return append(dst, cborNull)
		}
		if p.elem == nil {
			b := v.Bytes()
			return append(head(dst, majorBytes, uint64(len(b))), b...)
		}
		n := v.Len()
		dst = head(dst, majorArray, uint64(n))
		for i := range n {
			dst = p.elem.append(dst, v.Index(i))
		}
		return dst
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, cborNull)
		}
		return p.elem.append(dst, v.Elem())
	case reflect.Struct:
		return p.appendFields(dst, v)
	}
	return head(dst, majorUint, v.Uint())
}

// appendFields writes the head last: how many there are shows on the way.
func (p *plan) appendFields(dst []byte, v reflect.Value) []byte {
	at := len(dst)
	dst = append(dst, majorMap)
	n := 0
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.index)
		if f.omit && f.plan.empty(fv) {
			continue
		}
		n++
		dst = f.plan.append(head(dst, majorUint, f.key), fv)
	}
	if n < 24 {
		dst[at] = majorMap | byte(n)
		return dst
	}
	dst = slices.Insert(dst, at+1, byte(n))
	dst[at] = majorMap | 24
	return dst
}

// empty tells whether omitempty leaves the value out.
func (p *plan) empty(v reflect.Value) bool {
	switch p.kind {
	case reflect.String, reflect.Slice:
		return v.Len() == 0
	case reflect.Bool:
		return !v.Bool()
	case reflect.Pointer:
		return v.IsNil()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int() == 0
	}
	return v.Uint() == 0
}

// Unmarshal reads b into what ptr points to, which must be the zero value; false
// when the library has to look at it, and it may hold anything then.
func (s Set) Unmarshal(b []byte, ptr any) bool {
	p, v := s.of(ptr)
	if p == nil {
		return false
	}
	d := reader{b: b, all: string(b)}
	return d.read(p, v) && len(d.b) == 0
}

// reader holds what is not read yet, and a copy of everything: the texts of a
// record are parts of it and cost no memory of their own.
type reader struct {
	b   []byte
	all string
}

// head reads a major type and its number, refusing any but the shortest form.
func (d *reader) head() (major byte, n uint64, ok bool) {
	if len(d.b) == 0 {
		return 0, 0, false
	}
	major, low := d.b[0]&0xe0, d.b[0]&0x1f
	if low < 24 {
		d.b = d.b[1:]
		return major, uint64(low), true
	}
	if low > 27 {
		return 0, 0, false
	}
	size := 1 << (low - 24)
	if len(d.b) <= size {
		return 0, 0, false
	}
	least := uint64(24)
	switch size {
	case 1:
		n = uint64(d.b[1])
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(d.b[1:])), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(d.b[1:])), 1<<16
	default:
		n, least = binary.BigEndian.Uint64(d.b[1:]), 1<<32
	}
	d.b = d.b[1+size:]
	return major, n, n >= least
}

// null takes a null off, if one is next.
func (d *reader) null() bool {
	if len(d.b) > 0 && d.b[0] == cborNull {
		d.b = d.b[1:]
		return true
	}
	return false
}

func (d *reader) read(p *plan, v reflect.Value) bool {
	switch p.kind {
	case reflect.String:
		s, ok := d.bytes(majorText)
		if !ok || !utf8.Valid(s) {
			return false
		}
		end := len(d.all) - len(d.b)
		v.SetString(d.all[end-len(s) : end])
		return true
	case reflect.Bool:
		if len(d.b) == 0 || d.b[0] != cborTrue && d.b[0] != cborFalse {
			return false
		}
		v.SetBool(d.b[0] == cborTrue)
		d.b = d.b[1:]
		return true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		major, n, ok := d.head()
		if !ok || n > 1<<63-1 || major != majorUint && major != majorNeg {
			return false
		}
		i := int64(n)
		if major == majorNeg {
			i = -1 - i
		}
		if v.OverflowInt(i) {
			return false
		}
		v.SetInt(i)
		return true
	case reflect.Slice:
		return d.null() || d.slice(p, v)
	case reflect.Pointer:
		if d.null() {
			return true
		}
		v.Set(reflect.New(p.elem.typ))
		return d.read(p.elem, v.Elem())
	case reflect.Struct:
		return d.structure(p, v)
	}
	major, n, ok := d.head()
	if !ok || major != majorUint || v.OverflowUint(n) {
		return false
	}
	v.SetUint(n)
	return true
}

func (d *reader) bytes(major byte) ([]byte, bool) {
	m, n, ok := d.head()
	if !ok || m != major || n > uint64(len(d.b)) {
		return nil, false
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s, true
}

func (d *reader) slice(p *plan, v reflect.Value) bool {
	if p.elem == nil {
		s, ok := d.bytes(majorBytes)
		if ok {
			v.SetBytes(append(make([]byte, 0, len(s)), s...))
		}
		return ok
	}
	major, n, ok := d.head()
	// No element is shorter than a byte: a false length costs no memory.
	if !ok || major != majorArray || n > MaxArray || n > uint64(len(d.b)) {
		return false
	}
	s := reflect.MakeSlice(p.typ, int(n), int(n))
	for i := range int(n) {
		if !d.read(p.elem, s.Index(i)) {
			return false
		}
	}
	v.Set(s)
	return true
}

// structure reads fields with rising keys, none twice and none unknown.
func (d *reader) structure(p *plan, v reflect.Value) bool {
	major, n, ok := d.head()
	if !ok || major != majorMap || n > uint64(len(p.fields)) {
		return false
	}
	next := 0
	for range n {
		major, key, ok := d.head()
		if !ok || major != majorUint {
			return false
		}
		for next < len(p.fields) && p.fields[next].key < key {
			next++
		}
		if next == len(p.fields) || p.fields[next].key != key {
			return false
		}
		f := &p.fields[next]
		next++
		if !d.read(f.plan, v.Field(f.index)) {
			return false
		}
	}
	return true
}
