package agent

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// rawClient is a client that writes whatever bytes it is told, over MQTT 3.1.1.
type rawClient struct {
	s    *site
	id   string
	conn net.Conn
	in   *bufio.Reader
	next uint16
}

func mqttField(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func mqttPacket(head byte, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append(binary.AppendUvarint([]byte{head}, uint64(len(all))), all...)
}

// connect begins a session of its own, the one before is over.
func (c *rawClient) connect() {
	c.s.t.Helper()
	c.s.eventually(c.id+" is connected", func() bool {
		conn, err := net.Dial("tcp", c.s.mqtt)
		c.s.must(err)
		c.s.must(conn.SetDeadline(time.Now().Add(deadline)))
		_, _ = conn.Write(mqttPacket(0x10, mqttField("MQTT"), []byte{4, 2, 0, 60}, mqttField(c.id)))
		c.conn, c.in = conn, bufio.NewReader(conn)
		head, body := c.read()
		if head == 0x20 && len(body) == 2 && body[1] == 0 {
			return true
		}
		_ = conn.Close()
		return false
	})
}

// read reads one packet; 0 is the end of the connection.
func (c *rawClient) read() (head byte, body []byte) {
	head, err := c.in.ReadByte()
	if err != nil {
		return 0, nil
	}
	n, err := binary.ReadUvarint(c.in)
	if err != nil {
		return 0, nil
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return 0, nil
	}
	return head, body
}

// publish sends a message and tells whether it was acknowledged; else the broker ended
// the connection, and a new one is made.
func (c *rawClient) publish(topic string, payload []byte, flags byte) bool {
	c.s.t.Helper()
	c.next++
	c.s.must(c.conn.SetDeadline(time.Now().Add(deadline)))
	id := binary.BigEndian.AppendUint16(nil, c.next)
	_, _ = c.conn.Write(mqttPacket(0x32|flags, mqttField(topic), id, payload)) // it may be cut off before the end
	for {
		switch head, body := c.read(); {
		case head == 0x40 && bytes.Equal(body, id):
			return true
		case head == 0:
			_ = c.conn.Close()
			c.connect()
			return false
		}
	}
}

// TestPayloadsThatAreTooMuch: on each topic that a device may publish to, messages of
// up to the broker's limit, beyond it and of 6 MB, nested deep, no text, twice and
// retained. What is beyond is cut off and kept nowhere; the rest is answered or left
// alone. The state stays as it is, nothing of the broker breaks, and people work on.
func TestPayloadsThatAreTooMuch(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	s.more = lightsOf + `docks: [{id: dock1, rfid: {driver: ziotc, mqtt: {client_id: RD1, events: zebra/rd1/events, commands: zebra/rd1/cmnd}}}]
fleet:
  map_file: ` + s.write("map.json", `{"id":"floor","nodes":[{"id":"f0"},{"id":"f1","x":4500},{"id":"packdrop","x":2000}],"edges":[{"from":"f0","to":"packdrop"},{"from":"packdrop","to":"f1"}]}`) + `
  robots: [{id: R1, manufacturer: KIT, serial: R1, park: f1, work: transport}]
`
	s.begin()
	p := s.pickerOf(1, "O1", "A1", 1)
	const limit = 64 << 10
	object := func(n int) []byte { // a message that is JSON, of n bytes
		return []byte(`{"cmdId":"c1","seq":1,"verb":"ask","x":"` + strings.Repeat("a", n-42) + `"}`)
	}
	before := s.digest()
	for id, topics := range map[string][]string{
		"handheld:h9": {"tote/v1/s1/handheld/h9/up/cmd", "tote/v1/s1/handheld/h9/up/other", "tote/v1/s1/handheld/h9/state/conn"},
		"light:pl1":   {"tote/v1/s1/light/pl1/up/press", "tote/v1/s1/light/pl1/state/conn"},
		"conveyor:c1": {"tote/v1/s1/conveyor/c1/up/scan", "tote/v1/s1/conveyor/c1/up/divert", "tote/v1/s1/conveyor/c1/state/conn", "tote/v1/s1/conveyor/c1/state/main"},
		"station:x1":  {"tote/v1/s1/station/x1/up/cmd", "tote/v1/s1/station/x1/state/conn"},
		"robot:R1":    {"uagv/v2/KIT/R1/state", "uagv/v2/KIT/R1/connection", "uagv/v2/KIT/R1/factsheet", "uagv/v2/KIT/R1/visualization"},
		"RD1":         {"zebra/rd1/events"},
	} {
		c := &rawClient{s: s, id: id}
		c.connect()
		for _, topic := range topics {
			room := limit - len(topic) - 16 // of the packet
			for name, m := range map[string]struct {
				payload []byte
				flags   byte // 1 retained, 8 again
				tooMuch bool
			}{
				"nothing":          {nil, 0, false},
				"near the limit":   {object(room), 0, false},
				"beyond the limit": {object(limit + 1), 0, true},
				"6 MB":             {bytes.Repeat([]byte("[{"), 3<<20), 0, true},
				"deep arrays":      {bytes.Repeat([]byte("["), room), 0, false},
				"deep objects":     {[]byte(strings.Repeat(`{"a":`, room/6) + "1" + strings.Repeat("}", room/6)), 0, false},
				"a long number":    {[]byte(`{"seq":` + strings.Repeat("9", room-10) + `}`), 0, false},
				"no text":          {bytes.Repeat([]byte{0xff, 0xc0, 0x00, '"'}, 1000), 0, false},
				"half a surrogate": {[]byte(`{"cmdId":"\ud800","seq":1,"verb":"ask"}`), 0, false},
				"said to be again": {object(500), 8, false},
				"retained":         {object(500), 1, false},
				"null":             {[]byte("null"), 0, false},
			} {
				acked := c.publish(topic, m.payload, m.flags)
				up := strings.Contains(topic, "/up/")
				if want := !m.tooMuch && (m.flags&1 == 0 || !up); acked != want {
					t.Errorf("%s: %s: acknowledged %v", topic, name, acked)
				}
			}
		}
		_ = c.conn.Close()
	}
	if s.digest() != before {
		t.Error("the state changed")
	}
	p.until("ask")
	if n := s.gw.agent.broker.Stats(); n.Panics != 0 || n.Withheld != 0 {
		t.Errorf("broker: %+v", n)
	}
}
