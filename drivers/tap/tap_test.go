package tap_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a tapped port to a peer that answers each write with itself.
func rig(t *testing.T) (*tap.Tap, *drivertest.Peer, drivers.Port) {
	var tp tap.Tap
	peer := &drivertest.Peer{}
	peer.OnWrite = func(p []byte) (int, error) { peer.Send(string(p)); return len(p), nil }
	port, err := tp.Wrap(peer.Open)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &tp, peer, port
}

func say(t *testing.T, port drivers.Port, text string) {
	t.Helper()
	if _, err := port.Write(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(text))
	if n, err := port.Read(t.Context(), buf); err != nil || string(buf[:n]) != text {
		t.Fatalf("%q, %v", buf[:n], err)
	}
}

func told(chunks []tap.Chunk) (out []string) {
	for _, c := range chunks {
		out = append(out, c.Dir+c.Event+" "+string(c.Data))
	}
	return out
}

func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp, peer, port := rig(t)
		say(t, port, "before")
		if tp.Looking() {
			t.Fatal("it keeps what nobody looks at")
		}
		if first, lost := tp.Look(t.Context(), 0, 0); len(first) > 0 || lost {
			t.Errorf("the first look: %v", first)
		}
		say(t, port, "SI")
		got, lost := tp.Look(t.Context(), 0, 0)
		if d := cmp.Diff([]string{"to SI", "from SI"}, told(got)); d != "" || lost {
			t.Errorf("lost %v: %s", lost, d)
		}
		last := got[1].Seq
		if again, lost := tp.Look(t.Context(), last, 0); again != nil || lost {
			t.Errorf("twice: %v", again)
		}
		done := make(chan []tap.Chunk)
		go func() {
			c, _ := tp.Look(t.Context(), last, 10*time.Second)
			done <- c
		}()
		synctest.Wait()
		peer.Plug(false)
		if _, err := port.Read(t.Context(), make([]byte, 1)); err == nil {
			t.Error("read without a device")
		}
		if d := cmp.Diff([]string{drivers.ErrUnplugged.Error() + " "}, told(<-done)); d != "" {
			t.Error(d)
		}
		// A driver whose time is up is no event.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		peer.Plug(true)
		_, _ = port.Read(ctx, make([]byte, 1))
		if err := port.Close(); err != nil {
			t.Error(err)
		}
		got, _ = tp.Look(t.Context(), last+1, 0)
		if d := cmp.Diff([]string{"closed "}, told(got)); d != "" {
			t.Error(d)
		}
	})
}

func TestRecordEndsWhenNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp, _, port := rig(t)
		tp.Look(t.Context(), 0, 0)
		say(t, port, "a")
		last, _ := tp.Look(t.Context(), 0, 0)
		time.Sleep(tap.Idle + time.Second)
		say(t, port, "b") // the write notices
		if tp.Looking() {
			t.Error("it goes on for nobody")
		}
		tp.Look(t.Context(), 0, 0)
		say(t, port, "c")
		got, lost := tp.Look(t.Context(), last[len(last)-1].Seq, 0)
		if len(got) != 2 || !lost {
			t.Errorf("%v: what passed between was not missed (%v)", told(got), lost)
		}
	})
}

func TestRecordIsBounded(t *testing.T) {
	tp, _, port := rig(t)
	tp.Look(t.Context(), 0, 0)
	say(t, port, "first")
	one, _ := tp.Look(t.Context(), 0, 0)
	for i := range 2 * tap.MaxChunks {
		say(t, port, fmt.Sprint(i))
	}
	got, lost := tp.Look(t.Context(), one[1].Seq, 0)
	if len(got) > tap.MaxChunks || !lost {
		t.Errorf("%d chunks, lost %v", len(got), lost)
	}
	big := bytes.Repeat([]byte{'x'}, 3*tap.MaxBytes)
	if _, err := port.Write(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	got, _ = tp.Look(t.Context(), 0, 0)
	sum := 0
	for _, c := range got {
		sum += len(c.Data)
	}
	if sum != tap.MaxBytes {
		t.Errorf("%d bytes are kept", sum)
	}
}

// What a tap costs when nobody looks: beside nothing.
func BenchmarkQuiet(b *testing.B) {
	var tp tap.Tap
	port, err := tp.Wrap(func(context.Context) (drivers.Port, error) { return nothing{}, nil })(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = port.Read(b.Context(), buf)
	}
}

type nothing struct{}

func (nothing) Read(_ context.Context, p []byte) (int, error)  { return len(p), nil }
func (nothing) Write(_ context.Context, p []byte) (int, error) { return len(p), nil }
func (nothing) Close() error                                   { return nil }
