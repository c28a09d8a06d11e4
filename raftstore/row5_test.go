package raftstore

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var flips = flag.Int("flips", 8, "random bits flipped on the disk of one gateway of three")

// TestRow5AnyBit: one bit anywhere on the disk of one of three gateways, while it
// is off. It starts with the state it had, or it refuses with a fault that names
// the file; it never starts with another state. make powercut flips many.
func TestRow5AnyBit(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, func(c *Config) {
		c.SnapshotEntries, c.TrailingLogs = 1<<30, 5 // by hand
	})
	for n := range uint64(30) {
		a.must(t, byDevice("hh", n+1, "flood 20 200 "+strings.Repeat("x", int(n%3))))
		if n%10 == 9 {
			if err := c.WaitApplied(testContext(t), a.Applied()); err != nil {
				t.Fatal(err)
			}
			must(t, c.Snapshot())
		}
	}
	sameDigest(t, a, b, c)
	want := dump(t, c.Store)
	must(t, c.stop())
	must(t, os.Rename(c.dir, c.dir+".good"))
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 5))
	started, refused := 0, map[string]int{}
	for i := range *flips {
		must(t, errors.Join(os.RemoveAll(c.dir), os.CopyFS(c.dir, os.DirFS(c.dir+".good"))))
		name, at, bit := anyBit(t, rng, c.dir, []string{"log", "", "snapshots", "state-*"}[i%4])
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		must(t, err)
		one := make([]byte, 1)
		_, err = f.ReadAt(one, at)
		must(t, err)
		_, err = f.WriteAt([]byte{one[0] ^ bit}, at)
		must(t, errors.Join(err, f.Close()))
		rel, err := filepath.Rel(c.dir, name)
		must(t, err)
		n, err := k.tryOpen("gw3", false)
		if err != nil {
			if FaultCode(err) == "" || !strings.Contains(err.Error(), filepath.Base(name)) && FaultCode(err) != CodeLogShort {
				t.Errorf("bit %#02x of byte %d in %s: %v", bit, at, rel, err)
			}
			refused[FaultCode(err)]++
			continue
		}
		started++
		// A tail that looks torn is filled again by the others.
		if err := n.WaitApplied(testContext(t), a.Applied()); err != nil {
			t.Fatalf("bit %#02x of byte %d in %s: %v", bit, at, rel, err)
		}
		if d := cmp.Diff(want, dump(t, n.Store)); d != "" {
			t.Fatalf("bit %#02x of byte %d in %s: another state %s", bit, at, rel, d)
		}
		must(t, n.stop())
	}
	t.Logf("%d started as before, refused: %v, seed %d", started, refused, seed)
	if started == 0 || *flips > 50 && len(refused) == 0 {
		t.Error("what was damaged was not what is read")
	}
	if l := leaderOf(t, a, b); l.Err() != nil {
		t.Error(l.Err())
	}
}

// anyBit chooses one in a part of the folder, "" being the small files: a file
// first, so that small ones count as much as big ones, then a byte of it that is
// not zero, as most of a log is.
func anyBit(t *testing.T, rng *rand.Rand, dir, part string) (name string, at int64, bit byte) {
	t.Helper()
	used := map[string][]int{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		top, _, inside := strings.Cut(rel, string(filepath.Separator))
		if fits, _ := filepath.Match(part, top); inside && !fits || !inside && part != "" {
			return nil
		}
		b, err := os.ReadFile(name)
		for i, v := range b {
			if v != 0 {
				used[name] = append(used[name], i)
			}
		}
		return err
	}))
	names := slices.Sorted(maps.Keys(used))
	if len(names) == 0 {
		t.Fatalf("nothing in %s/%s", dir, part)
	}
	name = names[rng.IntN(len(names))]
	return name, int64(used[name][rng.IntN(len(used[name]))]), 1 << rng.IntN(8)
}
