package vda5050

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of this package.
var (
	// ErrMalformed: the bytes are not a message of VDA 5050.
	ErrMalformed = errors.New("vda5050: malformed message")
	// ErrInvalid: what should be written breaks a rule of the standard.
	ErrInvalid = errors.New("vda5050: invalid message")
	// ErrTooBig: the message is larger than any robot's or broker's limit.
	ErrTooBig = errors.New("vda5050: message too big")
)

// MaxMessage is the longest message read or written, in bytes: what the
// embedded broker takes.
const MaxMessage = 60 << 10

// Names of topics (6.3). Changing one breaks every robot.
const (
	TopicOrder          = "order"
	TopicInstantActions = "instantActions"
	TopicState          = "state"
	TopicConnection     = "connection"
	TopicFactsheet      = "factsheet"
)

// Topic is "interface/major/manufacturer/serial/name", "uagv/v2/KIT/R1/order".
func Topic(iface, major, manufacturer, serial, name string) string {
	return strings.Join([]string{iface, major, manufacturer, serial, name}, "/")
}

// ValidLevel reports whether s may be one level of a topic: 1 to 64 of
// A-Z a-z 0-9 _ . : - (6.3).
func ValidLevel(s string) bool { return validID(s, 64) }

// validID allows the characters 6.1 recommends for ids.
func validID(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_.:-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// Header opens every message.
type Header struct {
	HeaderID     uint32 `json:"headerId"`
	Timestamp    string `json:"timestamp"`
	Version      string `json:"version"`
	Manufacturer string `json:"manufacturer"`
	SerialNumber string `json:"serialNumber"`
}

// Time reads the timestamp. Any fraction is taken, a missing zone is UTC.
// The zero time: it cannot be read.
func (h Header) Time() time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, h.Timestamp); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// FormatTime is the form 2.x prescribes: UTC, two digits of a second.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.00Z") }

// Writer makes the headers of everything written to one robot: headerId counts
// each topic by 1 from 0 on. A new master begins at 0 again, which the standard
// allows; it never jumps. Not safe for concurrent use.
type Writer struct {
	Version, Manufacturer, Serial string

	orders, instants uint32
}

// Order is the header of the next order message, a resend too.
func (w *Writer) Order(now time.Time) Header { return w.header(&w.orders, now) }

// Instant is the header of the next instantActions message.
func (w *Writer) Instant(now time.Time) Header { return w.header(&w.instants, now) }

func (w *Writer) header(next *uint32, now time.Time) Header {
	h := Header{*next, FormatTime(now), w.Version, w.Manufacturer, w.Serial}
	*next++
	return h
}

// Frame puts a header in front of a body made by [EncodeOrder] or
// [EncodeAction]. The bytes of the body stay as they are.
func Frame(h Header, body []byte) ([]byte, error) {
	if len(body) < 2 || body[0] != '{' || body[1] == '}' {
		return nil, fmt.Errorf("%w: no body", ErrInvalid)
	}
	if h.Version == "" || !ValidLevel(h.Manufacturer) || !ValidLevel(h.SerialNumber) {
		return nil, fmt.Errorf("%w: header of %q %q version %q", ErrInvalid, h.Manufacturer, h.SerialNumber, h.Version)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrInvalid, err)
	}
	out := append(head[:len(head)-1], ',')
	out = append(out, body[1:]...)
	if len(out) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrTooBig, len(out), MaxMessage)
	}
	return out, nil
}

// decode reads one JSON object tolerantly.
func decode(data []byte, into any, what string) error {
	if len(data) > MaxMessage {
		return fmt.Errorf("%w: %s of %d bytes, the most is %d", ErrTooBig, what, len(data), MaxMessage)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, what, err)
	}
	return nil
}
