package notify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
)

// ToJournal says whether a file is the stream to the journal: systemd names its
// device and inode in JOURNAL_STREAM (systemd.exec(5)), and a program that was
// started by another has the variable, but not the stream.
func ToJournal(getenv func(string) string, f *os.File) bool {
	st, err := f.Stat()
	if err != nil {
		return false
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}

// Journal writes records by the handler that make gives, each line with the priority
// of its level in front, as the journal takes it (sd-daemon(3)): journalctl -p
// warning then finds what it should. One write is one line.
func Journal(w io.Writer, make func(io.Writer) slog.Handler) slog.Handler {
	out := &lines{w: w}
	return journal{out, make(out)}
}

type journal struct {
	out   *lines
	inner slog.Handler
}

// lines puts the priority of the record at hand in front of each.
type lines struct {
	mu       sync.Mutex
	w        io.Writer
	priority string
	buf      []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.buf = append(append(l.buf[:0], l.priority...), p...)
	if _, err := l.w.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// priority is the level as syslog(3) counts.
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

func (j journal) Enabled(ctx context.Context, l slog.Level) bool { return j.inner.Enabled(ctx, l) }

func (j journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.priority = priority(r.Level)
	return j.inner.Handle(ctx, r)
}

func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journal{j.out, j.inner.WithAttrs(attrs)}
}

func (j journal) WithGroup(name string) slog.Handler { return journal{j.out, j.inner.WithGroup(name)} }
