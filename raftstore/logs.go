package raftstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/go-hclog"
)

// badgerLog sends Badger's messages to slog. Badger speaks of its inner life
// at info level, so everything below a warning is debug here.
type badgerLog struct{ log *slog.Logger }

var _ badger.Logger = badgerLog{}

func (l badgerLog) put(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

func (l badgerLog) Errorf(f string, a ...any)   { l.put(slog.LevelError, f, a) }
func (l badgerLog) Warningf(f string, a ...any) { l.put(slog.LevelWarn, f, a) }
func (l badgerLog) Infof(f string, a ...any)    { l.put(slog.LevelDebug, f, a) }
func (l badgerLog) Debugf(f string, a ...any)   { l.put(slog.LevelDebug, f, a) }

// raftLog sends raft's messages to slog. Raft reports normal elections and
// snapshots at info and warning level, which on a lone gateway tell nobody
// anything: both become debug. Errors become warnings, because what a person
// must act on is logged by this package with a code.
type raftLog struct {
	log  *slog.Logger
	name string
	args []any
}

var _ hclog.Logger = (*raftLog)(nil)

// chatter is what raft says again and again while another gateway is away. The
// store itself logs once when one goes and when it comes back.
var chatter = map[string]bool{
	"failed to heartbeat to":                           true,
	"failed to appendEntries to":                       true,
	"failed to pipeline appendEntries":                 true,
	"failed to start pipeline replication to":          true,
	"failed to make requestVote RPC":                   true,
	"failed to make requestPreVote RPC":                true,
	"failed to decode incoming command":                true,
	"failed to flush response":                         true,
	"failed to accept connection":                      true,
	"failed to send snapshot to":                       true,
	"peer has newer term, stopping replication":        true,
	"skipping application of old log":                  true,
	"failed to contact":                                true,
	"failed to contact quorum of nodes, stepping down": true,
}

func newRaftLog(log *slog.Logger) hclog.Logger { return &raftLog{log: log, name: "raft"} }

func slogLevel(level hclog.Level) slog.Level {
	if level >= hclog.Error {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// Log implements hclog.Logger.
func (l *raftLog) Log(level hclog.Level, msg string, args ...any) {
	at := slogLevel(level)
	if chatter[msg] {
		at = slog.LevelDebug
	}
	if !l.log.Enabled(context.Background(), at) {
		return
	}
	attrs := make([]any, 0, len(l.args)+len(args))
	for _, a := range append(append([]any(nil), l.args...), args...) {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			a = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
		attrs = append(attrs, a)
	}
	l.log.Log(context.Background(), at, l.name+": "+msg, attrs...)
}

func (l *raftLog) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLog) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLog) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLog) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLog) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLog) enabled(level hclog.Level) bool {
	return l.log.Enabled(context.Background(), slogLevel(level))
}

func (l *raftLog) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l *raftLog) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l *raftLog) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l *raftLog) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l *raftLog) IsError() bool { return l.enabled(hclog.Error) }

func (l *raftLog) ImpliedArgs() []any { return l.args }
func (l *raftLog) Name() string       { return l.name }

// With implements hclog.Logger.
func (l *raftLog) With(args ...any) hclog.Logger {
	return &raftLog{l.log, l.name, append(append([]any(nil), l.args...), args...)}
}

// Named implements hclog.Logger.
func (l *raftLog) Named(name string) hclog.Logger {
	return &raftLog{l.log, l.name + "." + name, l.args}
}

// ResetNamed implements hclog.Logger.
func (l *raftLog) ResetNamed(name string) hclog.Logger { return &raftLog{l.log, name, l.args} }

// SetLevel implements hclog.Logger; the slog handler decides.
func (l *raftLog) SetLevel(hclog.Level) {}

// GetLevel implements hclog.Logger.
func (l *raftLog) GetLevel() hclog.Level { return hclog.Debug }

// StandardLogger implements hclog.Logger.
func (l *raftLog) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

// StandardWriter implements hclog.Logger.
func (l *raftLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return raftLogWriter{l} }

type raftLogWriter struct{ l *raftLog }

func (w raftLogWriter) Write(p []byte) (int, error) {
	w.l.Info(string(bytes.TrimSpace(p)))
	return len(p), nil
}
