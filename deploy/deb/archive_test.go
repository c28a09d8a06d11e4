package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sample(order ...string) *archive {
	p := &archive{}
	for _, name := range order {
		p.add(name, []byte("text of "+name), 0o644)
	}
	p.link("usr/bin/x", "/var/lib/x")
	p.control("./control", []byte("Package: x\nVersion: 1\nArchitecture: all\nMaintainer: X <x@x.invalid>\nDescription: x\n"), 0o644)
	p.control("./md5sums", p.sums(), 0o644)
	return p
}

func written(t *testing.T, p *archive, at time.Time) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.write(&b, at); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestArchive: the order in which files were added does not matter, their time does;
// folders come before what is in them, and all belongs to root.
func TestArchive(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	one := written(t, sample("usr/lib/x/a", "usr/lib/x/b", "etc/c"), at)
	if !bytes.Equal(one, written(t, sample("etc/c", "usr/lib/x/b", "usr/lib/x/a"), at)) {
		t.Error("the same files in another order are another package")
	}
	if bytes.Equal(one, written(t, sample("etc/c", "usr/lib/x/b", "usr/lib/x/a"), at.Add(time.Second))) {
		t.Error("the time is not in it")
	}
	if !bytes.HasPrefix(one, []byte("!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\ncontrol.tar.gz")) {
		t.Errorf("it begins with %.120q", one)
	}
	data, err := pack(sample("usr/lib/x/a", "etc/c").files, at)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || !h.ModTime.Equal(at) {
			t.Errorf("%s belongs to %d:%d, %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		names = append(names, h.Name)
	}
	if got := strings.Join(names, " "); got != "./ ./etc/ ./etc/c ./usr/ ./usr/bin/ ./usr/bin/x ./usr/lib/ ./usr/lib/x/ ./usr/lib/x/a" {
		t.Error(got)
	}
}

// TestArchiveIsADeb: dpkg reads it.
func TestArchiveIsADeb(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip("SKIPPED: no dpkg-deb (Debian package dpkg)")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "x.deb")
	if err := os.WriteFile(file, written(t, sample("usr/lib/x/a"), time.Unix(1_700_000_000, 0)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(dpkg, "--field", file, "Package").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "x" {
		t.Errorf("%s %v", out, err)
	}
	if out, err := exec.Command(dpkg, "-x", file, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "usr/lib/x/a")); err != nil || string(b) != "text of usr/lib/x/a" {
		t.Errorf("%q %v", b, err)
	}
	if to, err := os.Readlink(filepath.Join(dir, "usr/bin/x")); err != nil || to != "/var/lib/x" {
		t.Errorf("%q %v", to, err)
	}
}

func TestDebianVersion(t *testing.T) {
	for long, want := range map[string]string{
		"v1.4.0-0-gabcdef012345":           "1.4.0",
		"v1.4.0-5-gabcdef012345":           "1.4.0+5.gabcdef012345",
		"v1.4.0-0-gabcdef012345-dirty":     "1.4.0+0.gabcdef012345.dirty",
		"v1.4.0-rc1-0-gabcdef012345":       "1.4.0~rc1",
		"v1.4.0-rc1-2-gabcdef012345-dirty": "1.4.0~rc1+2.gabcdef012345.dirty",
		"abcdef012345":                     "0.0.0+517.gabcdef012345",
		"abcdef012345-dirty":               "0.0.0+517.gabcdef012345.dirty",
		"release-7-0-gabcdef012345":        "",
		"":                                 "",
	} {
		got, err := debianVersion(long, "517")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v, want %q", long, got, err, want)
		}
	}
}

// TestVersionsSort: as dpkg compares them, in the order of the commits.
func TestVersionsSort(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("SKIPPED: no dpkg")
	}
	var before string
	for _, long := range []string{
		"abcdef012345", "v1.4.0-rc1-0-gffffffffffff", "v1.4.0-rc1-3-gaaaaaaaaaaaa", "v1.4.0-rc2-0-g000000000000",
		"v1.4.0-0-gffffffffffff", "v1.4.0-9-gffffffffffff", "v1.4.0-10-g000000000000", "v1.10.0-0-g000000000000",
	} {
		v, err := debianVersion(long, "9")
		if err != nil {
			t.Fatal(err)
		}
		if before != "" {
			if err := exec.Command("dpkg", "--compare-versions", before, "lt", v).Run(); err != nil {
				t.Errorf("%s is not before %s", before, v)
			}
		}
		before = v
	}
}
