package raftstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if runChild() || runClusterChild() || runReadOnlyChild() || runPowerChild() { // the test binary started again, to be killed
		return
	}
	// Most of these tests wait for clocks and disks: more of them at a time than
	// there are cores, unless the caller says how many.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
	// What raft never answers is waited for until the process ends: put.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("tote/raftstore.(*Store).put.func1"))
}

// testMachine is a key-value machine. A command's body is words:
//
//	set K V | del K | add K N | list PREFIX | setreject K V | flood N SIZE [SPACE] |
//	big N | clock | fail | panic | writeinrange
type testMachine struct{}

const testKind = 0x0101

func (testMachine) Apply(tx Tx, m Meta, body []byte) (Outcome, error) {
	w := strings.Fields(string(body))
	arg := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	key := []byte(arg(1))
	switch arg(0) {
	case "set":
		return Outcome{Result: []byte("ok"), Touched: []string{arg(1)}}, tx.Set(key, []byte(arg(2)))
	case "setreject":
		err := tx.Set(key, []byte(arg(2)))
		return Outcome{Result: []byte("no"), Reject: true, Touched: []string{arg(1)}}, err
	case "del":
		return Outcome{Result: []byte("ok"), Touched: []string{arg(1)}}, tx.Delete(key)
	case "add":
		old, err := tx.Get(key)
		if err != nil {
			return Outcome{}, err
		}
		var n, d uint64
		if old != nil {
			n = binary.BigEndian.Uint64(old)
		}
		fmt.Sscan(arg(2), &d)
		n += d
		res := fmt.Appendf(nil, "%d@%d", n, m.Index)
		return Outcome{Result: res, Touched: []string{arg(1)}}, tx.Set(key, binary.BigEndian.AppendUint64(nil, n))
	case "list":
		var b bytes.Buffer
		err := tx.Range(key, func(k, v []byte) (bool, error) {
			fmt.Fprintf(&b, "%s=%s ", k, v)
			return true, nil
		})
		return Outcome{Result: b.Bytes()}, err
	case "flood":
		var n, size int
		fmt.Sscan(arg(1), &n)
		fmt.Sscan(arg(2), &size)
		for i := range n {
			// The error is dropped on purpose: the store must not rely on it.
			_ = tx.Set(fmt.Appendf(nil, "flood%s/%06d", arg(3), i), make([]byte, size))
		}
		return Outcome{Result: []byte("ok")}, nil
	case "big":
		var n int
		fmt.Sscan(arg(1), &n)
		return Outcome{Result: make([]byte, n)}, nil
	case "clock":
		return Outcome{Result: fmt.Append(nil, m.Now)}, nil
	case "fail":
		return Outcome{}, errors.New("the machine says the state is not sound")
	case "panic":
		panic("a bug")
	case "writeinrange":
		return Outcome{}, tx.Range(nil, func(k, _ []byte) (bool, error) { return true, tx.Set(k, nil) })
	}
	return Outcome{Result: []byte("unknown"), Reject: true}, nil
}

func testConfig(t testing.TB, dir string) Config {
	return Config{
		Dir: dir, NodeID: "gw1", Logger: testLogger(t),
		HeartbeatTimeout: 10 * time.Millisecond,
		SegmentSize:      256 << 10,
		MinFree:          1 << 20, ballast: -1,
	}
}

// testLogger shows warnings only when the test fails or runs with -v.
func testLogger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// openStore opens a store that leads and is closed with the test.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg, testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func id(n uint64) (b [16]byte) {
	binary.BigEndian.PutUint64(b[8:], n)
	b[0] = 1
	return b
}

func byID(n uint64, body string) Command {
	return Command{ID: id(n), Kind: testKind, Version: 1, Actor: "test", Body: []byte(body)}
}

func byDevice(device string, seq uint64, body string) Command {
	return Command{Device: device, Seq: seq, Kind: testKind, Version: 1, Actor: "test", Body: []byte(body)}
}

func do(t testing.TB, s *Store, c Command) Result {
	t.Helper()
	res, err := s.Propose(testContext(t), c)
	if err != nil {
		t.Fatalf("propose %q: %v", c.Body, err)
	}
	return res
}

// dump returns the machine's state.
func dump(t testing.TB, s *Store) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := s.View(func(r Reader, _ uint64) error {
		return r.Range(nil, func(k, v []byte) (bool, error) {
			m[string(k)] = string(v)
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
