package web_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestScripts runs the unit tests of the browser scripts.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("e2e/*.test.js")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v %v", files, err)
	}
	args := []string{"--test"}
	for _, f := range files {
		args = append(args, filepath.Base(f))
	}
	if out, err := node(t, args...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestScriptTypes checks the JSDoc types of the browser scripts.
func TestScriptTypes(t *testing.T) {
	const tsc = "node_modules/typescript/bin/tsc"
	if _, err := os.Stat("e2e/" + tsc); err != nil {
		t.Skip("SKIPPED: web/e2e/node_modules is missing; run make deps")
	}
	if out, err := node(t, tsc, "-p", "."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
