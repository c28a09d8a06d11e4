package raftstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// backedUp is a store with some state, and a backup of it.
func backedUp(t *testing.T) (*Store, []byte, BackupInfo) {
	t.Helper()
	s := openStore(t, testConfig(t, t.TempDir()))
	for n := range uint64(300) {
		do(t, s, byDevice("hh", n+1, "add n 1"))
		do(t, s, byID(n, "set k"+strings.Repeat("x", int(n%50))+" "+strings.Repeat("y", 500)))
	}
	var b bytes.Buffer
	info, err := s.Backup(&b, "hamburg")
	must(t, err)
	return s, b.Bytes(), info
}

// TestBackupRestore: a backup holds the state with the answers of commands; in
// an empty folder it becomes a site of one gateway in the next epoch.
func TestBackupRestore(t *testing.T) {
	s, b, info := backedUp(t)
	want := dump(t, s)
	applied, sum, err := s.Digest()
	must(t, err)
	do(t, s, byDevice("hh", 301, "add n 1000")) // after the backup: lost
	if got, err := VerifyBackup(bytes.NewReader(b), "hamburg"); err != nil || !cmp.Equal(got, info) {
		t.Fatalf("verified as %+v, %v; made as %+v", got, err, info)
	}
	if info.Number != applied || !bytes.Equal(info.Digest, sum[:]) || info.Epoch != 1 || info.Cluster != s.ClusterID() || info.Gateway != "gw1" {
		t.Errorf("its head is %+v", info)
	}
	for name, empty := range map[string]func(dir string){
		"absent": func(string) {},
		"empty":  func(dir string) { must(t, os.Mkdir(dir, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, filepath.Join(t.TempDir(), "store"))
			cfg.NodeID = "gw7"
			empty(cfg.Dir)
			f, got, err := Restore(cfg, testMachine{}, bytes.NewReader(b), "hamburg", "gw7", "mira", 0)
			must(t, err)
			if !cmp.Equal(got, info) || f.Epoch != 2 || f.How != HowRestored || f.Was != info.Cluster || f.Is == f.Was || f.Number != info.Number || f.Gateway != "gw7" {
				t.Errorf("restored %+v as %+v", got, f)
			}
			r := openStore(t, cfg)
			if d := cmp.Diff(want, dump(t, r)); d != "" {
				t.Error(d)
			}
			if n, again, err := r.Digest(); n != applied || again != sum || err != nil {
				t.Errorf("command %d, another state, %v", n, err)
			}
			if e, err := r.Epoch(); e != 2 || err != nil || r.ClusterID() != f.Is {
				t.Errorf("epoch %d, %v, cluster %s", e, err, r.ClusterID())
			}
			if res := do(t, r, byDevice("hh", 300, "add n 1")); !res.Duplicate {
				t.Errorf("a repeat was done again: %+v", res)
			}
			if res := do(t, r, byDevice("hh", 301, "add n 1")); res.Duplicate || !strings.HasPrefix(string(res.Body), "301@") {
				t.Errorf("what came after the backup: %+v", res)
			}
			closeStore(t, r)
			makeUnclean(t, r)
			r = openStore(t, cfg)
			var second bytes.Buffer
			if info, err := r.Backup(&second, "hamburg"); err != nil || info.Epoch != 2 {
				t.Errorf("a backup of it: %+v, %v", info, err)
			}
			if left, _ := filepath.Glob(cfg.Dir + ".*"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestBackupOfAFolder: a gateway that does not run gives the same bytes but for
// the head, and is not changed.
func TestBackupOfAFolder(t *testing.T) {
	s, b, info := backedUp(t)
	closeStore(t, s)
	before := tree(t, s.cfg.Dir)
	var off bytes.Buffer
	got, err := BackupFolder(s.cfg, testMachine{}, &off, "hamburg")
	must(t, err)
	if !bytes.Equal(got.Digest, info.Digest) || got.Number != info.Number || got.Cluster != info.Cluster || off.Len() < len(b)*9/10 {
		t.Errorf("%+v, while it ran %+v", got, info)
	}
	if _, err := VerifyBackup(&off, "hamburg"); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(before, tree(t, s.cfg.Dir)); d != "" {
		t.Error("it changed the folder:", d)
	}
}

// TestBadBackup: any byte that is not as it was written, a cut, a tail, another
// site: refused by verify and by restore, and the folder stays empty.
func TestBadBackup(t *testing.T) {
	_, b, _ := backedUp(t)
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(b)) }
	for name, tc := range map[string]struct {
		b    []byte
		site string
		code string
	}{
		"nothing":      {nil, "hamburg", CodeBackupBad},
		"no backup":    {[]byte(strings.Repeat("data,1\n", 100)), "hamburg", CodeBackupBad},
		"a tail":       {with(func(b []byte) []byte { return append(b, 0) }), "hamburg", CodeBackupBad},
		"no end":       {b[:len(b)-1], "hamburg", CodeBackupBad},
		"only a head":  {b[:300], "hamburg", CodeBackupBad},
		"half":         {b[:len(b)/2], "hamburg", CodeBackupBad},
		"another site": {b, "bremen", CodeBackupForeign},
		"huge head":    {with(func(b []byte) []byte { b[14] = 0xff; return b }), "hamburg", CodeBackupBad},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := VerifyBackup(bytes.NewReader(tc.b), tc.site); FaultCode(err) != tc.code {
				t.Errorf("verified: %v", err)
			}
			cfg := testConfig(t, filepath.Join(t.TempDir(), "store"))
			if _, _, err := Restore(cfg, testMachine{}, bytes.NewReader(tc.b), tc.site, "gw1", "test", 0); FaultCode(err) != tc.code {
				t.Errorf("restored: %v", err)
			}
			if left, _ := os.ReadDir(cfg.Dir); len(left) != 0 {
				t.Errorf("the folder holds %v", left)
			}
			if left, _ := filepath.Glob(cfg.Dir + ".*"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 500 { // all of the head and of the end, some of the rest
		at := i
		switch {
		case i >= 400:
			at = len(b) - 1 - (i - 400)
		case i >= 200:
			at = rnd.IntN(len(b))
		}
		bad := with(func(b []byte) []byte { b[at] ^= 1 << rnd.IntN(8); return b })
		if _, err := VerifyBackup(bytes.NewReader(bad), ""); err == nil || FaultCode(err) == "" {
			t.Errorf("byte %d was changed: %v", at, err)
		}
	}
}

// TestRestoreRefuses: what is there already is not touched.
func TestRestoreRefuses(t *testing.T) {
	s, b, _ := backedUp(t)
	closeStore(t, s)
	before := tree(t, s.cfg.Dir)
	_, _, err := Restore(s.cfg, testMachine{}, bytes.NewReader(b), "hamburg", "gw1", "test", 0)
	if !errors.Is(err, ErrNotEmpty) || FaultCode(err) != CodeNotEmpty || !strings.Contains(err.Error(), s.cfg.Dir) {
		t.Errorf("restored over a folder in use: %v", err)
	}
	if d := cmp.Diff(before, tree(t, s.cfg.Dir)); d != "" {
		t.Error(d)
	}
	// A second restore of one backup is told the epoch that was used.
	cfg := testConfig(t, filepath.Join(t.TempDir(), "store"))
	if f, _, err := Restore(cfg, testMachine{}, bytes.NewReader(b), "hamburg", "gw1", "test", 5); err != nil || f.Epoch != 5 {
		t.Errorf("%+v, %v", f, err)
	}
	// A state of a newer version is not touched.
	newer := testConfig(t, t.TempDir())
	newer.level = 9
	n := openStore(t, newer)
	await(t, "the level rises", func() bool { l, _ := n.Level(); return l == 9 })
	var nb bytes.Buffer
	if _, err := n.Backup(&nb, "hamburg"); err != nil {
		t.Fatal(err)
	}
	cfg = testConfig(t, filepath.Join(t.TempDir(), "store"))
	if _, _, err := Restore(cfg, testMachine{}, &nb, "hamburg", "gw1", "test", 0); FaultCode(err) != CodeUnknownEntry {
		t.Errorf("a state of a newer version: %v", err)
	}
}

// FuzzBackup: whatever is read is refused or whole, and never ends the process.
func FuzzBackup(f *testing.F) {
	f.Add([]byte(backupMagic + "\x01\x00\x00\x00\x02\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := VerifyBackup(bytes.NewReader(b), ""); err != nil && FaultCode(err) == "" {
			t.Errorf("no code: %v", err)
		}
	})
}

// TestGoldenBackup: a backup of version 1, of a site in its second epoch, can be
// restored for ever.
func TestGoldenBackup(t *testing.T) {
	const golden = "testdata/backup-v1"
	b, err := os.ReadFile(golden)
	if *update && errors.Is(err, os.ErrNotExist) {
		s := openStore(t, testConfig(t, t.TempDir()))
		do(t, s, byDevice("hh", 1, "set a 1"))
		do(t, s, byID(1, "set b 2"))
		await(t, "the level", func() bool { l, _ := s.Level(); return l == storeLevel })
		var first, second bytes.Buffer
		_, err := s.Backup(&first, "hamburg")
		must(t, err)
		cfg := testConfig(t, filepath.Join(t.TempDir(), "store"))
		_, _, err = Restore(cfg, testMachine{}, &first, "hamburg", "gw1", "mira", 0)
		must(t, err)
		_, err = openStore(t, cfg).Backup(&second, "hamburg")
		must(t, err)
		must(t, os.WriteFile(golden, second.Bytes(), 0o644))
		b = second.Bytes()
	} else if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, filepath.Join(t.TempDir(), "store"))
	f, info, err := Restore(cfg, testMachine{}, bytes.NewReader(b), "hamburg", "gw1", "mira", 0)
	must(t, err)
	if f.Epoch != 3 || info.Epoch != 2 || info.Number != 2 || info.Level != 1 {
		t.Errorf("restored %+v from %+v", f, info)
	}
	s := openStore(t, cfg)
	if d := cmp.Diff(map[string]string{"a": "1", "b": "2"}, dump(t, s)); d != "" {
		t.Error(d)
	}
	if list, err := s.Formations(); err != nil || len(list) != 2 || list[0].How != HowRestored || list[0].By != "mira" || list[0].Epoch != 2 {
		t.Errorf("formations %+v, %v", list, err)
	}
	if r := do(t, s, byDevice("hh", 1, "set a 1")); !r.Duplicate {
		t.Errorf("%+v", r)
	}
}
