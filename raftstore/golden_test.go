package raftstore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goldenStore is what a gateway of a version has on its disk, as a whole: the
// segments of its log, its snapshots, and its small files, without the applied
// state, which is built from them. Beside it stand the digest it led to and the
// answers of its commands. One that is there is never written again; each feature
// level has one, and the newest is written by this version.
var goldenStores = []string{"testdata/store-v1", "testdata/store-v2"}

// goldenShift uses every kind of entry and of answer.
func goldenShift(t *testing.T, s *Store) (answers []string) {
	t.Helper()
	say := func(c Command) {
		res, err := s.Propose(testContext(t), c)
		answers = append(answers, fmt.Sprintf("%d rejected=%v duplicate=%v %q %v", res.Index, res.Rejected, res.Duplicate, res.Body, FaultCode(err)))
	}
	say(byID(1, "set a 1"))
	say(byID(1, "set a 1"))
	say(byDevice("hh1", 1, "add n 5"))
	say(byDevice("hh1", 2, "add n 7"))
	say(byDevice("hh1", 1, "add n 5"))
	say(byID(2, "setreject a 2"))
	say(byID(3, "del a"))
	say(byID(4, fmt.Sprint("flood ", MaxWrites+1, " 1"))) // too much
	say(byID(5, "flood 300 50"))
	say(byDevice("hh3", 200, "add n 1"))
	say(byDevice("hh3", 3, "add n 1")) // too old
	return answers
}

// goldenEnd comes after the snapshot, so that the log matters as well.
func goldenEnd(t *testing.T, s *Store) {
	t.Helper()
	for i := range uint64(10) {
		do(t, s, byDevice("hh2", i+1, fmt.Sprint("add n ", i)))
	}
	if err := s.raft.Apply(encodeMark(), 0).Error(); err != nil {
		t.Fatal(err)
	}
	await(t, "the digest at the mark", func() bool { _, _, sum := s.digests.told(); return sum != nil })
	mark, chain, sum := s.digests.told()
	if err := s.raft.Apply(encodeSums(sums{mark, chain, [32]byte(sum)}), 0).Error(); err != nil {
		t.Fatal(err)
	}
	do(t, s, byID(6, "add n 1"))
}

func writeGoldenStore(t *testing.T, goldenStore string) {
	cfg := testConfig(t, t.TempDir())
	tt := newTestTime()
	cfg.Now, cfg.mono = tt.wall, tt.mono
	s := openStore(t, cfg)
	await(t, "the level", func() bool { level, _ := s.Level(); return level == storeLevel })
	answers := goldenShift(t, s)
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	goldenEnd(t, s)
	at, sum, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	f := *s.feature.Load()
	closeStore(t, s)
	if err := os.MkdirAll(goldenStore, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%d %x %016x\n%s\n", at, sum, f.chain, strings.Join(answers, "\n"))
	if err := os.WriteFile(filepath.Join(goldenStore, "expected"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	tw := tar.NewWriter(zw)
	err = filepath.WalkDir(cfg.Dir, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(cfg.Dir, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(rel, "state-"):
			return filepath.SkipDir
		case d.IsDir() || rel == "LOCK" || rel == "GENERATION":
			return nil
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := tw.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o600, Size: int64(len(body)), ModTime: time.UnixMilli(0)}); err != nil {
			return err
		}
		_, err = tw.Write(body)
		return err
	})
	if err := errors.Join(err, tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(goldenStore, "store.tar.gz"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpackGolden puts the folder in place, without what skip says.
func unpackGolden(t *testing.T, goldenStore, dir string, skip func(name string) bool) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(goldenStore, "store.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if skip(h.Name) {
			continue
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, body, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRow11GoldenStore opens the disks of gateways of each feature level, with their
// snapshot and from their log alone. Failure matrix row 11, the formats.
func TestRow11GoldenStore(t *testing.T) {
	if len(goldenStores) != storeLevel {
		t.Errorf("%d disks for %d levels", len(goldenStores), storeLevel)
	}
	newest := goldenStores[len(goldenStores)-1]
	if _, err := os.Stat(newest); *update && errors.Is(err, fs.ErrNotExist) {
		writeGoldenStore(t, newest)
	}
	for _, golden := range goldenStores {
		t.Run(filepath.Base(golden), func(t *testing.T) { readGoldenStore(t, golden) })
	}
}

func readGoldenStore(t *testing.T, goldenStore string) {
	t.Helper()
	expected, err := os.ReadFile(filepath.Join(goldenStore, "expected"))
	if err != nil {
		t.Fatal(err)
	}
	head, answers, _ := strings.Cut(strings.TrimSpace(string(expected)), "\n")
	for name, skip := range map[string]func(string) bool{
		"snapshot and log": func(string) bool { return false },
		"log alone":        func(name string) bool { return strings.HasPrefix(name, "snapshots/") || name == "FLOOR" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			unpackGolden(t, goldenStore, dir, skip)
			s := openStore(t, testConfig(t, dir))
			at, sum, err := s.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%d %x %016x", at, sum, s.feature.Load().chain); got != head {
				t.Fatalf("the state has changed: it is %s, was %s", got, head)
			}
			// The same commands again are all repeats, with the same answers.
			again := goldenShift(t, s)
			for i, want := range strings.Split(answers, "\n") {
				want = strings.Replace(want, "duplicate=false", "duplicate=true", 1)
				if again[i] != want {
					t.Errorf("answer %d is %s, was %s", i, again[i], want)
				}
			}
			if _, now, _ := s.Digest(); now != sum {
				t.Error("a repeat changed the state")
			}
		})
	}
}
