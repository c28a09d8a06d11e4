package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// slots is the script beside folders of its own.
type slots struct {
	*testing.T
	dir string
}

func newSlots(t *testing.T) *slots {
	t.Helper()
	for _, tool := range []string{"dpkg", "sh", "sync"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: no %s", tool)
		}
	}
	return &slots{t, t.TempDir()}
}

// program writes one that says its version.
func (s *slots) program(version string) string {
	s.Helper()
	file := filepath.Join(s.dir, "from-package")
	text := fmt.Sprintf("#!/bin/sh\necho tote %s\n", version)
	if version == "broken" {
		text = "not a program of this machine"
	}
	_ = os.Remove(file) // as dpkg: a new file
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		s.Fatal(err)
	}
	return file
}

func (s *slots) run(args ...string) (string, error) {
	cmd := exec.Command("sh", append([]string{"files/usr/lib/tote/slot"}, args...)...)
	cmd.Env = append(os.Environ(), "TOTE_SLOTS="+filepath.Join(s.dir, "slots"))
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// fill is what the package does; want is what is in the slots then.
func (s *slots) fill(version, want string, flags ...string) string {
	s.Helper()
	out, err := s.run(append(append([]string{"fill"}, flags...), s.program(version), version)...)
	if err != nil {
		s.Fatalf("fill %s: %v\n%s", version, err, out)
	}
	s.holds(want)
	return out
}

// update is what a self-update does: the slot that is not in use, then that one.
func (s *slots) update(version string) {
	s.Helper()
	other := "b"
	if s.inUse() == "b" {
		other = "a"
	}
	dir := filepath.Join(s.dir, "slots", other)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	_ = os.Remove(filepath.Join(dir, "tote"))
	if err := os.Rename(s.program(version), filepath.Join(dir, "tote")); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte(version+"\n"), 0o644); err != nil {
		s.Fatal(err)
	}
	s.use(other)
}

func (s *slots) use(slot string) {
	link := filepath.Join(s.dir, "slots", "current")
	_ = os.Remove(link)
	if err := os.Symlink(slot, link); err != nil {
		s.Fatal(err)
	}
}

func (s *slots) inUse() string {
	to, _ := os.Readlink(filepath.Join(s.dir, "slots", "current"))
	return to
}

// holds compares with "a 1.0 (in use), b empty", and what is said with what runs.
func (s *slots) holds(want string) {
	s.Helper()
	got, err := s.run("show")
	if got = strings.ReplaceAll(got, "\n", ", "); err != nil || got != want {
		s.Errorf("%s %v, want %s", got, err, want)
	}
	out, err := exec.Command(filepath.Join(s.dir, "slots/current/tote")).Output()
	v, verr := s.run("version")
	if err != nil || verr != nil || strings.TrimSpace(string(out)) != "tote "+v {
		s.Errorf("slot version says %q (%v), and what runs is %q (%v)", v, verr, out, err)
	}
}

// TestSlots: packages alone. What ran before stays, to go back to.
func TestSlots(t *testing.T) {
	s := newSlots(t)
	s.fill("1.0", "a 1.0 (in use), b empty")
	s.fill("1.0", "a 1.0 (in use), b empty") // installed again
	s.fill("1.1", "a 1.1 (in use), b 1.0")
	if out, err := s.run("back"); err != nil || !strings.Contains(out, "slot b with 1.0 is in use") {
		t.Errorf("%s %v", out, err)
	}
	s.holds("a 1.1, b 1.0 (in use)")
	if out, err := s.run("back"); err != nil {
		t.Errorf("%s %v", out, err)
	}
	s.fill("1.2", "a 1.2 (in use), b 1.1")
}

// TestSlotsKeepWhatIsNewer: apt upgrade after the gateway has updated itself.
func TestSlotsKeepWhatIsNewer(t *testing.T) {
	s := newSlots(t)
	s.fill("1.0", "a 1.0 (in use), b empty")
	s.update("2.0")
	out := s.fill("1.5", "a 1.5, b 2.0 (in use)")
	if !strings.Contains(out, "slot b is in use with 2.0, which is newer than 1.5, and stays in use") {
		t.Errorf("it says %q", out)
	}
	s.update("3.0") // into slot a
	s.holds("a 3.0 (in use), b 2.0")
	out = s.fill("2.5", "a 3.0 (in use), b 2.0")
	if !strings.Contains(out, "slot a holds 3.0, which is newer than 2.5, and keeps it") {
		t.Errorf("it says %q", out)
	}
	s.fill("3.1", "a 3.1 (in use), b 3.0")
	// An update that was taken back: the slot that is not in use is newer.
	s.update("4.0")
	s.use("a")
	s.fill("3.2", "a 3.2 (in use), b 4.0")
	// The package catches up with the update.
	s.use("b")
	s.fill("4.0", "a 4.0 (in use), b 4.0")
}

// TestSlotsDowngrade: only when it is asked for, and what was newer can be had back.
func TestSlotsDowngrade(t *testing.T) {
	s := newSlots(t)
	s.fill("2.0", "a 2.0 (in use), b empty")
	s.fill("1.0", "a 2.0 (in use), b empty")
	s.fill("1.0", "a 1.0 (in use), b 2.0", "--force")
}

// TestSlotsSurvive: what a power cut or a person can leave behind.
func TestSlotsSurvive(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(at func(string) string) error
		want string
	}{
		"the link is gone":     {func(at func(string) string) error { return os.Remove(at("current")) }, "a 1.1 (in use), b empty"},
		"the program is gone":  {func(at func(string) string) error { return os.Remove(at("a/tote")) }, "a 1.1 (in use), b empty"},
		"the version is gone":  {func(at func(string) string) error { return os.Remove(at("a/version")) }, "a 1.1 (in use), b empty"},
		"half a file is there": {func(at func(string) string) error { return os.WriteFile(at("a/tote.new"), []byte("#!"), 0o755) }, "a 1.1 (in use), b 1.0"},
		"half a link is there": {func(at func(string) string) error { return os.Symlink("nowhere", at("current.new")) }, "a 1.1 (in use), b 1.0"},
		"the link leads nowhere": {func(at func(string) string) error {
			_ = os.Remove(at("current"))
			return os.Symlink("b", at("current"))
		}, "a 1.1 (in use), b empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSlots(t)
			s.fill("1.0", "a 1.0 (in use), b empty")
			if err := c.harm(func(name string) string { return filepath.Join(s.dir, "slots", name) }); err != nil {
				t.Fatal(err)
			}
			s.fill("1.1", c.want)
		})
	}
}

// TestSlotsRefuse: nothing is changed then.
func TestSlotsRefuse(t *testing.T) {
	s := newSlots(t)
	if out, err := s.run("back"); err == nil || !strings.Contains(out, "nothing to go back to") {
		t.Errorf("back without slots: %s %v", out, err)
	}
	if out, err := s.run("version"); err == nil {
		t.Errorf("version without slots: %s", out)
	}
	s.fill("1.0", "a 1.0 (in use), b empty")
	if out, err := s.run("fill", s.program("broken"), "2.0"); err == nil || !strings.Contains(out, "cannot be run on this machine") {
		t.Errorf("a program of another machine: %s %v", out, err)
	}
	for _, args := range [][]string{{}, {"fill"}, {"fill", "x"}, {"forward"}} {
		if out, err := s.run(args...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
	s.holds("a 1.0 (in use), b empty")
}

// TestSlotsOnTrial: while an update is on trial a package changes nothing, so that there
// is what to go back to.
func TestSlotsOnTrial(t *testing.T) {
	s := newSlots(t)
	s.fill("1.0", "a 1.0 (in use), b empty")
	s.update("2.0")
	journal := filepath.Join(s.dir, "slots", "journal")
	if err := os.WriteFile(journal, []byte("state=trial\nnew=b\nold=a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := s.fill("3.0", "a 1.0, b 2.0 (in use)"); !strings.Contains(out, "an update is on trial") {
		t.Errorf("it says %q", out)
	}
	if err := os.Remove(journal); err != nil {
		t.Fatal(err)
	}
	s.fill("3.0", "a 3.0 (in use), b 2.0")
}
