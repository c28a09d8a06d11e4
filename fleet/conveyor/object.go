package conveyor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// object reads one JSON object field by field. Struct decoding would take
// fields in any case and silently keep the last of two. The first thing wrong
// is kept in err; after it the getters give zero values.
type object struct {
	fields map[string]json.RawMessage
	err    error
}

// open takes the object apart. Numbers, lists and objects inside stay raw.
func open(raw []byte) (*object, error) {
	switch {
	case len(raw) > MaxPayload:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(raw), MaxPayload)
	case !utf8.Valid(raw):
		return nil, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	o := &object{fields: map[string]json.RawMessage{}}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		key, _ := tok.(string) // keys are strings, says the decoder
		if _, twice := o.fields[key]; twice {
			return nil, fmt.Errorf("%w: field %.40q twice", ErrMalformed, key)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w: field %.40q: %w", ErrMalformed, key, err)
		}
		o.fields[key] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the object", ErrMalformed)
	}
	return o, nil
}

// done is the first error, also when a field was not asked for.
func (o *object) done() error {
	if o.err == nil && len(o.fields) > 0 {
		o.fail(slices.Sorted(maps.Keys(o.fields))[0], "unknown")
	}
	return o.err
}

func (o *object) fail(key, why string) {
	if o.err == nil {
		o.err = fmt.Errorf("%w: field %.40q: %s", ErrMalformed, key, why)
	}
}

// has says whether an optional field is there.
func (o *object) has(key string) bool {
	_, ok := o.fields[key]
	return ok
}

// take hands out a field once.
func (o *object) take(key string) json.RawMessage {
	raw, ok := o.fields[key]
	if !ok {
		o.fail(key, "missing")
	}
	delete(o.fields, key)
	if o.err != nil {
		return nil
	}
	return raw
}

func (o *object) text(key string, ok func(string) bool) string {
	raw := o.take(key)
	if raw == nil {
		return ""
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		o.fail(key, "not a text")
		return ""
	}
	if !ok(s) {
		o.fail(key, fmt.Sprintf("%.80q is not allowed", s))
		return ""
	}
	return s
}

func (o *object) oneOf(key string, words []string) string {
	return o.text(key, func(s string) bool { return slices.Contains(words, s) })
}

// integer takes whole numbers only: 1.0 and 1e3 are no counts.
func (o *object) integer(key string, low, high int64) int64 {
	raw := o.take(key)
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < low || n > high {
		o.fail(key, fmt.Sprintf("%.40s is not a whole number from %d to %d", raw, low, high))
		return 0
	}
	return n
}

func (o *object) flag(key string) bool {
	raw := o.take(key)
	if raw != nil && string(raw) != "true" && string(raw) != "false" {
		o.fail(key, "neither true nor false")
	}
	return string(raw) == "true"
}

func (o *object) time(key string) time.Time {
	var at time.Time
	o.text(key, func(s string) (ok bool) {
		var err error
		at, err = time.Parse(timeLayout, s)
		return err == nil && at.Format(timeLayout) == s // no leap seconds, no other fractions
	})
	return at
}

func (o *object) list(key string, most int) []json.RawMessage {
	raw := o.take(key)
	if raw == nil {
		return nil
	}
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		o.fail(key, "not a list")
		return nil
	}
	if len(items) > most {
		o.fail(key, fmt.Sprintf("%d entries, at most %d", len(items), most))
		return nil
	}
	return items
}

func (o *object) texts(key string, most int, ok func(string) bool) []string {
	var out []string
	for _, raw := range o.list(key, most) {
		one := &object{fields: map[string]json.RawMessage{key: raw}, err: o.err}
		out = append(out, one.text(key, ok))
		o.err = one.err
	}
	return out
}

// each reads a list of objects.
func (o *object) each(key string, read func(*object)) {
	for i, raw := range o.list(key, MaxEntries) {
		if o.err != nil {
			return
		}
		one, err := open(raw)
		if err == nil {
			read(one)
			err = one.done()
		}
		if err != nil {
			o.fail(key, fmt.Sprintf("entry %d: %v", i, err))
		}
	}
}

// crockford is the alphabet of a ULID.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ulid allows 26 characters of the alphabet, 128 bits at most.
func ulid(s string) bool { return len(s) == 26 && s[0] <= '7' && strings.Trim(s, crockford) == "" }
