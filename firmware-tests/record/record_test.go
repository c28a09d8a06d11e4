package record

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func clock() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }

// The format of the file is read by others: demo, reports, people.
func TestFileFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	b, err := Open("s1", path, clock)
	if err != nil {
		t.Fatal(err)
	}
	b.Add(Entry{Kind: Put, Weight: &Weight{Mg: 1500}})
	b.Add(Entry{Kind: Answered, Weight: &Weight{Mg: 0, Text: "0.0 g", Command: "SI"}})
	b.Add(Entry{Kind: Scanned, Scan: &Scan{Code: "A\x1dB", Sent: `"A\x1dB\r"`}})
	b.Add(Entry{Kind: Printed, Label: &Label{Job: 1, Copy: 1, Copies: 2, Texts: []string{"ü"}, Barcodes: []Barcode{{Type: "BC", Mode: "D", Data: "(00)1", Scan: "]C1001"}}}})
	b.Add(Entry{Kind: Fault, Fault: &SwitchedFault{Name: "stall", On: true}})
	// Every line is in the file already, before Close.
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"seq":1,"at":"2026-03-01T08:00:00Z","device":"s1","kind":"put","weight":{"mg":1500}}
{"seq":2,"at":"2026-03-01T08:00:00Z","device":"s1","kind":"answered","weight":{"mg":0,"text":"0.0 g","command":"SI"}}
{"seq":3,"at":"2026-03-01T08:00:00Z","device":"s1","kind":"scanned","scan":{"code":"A\u001dB","sent":"\"A\\x1dB\\r\"","written":false}}
{"seq":4,"at":"2026-03-01T08:00:00Z","device":"s1","kind":"printed","label":{"job":1,"copy":1,"copies":2,"texts":["ü"],"barcodes":[{"type":"BC","mode":"D","data":"(00)1","scan":"]C1001"}]}}
{"seq":5,"at":"2026-03-01T08:00:00Z","device":"s1","kind":"fault","fault":{"name":"stall","on":true}}
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	entries := b.After(0)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Close = %v", err)
	}
	read, err := Read(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(entries, read); d != "" {
		t.Errorf("read back: -want +got\n%s", d)
	}
}

// A killed emulator may leave half a line. It is cut off; numbers go on.
func TestContinueAfterKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	half := `{"seq":7,"at":"2026-03-01T08:00:00Z","device":"s1","kind":"removed","weight":{"mg":1}}` + "\n" + `{"seq":8,"at":"20`
	if err := os.WriteFile(path, []byte(half), 0o600); err != nil {
		t.Fatal(err)
	}
	for want := 8; want < 11; want++ {
		b, err := Open("s1", path, clock)
		if err != nil {
			t.Fatal(err)
		}
		if e := b.Add(Entry{Kind: Put, Weight: &Weight{Mg: 2}}); e.Seq != want || b.LastSeq() != want {
			t.Errorf("Seq = %d, LastSeq = %d, want %d", e.Seq, b.LastSeq(), want)
		}
		if es := b.After(6); len(es) != want-6 {
			t.Errorf("%d entries, want %d", len(es), want-6)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadRefusesGarbageInTheMiddle(t *testing.T) {
	good := `{"seq":1,"at":"2026-03-01T08:00:00Z","device":"d","kind":"put"}`
	cases := []struct {
		name, in string
		entries  int
		ok       bool
	}{
		{"empty", "", 0, true},
		{"blank lines", "\n" + good + "\n\n", 1, true},
		{"cut last line", good + "\n" + `{"seq":2`, 1, true},
		{"garbage before an entry", "garbage\n" + good + "\n", 0, false},
	}
	for _, c := range cases {
		es, err := Read(strings.NewReader(c.in))
		if len(es) != c.entries || (err == nil) != c.ok {
			t.Errorf("%s: %d entries, %v", c.name, len(es), err)
		}
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Open("d", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if es := b.Wait(ctx, 0); es != nil {
			t.Errorf("Wait on an empty book = %v", es)
		}
		got := make(chan []Entry)
		go func() { got <- b.Wait(t.Context(), 1) }()
		b.Add(Entry{Kind: Put})
		synctest.Wait() // still waiting: entry 1 is not newer than 1
		b.Add(Entry{Kind: Removed})
		if es := <-got; len(es) != 1 || es[0].Seq != 2 {
			t.Errorf("Wait = %+v", es)
		}
		go func() { got <- b.Wait(t.Context(), 2) }()
		synctest.Wait()
		_ = b.Close()
		if es := <-got; es != nil {
			t.Errorf("Wait after Close = %+v", es)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	b, err := Open("d", "", clock)
	if err != nil {
		t.Fatal(err)
	}
	for range MaxInMemory + 10 {
		b.Add(Entry{Kind: Put})
	}
	es := b.After(0)
	if len(es) > MaxInMemory || es[len(es)-1].Seq != MaxInMemory+10 {
		t.Errorf("%d entries in memory, the last is %d", len(es), es[len(es)-1].Seq)
	}
}

// A full disk costs the file, never the emulator; the first failure is told.
func TestFileFailure(t *testing.T) {
	b, err := Open("d", filepath.Join(t.TempDir(), "r"), clock)
	if err != nil {
		t.Fatal(err)
	}
	_ = b.file.Close()
	b.Add(Entry{Kind: Put})
	b.Add(Entry{Kind: Put})
	if b.Err() == nil || !strings.Contains(b.Err().Error(), "entry 1") || len(b.After(0)) != 2 {
		t.Errorf("Err = %v, %d entries", b.Err(), len(b.After(0)))
	}
	if err := b.Close(); err == nil {
		t.Error("Close hides the failure")
	}
}
