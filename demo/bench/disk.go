//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// rawSync measures what the disk itself takes for one durable write of 4 KiB:
// pwrite into a file of full length and fdatasync, one after the other.
func rawSync(ctx context.Context, dir string) error {
	const n, block = 1000, 4096
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return err
	}
	err = func() error {
		if _, err := f.Write(make([]byte, n*block)); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		buf := make([]byte, block)
		var took []time.Duration
		for i := range n {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			buf[0] = byte(i)
			at := time.Now()
			if _, err := f.WriteAt(buf, int64(i)*block); err != nil {
				return err
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
			took = append(took, time.Since(at))
		}
		report("raw_fdatasync_p50", percentile(took, 0.50), "ms", 0)
		report("raw_fdatasync_p99", percentile(took, 0.99), "ms", 0)
		return nil
	}()
	return errors.Join(err, f.Close())
}
