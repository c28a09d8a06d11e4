package doctor

import "golang.org/x/sys/unix"

func space(dir string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Space{}, err
	}
	size := uint64(s.Bsize) //nolint:gosec // never negative
	return Space{Free: uint64(s.Bavail) * size, Size: uint64(s.Blocks) * size, Inodes: uint64(s.Ffree), AllInodes: uint64(s.Files)}, nil
}

// synced asks the kernel whether a time service keeps the clock; it sets nothing.
func synced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}
