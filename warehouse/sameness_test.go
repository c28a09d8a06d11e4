package warehouse_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	. "tote/warehouse"
	"tote/warehouse/memtx"
)

// randomLog is what one run of the model of floor tasks leaves.
func randomLog(t *testing.T) (log []logged) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		if len(log) > 0 {
			return // one is enough
		}
		m := &model{
			world: floor(rt), rt: rt, seen: make(map[string]int),
			opened: make(map[string]int64), adjusted: make(map[string]int64), back: make(map[string]int64), states: make(map[string]OrderState),
			tags: make(map[string][]string), proven: make(map[string]bool),
		}
		for _, r := range testStock() {
			m.opened[r.SKU] += r.Qty
		}
		tasksStart(m)
		for range 4 * steps {
			m.random(pickOne(m, taskWork, "what"))
		}
		log = m.log
	})
	if len(log) < steps {
		t.Fatalf("only %d commands", len(log))
	}
	return log
}

// The same log gives the same bytes however many of its commands are written to
// the store at once.
func TestSameStateInBatchesOfEverySize(t *testing.T) {
	logs := [][]logged{randomLog(t)}
	for _, g := range goldenDays {
		logs = append(logs, g.day(t).log)
	}
	for _, log := range logs {
		want, _ := replay(t, log)
		for _, size := range []int{2, 7, 64, len(log)} {
			tx := memtx.New()
			batch, done := Batched(tx)
			for i, l := range log {
				if err := l.applyTo(batch); err != nil {
					t.Fatal(err)
				}
				if (i+1)%size == 0 || i == len(log)-1 {
					if err := done(); err != nil {
						t.Fatal(err)
					}
					batch, done = Batched(tx)
				}
			}
			if tx.Digest() != want.Digest() {
				t.Errorf("%d commands in batches of %d lead elsewhere", len(log), size)
			}
		}
	}
}

func (l logged) applyTo(tx Tx) error {
	if l.drained > 0 {
		return OutboxDelete(tx, StreamControl, l.drained)
	}
	c, err := Decode(l.kind, l.version, l.body)
	if err == nil {
		_, err = Apply(tx, l.meta, c)
	}
	return err
}

// The golden logs and a random one lead to the same bytes on a processor of
// another kind.
func TestSameStateOnARM64(t *testing.T) {
	qemu := ""
	for _, name := range []string{os.Getenv("TOTE_QEMU_ARM64"), "qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			qemu = path
			break
		}
	}
	if qemu == "" {
		t.Skip("SKIPPED: no qemu-aarch64-static (Debian package qemu-user-static): the same state on arm64 is not shown")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "replay-arm64")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "./testdata/replay")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args, want := []string{bin}, []string{}
	for _, g := range goldenDays {
		log := filepath.Join("testdata", "golden", g.name)
		digest, err := os.ReadFile(filepath.Join(log, "digest"))
		if err != nil {
			t.Fatal(err)
		}
		args, want = append(args, filepath.Join(log, "log.jsonl")), append(want, strings.TrimSpace(string(digest)))
	}
	log := randomLog(t)
	tx, _ := replay(t, log)
	args, want = append(args, writeLog(t, dir, log)), append(want, tx.Digest())
	cmd := exec.Command(qemu, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	got := strings.Fields(string(out))
	if len(got) != len(want) {
		t.Fatalf("%d digests, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s leads elsewhere on arm64", args[i+1])
		}
	}
	t.Logf("%d logs, the random one of %d commands, lead to the same state on arm64", len(want), len(log))
}

// writeLog writes a log as testdata/replay reads it.
func writeLog(t *testing.T, dir string, log []logged) string {
	t.Helper()
	name := filepath.Join(dir, "random.jsonl")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // an error shows in what is read
	enc := json.NewEncoder(f)
	for _, l := range log {
		line := struct {
			goldenLine
			Drained uint64 `json:"drained,omitempty"`
		}{goldenLine{
			Index: l.meta.Index, Now: l.meta.Now, Cause: l.meta.Cause, Actor: l.meta.Actor, Level: l.meta.Level,
			Kind: l.kind, Version: l.version, Body: hex.EncodeToString(l.body),
		}, l.drained}
		if err := enc.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	return name
}
