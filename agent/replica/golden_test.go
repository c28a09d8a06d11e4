//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"tote/raftstore"
	"tote/warehouse/memtx"
)

var update = flag.Bool("update", false, "write the golden digests that are not there yet")

// TestRow11GoldenMachine: the commands of every applier of version 1 lead to the
// state and to the stored answers they led to then, as a rebuild from an old
// log needs.
func TestRow11GoldenMachine(t *testing.T) {
	const golden = "testdata/machine-v1"
	tx := memtx.New()
	answers := sha256.New()
	log := append(warehouseLog(t, "v1"), otherCommands(t)...)
	for i, c := range log {
		out, err := Machine{}.Apply(tx, raftstore.Meta{
			Index: uint64(i + 1), Now: logDay.UnixMilli() + int64(i)*1000, Actor: "test", Device: "d", Seq: uint64(i + 1),
			Kind: c.kind, Version: c.version, Level: 1,
		}, c.body)
		if err != nil {
			t.Fatalf("%s %d: %v", c.name, i, err)
		}
		fmt.Fprintf(answers, "%x %v\n", out.Result, out.Reject)
	}
	got := fmt.Sprintf("%s %x\n", tx.Digest(), answers.Sum(nil))
	want, err := os.ReadFile(golden)
	if *update && errors.Is(err, fs.ErrNotExist) {
		want, err = []byte(got), errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, []byte(got), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("state and answers of a log of version 1 have changed:\n%s%s", want, got)
	}
}
