package agent

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/agent/handheld"
	"tote/agent/replica"
	hh "tote/demo/handheld"
	"tote/mqtt"
	"tote/warehouse"
)

// wire is a handheld of our own making: it publishes what it is told, bytes for
// bytes, and keeps every answer.
type wire struct {
	s       *site
	id      string
	client  *mqtt.Client
	results chan handheld.Result
	seqs    chan handheld.Seq
}

func (s *site) wire(id string) *wire {
	s.t.Helper()
	w := &wire{s: s, id: id, client: s.mqttClient("handheld:"+id, nil), results: make(chan handheld.Result, 64), seqs: make(chan handheld.Seq, 64)}
	base := "tote/v1/s1/handheld/" + id
	s.must(w.client.Subscribe(s.ctx(), mqtt.Subscription{Filter: base + "/down/result", QoS: 1, Handler: func(_ context.Context, m mqtt.Message) {
		var r handheld.Result
		if err := json.Unmarshal(m.Payload, &r); err != nil {
			s.t.Errorf("result %s: %v", m.Payload, err)
		}
		w.results <- r
	}}))
	s.must(w.client.Subscribe(s.ctx(), mqtt.Subscription{Filter: base + "/state/seq", QoS: 1, Handler: func(_ context.Context, m mqtt.Message) {
		var v handheld.Seq
		if err := json.Unmarshal(m.Payload, &v); err != nil {
			s.t.Errorf("seq %s: %v", m.Payload, err)
		}
		w.seqs <- v
	}}))
	s.background(w.client.Run)
	s.must(w.client.WaitConnected(s.ctx()))
	return w
}

// send publishes a message that must be acknowledged, and returns its answer.
func (w *wire) send(payload string) handheld.Result {
	w.s.t.Helper()
	if err := w.client.Publish(w.s.ctx(), "tote/v1/s1/handheld/"+w.id+"/up/cmd", []byte(payload), false); err != nil {
		w.s.t.Fatalf("no PUBACK: %v", err)
	}
	select {
	case r := <-w.results:
		return r
	case <-time.After(deadline):
		w.s.t.Fatalf("no answer to %.100s", payload)
		return handheld.Result{}
	}
}

// verb is a message as a handheld writes it.
func verb(seq int64, name, fields string) string {
	return fmt.Sprintf(`{"cmdId":"c%d","seq":%d,"verb":%q%s,"at":1}`, seq, seq, name, fields)
}

// TestMalformedPayload: each is acknowledged, since sending it again would not
// help, and answered with its code; nothing is recorded, the sequence is free
// for the next verb, and the handheld keeps its work.
func TestMalformedPayload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("O1", "A1", 1)
	s.order("O2", "A2", 1)
	other := s.picker(2)
	w := s.wire("h1")
	if r := w.send(verb(1, "sign_in", `,"barcode":"BADGE-1"`)); !r.OK {
		t.Fatalf("sign in: %+v", r)
	}
	for _, tc := range []struct {
		name, payload, code string
		cmdID               string
		seq                 uint64
	}{
		{"empty", "", "MALFORMED", "", 0},
		{"not JSON", "scan B-1", "MALFORMED", "", 0},
		{"binary", "\x00\xff\xfe\x02", "MALFORMED", "", 0},
		{"cut off", `{"cmdId":"c2","seq":2,"verb":"ask"`, "MALFORMED", "c2", 2},
		{"an array", `[{"cmdId":"c2","seq":2,"verb":"ask"}]`, "MALFORMED", "c2", 2},
		{"two objects", verb(2, "ask", "") + verb(3, "ask", ""), "MALFORMED", "c2", 2},
		{"a number as text", `{"cmdId":"c2","seq":"2","verb":"ask"}`, "MALFORMED", "c2", 0},
		{"a text as number", `{"cmdId":"c2","seq":2,"verb":7}`, "MALFORMED", "c2", 2},
		{"a fraction", verb(2, "scan", `,"barcode":"A1","qty":1.5`), "MALFORMED", "c2", 2},
		{"a field twice", verb(2, "ask", `,"seq":2`), "MALFORMED", "c2", 2},
		{"an unknown field", verb(2, "ask", `,"admin":true`), "MALFORMED", "c2", 2},
		{"nested deep", strings.Repeat(`{"a":`, 700) + "1" + strings.Repeat("}", 700), "MALFORMED", "", 0},
		{"huge", verb(2, "scan", `,"barcode":"`+strings.Repeat("9", 50_000)+`"`), "MALFORMED", "c2", 2},
		{"unknown verb", verb(2, "delete_everything", ""), "UNKNOWN_COMMAND", "c2", 2},
		{"sequence 0", verb(0, "ask", ""), "INVALID", "c0", 0},
		{"no barcode", verb(2, "scan", ""), "INVALID", "c2", 2},
		{"negative quantity", verb(2, "scan", `,"barcode":"A1","qty":-1`), "INVALID", "c2", 2},
		{"unknown reason", verb(2, "short", `,"reason":"TIRED"`), "INVALID", "c2", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.unchanged(func() {
				r := w.send(tc.payload)
				if r.OK || r.Code != tc.code || r.Text == "" || r.CmdID != tc.cmdID || r.Seq != tc.seq {
					t.Errorf("answered %+v, want %s for %q/%d", r, tc.code, tc.cmdID, tc.seq)
				}
				if r.Next == nil || r.Next.Do != "ask" {
					t.Errorf("the screen goes to %+v", r.Next)
				}
			})
		})
	}
	other.ask()
	if r := w.send(verb(2, "ask", "")); !r.OK {
		t.Errorf("the right verb with the same sequence: %+v", r)
	}
	other.until("ask")
	if n := s.gw.agent.broker.Stats(); n.Withheld != 0 || n.Panics != 0 {
		t.Errorf("broker: %+v", n)
	}
}

// TestDuplicateScan: the same bytes again get the same answer and count once.
func TestDuplicateScan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("O1", "A1", 3)
	w := s.wire("h1")
	for i, msg := range []string{verb(1, "sign_in", `,"barcode":"BADGE-1"`), verb(2, "ask", "")} {
		if r := w.send(msg); !r.OK {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	s.eventually("the order is handed out", func() bool { return s.get("O1").Batch != "" })
	if r := w.send(verb(3, "scan", `,"barcode":"B-1"`)); !r.OK {
		t.Fatalf("bin: %+v", r)
	}
	scan := verb(4, "scan", `,"barcode":"A1"`)
	first := w.send(scan)
	if !first.OK || first.Next.Held != 1 {
		t.Fatalf("item: %+v", first)
	}
	s.unchanged(func() {
		for range 3 {
			if diff := cmp.Diff(first, w.send(scan)); diff != "" {
				t.Errorf("another answer (-first +again):\n%s", diff)
			}
		}
	})
	wrong := verb(5, "scan", `,"barcode":"A2"`)
	refused := w.send(wrong)
	if refused.Code != warehouse.CodeWrongItem {
		t.Fatalf("wrong item: %+v", refused)
	}
	if r := w.send(verb(6, "scan", `,"barcode":"A1"`)); !r.OK || r.Next.Held != 2 {
		t.Fatalf("second item: %+v", r)
	}
	s.unchanged(func() {
		if diff := cmp.Diff(refused, w.send(wrong)); diff != "" {
			t.Errorf("a refusal is answered otherwise the second time (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(first, w.send(scan)); diff != "" {
			t.Errorf("a late copy got another answer (-first +again):\n%s", diff)
		}
	})
}

// TestResetHandheld: a handheld that lost its memory counts from 1 again. It is
// not told that its new scans were done, it is told where to go on.
func TestResetHandheld(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("O1", "A1", 1)
	w := s.wire("h1")
	last := func(want uint64) {
		t.Helper()
		for {
			select {
			case v := <-w.seqs:
				if v.Last == want {
					return
				}
			case <-time.After(deadline):
				t.Fatalf("the site does not tell that it has sequence %d", want)
			}
		}
	}
	last(0) // a device nobody knows is told so
	if r := w.send(verb(1, "sign_in", `,"barcode":"BADGE-1"`)); !r.OK {
		t.Fatalf("sign in: %+v", r)
	}
	w.send(verb(2, "scan", `,"barcode":"B-1"`)) // refused, and still a sequence used
	s.unchanged(func() {
		r := w.send(verb(1, "ask", ""))
		if r.OK || r.Code != replica.CodeSeqReused || r.Next == nil || r.Next.Do != "ask" {
			t.Errorf("answered %+v, want %s", r, replica.CodeSeqReused)
		}
	})
	last(2)
	w.send(verb(200, "scan", `,"barcode":"B-1"`))
	s.unchanged(func() {
		if r := w.send(verb(3, "ask", "")); r.OK || r.Code != replica.CodeSeqTooOld {
			t.Errorf("answered %+v, want %s", r, replica.CodeSeqTooOld)
		}
	})
	last(200)
	if r := w.send(verb(201, "ask", "")); !r.OK {
		t.Errorf("the next one: %+v", r)
	}
}

// TestGarbageOnTheMQTTPort: strangers that speak no MQTT, or too much of it,
// are shown the door; the pickers work on.
func TestGarbageOnTheMQTTPort(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.pickerOf(1, "O1", "A1", 2)
	rng := rand.New(rand.NewPCG(7, 7))
	noise := make([]byte, 20_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	id := "handheld:h9"
	connect := append([]byte{0x10, byte(12 + len(id)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, byte(len(id))}, id...)
	topic := "tote/v1/s1/handheld/h9/up/cmd"
	big := append(append([]byte{0x32, 0xff, 0xff, 0x7f}, binary.BigEndian.AppendUint16(nil, uint16(len(topic)))...), topic...)
	for name, garbage := range map[string][]byte{
		"noise":                noise,
		"a web browser":        []byte("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"),
		"a length with no end": {0x10, 0xff, 0xff, 0xff, 0xff, 0xff},
		"publish at once":      {0x30, 3, 0, 1, 'a'},
		"noise after connect":  append(append([]byte{}, connect...), noise...),
		"a message of 2 MiB":   append(append(append([]byte{}, connect...), big...), make([]byte, 200_000)...),
	} {
		conn, err := net.Dial("tcp", s.mqtt)
		s.must(err)
		s.must(conn.SetDeadline(time.Now().Add(deadline)))
		_, _ = conn.Write(garbage) // it may be cut off before the end
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: the connection stays open", name)
		}
		_ = conn.Close()
		p.refused(hh.Verb{Verb: "scan", Barcode: "B-5"}, warehouse.CodeWrongBin) // answered as ever
	}
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	if n := s.gw.agent.broker.Stats(); n.Panics != 0 {
		t.Errorf("broker: %+v", n)
	}
}

// TestSequenceAtItsEnd: no message uses up the numbers of an id, behind which the
// handheld could do nothing for ever.
func TestSequenceAtItsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.wire("h1")
	if r := w.send(verb(1, "sign_in", `,"barcode":"BADGE-1"`)); !r.OK {
		t.Fatalf("sign in: %+v", r)
	}
	s.unchanged(func() {
		for _, seq := range []int64{1<<53 - 1, 1<<52 + 1<<33} {
			if r := w.send(verb(seq, "ask", "")); r.OK || r.Code != replica.CodeSeqJump || r.Seq != uint64(seq) || r.Next == nil {
				t.Errorf("answered %+v, want %s", r, replica.CodeSeqJump)
			}
		}
	})
	if r := w.send(verb(2, "ask", "")); !r.OK {
		t.Errorf("the next one: %+v", r)
	}
	// A reset handheld that counts from its clock is let on.
	if r := w.send(verb(1_795_000_000_000_000, "ask", "")); !r.OK {
		t.Errorf("microseconds: %+v", r)
	}
}
