package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// MakeDir makes the folder and those above it so that a power cut does not take
// them back. It goes from the top down and syncs each parent before it makes
// the next folder. The parent of what was there already is synced as well: who
// made it may have died before that.
func MakeDir(fsys FS, name string, perm os.FileMode) error {
	name = path.Clean(name)
	parent := path.Dir(name)
	if parent == name {
		return nil
	}
	_, err := fsys.ReadDir(name)
	there := err == nil || errors.Is(err, fs.ErrPermission)
	if !there {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := MakeDir(fsys, parent, perm); err != nil {
			return err
		}
		if err := fsys.MkdirAll(name, perm); err != nil {
			return err
		}
	}
	err = fsys.SyncDir(parent)
	if there && errors.Is(err, fs.ErrPermission) {
		return nil // a folder we may not even read is none we made anything in
	}
	return err
}

// ReadFile returns the whole file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := Open(fsys, name)
	if err != nil {
		return nil, err
	}
	b, err := readAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

func readAll(f File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// WriteFile replaces a small file so that a power cut leaves the old one or the
// new one, and nothing of the two when there was none.
func WriteFile(fsys FS, name string, data []byte) error {
	tmp := name + ".tmp"
	f, err := Create(fsys, tmp)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// RemoveAll removes a file or a folder with everything in it; it need not be
// there. It syncs nothing.
func RemoveAll(fsys FS, name string) error {
	err := fsys.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	names, dirErr := fsys.ReadDir(name)
	if dirErr != nil {
		return err
	}
	for _, n := range names {
		if err := RemoveAll(fsys, path.Join(name, n)); err != nil {
			return err
		}
	}
	return fsys.Remove(name)
}
