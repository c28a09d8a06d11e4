package gpio

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running starts a board with the inputs EYE (low) and BUTTON (high).
func running(t *testing.T) (*Board, *record.Book) {
	t.Helper()
	book, err := record.Open("io1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Params{Socket: filepath.Join(t.TempDir(), "io.sock"), Inputs: []string{"EYE"}, High: []string{"BUTTON"}}, book)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if _, err := os.Lstat(b.p.Socket); err == nil {
			t.Error("the socket is left behind")
		}
	})
	return b, book
}

// host is a gateway on the socket.
type host struct {
	t *testing.T
	net.Conn
	lines *bufio.Scanner
}

func connect(t *testing.T, b *Board) host {
	t.Helper()
	c, err := net.Dial("unix", b.p.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return host{t, c, bufio.NewScanner(c)}
}

// read takes n messages: "EYE=1 BUTTON=0".
func (h host) read(n int) string {
	h.t.Helper()
	var out []string
	for range n {
		if !h.lines.Scan() {
			h.t.Fatalf("after %v: %v", out, h.lines.Err())
		}
		var m struct {
			Line  string
			Level bool
		}
		if err := json.Unmarshal(h.lines.Bytes(), &m); err != nil {
			h.t.Fatal(err)
		}
		level := 0
		if m.Level {
			level = 1
		}
		out = append(out, fmt.Sprintf("%s=%d", m.Line, level))
	}
	return strings.Join(out, " ")
}

func (h host) write(s string) {
	h.t.Helper()
	if _, err := h.Write([]byte(s)); err != nil {
		h.t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long for: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// levels lists the entries of a kind: "RED=1 RED=0".
func levels(book *record.Book, kind string) string {
	var out []string
	for _, e := range book.After(0) {
		if e.Kind != kind {
			continue
		}
		level := 0
		if e.Level.High {
			level = 1
		}
		out = append(out, fmt.Sprintf("%s=%d", e.Level.Line, level))
	}
	return strings.Join(out, " ")
}

func set(t *testing.T, b *Board, line string, high bool) {
	t.Helper()
	if err := b.SetLevel(line, high); err != nil {
		t.Fatal(err)
	}
}

func TestInputs(t *testing.T) {
	b, book := running(t)
	h := connect(t, b)
	if got := h.read(2); got != "BUTTON=1 EYE=0" {
		t.Errorf("at the start: %s", got)
	}
	set(t, b, "EYE", true)
	set(t, b, "EYE", true) // no change
	set(t, b, "BUTTON", false)
	if got := h.read(2); got != "EYE=1 BUTTON=0" {
		t.Errorf("changes: %s", got)
	}
	other := connect(t, b)
	if got := other.read(2); got != "BUTTON=0 EYE=1" {
		t.Errorf("a later connection: %s", got)
	}
	set(t, b, "EYE", false)
	if h.read(1) != "EYE=0" || other.read(1) != "EYE=0" {
		t.Error("not told to both")
	}
	if got := levels(book, record.Input); got != "EYE=1 BUTTON=0 EYE=0" {
		t.Errorf("record: %s", got)
	}
	if err := b.SetLevel("RED", true); !errors.Is(err, ErrLine) {
		t.Errorf("%v", err)
	}
}

func TestOutputs(t *testing.T) {
	b, book := running(t)
	one, two := connect(t, b), connect(t, b)
	one.write(`{"line":"RED","level":true}` + "\n")
	waitFor(t, "red", func() bool { return levels(book, record.Output) == "RED=1" })
	two.write(`{"line":"RED","level":true}` + "\n" + `{"line":"GREEN","level":false}` + "\n" + `{"line":"RED","level":false}` + "\n")
	waitFor(t, "green and dark", func() bool { return levels(book, record.Output) == "RED=1 GREEN=0 RED=0" })
	s := b.State()
	if len(s.Outputs) != 2 || s.Outputs["RED"] || s.Clients != 2 || !s.Inputs["BUTTON"] || s.Inputs["EYE"] {
		t.Errorf("%+v", s)
	}
}

// Garbage, an input that is driven, and a line without an end change nothing.
func TestGarbage(t *testing.T) {
	b, book := running(t)
	h := connect(t, b)
	h.write("garbage\n{}\n[]\n" + `{"line":"EYE","level":true}` + "\n" + `{"line":"RED","level":true}` + "\n")
	waitFor(t, "red", func() bool { return levels(book, record.Output) == "RED=1" })
	if b.State().Inputs["EYE"] {
		t.Error("an input was driven")
	}
	h.write(strings.Repeat("x", maxLine+1))
	waitFor(t, "hung up on", func() bool { return b.State().Clients == 0 })
	h = connect(t, b)
	for i := range maxLines + 10 {
		h.write(fmt.Sprintf(`{"line":"L%d","level":true}`+"\n", i))
	}
	h.write(`{"line":"RED","level":false}` + "\n")
	waitFor(t, "red is dark", func() bool { return strings.HasSuffix(levels(book, record.Output), "RED=0") })
	if n := len(b.State().Outputs); n != maxLines {
		t.Errorf("%d outputs", n)
	}
}

func TestUnplug(t *testing.T) {
	b, book := running(t)
	h := connect(t, b)
	h.read(2)
	h.write(`{"line":"RED","level":true}` + "\n")
	waitFor(t, "red", func() bool { return levels(book, record.Output) == "RED=1" })
	if err := b.SetFault(Unplug, true); err != nil {
		t.Fatal(err)
	}
	if h.lines.Scan() {
		t.Errorf("got %s", h.lines.Text())
	}
	if _, err := net.Dial("unix", b.p.Socket); err == nil {
		t.Error("the socket is still there")
	}
	if got := levels(book, record.Output); got != "RED=1 RED=0" {
		t.Errorf("no power, but %s", got)
	}
	set(t, b, "EYE", true) // the world moves on
	if err := b.SetFault(Unplug, true); err != nil || strings.Join(b.ActiveFaults(), "") != Unplug {
		t.Error(err, b.ActiveFaults())
	}
	if err := b.SetFault(Unplug, false); err != nil {
		t.Fatal(err)
	}
	if got := connect(t, b).read(2); got != "BUTTON=1 EYE=1" {
		t.Errorf("plugged in again: %s", got)
	}
}

func TestChatter(t *testing.T) {
	b, book := running(t)
	h := connect(t, b)
	h.read(2)
	if err := b.SetFault(Chatter, true); err != nil {
		t.Fatal(err)
	}
	set(t, b, "EYE", true)
	if got := h.read(6); got != "EYE=1 EYE=0 EYE=1 EYE=0 EYE=1 EYE=1" {
		t.Errorf("up: %s", got)
	}
	set(t, b, "EYE", false)
	if got := h.read(6); got != "EYE=0 EYE=1 EYE=0 EYE=1 EYE=0 EYE=0" {
		t.Errorf("down: %s", got)
	}
	if got := levels(book, record.Input); got != "EYE=1 EYE=0" {
		t.Errorf("record: %s", got)
	}
	if err := b.SetFault("fire", true); !errors.Is(err, ErrUnknownFault) {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	for _, p := range []Params{
		{},
		{Socket: "x", Inputs: []string{"A", "A"}},
		{Socket: "x", Inputs: []string{"A"}, High: []string{"A"}},
		{Socket: "x", Inputs: []string{""}},
		{Socket: "x", ChatterMs: -1},
		{Socket: "x", ChatterMs: 1001},
	} {
		if _, err := New(p, nil); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(dir, "no", "such")} {
		b, err := New(Params{Socket: path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Run(t.Context()); !errors.Is(err, ErrSocket) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("the file in the way is gone")
	}
}

// An old socket of a killed process is replaced.
func TestOldSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "io.sock")
	old, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = old.Close()
	b, err := New(Params{Socket: path, Inputs: []string{"EYE"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	go func() { done <- b.Run(ctx) }()
	if got := connect(t, b).read(1); got != "EYE=0" {
		t.Error(got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
