package raftstore

import "golang.org/x/sys/unix"

// readOnly tells whether nothing can be written there. A file system that met
// an error turns read-only under us; newer kernels do not show it here, and the
// next write of the log finds out.
func readOnly(dir string) (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	return err == nil && st.Flags&unix.ST_RDONLY != 0, err
}
