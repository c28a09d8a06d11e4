package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, f File, off int64, s string) {
	t.Helper()
	if n, err := f.WriteAt([]byte(s), off); n != len(s) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(s), err)
	}
}

func content(t *testing.T, fsys FS, name string) string {
	t.Helper()
	f, err := Open(fsys, name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) {
		t.Fatalf("read %d of %d: %v", n, size, err)
	}
	return string(b)
}

// TestBoth runs the same calls on the real and the memory file system.
func TestBoth(t *testing.T) {
	for name, fsys := range map[string]FS{"os": OS{}, "mem": NewMem(), "fault": NewFault(NewMem())} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/a/b"
			if _, err := fsys.ReadDir(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("a folder that is not there: %v", err)
			}
			must(t, fsys.MkdirAll(dir, 0o700), fsys.MkdirAll(dir, 0o700))
			if _, err := Open(fsys, dir+"/x"); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("a file that is not there: %v", err)
			}
			f, err := Create(fsys, dir+"/x")
			must(t, err)
			write(t, f, 3, "abc")
			must(t, f.Sync(), f.Truncate(8), f.Truncate(5), f.Sync(), fsys.SyncDir(dir))
			if got := content(t, fsys, dir+"/x"); got != "\x00\x00\x00ab" {
				t.Fatalf("%q", got)
			}
			b := make([]byte, 9)
			if n, err := f.ReadAt(b, 4); n != 1 || !errors.Is(err, io.EOF) {
				t.Fatalf("short read: %d %v", n, err)
			}
			if n, err := f.ReadAt(b, 40); n != 0 || !errors.Is(err, io.EOF) {
				t.Fatalf("read behind the end: %d %v", n, err)
			}
			if _, err := fsys.OpenFile(dir+"/x", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); !errors.Is(err, fs.ErrExist) {
				t.Fatalf("exclusive: %v", err)
			}
			must(t, f.Close())
			g, err := Create(fsys, dir+"/y")
			must(t, err, g.Close(), fsys.Rename(dir+"/x", dir+"/y"))
			names, err := fsys.ReadDir(dir)
			if err != nil || !slices.Equal(names, []string{"y"}) {
				t.Fatalf("%v %v", names, err)
			}
			must(t, fsys.Remove(dir+"/y"))
			if err := fsys.Remove(dir + "/y"); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("removed twice: %v", err)
			}
			testFolders(t, fsys, dir)
			if n, err := fsys.Free(dir); n == 0 || err != nil {
				t.Fatalf("free: %d %v", n, err)
			}
		})
	}
}

// testFolders: folders are removed and moved like files, whole and only when
// nothing is in the way.
func testFolders(t *testing.T, fsys FS, dir string) {
	t.Helper()
	must(t, MakeDir(fsys, dir+"/p/q", 0o700), WriteFile(fsys, dir+"/p/q/f", []byte("old")),
		WriteFile(fsys, dir+"/p/q/f", []byte("new")), fsys.MkdirAll(dir+"/e", 0o700))
	if names, err := fsys.ReadDir(dir + "/p/q"); err != nil || !slices.Equal(names, []string{"f"}) {
		t.Fatalf("%v %v", names, err)
	}
	for name, err := range map[string]error{
		"removed, not empty": fsys.Remove(dir + "/p"),
		"moved over another": fsys.Rename(dir+"/p", dir+"/e"),
		"made below a file":  fsys.MkdirAll(dir+"/p/q/f/g", 0o700),
		"moved from nowhere": fsys.Rename(dir+"/none", dir+"/n"),
	} {
		if err == nil {
			t.Error(name)
		}
	}
	must(t, fsys.Rename(dir+"/p/q", dir+"/r"), fsys.SyncDir(dir), fsys.SyncDir(dir+"/p"))
	b, err := ReadFile(fsys, dir+"/r/f")
	if err != nil || string(b) != "new" {
		t.Fatalf("%q %v", b, err)
	}
	if _, err := ReadFile(fsys, dir+"/p/q/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("it is still there: %v", err)
	}
	must(t, RemoveAll(fsys, dir+"/r"), RemoveAll(fsys, dir+"/r"), fsys.Remove(dir+"/p"), fsys.Remove(dir+"/e"))
	if names, err := fsys.ReadDir(dir); err != nil || len(names) > 0 {
		t.Fatalf("%v %v", names, err)
	}
}

// TestFolderIsLost: a new folder, and whatever was synced in it, is gone with
// the power unless the folder it is in was synced (row 1). MakeDir does that,
// also for what somebody made before it.
func TestFolderIsLost(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(m *Mem) error
		loses bool
	}{
		{"only made", func(m *Mem) error { return m.MkdirAll("a/b", 0o700) }, true},
		{"parent not synced", func(m *Mem) error { return errors.Join(m.MkdirAll("a/b", 0o700), m.SyncDir("a")) }, true},
		{"both synced", func(m *Mem) error { return errors.Join(m.MkdirAll("a/b", 0o700), m.SyncDir("a"), m.SyncDir(".")) }, false},
		{"MakeDir", func(m *Mem) error { return MakeDir(m, "a/b", 0o700) }, false},
		{"MakeDir again", func(m *Mem) error {
			// Who made it by MakeDir died before the last sync.
			return errors.Join(MakeDir(m, "a", 0o700), m.MkdirAll("a/b", 0o700), MakeDir(m, "a/b", 0o700))
		}, false},
	} {
		lost := 0
		for seed := range uint64(50) {
			m := NewMem()
			must(t, c.make(m), WriteFile(m, "a/b/f", []byte("x")))
			m.Crash(seed)
			if b, err := ReadFile(m, "a/b/f"); errors.Is(err, fs.ErrNotExist) {
				lost++
			} else if err != nil || string(b) != "x" {
				t.Fatalf("%s: %q %v", c.name, b, err)
			}
		}
		if c.loses != (lost > 0) {
			t.Errorf("%s: lost %d of 50 times", c.name, lost)
		}
	}
}

// TestReplacedFile: wherever the power goes, WriteFile leaves the old bytes or
// the new ones.
func TestReplacedFile(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		m := NewMem()
		must(t, MakeDir(m, "d", 0o700), WriteFile(m, "d/f", []byte("old")))
		m.CutAfter(1 + int(seed%5))
		err := WriteFile(m, "d/f", []byte("new"))
		m.Crash(seed)
		got := content(t, m, "d/f")
		seen[got]++
		if err == nil || got != "old" && got != "new" {
			t.Fatalf("seed %d: %q, %v", seed, got, err)
		}
	}
	if seen["old"] == 0 || seen["new"] == 0 {
		t.Errorf("%v", seen)
	}
}

// TestMoveIsWhole: a folder moved to another one is in one of the two after a
// cut, whichever of them was synced.
func TestMoveIsWhole(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(100) {
		m := NewMem()
		must(t, MakeDir(m, "a/x", 0o700), MakeDir(m, "b", 0o700), WriteFile(m, "a/x/f", []byte("1")))
		must(t, m.Rename("a/x", "b/x"))
		if seed%2 == 1 {
			must(t, m.SyncDir([]string{"a", "b"}[seed/2%2]))
		}
		m.Crash(seed)
		_, errA := ReadFile(m, "a/x/f")
		_, errB := ReadFile(m, "b/x/f")
		switch {
		case (errA == nil) == (errB == nil):
			t.Fatalf("seed %d: in both or in none: %v, %v", seed, errA, errB)
		case seed%2 == 1 && errB != nil:
			t.Fatalf("seed %d: a synced move went back", seed)
		case errA == nil:
			seen["old"]++
		default:
			seen["new"]++
		}
	}
	if seen["old"] == 0 || seen["new"] == 0 {
		t.Errorf("%v", seen)
	}
}

func TestCutWhen(t *testing.T) {
	m := NewMem()
	must(t, MakeDir(m, "d", 0o700))
	m.CutWhen(func(op Op, name string) bool { return op == OpRename && name == "d/f.tmp" })
	if err := WriteFile(m, "d/f", []byte("x")); !errors.Is(err, ErrPowerCut) || !m.Off() {
		t.Fatal(err)
	}
	if op, name := m.LastCut(); op != OpRename || name != "d/f.tmp" {
		t.Fatal(op, name)
	}
	m.Crash(1)
	must(t, WriteFile(m, "d/f", []byte("x")))
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	for seed := range uint64(200) {
		m := NewMem()
		must(t, MakeDir(m, "d", 0o700))
		f, err := Create(m, "d/f")
		must(t, err)
		synced := bytes.Repeat([]byte("s"), 3*SectorSize)
		write(t, f, 0, string(synced))
		must(t, f.Sync(), m.SyncDir("d"))
		write(t, f, 2*SectorSize, "new") // only this sector is in danger
		m.Crash(seed)
		got := content(t, m, "d/f")
		if got[:2*SectorSize] != string(synced[:2*SectorSize]) || len(got) != len(synced) {
			t.Fatalf("seed %d harmed synced sectors", seed)
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrPowerCut) {
			t.Fatalf("a file opened before the cut: %v", err)
		}
	}
}

// TestCrashLoses: over the seeds every fate of an un-synced thing is seen.
func TestCrashLoses(t *testing.T) {
	fates := map[string]int{}
	for seed := range uint64(300) {
		m := NewMem()
		must(t, MakeDir(m, "d", 0o700))
		f, err := Create(m, "d/f")
		must(t, err)
		write(t, f, 0, string(make([]byte, SectorSize)))
		must(t, f.Sync(), m.SyncDir("d"))
		write(t, f, 0, string(bytes.Repeat([]byte("n"), SectorSize)))
		g, err := Create(m, "d/unsynced")
		must(t, err, g.Close(), m.Rename("d/f", "d/g"))
		m.Crash(seed)
		names, err := m.ReadDir("d")
		must(t, err)
		name := "d/f"
		if slices.Contains(names, "g") {
			fates["renamed"]++
			name = "d/g"
		} else {
			fates["not renamed"]++
		}
		if slices.Contains(names, "unsynced") {
			fates["created"]++
		} else {
			fates["not created"]++
		}
		switch got := content(t, m, name); {
		case got == string(make([]byte, SectorSize)):
			fates["old"]++
		case got == string(bytes.Repeat([]byte("n"), SectorSize)):
			fates["new"]++
		case got[0] == 'n' && got[SectorSize-1] == 0:
			fates["torn"]++
		default:
			fates["garbage"]++
		}
	}
	for _, f := range []string{"renamed", "not renamed", "created", "not created", "old", "new", "torn", "garbage"} {
		if fates[f] == 0 {
			t.Errorf("never %s: %v", f, fates)
		}
	}
}

func TestSameSeedSameCrash(t *testing.T) {
	var first string
	for i := range 3 {
		m := NewMem()
		must(t, MakeDir(m, "d", 0o700))
		for _, n := range []string{"d/a", "d/b", "d/c"} {
			f, err := Create(m, n)
			must(t, err, m.SyncDir("d"))
			write(t, f, 0, string(bytes.Repeat([]byte(n), 999)))
		}
		m.Crash(7)
		var all string
		for _, n := range []string{"d/a", "d/b", "d/c"} {
			all += content(t, m, n)
		}
		if i > 0 && all != first {
			t.Fatal("the same seed gave another result")
		}
		first = all
	}
}

func TestCutAfter(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("d", 0o700))
	f, err := Create(m, "d/f")
	must(t, err, m.SyncDir("d"))
	start := m.Ops()
	m.CutAfter(2)
	write(t, f, 0, "a")
	if _, err := f.WriteAt([]byte("b"), 0); !errors.Is(err, ErrPowerCut) || !m.Off() || m.Ops() != start+2 {
		t.Fatalf("the second call: %v", err)
	}
	_, openErr := Open(m, "d/f")
	_, dirErr := m.ReadDir("d")
	for i, err := range []error{
		f.Sync(), f.Truncate(0), m.SyncDir("d"), m.Remove("d/f"), m.MkdirAll("e", 0), openErr, dirErr,
	} {
		if !errors.Is(err, ErrPowerCut) {
			t.Errorf("call %d after the cut: %v", i, err)
		}
	}
	m.Crash(1)
	if m.Off() {
		t.Error("the power is still off")
	}
}

func TestFault(t *testing.T) {
	boom := errors.New("boom")
	for op, call := range map[Op]func(FS, File) error{
		OpOpen:     func(m FS, _ File) error { _, err := Open(m, "d/f"); return err },
		OpRead:     func(_ FS, f File) error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		OpWrite:    func(_ FS, f File) error { _, err := f.WriteAt([]byte("xy"), 0); return err },
		OpSync:     func(_ FS, f File) error { return f.Sync() },
		OpRemove:   func(m FS, _ File) error { return m.Remove("d/gone") },
		OpRename:   func(m FS, _ File) error { return m.Rename("d/f", "d/f") },
		OpSyncDir:  func(m FS, _ File) error { return m.SyncDir("d") },
		OpMkdir:    func(m FS, _ File) error { return m.MkdirAll("d/e", 0o700) },
		OpTruncate: func(_ FS, f File) error { return f.Truncate(1) },
	} {
		mem := NewMem()
		m := NewFault(mem)
		must(t, mem.MkdirAll("d", 0o700))
		f, err := Create(m, "d/f")
		must(t, err)
		write(t, f, 0, "ab")
		m.FailNth(op, 2, boom)
		if err := call(m, f); errors.Is(err, boom) {
			t.Errorf("%s: the first call failed", op)
		}
		if err := call(m, f); !errors.Is(err, boom) {
			t.Errorf("%s: the second call: %v", op, err)
		}
		if err := call(m, f); errors.Is(err, boom) {
			t.Errorf("%s: the third call failed too", op)
		}
	}
}

func TestRealDropCache(t *testing.T) {
	f, err := Create(OS{}, t.TempDir()+"/f")
	must(t, err)
	defer f.Close()
	write(t, f, 0, "abc")
	must(t, f.Sync(), f.(CacheDropper).DropCache())
}
