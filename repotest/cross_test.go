package repotest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// crossBuild is one package for one platform.
type crossBuild struct {
	name, arch, arm, pkg string
	fails                bool
}

// TestCross builds the binary for every platform we promise, static. Slow on a
// cold cache; `make test` runs it once by `make cross`.
func TestCross(t *testing.T) {
	buildAll(t, []crossBuild{
		{name: "amd64", arch: "amd64", pkg: "cmd/tote"},
		{name: "arm64", arch: "arm64", pkg: "cmd/tote"},
		{name: "raftstore arm64", arch: "arm64", pkg: "raftstore"},
	})
}

// TestRow14Build32Bit: a 32-bit gateway is a satellite without a store. There
// raftstore must not even compile, because Badger loses data on 32 bits, and the
// binary must do without it. Row 14 of the failure matrix; runs with TestCross.
func TestRow14Build32Bit(t *testing.T) {
	buildAll(t, []crossBuild{
		{name: "armv7", arch: "arm", arm: "7", pkg: "cmd/tote"},
		{name: "raftstore armv7 refuses", arch: "arm", arm: "7", pkg: "raftstore", fails: true},
		{name: "raftstore 386 refuses", arch: "386", pkg: "raftstore", fails: true},
	})
}

func buildAll(t *testing.T, list []crossBuild) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED in -short: cross builds; run make cross")
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(root, c.pkg)); err != nil {
				t.Skipf("SKIPPED: %s is not there yet", c.pkg)
			}
			cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", os.DevNull, "./"+c.pkg) // as deploy/deb: compiled once
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+c.arch, "GOARM="+c.arm)
			out, err := cmd.CombinedOutput()
			switch {
			case !c.fails && err != nil:
				t.Errorf("does not build: %v\n%s", err, out)
			case c.fails && err == nil:
				t.Errorf("builds; on 32 bits Badger loses data, so a constant in raftstore must refuse to compile")
			case c.fails && !strings.Contains(string(out), "raftstore"):
				t.Errorf("fails for another reason than raftstore's own refusal:\n%s", out)
			}
		})
	}
}
