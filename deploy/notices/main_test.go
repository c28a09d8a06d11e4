package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestNoticesAreCurrent: what is in the program is in the file, with its licence.
func TestNoticesAreCurrent(t *testing.T) {
	want, err := notices(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(root, "THIRD_PARTY_NOTICES"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("THIRD_PARTY_NOTICES is not what the module cache says: run make notices")
	}
	for _, part := range []string{
		"github.com/hashicorp/raft v", "Mozilla Public License", "Eclipse Public License", "modernc.org/sqlite v",
		"github.com/dgraph-io/badger/v4 v", "the Go standard library", "Copyright",
	} {
		if !strings.Contains(string(want), part) {
			t.Errorf("%q is not in it", part)
		}
	}
	if strings.Contains(string(want), "rapid") {
		t.Error("a module of the tests is in it")
	}
}

func TestLicences(t *testing.T) {
	dir := t.TempDir()
	if _, err := licences(dir); err == nil {
		t.Error("a module without a licence is let through")
	}
	for _, name := range []string{"LICENSE", "licence.md", "NOTICE", "COPYING-LESSER", "license.go", "README.md", "noticeable"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := licences(dir)
	if err != nil || strings.Join(got, " ") != "COPYING-LESSER LICENSE NOTICE licence.md" {
		t.Errorf("%v %v", got, err)
	}
}
