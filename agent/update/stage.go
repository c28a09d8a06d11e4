package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"tote/agent/update/minisign"
	"tote/agent/update/release"
)

// spare is the room that must be left beside the program, in bytes.
const spare = 32 << 20

// tryTime is how long a program may take to tell its version or to check a configuration.
const tryTime = 30 * time.Second

// Keys reads the public keys this machine trusts.
func Keys(file string) ([]minisign.PublicKey, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", release.ErrNoKeys, err)
	}
	if err != nil {
		return nil, err
	}
	keys, err := minisign.ParsePublics(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", file, release.ErrNoKeys, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s holds none", release.ErrNoKeys, file)
	}
	return keys, nil
}

// open reads the head of a release in a file and judges it for this machine.
func (u *Updater) open(f io.Reader, req Request, site uint16) (*release.Release, error) {
	keys, err := Keys(u.KeysFile)
	if err != nil {
		return nil, err
	}
	r, err := release.Open(f, keys)
	if err != nil {
		return nil, err
	}
	m := r.Manifest
	if err := m.Fits(release.Machine{Arch: u.Arch, Version: u.running(), Site: site, Downgrade: req.Downgrade}); err != nil {
		return nil, err
	}
	if was := u.refusedBefore(m.SHA256); was != nil && !req.Again {
		return nil, fmt.Errorf("%w: %s, %s", ErrAgain, was.Version, was.Code)
	}
	return r, nil
}

// running is the version in use, by its slot: this process may be older than it.
func (u *Updater) running() string {
	if v := u.Slots.Version(u.Slots.InUse()); v != "" {
		return v
	}
	return u.Version
}

func (u *Updater) refusedBefore(id string) *Refusal {
	for _, r := range u.Slots.Refused() {
		if r.Release == id {
			return &r
		}
	}
	return nil
}

// Check tells what a release is and whether this machine may run it. It changes nothing.
func (u *Updater) Check(file string, req Request, site uint16) (release.Manifest, error) {
	f, err := os.Open(file)
	if err != nil {
		return release.Manifest{}, err
	}
	defer func() { _ = f.Close() }()
	r, err := u.open(f, req, site)
	if err != nil {
		return release.Manifest{}, err
	}
	return r.Manifest, r.Copy(io.Discard)
}

// stage puts the program of a release into the slot that is not in use, after it was
// tried out beside what that slot holds.
func (u *Updater) stage(ctx context.Context, file string, req Request, site uint16) (m release.Manifest, err error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return m, err
	}
	defer func() { _ = f.Close() }()
	r, err := u.open(f, req, site)
	if err != nil {
		return m, err
	}
	m = r.Manifest
	slot := u.Slots.Other()
	if err := os.Mkdir(u.Slots.path(slot), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return m, err
	}
	if err := u.Slots.safe(); err != nil {
		return m, err
	}
	if err := room(u.Slots.Dir, uint64(m.Size)); err != nil {
		return m, err
	}
	part := u.Slots.Program(slot) + ".new"
	out, err := u.Slots.create(part, 0o755)
	if err != nil {
		return m, err
	}
	if err := r.Copy(out); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w: %w", ErrSpace, err)
		}
		return m, errors.Join(err, out.Close(), os.Remove(part))
	}
	if err := u.Slots.finish(out); err != nil {
		return m, err
	}
	if err := u.try(ctx, part, m); err != nil {
		return m, errors.Join(err, os.Remove(part))
	}
	return m, u.Slots.put(slot, part, m.Version)
}

func room(dir string, need uint64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return err
	}
	if free := st.Bavail * uint64(st.Bsize); free < need+spare {
		return fmt.Errorf("%w: %d MB are free, %d MB are needed", ErrSpace, free>>20, (need+spare)>>20)
	}
	return nil
}

// About is what a program says of itself: `tote version --json`.
type About struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Arch    string `json:"arch"` // as Go names it
	Level   uint16 `json:"level"`
}

// Ask asks a program what it is.
func Ask(ctx context.Context, program string) (a About, err error) {
	out, err := run(ctx, program, "version", "--json")
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	return a, err
}

// try runs the program: it must say that it is what was signed, and take the present
// configuration. It reads both and changes nothing.
func (u *Updater) try(ctx context.Context, program string, m release.Manifest) error {
	a, err := Ask(ctx, program)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrRuns, err)
	case a.Version != m.Version || a.Level != m.Levels.Max:
		return fmt.Errorf("%w: it says it is %s of level %d, signed is %s of level %d", ErrRuns, a.Version, a.Level, m.Version, m.Levels.Max)
	}
	if out, err := run(ctx, program, "validate", u.Config); err != nil {
		return fmt.Errorf("%w: %w: %s", ErrConfig, err, bytes.TrimSpace(out))
	}
	return nil
}

// run runs a program that was just written. That the kernel still takes it for being
// written is passing: a process that was begun at that moment held it open.
func run(ctx context.Context, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.WaitDelay = time.Second
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if errors.Is(err, syscall.ETXTBSY) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return append(out, errs.String()...), fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
		return out, nil
	}
}
