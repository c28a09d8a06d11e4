package portio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"tote/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The queue gives out the newest bytes that were put in, in order, never more
// than its limit, and counts what it lost.
func TestQueueKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 16).Draw(t, "limit")
		q := NewQueue(limit)
		var model []byte
		var dropped uint64
		next := byte(0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "put") {
				p := make([]byte, rapid.IntRange(0, 40).Draw(t, "n"))
				for i := range p {
					p[i], next = next, next+1
				}
				q.Put(p)
				model = append(model, p...)
				if over := len(model) - limit; over > 0 {
					dropped += uint64(over)
					model = model[over:]
				}
				continue
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			buf := make([]byte, rapid.IntRange(1, 20).Draw(t, "read"))
			n, err := q.Read(ctx, buf)
			if (err == nil) != (len(model) > 0) {
				t.Fatalf("%d, %v with %d bytes there", n, err, len(model))
			}
			if !bytes.Equal(buf[:n], model[:n]) {
				t.Fatalf("got % x, want % x", buf[:n], model[:n])
			}
			model = model[n:]
		}
		if q.Dropped() != dropped {
			t.Fatalf("dropped %d, want %d", q.Dropped(), dropped)
		}
	})
}

func TestQueueGivesBytesBeforeTheError(t *testing.T) {
	q := NewQueue(8)
	q.Put([]byte("last"))
	q.Fail(drivers.ErrUnplugged)
	q.Fail(drivers.ErrClosed)
	buf := make([]byte, 8)
	if n, err := q.Read(t.Context(), buf); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := q.Read(t.Context(), buf); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("not the first error: %v", err)
	}
}

func TestQueueWakesAWaitingReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(8)
		got := make(chan int)
		go func() {
			n, _ := q.Read(t.Context(), make([]byte, 8))
			got <- n
		}()
		synctest.Wait()
		q.Put([]byte("abc"))
		if n := <-got; n != 3 {
			t.Errorf("read %d", n)
		}
	})
}

// net.Pipe takes nothing unless it is read: a stalled device.
func TestWriteAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()

		start := time.Now()
		n, err := WriteAll(t.Context(), near, []byte("x"), time.Second)
		if n != 0 || !errors.Is(err, drivers.ErrStalled) || time.Since(start) != time.Second {
			t.Errorf("stalled: %d, %v after %v", n, err, time.Since(start))
		}

		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start = time.Now()
		n, err = WriteAll(ctx, near, []byte("x"), time.Second)
		if n != 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 300*time.Millisecond {
			t.Errorf("cancelled: %d, %v after %v", n, err, time.Since(start))
		}

		// A slow reader is no stall: each piece has its own time.
		big := bytes.Repeat([]byte("0123456789"), 500)
		got := make(chan []byte)
		go func() {
			var all []byte
			buf := make([]byte, chunk)
			for len(all) < len(big) {
				time.Sleep(900 * time.Millisecond)
				n, err := far.Read(buf)
				if err != nil {
					break
				}
				all = append(all, buf[:n]...)
			}
			got <- all
		}()
		if n, err := WriteAll(t.Context(), near, big, time.Second); n != len(big) || err != nil {
			t.Errorf("slow: %d, %v", n, err)
		}
		if !bytes.Equal(<-got, big) {
			t.Error("other bytes arrived")
		}

		_ = far.Close()
		if n, err := WriteAll(t.Context(), near, []byte("x"), time.Second); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("closed: %d, %v", n, err)
		}
	})
}

// counter is a line that takes everything.
type counter struct{ writes int }

func (c *counter) Write(p []byte) (int, error)      { c.writes++; return len(p), nil }
func (c *counter) SetWriteDeadline(time.Time) error { return nil }

// A caller that has given up sends nothing, also when its interrupt came
// before the deadline of the write and was overwritten by it.
func TestWriteAllAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var c counter
	if n, err := WriteAll(ctx, &c, []byte("x"), time.Second); n != 0 || c.writes != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes in %d writes, %v", n, c.writes, err)
	}
}
