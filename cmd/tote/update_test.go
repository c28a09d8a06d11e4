package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestRelease: keys, a signature, and what a machine says to a release, as a person sees
// it.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	tote(t, nil, "release", "keygen", "--no-password", "--secret", at("key"), "--public", at("pub")).want(t, 0, "Each gateway needs its line", "")
	tote(t, nil, "release", "keygen", "--no-password", "--secret", at("key"), "--public", at("pub2")).want(t, 1, "", "is there already")
	toteWith(t, strings.NewReader("\n"), nil, "release", "keygen", "--secret", at("key3"), "--public", at("pub3")).want(t, 1, "", "an empty password hides nothing")
	r := tote(t, nil, "release", "pack", "--program", os.Args[0], "--arch", runtime.GOARCH, "--of-version", "1.4.0", "--out", dir)
	file := at("tote_1.4.0_" + runtime.GOARCH + ".update")
	r.want(t, 0, file, "")
	cfg := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(cfg, []byte(strings.Replace(goodConfig, "/var/lib/tote", dir, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	slots := at("slots")
	if err := os.Mkdir(slots, 0o755); err != nil {
		t.Fatal(err)
	}
	update := func(args ...string) ran {
		return tote(t, nil, append(append([]string{"update"}, args...), "--slots", slots, "--config", cfg, "--keys", at("pub"))...)
	}
	update("status").want(t, 0, "slot a: empty\nslot b: empty\nno update is under way\n", "")
	update("check", file).want(t, 1, "", "UPD-101")
	tote(t, nil, "release", "sign", "--secret", at("key"), file).want(t, 0, "is signed: tote 1.4.0 "+runtime.GOARCH, "")
	tote(t, nil, "release", "verify", "--keys", at("pub"), file).want(t, 0, "is whole: 1.4.0", "")
	tote(t, nil, "release", "verify", "--keys", at("nowhere"), file).want(t, 1, "", "UPD-108")
	update("check", file).want(t, 0, "this machine may run it", "")
	update("fetch", file).want(t, 0, "1.4.0 is here", "")
	update("apply", file+"x").want(t, 1, "", "UPD-112")
	// The agent does not run: nobody could tell whether an update is as well.
	update("rollback").want(t, 1, "", "UPD-126")
	if err := os.WriteFile(cfg, []byte("site: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	update("rollback").want(t, 1, "", "UPD-126")
	update("run").want(t, 1, "", "CFG_")
}
