package printer

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// onNetwork is a printer on a real TCP socket.
func onNetwork(t *testing.T) (*Printer, *Socket, *record.Book) {
	t.Helper()
	book, err := record.Open("p1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Params{LabelMs: 1}, book)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { p.Run(ctx); done <- struct{}{} }()
	go func() { p.ServeTCP(ctx, s); done <- struct{}{} }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	return p, s, book
}

func dial(t *testing.T, s *Socket) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// readStatus reads one ~HS answer.
func readStatus(t *testing.T, c net.Conn) string {
	t.Helper()
	buf := make([]byte, len(status{}.hostStatus()))
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

// A host may close its sending half and still read answers and status.
func TestTCPHalfClose(t *testing.T) {
	_, s, book := onNetwork(t)
	c := dial(t, s)
	send(t, c, labelA+"~HI")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || string(answer) != "\x02TOTE-203dpi,V1.00.00,8,8192KB\x03\r\n" {
		t.Errorf("%q, %v", answer, err)
	}
	if es := book.Wait(t.Context(), 1); es[0].Kind != record.Printed {
		t.Errorf("record: %+v", es)
	}
}

// One connection at a time: the second host waits in the backlog.
func TestTCPOneAtATime(t *testing.T) {
	_, s, _ := onNetwork(t)
	first := dial(t, s)
	send(t, first, "~HS")
	readStatus(t, first)
	second := dial(t, s)
	send(t, second, "~HS")
	_ = second.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := second.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the second host was served beside the first")
	}
	_ = first.Close()
	_ = second.SetReadDeadline(time.Now().Add(5 * time.Second))
	if got := readStatus(t, second); !strings.HasPrefix(got, "\x02030,0,0,") {
		t.Errorf("%q", got)
	}
}

// What was left of a format when the host vanished waits for the next one.
func TestTCPPartialFormatStays(t *testing.T) {
	p, s, _ := onNetwork(t)
	c := dial(t, s)
	send(t, c, "^XA^FDA~HS")
	readStatus(t, c)
	_ = c.Close()
	c = dial(t, s)
	send(t, c, "~HS")
	if got := readStatus(t, c); !strings.Contains(got, ",000,0,0,1,000,") || !p.State().Partial {
		t.Errorf("after reconnect: %q", got)
	}
}

func TestTCPUnplug(t *testing.T) {
	p, s, book := onNetwork(t)
	c := dial(t, s)
	send(t, c, "~HS")
	readStatus(t, c)
	if err := p.SetFault(line.Unplug, true); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the connection outlives the cable")
	}
	if s.Plugged() {
		t.Error("Plugged")
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("one can connect without the cable")
	}
	if err := p.SetFault(line.Unplug, false); err != nil {
		t.Fatal(err)
	}
	seq := book.LastSeq()
	send(t, dial(t, s), labelA)
	for _, kind := range []string{record.Received, record.Printed} {
		es := book.Wait(t.Context(), seq)
		if es[0].Kind != kind {
			t.Fatalf("record after replug: %+v, want %s", es, kind)
		}
		seq = es[0].Seq
	}
}

func TestListenRefuses(t *testing.T) {
	if _, err := Listen("not an address"); err == nil {
		t.Error("no error")
	}
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var in *net.OpError
	if _, err := Listen(s.Addr()); !errors.As(err, &in) {
		t.Errorf("a taken address: %v", err)
	}
}
