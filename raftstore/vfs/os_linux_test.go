package vfs

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// TestRealSyncAsksTheKernel shows that the sync of the real file system is a
// system call and not a promise. No test can pull the plug of the machine it
// runs on, so the kernel is asked about files that it cannot sync: only a call
// that arrived there brings its refusal back. Every other test, also those
// that cut the power of a Mem, stays green without the call.
func TestRealSyncAsksTheKernel(t *testing.T) {
	const null = "/dev/null" // a device without a sync
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	if err := syscall.Fdatasync(int(w.Fd())); !errors.Is(err, syscall.EINVAL) {
		t.Skipf("this kernel says %v when it is asked to sync a pipe", err)
	}
	f, err := OS{}.OpenFile(null, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	for _, tc := range []struct {
		name string
		sync func() error
	}{
		{"a pipe", osFile{w}.Sync},
		{"an opened device", f.Sync},
		{"a folder that is a device", func() error { return OS{}.SyncDir(null) }},
	} {
		if err := tc.sync(); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: sync answered %v, so the kernel was not asked", tc.name, err)
		}
	}
}
