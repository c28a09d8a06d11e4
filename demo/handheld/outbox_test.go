package handheld

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, path string) *outbox {
	t.Helper()
	o, err := openOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func add(t *testing.T, o *outbox, site uint64) Verb {
	t.Helper()
	v, err := o.add(Verb{Verb: "ask"}, site, "h1")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOutboxKeepsOrderAndSequence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	o := open(t, path)
	if o.newest() != 0 || o.len() != 0 {
		t.Errorf("a new outbox: newest %d, %d verbs", o.newest(), o.len())
	}
	for i, site := range []uint64{0, 0, 10, 5} {
		want := []uint64{1, 2, 11, 12}[i]
		if v := add(t, o, site); v.Seq != want {
			t.Errorf("sequence %d, want %d", v.Seq, want)
		}
	}
	again := open(t, path)
	if diff := cmp.Diff(o.state, again.state); diff != "" {
		t.Errorf("the file holds something else:\n%s", diff)
	}
	var order []uint64
	for {
		v, ok := again.first()
		if !ok {
			break
		}
		order = append(order, v.Seq)
		if err := again.remove(v.Seq); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]uint64{1, 2, 11, 12}, order); diff != "" {
		t.Error(diff)
	}
	if o := open(t, path); o.len() != 0 || o.newest() != 12 {
		t.Errorf("an emptied outbox forgot its count: newest %d, %d verbs", o.newest(), o.len())
	}
}

// TestOutboxFull: the worker is told; nothing kept is dropped.
func TestOutboxFull(t *testing.T) {
	o := open(t, "")
	for range maxOutbox {
		add(t, o, 0)
	}
	if _, err := o.add(Verb{Verb: "ask"}, 0, "h1"); !errors.Is(err, ErrOutboxFull) {
		t.Errorf("got %v", err)
	}
	if v, ok := o.first(); !ok || v.Seq != 1 || o.len() != maxOutbox || o.newest() != maxOutbox {
		t.Errorf("first %+v, %d verbs, newest %d", v, o.len(), o.newest())
	}
	if err := o.remove(1); err != nil {
		t.Fatal(err)
	}
	if v := add(t, o, 0); v.Seq != maxOutbox+1 {
		t.Errorf("the next one: %+v", v)
	}
}

// TestOutboxThatCannotBeKept: a verb that is not on the disk is not given out.
func TestOutboxThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	o := open(t, filepath.Join(dir, "outbox"))
	if _, err := o.add(Verb{Verb: "ask"}, 0, "h1"); err == nil {
		t.Error("taken without a disk")
	}
	if o.len() != 0 || o.newest() != 0 {
		t.Errorf("kept all the same: %d verbs, newest %d", o.len(), o.newest())
	}
}

func TestDamagedOutbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	if err := os.WriteFile(path, []byte(`{"seq":7,"verbs":[{"se`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(Config{Site: "s1", Device: "h1", Brokers: []string{"tcp://127.0.0.1:1"}, Outbox: path})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
