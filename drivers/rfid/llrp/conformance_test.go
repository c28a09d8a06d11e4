package llrp_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp"
	"tote/drivers/tcpport"
)

// The properties of drivertest.Conformance, for a driver that speaks TCP and
// whose device speaks first. The policy for bytes that a wire would have spoiled:
// TCP has checks of its own, LLRP has none and no start of frame. A broken header
// ends the connection, a broken parameter spoils its message; a changed byte
// within an EPC is a changed EPC.

// frame is a report made by llrpjs (devices reference, section 1.5), and want the
// EPC in it.
var (
	frame = string(bytesOf("043d 00000029 000003e8 00f0 001f 00f1 0016 0080 e20034120102030405060708090a0b0c 81 0001 86 c3"))
	want  = epc2
)

func bytesOf(text string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// wireRig is one driver and a reader at the end of a real connection.
type wireRig struct {
	t   *testing.T
	dev *llrp.Driver

	mu      sync.Mutex
	addr    string
	ln      net.Listener
	conn    net.Conn
	answer  func(w func(string)) // what the reader says every few milliseconds
	said    int
	got     []string
	readers sync.WaitGroup
}

func newWireRig(t *testing.T) *wireRig {
	t.Helper()
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = ln.Close() // with the first socket the runtime opens files of its own, and keeps them
	}
	ignore := goleak.IgnoreCurrent()
	files := openFiles(t)
	t.Cleanup(func() { // last of all
		goleak.VerifyNone(t, ignore)
		// As many as before, neither more nor fewer: one that is being closed goes soon.
		now := openFiles(t)
		for end := time.Now().Add(10 * time.Second); now != files && time.Now().Before(end); now = openFiles(t) {
			<-time.After(2 * time.Millisecond)
		}
		if now != files {
			t.Errorf("%d files are open, %d before", now, files)
		}
	})
	r := &wireRig{t: t, addr: "127.0.0.1:0"}
	r.plug()
	open, err := tcpport.Opener(tcpport.Config{Address: r.addr, Hold: true})
	if err != nil {
		t.Fatal(err)
	}
	r.dev, err = llrp.New(llrp.Config{
		Name: "wire", Open: open, Keepalive: time.Second, Greeting: 5 * time.Second, Answer: 5 * time.Second,
		Sink: func(read rfid.Read) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, read.EPC)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := r.dev.Run(ctx); (err == nil) != (ctx.Err() != nil) {
				t.Errorf("Run returned %v, context %v", err, ctx.Err())
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("Run does not end with its context")
		}
		r.unplug()
		r.readers.Wait()
	})
	return r
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("NO /proc HERE: %v", err)
	}
	return len(list)
}

// plug puts the reader on the network, at the address it had.
func (r *wireRig) plug() {
	r.t.Helper()
	ln, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.ln, r.addr = ln, ln.Addr().String()
	r.mu.Unlock()
	r.readers.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			if r.ln != ln {
				_ = c.Close()
			}
			r.conn = c
			r.mu.Unlock()
			r.serve(c)
			_ = c.Close()
		}
	})
}

func (r *wireRig) unplug() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ln != nil {
		_ = r.ln.Close()
		r.ln = nil
	}
	if r.conn != nil {
		_ = r.conn.Close()
		r.conn = nil
	}
}

// reply sets what the reader says from now on.
func (r *wireRig) reply(f func(w func(string))) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.said = f, 0
}

// serve plays the reader on one connection: it answers every request with
// success, and once it is started it says what the case wants.
func (r *wireRig) serve(c net.Conn) {
	var out sync.Mutex
	write := func(p string) {
		_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, p)
	}
	say := func(typ uint16, id uint32, body string) {
		b := bytesOf(body)
		p := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, 0x0400|typ), uint32(10+len(b)))
		out.Lock()
		defer out.Unlock()
		write(string(append(binary.BigEndian.AppendUint32(p, id), b...)))
	}
	say(63, 0, fmt.Sprintf("00f6 0016 0080 000c %016x 0100 0006 0000", time.Now().UnixMicro()))
	started := make(chan struct{})
	var talk sync.WaitGroup
	defer talk.Wait()
	done := make(chan struct{})
	defer close(done)
	talk.Go(func() {
		select {
		case <-started:
		case <-done:
			return
		}
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			r.mu.Lock()
			answer := r.answer
			r.said++
			r.mu.Unlock()
			if n%40 == 0 {
				say(62, 1, "") // a keepalive
			}
			if answer != nil {
				out.Lock()
				answer(write)
				out.Unlock()
			}
		}
	})
	head := make([]byte, 10)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[2:]))-10); err != nil {
			return
		}
		typ := binary.BigEndian.Uint16(head) & 0x3FF
		if typ == 72 {
			continue
		}
		answer := typ + 10
		if typ == 14 {
			answer = 4
		}
		say(answer, binary.BigEndian.Uint32(head[6:]), "011f 0008 0000 0000")
		switch typ {
		case 22:
			close(started)
		case 14:
			return
		}
	}
}

func (r *wireRig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("never: %s (status %+v, stats %+v, delivered %q)", what, r.dev.Status(), r.dev.Stats(), slices.Compact(slices.Clone(r.got)))
		}
		<-time.After(2 * time.Millisecond)
	}
}

// fresh waits for two more good reads than there are now.
func (r *wireRig) fresh() {
	r.t.Helper()
	r.mu.Lock()
	from := len(r.got)
	r.mu.Unlock()
	r.until("fresh reads", func() bool {
		n := 0
		for _, g := range r.got[from:] {
			if g == want {
				n++
			}
		}
		return n >= 2
	})
}

func (r *wireRig) state(want drivers.State) {
	r.t.Helper()
	r.until("state "+string(want), func() bool { return r.dev.Status().State == want })
}

func TestConformance(t *testing.T) {
	half := len(frame) / 2 // within the EPC
	garbage := "\xff\xfe\x00noise"
	for _, c := range []struct {
		name    string
		send    func(w func(string))
		lost    bool // the report itself may be lost
		changed bool // the garbage lies within the EPC
	}{
		{name: "whole", send: func(w func(string)) { w(frame) }},
		{name: "byte at a time", send: func(w func(string)) {
			for _, b := range []byte(frame) {
				w(string([]byte{b}))
			}
		}},
		{name: "in two halves", send: func(w func(string)) { w(frame[:half]); w(frame[half:]) }},
		{name: "coalesced", send: func(w func(string)) { w(frame + frame + frame) }},
		{name: "garbage before", send: func(w func(string)) { w(garbage + frame) }, lost: true},
		{name: "garbage inside", send: func(w func(string)) { w(frame[:half] + garbage + frame[half:]) }, lost: true, changed: true},
		{name: "garbage after", send: func(w func(string)) { w(frame + garbage) }},
		{name: "cut short", send: func(w func(string)) { w(frame[:half]) }, lost: true, changed: true},
		{name: "endless text", send: func(w func(string)) { w(strings.Repeat("U", 2000)) }, lost: true},
		{name: "length of 4 GiB", send: func(w func(string)) { w("\x04\x3d\xff\xff\xff\xff\x00\x00\x00\x01") }, lost: true},
		{name: "silence", send: func(func(string)) {}, lost: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newWireRig(t)
			r.reply(c.send)
			if c.lost {
				r.until("a few spoiled frames", func() bool { return r.said >= 3 })
			} else {
				r.until("a read", func() bool { return slices.Contains(r.got, want) })
			}
			// Whatever happened, the next good reports are read.
			r.reply(func(w func(string)) { w(frame) })
			r.fresh()
			r.state(drivers.Ready)
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, g := range r.got {
				if g != want && !c.changed {
					t.Errorf("read %q", g)
				}
			}
		})
	}
	t.Run("unplug in the middle of a report, replug at the same address", func(t *testing.T) {
		r := newWireRig(t)
		for range 3 {
			r.reply(func(w func(string)) { w(frame) })
			r.fresh()
			r.state(drivers.Ready)
			var cut sync.Once
			r.reply(func(w func(string)) { cut.Do(func() { w(frame[:half]) }) })
			r.until("half a report", func() bool { return r.said >= 1 })
			r.unplug()
			r.state(drivers.Absent)
			r.plug()
		}
		r.reply(func(w func(string)) { w(frame) })
		r.fresh()
	})
	t.Run("stall", func(t *testing.T) {
		r := newWireRig(t)
		r.reply(func(w func(string)) { w(frame) })
		r.fresh()
		release := make(chan struct{})
		r.reply(func(func(string)) { <-release }) // not even a keepalive
		r.until("silence is noticed", func() bool { return r.dev.Status().Code == drivers.CodeLLRPSilent })
		r.reply(func(w func(string)) { w(frame) })
		close(release)
		r.fresh()
		r.state(drivers.Ready)
	})
	t.Run("stop while the reader babbles", func(t *testing.T) {
		r := newWireRig(t)
		r.reply(func(w func(string)) { w(strings.Repeat(frame, 200)) })
		r.fresh() // and the cleanup asks for a prompt, leakless end
	})
	t.Run("stop while the reader is silent", func(t *testing.T) {
		r := newWireRig(t)
		r.reply(func(func(string)) {})
		r.state(drivers.Ready)
	})
}
