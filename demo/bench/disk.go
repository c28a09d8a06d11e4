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

// rawSync reports what the disk itself takes for one durable write.
func rawSync(ctx context.Context, dir string) error {
	took, err := syncs(ctx, dir, 1000)
	if err != nil {
		return err
	}
	report("raw_fdatasync_p50", percentile(took, 0.50), "ms", 0)
	report("raw_fdatasync_p99", percentile(took, 0.99), "ms", 0)
	return nil
}

// syncs times n durable writes of 4 KiB, as much as the log writes for one
// command: pwrite into a file of full length and fdatasync, one after the
// other.
func syncs(ctx context.Context, dir string, n int) ([]time.Duration, error) {
	const block = 4096
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	err = func() error {
		if _, err := f.Write(make([]byte, n*block)); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		buf := make([]byte, block)
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
		return nil
	}()
	return took, errors.Join(err, f.Close())
}
