package llrp

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

const cases = "../../cases/llrp"

// rig is a reader and its clients.
type rig struct {
	t       *testing.T
	r       *Reader
	addr    string
	clients map[string]net.Conn
}

func newRig(t *testing.T, p Params) *rig {
	t.Helper()
	book, err := record.Open("llrp", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(p, book)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		r.Run(ctx, socket)
		close(ended)
	}()
	g := &rig{t, r, socket.Addr(), map[string]net.Conn{}}
	t.Cleanup(func() {
		for _, c := range g.clients {
			_ = c.Close()
		}
		cancel()
		<-ended
		_ = book.Close()
	})
	return g
}

// do carries out one step of a script and gives the client that it was about.
func (g *rig) do(step, client string) string {
	g.t.Helper()
	verb, rest, _ := strings.Cut(step, " ")
	var err error
	switch verb {
	case "connect":
		client = rest
		g.clients[client], err = net.Dial("tcp", g.addr)
	case ">":
		_, err = g.clients[client].Write(unhex(g.t, rest))
	case "fault":
		name, on, _ := strings.Cut(rest, " ")
		err = g.r.SetFault(name, on == "on")
	case "level":
		name, level, _ := strings.Cut(rest, " ")
		err = g.r.SetLevel(name, level == "high")
	case "field":
		var tags []record.Tag
		if err = json.Unmarshal([]byte(rest), &tags); err == nil {
			err = g.r.Field(tags)
		}
	default:
		err = fmt.Errorf("what is %q?", verb)
	}
	if err != nil {
		g.t.Fatalf("%s: %v", step, err)
	}
	return client
}

// hear reads one message of the reader; "end" when the connection was closed.
func (g *rig) hear(client string) string {
	g.t.Helper()
	c := g.clients[client]
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(c, head); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return "nothing"
		}
		return "end"
	}
	body := make([]byte, binary.BigEndian.Uint32(head[2:])-headerSize)
	if _, err := io.ReadFull(c, body); err != nil {
		return "half a message"
	}
	return hex.EncodeToString(append(head, body...))
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// matches compares a message with what is wanted; a dot is any digit.
func matches(got, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if want[i] != '.' && want[i] != got[i] {
			return false
		}
	}
	return true
}

func lines(t *testing.T, file string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) != "" {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// The cases: what a client sends and the messages the reader answers with, whole,
// in hexadecimal. In want, "step N:" goes before the answers to line N of the
// script, and a dot stands for a digit that is time or the reader's own count.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(cases, "*", "script"))
	if err != nil || len(dirs) < 8 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	for _, script := range dirs {
		dir := filepath.Dir(script)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var p Params
			if text, err := os.ReadFile(filepath.Join(dir, "params")); err == nil {
				if err := json.Unmarshal(text, &p); err != nil {
					t.Fatal(err)
				}
			}
			want, step := map[int][]string{}, 0
			for _, line := range lines(t, filepath.Join(dir, "want")) {
				if n, err := fmt.Sscanf(line, "step %d:", &step); n == 1 && err == nil {
					continue
				}
				want[step] = append(want[step], strings.Join(strings.Fields(line), ""))
			}
			g, client := newRig(t, p), ""
			for i, line := range lines(t, script) {
				client = g.do(line, client)
				for _, w := range want[i+1] {
					of := client
					if name, rest, other := strings.Cut(w, ":"); other { // of another client
						of, w = name, rest
					}
					if got := g.hear(of); !matches(got, w) {
						t.Fatalf("step %d, %s: %s\nwant %s", i+1, line, got, w)
					}
				}
			}
		})
	}
}

// The answers have the layout of those recorded from a real reader: the same
// parameters in the same order.
func TestLayoutOfRecordedMessages(t *testing.T) {
	g := newRig(t, Params{})
	for name, c := range map[string]struct {
		got  [][]byte
		skip map[int]bool // parameters of the real one that we leave out
	}{
		"GetReaderCapabilitiesResponse-000": {g.r.capabilities(), map[int]bool{287: true}},
		"GetReaderConfigResponse-000":       {g.r.config(), map[int]bool{287: true, 244: true, 237: true, 239: true, 217: true}},
	} {
		body, err := os.ReadFile("../../../../shared/data/llrp_frames/" + name + ".bytes")
		if err != nil {
			t.Skipf("SKIPPED, NOT PROVEN: no recorded messages here: %v", err)
		}
		real, ok := params(body)
		if !ok {
			t.Fatal("the recorded message cannot be taken apart")
		}
		var want, got []int
		for _, p := range real {
			if !c.skip[p.typ] && (len(want) == 0 || want[len(want)-1] != p.typ) {
				want = append(want, p.typ)
			}
		}
		var mine []byte
		for _, p := range c.got {
			mine = append(mine, p...)
		}
		ps, ok := params(mine)
		if !ok {
			t.Fatalf("%s: our own cannot be taken apart", name)
		}
		for _, p := range ps {
			if len(got) == 0 || got[len(got)-1] != p.typ {
				got = append(got, p.typ)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, the real one has %v", name, got, want)
		}
	}
}

func TestImpossibleReaders(t *testing.T) {
	book, err := record.Open("llrp", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Params{{Antennas: 33}, {Antennas: -1}, {Inputs: 40}, {PerSecond: -1}, {ReportMs: -1}, {Firmware: strings.Repeat("x", 101)}} {
		if _, err := New(p, book); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	r, err := New(Params{}, book)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GPI0", "GPI5", "EYE", "GPO1"} {
		if err := r.SetLevel(name, true); !errors.Is(err, ErrLine) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.SetFault("nonsense", true); err == nil {
		t.Error("a fault that is none")
	}
}
