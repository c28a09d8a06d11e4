package release

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"tote/agent/update/minisign"
)

// program is one that looks as if it was made for an architecture.
func program(arch, text string) []byte {
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	b[18], b[19] = byte(machines[arch]), byte(machines[arch]>>8)
	return append(b, text...)
}

func manifest(version, arch string) Manifest {
	return Manifest{Version: version, Commit: "0123456789ab", Arch: arch, Levels: Levels{0, 5}}
}

func key(t *testing.T) minisign.SecretKey {
	t.Helper()
	k, err := minisign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// packed is a release that is not signed.
func packed(t *testing.T, m Manifest, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Pack(&b, m, bytes.NewReader(p)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func signed(t *testing.T, k minisign.SecretKey, m Manifest, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Sign(&b, bytes.NewReader(packed(t, m, p)), k); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read reads a release whole.
func read(file []byte, keys ...minisign.PublicKey) (Manifest, []byte, error) {
	r, err := Open(bytes.NewReader(file), keys)
	if err != nil {
		return Manifest{}, nil, err
	}
	var b bytes.Buffer
	err = r.Copy(&b)
	return r.Manifest, b.Bytes(), err
}

// members takes a release apart; rebuild puts parts together.
func members(t *testing.T, file []byte) (names []string, parts [][]byte) {
	t.Helper()
	in := tar.NewReader(bytes.NewReader(file))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return names, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		names, parts = append(names, h.Name), append(parts, b)
	}
}

func rebuild(t *testing.T, manifest, sig, program []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, manifest, sig, bytes.NewReader(program), int64(len(program))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRelease(t *testing.T) {
	k := key(t)
	p := program("arm64", strings.Repeat("x", 100_000))
	file := signed(t, k, manifest("1.4.0", "arm64"), p)
	m, got, err := read(file, key(t).Public(), k.Public())
	if err != nil || !bytes.Equal(got, p) || m.Version != "1.4.0" || m.Name() != "tote_1.4.0_arm64.update" {
		t.Fatalf("%+v %v", m, err)
	}
	if sum := sha256.Sum256(p); m.SHA256 != hex.EncodeToString(sum[:]) || m.Size != int64(len(p)) {
		t.Errorf("%+v", m)
	}
	names, _ := members(t, file)
	if strings.Join(names, " ") != "manifest.json manifest.json.minisig tote" {
		t.Errorf("members %v", names)
	}
	// Signed again, with a new key: the old signature goes.
	var again bytes.Buffer
	k2 := key(t)
	if _, err := Sign(&again, bytes.NewReader(file), k2); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(again.Bytes(), k2.Public()); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	k := key(t)
	p := program("arm64", strings.Repeat("x", 5000))
	m := manifest("1.4.0", "arm64")
	file := signed(t, k, m, p)
	_, parts := members(t, file)
	_, old := members(t, signed(t, k, manifest("1.3.0", "arm64"), program("arm64", "old")))
	other := program("arm64", strings.Repeat("y", 5000))
	// resign signs any text as a manifest.
	resign := func(text []byte, comment string) []byte {
		sig, err := minisign.Sign(k, text, comment)
		if err != nil {
			t.Fatal(err)
		}
		return rebuild(t, text, sig, p)
	}
	changed := func(change func(*Manifest)) []byte {
		var c Manifest
		if err := json.Unmarshal(parts[0], &c); err != nil {
			t.Fatal(err)
		}
		change(&c)
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return resign(text, c.Comment())
	}
	var linked bytes.Buffer
	w := tar.NewWriter(&linked)
	if err := errors.Join(w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "manifest.json", Linkname: "/etc/shadow"}), w.Close()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"unsigned":                        {packed(t, m, p), ErrUnsigned},
		"an empty signature":              {rebuild(t, parts[0], []byte{}, p), ErrUnsigned},
		"a key that is not trusted":       {signed(t, key(t), m, p), ErrKey},
		"another manifest":                {rebuild(t, bytes.Replace(parts[0], []byte("1.4.0"), []byte("9.9.0"), 1), parts[1], p), ErrForged},
		"the signature of an older one":   {rebuild(t, parts[0], old[1], p), ErrForged},
		"an older head, a newer program":  {rebuild(t, old[0], old[1], p), ErrDamaged},
		"a changed comment":               {rebuild(t, parts[0], bytes.Replace(parts[1], []byte("1.4.0"), []byte("9.9.0"), 1), p), ErrForged},
		"a comment of another release":    {resign(parts[0], "tote 9.9.0 arm64"), ErrForged},
		"another program of that length":  {rebuild(t, parts[0], parts[1], other), ErrDamaged},
		"a longer program":                {rebuild(t, parts[0], parts[1], append(bytes.Clone(p), "more"...)), ErrDamaged},
		"cut in the program":              {file[:len(file)-4096], ErrDamaged},
		"cut in the signature":            {file[:1024+100], ErrDamaged},
		"cut in the manifest":             {file[:600], ErrDamaged},
		"nothing":                         {nil, ErrMalformed},
		"no archive":                      {bytes.Repeat([]byte("x"), 2048), ErrMalformed},
		"a link for a manifest":           {linked.Bytes(), ErrMalformed},
		"a format of the future":          {changed(func(m *Manifest) { m.Format = 2 }), ErrMalformed},
		"of something else":               {changed(func(m *Manifest) { m.Product = "toast" }), ErrMalformed},
		"oversized":                       {changed(func(m *Manifest) { m.Size = MaxProgram + 1 }), ErrMalformed},
		"a version that is a path":        {changed(func(m *Manifest) { m.Version = "1/../../etc" }), ErrMalformed},
		"levels upside down":              {changed(func(m *Manifest) { m.Levels = Levels{5, 4} }), ErrMalformed},
		"a manifest and more":             {resign(append(bytes.Clone(parts[0]), "{}"...), m.Comment()), ErrMalformed},
		"a program of another machine":    {changed(func(m *Manifest) { m.Arch = "arm" }), ErrArch},
		"a manifest longer than any":      {rebuild(t, bytes.Repeat([]byte(" "), maxManifest+1), parts[1], p), ErrMalformed},
		"the program before the manifest": {rebuild(t, p, parts[1], parts[0]), ErrForged},
	} {
		if _, _, err := read(c.file, k.Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Open(bytes.NewReader(file), nil); !errors.Is(err, ErrNoKeys) {
		t.Errorf("without a key: %v", err)
	}
	for name, bad := range map[string][]byte{"a script": []byte("#!/bin/sh\n" + strings.Repeat(" ", 60)), "for amd64": program("amd64", "")} {
		if err := Pack(io.Discard, m, bytes.NewReader(bad)); !errors.Is(err, ErrArch) {
			t.Errorf("%s is packed for arm64: %v", name, err)
		}
	}
	if _, err := Sign(io.Discard, bytes.NewReader(rebuild(t, parts[0], nil, other)), k); !errors.Is(err, ErrDamaged) {
		t.Errorf("another program is signed: %v", err)
	}
}

func TestFits(t *testing.T) {
	m := Manifest{Version: "1.4.0", Arch: "arm64", Levels: Levels{2, 5}, From: "1.2.0"}
	for name, c := range map[string]struct {
		at   Machine
		want error
	}{
		"newer":                        {Machine{Arch: "arm64", Version: "1.3.0", Site: 4}, nil},
		"a program that is no release": {Machine{Arch: "arm64", Version: Dev, Site: 4}, nil},
		"the site is not known":        {Machine{Arch: "arm64", Version: "1.3.0"}, nil},
		"another machine":              {Machine{Arch: "amd64", Version: "1.3.0"}, ErrArch},
		"the same":                     {Machine{Arch: "arm64", Version: "1.4.0"}, ErrOlder},
		"older":                        {Machine{Arch: "arm64", Version: "1.4.0+3.gabc"}, ErrOlder},
		"older, on purpose":            {Machine{Arch: "arm64", Version: "1.5.0", Downgrade: true, Site: 5}, nil},
		"older, behind a level":        {Machine{Arch: "arm64", Version: "1.5.0", Downgrade: true, Site: 6}, ErrLevel},
		"the site is too old":          {Machine{Arch: "arm64", Version: "1.3.0", Site: 1}, ErrLevel},
		"from before its time":         {Machine{Arch: "arm64", Version: "1.1.9"}, ErrFrom},
	} {
		if err := m.Fits(c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

var ordered = []string{"0.0.0+9.gfff", "0.0.0+10.gaaa", "0.9", "1.0~rc1", "1.0~rc2", "1.0", "1.0a", "1.0+1.gabc", "1.0+2.gabc", "1.0+2.gabc.dirty", "1.0.1", "1.2", "1.10"}

func TestCompare(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			if got := Compare(a, b); got != sign(i-j) {
				t.Errorf("Compare(%s, %s) = %d", a, b, got)
			}
		}
	}
	if Compare("1.02", "1.2") != 0 {
		t.Error("zeros in front count")
	}
}

// TestCompareAsDpkg holds the order against dpkg itself.
func TestCompareAsDpkg(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("SKIPPED: no dpkg here")
	}
	for i := 1; i < len(ordered); i++ {
		a, b := ordered[i-1], ordered[i]
		err := exec.CommandContext(t.Context(), "dpkg", "--compare-versions", a, "lt", b).Run()
		if less := Compare(a, b) < 0; !less || err != nil {
			t.Errorf("%s < %s: %v, dpkg says %v", a, b, less, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, err := minisign.Generate()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil))
	f.Add(bytes.Repeat([]byte("x"), 1024))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := Open(bytes.NewReader(file), []minisign.PublicKey{k.Public()}); err == nil {
			t.Error("it takes what nobody signed")
		}
	})
}
