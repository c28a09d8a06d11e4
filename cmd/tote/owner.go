package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tote/agent"
	"tote/agent/config"
	"tote/agent/identity"
)

// asOwner makes this process the user whose data it is about to write. A person
// types `tote site init` as root; what root wrote there the agent, which is another
// user, could not read, and would not start. Call it before anything is opened in
// data_dir. Data of root itself are written by root.
func asOwner(cfg *config.Config) error {
	if os.Geteuid() != 0 {
		return nil
	}
	dir := cfg.DataDir
	st, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		st, err = os.Stat(dir)
	}
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	uid, gid := int(owner.Uid), int(owner.Gid)
	if err := errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid)); err != nil {
		return fmt.Errorf("become the owner of %s: %w", dir, err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("become the owner of %s: %w", dir, err)
	}
	return nil
}

// needsPerson is the exit status of `tote run` when no restart can help: the unit
// file tells systemd not to try (EX_CONFIG of sysexits(3)).
const needsPerson = 78

// misconfigured is an error that only a person can do something about.
type misconfigured struct{ error }

// ExitCode is what kong ends the process with.
func (misconfigured) ExitCode() int { return needsPerson }

func (m misconfigured) Unwrap() error { return m.error }

// forPerson marks the errors that stay until a person has done something: a refused
// configuration, an identity that is missing or of another machine, a gateway that
// was taken out of the site.
func forPerson(err error) error {
	if _, ok := errors.AsType[config.Problems](err); ok || agent.Dismissed(err) {
		return misconfigured{err}
	}
	for _, is := range []error{identity.ErrNone, identity.ErrOtherConfig, identity.ErrRole} {
		if errors.Is(err, is) {
			return misconfigured{err}
		}
	}
	return err
}
