package tcpport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect opens a port to a listener of the test and returns both ends.
func connect(t *testing.T, cfg Config) (drivers.Port, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	cfg.Address = listener.Addr().String()
	open, err := Opener(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(); _ = far.Close() })
	return p, far
}

func TestBytesPassBothWays(t *testing.T) {
	p, far := connect(t, Config{})
	if n, err := p.Write(t.Context(), []byte("~HS")); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	buf := make([]byte, 3)
	if _, err := io.ReadFull(far, buf); err != nil || string(buf) != "~HS" {
		t.Errorf("%q %v", buf, err)
	}
	if _, err := far.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(t.Context(), buf[:2]); n == 0 || err != nil {
		t.Error(n, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		_, _ = p.Read(ctx, buf)
	}
	if _, err := p.Read(ctx, buf); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read with an ended context: %v", err)
	}
}

func TestTheFarEndGoes(t *testing.T) {
	p, far := connect(t, Config{})
	_ = far.Close()
	if _, err := p.Read(t.Context(), make([]byte, 1)); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("read: %v", err)
	}
	if _, err := p.Write(t.Context(), []byte("x")); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("write: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestStall(t *testing.T) {
	p, _ := connect(t, Config{Stall: 50 * time.Millisecond})
	n, err := p.Write(t.Context(), bytes.Repeat([]byte("x"), 64<<20))
	if !errors.Is(err, drivers.ErrStalled) || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := p.Write(t.Context(), []byte("x")); !errors.Is(err, drivers.ErrStalled) {
		t.Errorf("a dead port writes: %v", err)
	}
}

func TestCloseEndsEverybody(t *testing.T) {
	p, _ := connect(t, Config{})
	failed := make(chan error, 2)
	go func() {
		_, err := p.Read(context.Background(), make([]byte, 1))
		failed <- err
	}()
	go func() {
		_, err := p.Write(context.Background(), bytes.Repeat([]byte("x"), 64<<20))
		failed <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-failed; !errors.Is(err, drivers.ErrClosed) {
			t.Error(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	open, err := Opener(Config{Address: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t.Context()); !errors.Is(err, drivers.ErrUnreachable) || drivers.CodeOf(err) != drivers.CodeUnreachable {
		t.Errorf("open: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("open with an ended context: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		fine bool
	}{
		{Config{Address: "printer1"}, true},
		{Config{Address: "192.0.2.1:6101"}, true},
		{Config{Address: "[2001:db8::1]:9100"}, true},
		{Config{}, false},
		{Config{Address: ":9100"}, false},
		{Config{Address: "x:y"}, false},
		{Config{Address: "x:0"}, false},
		{Config{Address: "x:65536"}, false},
		{Config{Address: "x", Stall: -1}, false},
	} {
		if _, err := Opener(c.cfg); (err == nil) != c.fine {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

// A port that holds loses nothing however late the driver reads, and Close ends
// it while the device is held back.
func TestHold(t *testing.T) {
	p, far := connect(t, Config{Hold: true})
	sent := make([]byte, 1<<20)
	for i := range sent {
		sent[i] = byte(i * 7 >> 3)
	}
	written := make(chan error, 1)
	go func() {
		_, err := far.Write(sent)
		written <- err
	}()
	// Full: more has come than the queue takes.
	for end := time.Now().Add(20 * time.Second); p.(*port).queue.Len() < 64<<10; {
		if time.Now().After(end) {
			t.Fatal("the queue never fills")
		}
		<-time.After(time.Millisecond)
	}
	got := make([]byte, 0, len(sent))
	buf := make([]byte, 1000)
	for len(got) < len(sent) {
		n, err := p.Read(t.Context(), buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if err := <-written; err != nil || !bytes.Equal(got, sent) || p.(*port).Dropped() != 0 {
		t.Errorf("%v, %d dropped, same bytes: %v", err, p.(*port).Dropped(), bytes.Equal(got, sent))
	}
	go func() { _, _ = far.Write(sent) }()
	for end := time.Now().Add(20 * time.Second); p.(*port).queue.Len() < 64<<10; {
		if time.Now().After(end) {
			t.Fatal("the queue never fills again")
		}
		<-time.After(time.Millisecond)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close while the device is held back: %v", err)
	}
}

// A device may have another usual port than a printer.
func TestUsualPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	open, err := Opener(Config{Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	p, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
}
