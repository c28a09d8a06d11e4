package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// keys are those of the publisher in these tests, and tool is the program that signs.
var publisher = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(packages.dir, "publisher")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return dir, err
	}
	src, err := describe(context.Background(), root)
	if err != nil {
		return dir, err
	}
	for name, m := range machines {
		if m.goarch == runtime.GOARCH {
			err = compile(context.Background(), root, filepath.Join(dir, "tote"), name, src)
		}
	}
	if err != nil {
		return dir, err
	}
	_, err = publish(dir, "release", "keygen", "--no-password", "--secret", "key", "--public", "pub")
	return dir, err
})

func publish(dir string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(dir, "tote"), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("tote %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// released is a signed release of this source under another version, or of a program
// that breaks as the shim of agent/update can.
func released(t *testing.T, arch, version, breaks string) string {
	t.Helper()
	dir, err := publisher()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "program")
	if breaks == "" {
		err = compile(t.Context(), root, bin, arch, here(t, version))
	} else {
		cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", bin, "./agent/update/testdata/shim")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, e := cmd.CombinedOutput(); e != nil {
			t.Fatalf("%v %s", e, out)
		}
		var f *os.File
		if f, err = os.OpenFile(bin, os.O_APPEND|os.O_WRONLY, 0); err == nil {
			about, e := publish(dir, "version", "--json")
			if e != nil {
				t.Fatal(e)
			}
			level := strings.Fields(about[strings.Index(about, `"level":`)+len(`"level":`):])[0]
			_, err = fmt.Fprintf(f, "\n"+`{"Version":%q,"Arch":%q,"Level":%s,"Run":%q}`, version, machines[arch].goarch, level, breaks)
			_ = f.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := publish(dir, "release", "pack", "--program", bin, "--arch", machines[arch].goarch, "--of-version", version)
	if err == nil {
		name = strings.TrimSpace(name)
		_, err = publish(dir, "release", "sign", "--secret", "key", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestUpdateBooted updates a machine as a person does, with the units as they are: to a
// release that works, and to one that does not start.
// It takes a minute of both processors, so it is `make booted`; that a site updates, and
// takes a broken release back, is in the tests of every change (cmd/tote).
func TestUpdateBooted(t *testing.T) {
	if os.Getenv("TOTE_BOOTED") == "" {
		t.Skip("NOT RUN HERE: updates by the real units of a booted machine; make booted runs it")
	}
	arch := own(t)
	here(t, "")
	t.Parallel()
	m := newBooted(t)
	one := m.gets(built(t, arch, "1.0"))
	two, three := m.gets(released(t, arch, "1.4.0", "")), m.gets(released(t, arch, "1.5", "segv"))
	dir, err := publisher()
	if err != nil {
		t.Fatal(err)
	}
	pub := m.gets(filepath.Join(dir, "pub"))
	m.run("dpkg -i /mnt/" + one)
	m.run(`sed -i 's/^site: .*/site: hamburg/; s/^gateway: .*/gateway: gw1/' /etc/tote/agent.yaml && systemctl restart tote`)
	m.until("tote status", `"slot": "a"`)
	out, err := m.try("tote update apply /mnt/" + two)
	if err == nil {
		t.Error("a release is taken before anybody's key is trusted")
	}
	m.says(out, "UPD-108", "what to do:")
	m.run("cat /mnt/" + pub + " >>/etc/tote/release.pub")
	// As docs/updates.md says.
	typed := strings.ReplaceAll(block(t, root+"/docs/updates.md", "sh"), "_arm64.", "_"+runtime.GOARCH+".")
	m.run("mkdir -p /media/usb && ln -s /mnt/" + two + " /media/usb/")
	m.says(m.run(typed+"tote status"), "1.4.0 for "+runtime.GOARCH, "this machine may run it",
		"1.0 to 1.4.0, committed", `"version": "1.4.0"`, "slot b: 1.4.0 (in use)", "no update is under way")
	m.says(m.run("ls /var/lib/tote/slots"), "a\nb\ncurrent\nlast\nlock\n")

	out, err = m.try("tote update apply /mnt/" + three)
	if err == nil {
		t.Errorf("a release that does not start is kept: %s", out)
	}
	m.says(out, "UPD-121")
	m.until("tote status", `"version": "1.4.0"`)
	m.says(m.run("tote update status"), "slot b: 1.4.0 (in use)", "1.5, rolled back", "not tried again: 1.5")
	out, err = m.try("tote update apply /mnt/" + three)
	if err == nil {
		t.Errorf("it is tried again: %s", out)
	}
	m.says(out, "UPD-115")

	// The agent is asked at another gateway: it leaves a file, and the path unit sees it.
	m.run(`setpriv --reuid=tote --regid=tote --clear-groups sh -c 'echo "{\"from\":\"ftp://127.0.0.1/x.update\"}" >/var/lib/tote/state/update-request.json'`)
	m.until("tote update status", "UPD-112")
	if out := m.run("ls /var/lib/tote/state"); strings.Contains(out, "update-request") {
		t.Errorf("the request stays: %s", out)
	}

	// The package that is older than what runs fills no slot.
	m.says(m.run("dpkg -i /mnt/"+one+"; tote update status"), "slot b: 1.4.0 (in use)")
	m.run("systemctl restart tote")
	m.until("tote status", `"version": "1.4.0"`)
	m.run("dpkg -r tote")
	m.says(m.run("systemctl is-active tote-update.path || true"), "inactive")
}
