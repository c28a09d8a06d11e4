package raftstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sampleBatch() []byte {
	return encodeBatch(1_764_000_000_123, []*Command{
		{ID: id(7), Actor: "worker/W1", Kind: 0x0101, Version: 2, Body: []byte{0xa1, 1, 2}},
		{Device: "hh-3", Seq: 17, Kind: 0x0102, Version: 1},
	})
}

// TestEntryGolden: logs on disk must stay readable.
func TestEntryGolden(t *testing.T) {
	const golden = "testdata/entry-v1.hex"
	got := hex.EncodeToString(sampleBatch()) + "\n" + hex.EncodeToString(encodeBarrier()) + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Fatal(d)
	}
	e, err := decodeEntry(sampleBatch())
	if err != nil || e.ts != 1_764_000_000_123 || len(e.commands) != 2 || e.commands[0].Actor != "worker/W1" ||
		e.commands[0].ID != id(7) || e.commands[1].Device != "hh-3" || e.commands[1].Seq != 17 {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestForeignEntries(t *testing.T) {
	edit := func(i int, b byte) []byte { e := sampleBatch(); e[i] = b; return e }
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"barrier":           {encodeBarrier(), nil},
		"may be skipped":    {edit(1, 0x90), nil},
		"a later mark":      {append(encodeMark()[:2], 2, 0, 9), nil},
		"may not":           {edit(1, 0x07), errNewEntry},
		"later schema":      {edit(2, 2), errNewEntry},
		"later version":     {edit(0, 2), errNewEntry},
		"empty":             {nil, errBadEntry},
		"short":             {sampleBatch()[:20], errBadEntry},
		"trailing bytes":    {append(sampleBatch(), 0), errBadEntry},
		"no commands":       {edit(12, 0), errBadEntry},
		"trailing, barrier": {append(encodeBarrier(), 0), errBadEntry},
		"trailing, mark":    {append(encodeMark(), 0), errBadEntry},
		"short feature":     {encodeFeature(1)[:5], errBadEntry},
		"short sums":        {encodeSums(sums{})[:40], errBadEntry},
		"later feature":     {append(encodeFeature(1)[:2], 2, 0, 1, 0), errNewEntry},
	} {
		if _, err := decodeEntry(c.data); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(sampleBatch())
	f.Add(encodeBarrier())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEntry(b)
		if err != nil || e.kind != entryBatch {
			return
		}
		ptrs := make([]*Command, len(e.commands))
		for i := range e.commands {
			ptrs[i] = &e.commands[i]
		}
		if again := encodeBatch(e.ts, ptrs); !bytes.Equal(again, b) {
			t.Fatalf("%x\nbecame\n%x", b, again)
		}
	})
}
