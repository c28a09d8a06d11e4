package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestJournal: each line begins with its priority, and what is behind it is the
// record as it was, whoever writes at the same time.
func TestJournal(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(Journal(&out, func(w io.Writer) slog.Handler {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	})).With("site", "s1")
	want := map[string]string{"d": "<7>", "i": "<6>", "w": "<4>", "e": "<3>"}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { log.Debug("d") })
		wg.Go(func() { log.WithGroup("g").Info("i", "text", "two\nlines") })
		wg.Go(func() { log.Warn("w", "code", "DEV-101") })
		wg.Go(func() { log.Error("e") })
	}
	wg.Wait()
	n := 0
	for line := range strings.Lines(out.String()) {
		n++
		var r struct{ Msg, Site string }
		if err := json.Unmarshal([]byte(line[3:]), &r); err != nil || r.Site != "s1" || want[r.Msg] != line[:3] {
			t.Errorf("%q: %v", line, err)
		}
	}
	if n != 80 {
		t.Errorf("%d lines", n)
	}
}

func TestToJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := st.Sys().(*syscall.Stat_t)
	for env, want := range map[string]bool{"": false, "1:2": false, fmt.Sprintf("%d:%d", s.Dev, s.Ino): true} {
		if got := ToJournal(func(string) string { return env }, f); got != want {
			t.Errorf("JOURNAL_STREAM=%s: %v", env, got)
		}
	}
}
