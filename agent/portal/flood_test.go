package portal

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/warehouse"
)

// lines counts what is logged.
type lines struct {
	slog.Handler
	n atomic.Int64
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	if r.Level > slog.LevelDebug {
		l.n.Add(1)
	}
	return nil
}

// TestHundredThousandTagsAMinute: at one door other tags are heard without an end while
// cartons go through, and a carton goes through the door beside it now and then. What is
// told is one pass a carton, each of bounded size; the log is not written full, the
// memory stays, and the other door tells all of its cartons in time.
func TestHundredThousandTagsAMinute(t *testing.T) {
	const tags, cartons = 100_000, 20
	synctest.Test(t, func(t *testing.T) {
		var log lines
		var told, most, other atomic.Int64
		door := func(dock string, passed func(Pass)) (*Portal, func()) {
			p, err := New(Config{
				Dock: dock, Log: slog.New(&log), Presence: presence.Config{Eye: true},
				Passed: func(_ context.Context, pass Pass) error { passed(pass); return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.Run(ctx) }()
			return p, func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		busy, stop := door("d1", func(p Pass) {
			told.Add(1)
			most.Store(max(most.Load(), int64(len(p.EPCs))))
		})
		defer stop()
		quiet, stop := door("d2", func(p Pass) {
			if len(p.EPCs) == 1 {
				other.Add(1)
			}
		})
		defer stop()
		before := heap()
		const slices = 600 // of 100 ms
		for slice := range slices {
			at := time.Now()
			phase := slice % (slices / cartons) // a carton every three seconds, two of them in the eye
			if phase == 0 || phase == 20 {
				busy.Eye(presence.Middle, phase == 0, at)
				quiet.Eye(presence.Middle, phase == 0, at)
			}
			for i := range tags / slices {
				n := slice*(tags/slices) + i
				for range 3 {
					busy.Read(rfid.Read{EPC: fmt.Sprintf("E280116060000204%08X", n), Antenna: 1, RSSI: -50, At: at})
				}
			}
			if phase > 2 && phase < 15 {
				quiet.Read(rfid.Read{EPC: fmt.Sprintf("E28011606000020499%06d", slice/(slices/cartons)), Antenna: 1, RSSI: -50, At: at})
			}
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
		}
		<-time.After(10 * time.Second)
		synctest.Wait()
		if n := told.Load(); n < cartons-1 || n > cartons+1 || most.Load() > warehouse.MaxPassTags || most.Load() == 0 {
			t.Errorf("%d passes of %d cartons, the largest of %d tags", n, cartons, most.Load())
		}
		if n := other.Load(); n != cartons {
			t.Errorf("the door beside it told %d of %d cartons", n, cartons)
		}
		if n := log.n.Load(); n > 2*cartons {
			t.Errorf("%d lines in the log", n)
		}
		if grown := int64(heap()) - int64(before); grown > 64<<20 {
			t.Errorf("the memory grew by %d MiB", grown>>20)
		}
		t.Logf("%d passes, largest %d tags, %d log lines, heap %+d KiB, %s", told.Load(), most.Load(), log.n.Load(), (int64(heap())-int64(before))>>10, strings.TrimSpace(fmt.Sprintf("%+v", busy.Stats())))
	})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
