package minisign

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cheap is a cost for tests: libsodium's smallest.
var cheap = Cost{32768, 16 << 20}

// published is a signature of the text "test", by the author of minisign, from the
// documentation of his crate minisign-verify
// (https://docs.rs/minisign-verify/0.2.5/minisign_verify/).
const (
	publishedKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
	published    = `untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335	file:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==
`
)

func TestPublished(t *testing.T) {
	key, err := ParsePublic(publishedKey)
	if err != nil {
		t.Fatal(err)
	}
	comment, by, err := Verify([]PublicKey{key}, []byte("test"), []byte(published))
	if err != nil || comment != "timestamp:1556193335\tfile:test" || by.ID() != "E7620F1842B4E81F" {
		t.Errorf("%q by %s: %v", comment, by.ID(), err)
	}
}

func newKey(t *testing.T) SecretKey {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRefused(t *testing.T) {
	mine, other := newKey(t), newKey(t)
	text := []byte("a manifest")
	sig, err := Sign(mine, text, "tote 1.2 arm64")
	if err != nil {
		t.Fatal(err)
	}
	keys := []PublicKey{other.Public(), mine.Public()}
	if comment, by, err := Verify(keys, text, sig); err != nil || comment != "tote 1.2 arm64" || by.ID() != mine.Public().ID() {
		t.Fatalf("%q %v", comment, err)
	}
	lines := strings.Split(string(sig), "\n")
	with := func(n int, line string) []byte {
		l := append([]string(nil), lines...)
		l[n] = line
		return []byte(strings.Join(l, "\n"))
	}
	theirs, err := Sign(other, text, "tote 1.2 arm64")
	if err != nil {
		t.Fatal(err)
	}
	theirLines := strings.Split(string(theirs), "\n")
	sameID := PublicKey{mine.id, other.Public().key}
	for name, c := range map[string]struct {
		keys []PublicKey
		text string
		sig  []byte
		want error
	}{
		"another text":               {keys, "a manifesT", sig, ErrForged},
		"no key is trusted":          {nil, "a manifest", sig, ErrUnknownKey},
		"another key":                {keys[:1], "a manifest", sig, ErrUnknownKey},
		"another key of that number": {[]PublicKey{sameID}, "a manifest", sig, ErrForged},
		"the comment was changed":    {keys, "a manifest", with(2, trusted+"tote 9.9 arm64"), ErrForged},
		"the comment of another":     {keys, "a manifest", with(3, theirLines[3]), ErrForged},
		"half of it":                 {keys, "a manifest", sig[:len(sig)/2], ErrFormat},
		"nothing":                    {keys, "a manifest", nil, ErrFormat},
		"a line too many":            {keys, "a manifest", append(bytes.Clone(sig), "x\n"...), ErrFormat},
		"no base64":                  {keys, "a manifest", with(1, "!"+lines[1][1:]), ErrFormat},
		"the old kind":               {keys, "a manifest", with(1, "RWQ"+lines[1][3:]), ErrFormat},
	} {
		if comment, _, err := Verify(c.keys, []byte(c.text), c.sig); !errors.Is(err, c.want) || comment != "" {
			t.Errorf("%s: %q %v, want %v", name, comment, err, c.want)
		}
	}
	if _, err := Sign(mine, text, "two\nlines"); err == nil {
		t.Error("a comment of two lines is signed")
	}
}

func TestKeys(t *testing.T) {
	k := newKey(t)
	for _, password := range []string{"", "correct horse"} {
		file, err := k.File(password, cheap)
		if err != nil {
			t.Fatal(err)
		}
		asked := false
		got, err := ParseSecret(file, func() (string, error) { asked = true; return password, nil })
		if err != nil || !got.key.Equal(k.key) || got.id != k.id || asked != (password != "") {
			t.Errorf("%q: %v, asked %v", password, err, asked)
		}
	}
	hidden, err := k.File("correct horse", cheap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSecret(hidden, func() (string, error) { return "wrong", nil }); !errors.Is(err, ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := ParseSecret(hidden[:80], nil); !errors.Is(err, ErrKey) {
		t.Errorf("half a key: %v", err)
	}
	many := append([]byte("# since 2026\n"), append(k.Public().File(), newKey(t).Public().File()...)...)
	if keys, err := ParsePublics(many); err != nil || len(keys) != 2 || keys[0].ID() != k.Public().ID() {
		t.Errorf("%v %v", keys, err)
	}
	for _, bad := range []string{"x", publishedKey[:20], "RUQ" + publishedKey[3:]} {
		if _, err := ParsePublics([]byte(bad)); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestCost: the parameters libsodium picks.
func TestCost(t *testing.T) {
	for _, c := range []struct {
		cost    Cost
		n, r, p int
	}{
		{Sensitive, 1 << 20, 8, 1},
		{Cost{524288, 16 << 20}, 1 << 14, 8, 1}, // libsodium's "interactive"
		{Cost{1 << 26, 1 << 30}, 1 << 20, 8, 2},
		{Cost{32768, 1 << 30}, 1 << 10, 8, 1},
	} {
		if n, r, p, err := c.cost.params(); n != c.n || r != c.r || p != c.p || err != nil {
			t.Errorf("%+v: %d %d %d %v", c.cost, n, r, p, err)
		}
	}
	for _, bad := range []Cost{{1 << 40, 1 << 30}, {32768, 1 << 40}, {0, 0}} {
		if _, _, _, err := bad.params(); !errors.Is(err, ErrKey) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// tool runs minisign of Debian in dir; password goes to its standard input.
func tool(t *testing.T, dir, password string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("minisign"); err != nil {
		t.Skip("SKIPPED: no minisign here: only its published signature was checked")
	}
	cmd := exec.CommandContext(t.Context(), "minisign", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(password)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestTool: what this package makes the tool takes, and the other way round.
func TestTool(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	text := []byte(`{"version":"1.2"}`)
	write("m", text)

	// Ours to it: a hidden key, a public key, a signature.
	k := newKey(t)
	hidden, err := k.File("geheim", cheap)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := Sign(k, text, "tote 1.2 arm64")
	if err != nil {
		t.Fatal(err)
	}
	write("our.key", hidden)
	write("our.pub", k.Public().File())
	write("m.minisig", sig)
	if out, err := tool(t, dir, "", "-V", "-p", "our.pub", "-m", "m"); err != nil || !strings.Contains(out, "Trusted comment: tote 1.2 arm64") {
		t.Errorf("it does not take our signature: %v %s", err, out)
	}
	write("m.minisig", bytes.Replace(sig, []byte("tote 1.2"), []byte("tote 9.9"), 1))
	if out, err := tool(t, dir, "", "-V", "-p", "our.pub", "-m", "m"); err == nil {
		t.Errorf("it takes a comment that was changed: %s", out)
	}
	if out, err := tool(t, dir, "geheim\n", "-S", "-s", "our.key", "-m", "m", "-t", "by the tool"); err != nil {
		t.Fatalf("it does not open our key: %v %s", err, out)
	}
	if comment, _, err := Verify([]PublicKey{k.Public()}, text, read("m.minisig")); err != nil || comment != "by the tool" {
		t.Errorf("what it signed with our key: %q %v", comment, err)
	}

	// Its own to us. A hidden key of it takes 1 GiB to open, so this one is not.
	if out, err := tool(t, dir, "", "-G", "-W", "-p", "its.pub", "-s", "its.key"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	its, err := ParseSecret(read("its.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParsePublics(read("its.pub"))
	if err != nil || len(keys) != 1 || keys[0].String() != its.Public().String() {
		t.Fatalf("%v %v", keys, err)
	}
	if out, err := tool(t, dir, "", "-S", "-s", "its.key", "-m", "m", "-t", "its own"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if comment, _, err := Verify(keys, text, read("m.minisig")); err != nil || comment != "its own" {
		t.Errorf("its signature: %q %v", comment, err)
	}
	if out, err := tool(t, dir, "", "-S", "-l", "-s", "its.key", "-m", "m"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if _, _, err := Verify(keys, text, read("m.minisig")); !errors.Is(err, ErrFormat) {
		t.Errorf("the old kind: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	key, err := ParsePublic(publishedKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(published))
	f.Add([]byte(untrusted + "x\n\n" + trusted + "\n\n"))
	f.Fuzz(func(t *testing.T, sig []byte) {
		comment, _, err := Verify([]PublicKey{key}, []byte("test"), sig)
		if err == nil && comment != "timestamp:1556193335\tfile:test" {
			t.Errorf("a second comment is signed: %q", comment)
		}
	})
}
