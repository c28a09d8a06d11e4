// Package update brings a new version of Tote onto a gateway and takes it back when it
// does not work. It runs as root in a process of its own, tote-update.service, from the
// program that was in use before: an agent never changes its own program, and a version
// is never judged by itself.
//
// The way of a release: fetched into a folder of root's, its signature checked, its
// program put into the slot that is not in use and tried out there; then this gateway's
// turn is waited for, the journal is written, the slot is switched, the agent restarted,
// and its health compared with what it was. It stays when it is as well as before for a
// while, otherwise it is taken back. The power may go at any step: what is in use can
// always be started, and the journal says what is to be done about it (Updater.Run after
// the start of the machine, /usr/lib/tote/slot start before each start of the agent).
//
// An Updater belongs to one goroutine. docs/updates.md is for people.
package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Slots is the folder of the programs, as /usr/lib/tote/slot knows it: a/tote,
// a/version, the same of b, and the link current.
type Slots struct {
	Dir string
	// step is told of each change before it is made; an error is a power cut. For tests.
	step func(what, path string) error
}

func (s Slots) path(name ...string) string {
	return filepath.Join(append([]string{s.Dir}, name...)...)
}

// Program is the file of the program in a slot.
func (s Slots) Program(slot string) string { return s.path(slot, "tote") }

// InUse is the slot that is in use, "a" or "b"; "" when none can be started.
func (s Slots) InUse() string {
	to, err := os.Readlink(s.path("current"))
	if err != nil || to != "a" && to != "b" {
		return ""
	}
	if st, err := os.Stat(s.Program(to)); err != nil || !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return ""
	}
	return to
}

// Other is the slot that is not in use.
func (s Slots) Other() string {
	if s.InUse() == "b" {
		return "a"
	}
	return "b"
}

// Version is what a slot holds, "" when it is empty.
func (s Slots) Version(slot string) string {
	b, err := os.ReadFile(s.path(slot, "version"))
	if err != nil {
		return ""
	}
	if _, err := os.Stat(s.Program(slot)); err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// safe refuses folders that somebody else could have put there, or could change.
func (s Slots) safe() error {
	for _, dir := range []string{s.Dir, s.path("a"), s.path("b")} {
		st, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) && dir != s.Dir {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnsafe, err)
		}
		owner, ok := st.Sys().(*syscall.Stat_t)
		switch {
		case !st.IsDir():
			return fmt.Errorf("%w: %s is no folder", ErrUnsafe, dir)
		case st.Mode().Perm()&0o022 != 0:
			return fmt.Errorf("%w: %s can be written by others", ErrUnsafe, dir)
		case ok && int(owner.Uid) != os.Geteuid():
			return fmt.Errorf("%w: %s belongs to user %d", ErrUnsafe, dir, owner.Uid)
		}
	}
	return nil
}

func (s Slots) about(what, path string) error {
	if s.step == nil {
		return nil
	}
	return s.step(what, path)
}

// create makes a new file that only this process knows: whatever has its name goes, and
// a link is never followed.
func (s Slots) create(path string, mode fs.FileMode) (*os.File, error) {
	if err := s.remove(path); err != nil {
		return nil, err
	}
	if err := s.about("create", path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
	if err == nil {
		err = f.Chmod(mode) // the umask is somebody else's
	}
	return f, err
}

// finish makes what was written to f last, and closes it.
func (s Slots) finish(f *os.File) error {
	if err := s.about("sync", f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// name gives a finished file its name, in place of what had it.
func (s Slots) name(from, to string) error {
	if err := s.about("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// write puts text into a file: there is the old one or the new one, never a half.
func (s Slots) write(path string, text []byte) error {
	f, err := s.create(path+".new", 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := s.finish(f); err != nil {
		return err
	}
	return s.name(path+".new", path)
}

func (s Slots) remove(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := s.about("remove", path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// use switches to a slot.
func (s Slots) use(slot string) error {
	if s.InUse() == slot {
		return nil
	}
	link := s.path("current.new")
	if err := s.remove(link); err != nil {
		return err
	}
	if err := s.about("link", link); err != nil {
		return err
	}
	if err := os.Symlink(slot, link); err != nil {
		return err
	}
	return s.name(link, s.path("current"))
}

// put makes a finished program the one of a slot. The version goes first and comes last,
// so that a slot never claims what it does not hold.
func (s Slots) put(slot, file, version string) error {
	if err := s.remove(s.path(slot, "version")); err != nil {
		return err
	}
	if err := s.name(file, s.Program(slot)); err != nil {
		return err
	}
	return s.write(s.path(slot, "version"), []byte(version+"\n"))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
