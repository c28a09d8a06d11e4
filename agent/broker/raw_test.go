package broker_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// A client of raw MQTT 3.1.1 bytes, written from the standard and sharing
// nothing with the libraries on either side.

const (
	pktConnect    = 1
	pktConnack    = 2
	pktPublish    = 3
	pktPuback     = 4
	pktSubscribe  = 8
	pktSuback     = 9
	pktUnsub      = 10
	pktUnsuback   = 11
	pktPingreq    = 12
	pktPingresp   = 13
	pktDisconnect = 14
)

// deadline bounds every wait of the tests; nothing waits that long when all is
// well.
const deadline = 10 * time.Second

type packet struct {
	kind, flags byte
	body        []byte
}

func (p packet) id() uint16 { return binary.BigEndian.Uint16(p.body) }

// message splits a PUBLISH.
func (p packet) message() (topic string, id uint16, payload []byte) {
	n := int(binary.BigEndian.Uint16(p.body))
	topic, rest := string(p.body[2:2+n]), p.body[2+n:]
	if p.flags>>1&3 > 0 {
		id, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	return topic, id, rest
}

func field(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func encode(kind, flags byte, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	out := []byte{kind<<4 | flags}
	for n := len(all); ; {
		b := byte(n % 128)
		if n /= 128; n > 0 {
			b |= 128
		}
		out = append(out, b)
		if n == 0 {
			break
		}
	}
	return append(out, all...)
}

type connectOpts struct {
	id, user, pass  string
	willTopic, will string
	willQoS         byte
	keepAlive       uint16
	dirty           bool // clean session off
	version         byte // 0 = 4
	protocol        string
	noWillRetain    bool
}

func encodeConnect(o connectOpts) []byte {
	if o.version == 0 {
		o.version = 4
	}
	if o.protocol == "" {
		o.protocol = "MQTT"
	}
	if o.keepAlive == 0 {
		o.keepAlive = 60
	}
	var flags byte
	if !o.dirty {
		flags |= 2
	}
	payload := field([]byte(o.id))
	if o.willTopic != "" {
		flags |= 4 | o.willQoS<<3
		if !o.noWillRetain {
			flags |= 32
		}
		payload = append(payload, field([]byte(o.willTopic))...)
		payload = append(payload, field([]byte(o.will))...)
	}
	if o.user != "" {
		flags |= 128
		payload = append(payload, field([]byte(o.user))...)
	}
	if o.pass != "" {
		flags |= 64
		payload = append(payload, field([]byte(o.pass))...)
	}
	return encode(pktConnect, 0, field([]byte(o.protocol)), []byte{o.version, flags}, binary.BigEndian.AppendUint16(nil, o.keepAlive), payload)
}

func encodePublish(topic string, qos byte, id uint16, payload string, retain bool) []byte {
	flags := qos << 1
	if retain {
		flags |= 1
	}
	head := field([]byte(topic))
	if qos > 0 {
		head = binary.BigEndian.AppendUint16(head, id)
	}
	return encode(pktPublish, flags, head, []byte(payload))
}

func encodeSubscribe(id uint16, qos byte, filters ...string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	for _, f := range filters {
		body = append(append(body, field([]byte(f))...), qos)
	}
	return encode(pktSubscribe, 2, body)
}

type raw struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dialRaw(t *testing.T, addr string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &raw{t, c, bufio.NewReader(c)}
}

// connectRaw connects and requires the CONNACK to accept.
func connectRaw(t *testing.T, addr string, o connectOpts) *raw {
	t.Helper()
	c := dialRaw(t, addr)
	if code := c.connect(o); code != 0 {
		t.Fatalf("CONNACK code %d for %s", code, o.id)
	}
	return c
}

// connect returns the CONNACK code, -1 when the connection was closed instead.
func (c *raw) connect(o connectOpts) int {
	c.t.Helper()
	c.send(encodeConnect(o))
	p, err := c.next(deadline)
	if err != nil {
		return -1
	}
	if p.kind != pktConnack || len(p.body) != 2 {
		c.t.Fatalf("want CONNACK, got %+v", p)
	}
	return int(p.body[1])
}

func (c *raw) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// next reads one packet.
func (c *raw) next(within time.Duration) (packet, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	first, err := c.r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	n, shift := 0, 0
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return packet{}, err
		}
		n |= int(b&127) << shift
		if shift += 7; b < 128 {
			break
		}
	}
	body := make([]byte, n)
	_, err = io.ReadFull(c.r, body)
	return packet{first >> 4, first & 15, body}, err
}

func (c *raw) want(kind byte) packet {
	c.t.Helper()
	p, err := c.next(deadline)
	if err != nil {
		c.t.Fatalf("want packet type %d: %v", kind, err)
	}
	if p.kind != kind {
		c.t.Fatalf("want packet type %d, got %d %q", kind, p.kind, p.body)
	}
	return p
}

// wantClosed requires the broker to close the connection, without a PUBACK
// before.
func (c *raw) wantClosed() {
	c.t.Helper()
	for {
		p, err := c.next(deadline)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.t.Fatal("connection still open")
		}
		if err != nil {
			return
		}
		if p.kind == pktPuback {
			c.t.Fatal("PUBACK before the connection was closed")
		}
	}
}

func (c *raw) subscribe(id uint16, qos byte, filters ...string) []byte {
	c.t.Helper()
	c.send(encodeSubscribe(id, qos, filters...))
	for {
		p, err := c.next(deadline)
		if err != nil {
			c.t.Fatalf("SUBACK: %v", err)
		}
		if p.kind == pktSuback {
			if p.id() != id {
				c.t.Fatalf("SUBACK for %d, want %d", p.id(), id)
			}
			return p.body[2:]
		}
	}
}
