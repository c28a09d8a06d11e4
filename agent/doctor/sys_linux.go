package doctor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func space(dir string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Space{}, err
	}
	size := uint64(s.Bsize) //nolint:gosec // never negative
	return Space{Free: uint64(s.Bavail) * size, Size: uint64(s.Blocks) * size, Inodes: uint64(s.Ffree), AllInodes: uint64(s.Files)}, nil
}

func blockDevice(dir string) (string, error) {
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		return "", &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	dev := uint64(s.Dev) //nolint:unconvert // narrower on some machines
	return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)), nil
}

// synced asks the kernel whether a time service keeps the clock; it sets nothing.
func synced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}
