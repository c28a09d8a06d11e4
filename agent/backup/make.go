package backup

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Parts are copies that are being made. One that is left behind by a gateway that
// died is removed by it, or by any other when it is a day old.
const (
	partSuffix = ".part"
	partOld    = 24 * time.Hour
)

// once makes one copy, reads it again and removes what is too old.
func (r *Runner) once(ctx context.Context) (Made, error) {
	dir := r.cfg.Folder
	if r.web != nil {
		dir = r.cfg.Spool
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return Made{}, fault(CodeNotMade, err)
		}
	}
	if err := r.look(dir); err != nil {
		return Made{}, err
	}
	at := r.cfg.Now()
	made := Made{Name: Name(r.cfg.Site, at), Gateway: r.cfg.Gateway, AtMs: at.UnixMilli()}
	part := filepath.Join(dir, "."+made.Name+"."+r.cfg.Gateway+partSuffix)
	defer func() { _ = os.Remove(part) }() // renamed, or not wanted
	if err := r.write(ctx, dir, part, &made); err != nil {
		return Made{}, err
	}
	if r.web != nil {
		return r.send(ctx, part, made)
	}
	made.ReadBack = true
	if err := errors.Join(os.Rename(part, filepath.Join(dir, made.Name)), syncDir(dir)); err != nil {
		return Made{}, fault(CodeNoFolder, err)
	}
	r.tidy(dir)
	return made, nil
}

// look removes what is left of earlier tries and sees whether there is room for as
// much as the last copy had, and a quarter more.
func (r *Runner) look(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fault(CodeNoFolder, err)
	}
	for _, e := range list {
		name, ok := strings.CutSuffix(e.Name(), partSuffix)
		if !ok || !strings.HasPrefix(name, "."+r.cfg.Site+"-") {
			continue
		}
		st, err := e.Info()
		mine := strings.HasSuffix(name, ".backup."+r.cfg.Gateway)
		if err == nil && (mine || time.Since(st.ModTime()) > partOld) {
			_ = os.Remove(filepath.Join(dir, e.Name())) // it will be said when there is no room
		}
	}
	r.mu.Lock()
	need := uint64(r.state.Last.Bytes) / 4 * 5
	r.mu.Unlock()
	return r.room(dir, need)
}

func (r *Runner) room(dir string, need uint64) error {
	free, reserve, err := r.cfg.Room(dir)
	switch {
	case err != nil:
		return fault(CodeNoFolder, err)
	case free < reserve+need:
		return fault(CodeNoRoom, fmt.Errorf("%s has %d MB free; %d MB are wanted and %d MB stay free", dir, free>>20, need>>20, reserve>>20))
	}
	return nil
}

// write makes the copy in part and reads it again.
func (r *Runner) write(ctx context.Context, dir, part string, made *Made) error {
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault(CodeNoFolder, err)
	}
	sum := sha256.New()
	guard := &guarded{ctx: ctx, w: f, room: func() error { return r.room(dir, 0) }}
	out := bufio.NewWriterSize(io.MultiWriter(guard, sum), 256<<10)
	err = r.cfg.Write(out)
	if err := errors.Join(cmp.Or(guard.failed, err), out.Flush(), f.Sync()); err != nil {
		err = errors.Join(err, f.Close())
		if Code(err) != "" || ctx.Err() != nil {
			return err
		}
		if guard.wrote != nil {
			return fault(CodeNoFolder, err)
		}
		return fault(CodeNotMade, err)
	}
	made.Bytes, made.SHA256 = guard.n, hex.EncodeToString(sum.Sum(nil))
	forget(f) // from the disk, not from what the kernel still has
	err = r.reread(f, made.SHA256)
	if err := errors.Join(err, f.Close()); err != nil {
		return fault(CodeNotSame, err)
	}
	return nil
}

// reread reads all of a copy: it must be whole, and what was written.
func (r *Runner) reread(f *os.File, want string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	if err := r.cfg.Check(io.TeeReader(f, sum)); err != nil {
		return err
	}
	if _, err := io.Copy(sum, f); err != nil { // what the check may have left
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return errors.New("another checksum than what was written")
	}
	return nil
}

// tidy removes the copies of a folder that need not stay. What cannot be removed
// is tried again after the next one.
func (r *Runner) tidy(dir string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		r.cfg.Log.Warn("old backups were not removed", "err", err)
		return
	}
	var names []string
	for _, e := range list {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	for _, name := range r.cfg.Keep.Surplus(r.cfg.Site, names) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			r.cfg.Log.Warn("an old backup was not removed", "err", err)
		}
	}
}

// guardEvery is how much may be written until the room is looked at again.
const guardEvery = 1 << 20

// guarded stops a copy that would fill the disk, or is not wanted any more.
type guarded struct {
	ctx    context.Context
	w      io.Writer
	room   func() error
	n      int64
	looked int64
	failed error // why it was stopped
	wrote  error // why the disk did not take it
}

func (g *guarded) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if g.failed == nil {
			g.failed = g.ctx.Err()
		}
		if g.failed == nil && g.n-g.looked >= guardEvery {
			g.looked, g.failed = g.n, g.room()
		}
		if g.failed != nil {
			return n, g.failed
		}
		k, err := g.w.Write(p[:min(len(p), guardEvery)])
		g.n, n, p = g.n+int64(k), n+k, p[k:]
		if g.wrote = err; err != nil {
			return n, err
		}
	}
	return n, nil
}
