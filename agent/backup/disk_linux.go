package backup

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Free is the free space of the disk a folder is on, in bytes, for who is not root.
func Free(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}

// SameDisk says whether two folders are on one file system; when it cannot be
// told they are.
func SameDisk(a, b string) bool {
	var x, y syscall.Stat_t
	return syscall.Stat(a, &x) != nil || syscall.Stat(b, &y) != nil || x.Dev == y.Dev
}

// forget asks the kernel to read a file from the disk the next time.
func forget(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a wish
}
