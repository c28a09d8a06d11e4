package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a part of a page of that kind.
func block(t *testing.T, file, kind string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?ms)^```" + kind + "\n(.*?)^```$").FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no block %q", file, kind)
	}
	return string(m[1])
}

// TestPublishing types what docs/updates.md says to those who publish. `make release`
// makes the one of this machine here, by the same command.
func TestPublishing(t *testing.T) {
	arch := own(t)
	src := here(t, "1.4.0")
	t.Parallel()
	dir, err := publisher()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	if err := os.Mkdir(filepath.Join(work, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	name, err := packRelease(t.Context(), root, filepath.Join(work, "dist"), arch, "1.2.0", src)
	if err != nil || filepath.Base(name) != "tote_1.4.0_"+machines[arch].goarch+".update" {
		t.Fatalf("%q %v", name, err)
	}
	sh := func(script string) (string, error) {
		// Each command that asks for the password gets it.
		cmd := exec.Command("sh", "-ec", fmt.Sprintf("tote() { printf 'geheim\\n' | %q \"$@\"; }\nmake() { [ \"$*\" = release ]; }\n%s", filepath.Join(dir, "tote"), script))
		cmd.Dir = work
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := sh(block(t, root+"/docs/updates.md", "sh publish"))
	if err != nil || !strings.Contains(out, "is signed: tote 1.4.0 "+machines[arch].goarch) || !strings.Contains(out, "is whole: 1.4.0 for ") {
		t.Fatalf("%v %s", err, out)
	}
	if _, err := exec.LookPath("minisign"); err != nil {
		t.Skip("SKIPPED: no minisign (Debian package minisign): the signature was checked by tote alone")
	}
	check := strings.ReplaceAll(block(t, root+"/docs/updates.md", "sh minisign"), "_amd64.", "_"+machines[arch].goarch+".")
	out, err = sh(check)
	if err != nil || !strings.Contains(out, "Trusted comment: tote 1.4.0 ") || strings.Count(out, regexp.MustCompile(`[0-9a-f]{64}`).FindString(out)) != 2 {
		t.Errorf("%v %s", err, out)
	}
	if manifest, err := os.ReadFile(filepath.Join(work, "manifest.json")); err != nil || !strings.Contains(string(manifest), `"from": "1.2.0"`) {
		t.Errorf("%s %v", manifest, err)
	}
}
