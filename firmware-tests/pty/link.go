package pty

import (
	"fmt"
	"os"
	"path/filepath"
)

// relink points link at node in one step, so that the path is never half there.
func relink(node, link string) error {
	if fi, err := os.Lstat(link); err == nil && fi.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("%w: %s", ErrLinkTaken, link)
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.new", link, os.Getpid())
	_ = os.Remove(tmp)
	if err := os.Symlink(node, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, link)
}
