package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tote/agent/health"
	"tote/drivers/serialport"
)

// Space is the room of a file system.
type Space struct {
	Free, Size        uint64 // bytes
	Inodes, AllInodes uint64 // free ones; 0 of 0 where the file system has none
}

// Machine is what the checks ask of the machine; tests give another one.
type Machine struct {
	Root   fs.FS                    // for /proc and /sys
	Holder func(node string) string // who holds a port; "" = nobody
	Space  func(dir string) (Space, error)
	// Device is the number of the block device a folder lies on, as 179:2.
	Device func(dir string) (string, error)
	// Smart asks a disk for its wear by SMART; nil = it is not asked.
	Smart  func(ctx context.Context, disk string) (Wear, error)
	Synced func() (bool, error) // a time service keeps the clock
	// Sync makes one synced write of 4 KiB in a folder.
	Sync func(ctx context.Context, dir string) (time.Duration, error)
	// Networked says whether an interface beside loopback is up with an address.
	Networked func() (bool, error)
	Dial      func(ctx context.Context, address string) error
	Now       func() time.Time
}

// This is the machine the program runs on.
func This() Machine {
	return Machine{
		Root: serialport.Machine(), Holder: serialport.Holder, Space: space, Device: blockDevice, Smart: smart, Synced: synced, Sync: syncOnce,
		Networked: networked, Now: time.Now,
		Dial: func(ctx context.Context, address string) error {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err == nil {
				err = c.Close()
			}
			return err
		},
	}
}

// syncWrites are written one after the other; the middle of their times counts.
const syncWrites = 9

// syncOnce times synced writes of 4 KiB, few enough not to be felt by an agent on
// the same disk. The file has no name when it is written, so that nothing stays.
func syncOnce(ctx context.Context, dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	if err := os.Remove(f.Name()); err != nil {
		return 0, err
	}
	var took []time.Duration
	for i := 0; i < syncWrites && ctx.Err() == nil; i++ {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	if len(took) == 0 {
		return 0, ctx.Err()
	}
	return took[len(took)/2], nil
}

func networked() (bool, error) {
	list, err := net.Interfaces()
	if err != nil {
		return false, err
	}
	for _, i := range list {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if a, err := i.Addrs(); err == nil && len(a) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// Bounds of the disk.
const (
	spaceShort = 1 << 30
	spaceGone  = 128 << 20
	slowSync   = 50 * time.Millisecond // the reference's bound for p99; here of the middle
)

func (p Patient) disk(context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	if s := p.Agent.Status; s != nil && s.Gateway.Disk != nil && s.Gateway.Disk.Code != "" {
		level := Warning
		if l := s.Gateway.Disk.Level; l == "red" || l == "black" {
			level = Broken
		}
		return one(level, s.Gateway.Disk.Code, "as the agent says, %d MB free", s.Gateway.Disk.Free>>20)
	}
	s, err := p.Machine.Space(p.Config.DataDir)
	if err != nil {
		return unreadable(err)
	}
	text := fmt.Sprintf("%d of %d MB free in %s", s.Free>>20, s.Size>>20, p.Config.DataDir)
	var out []Finding
	switch {
	case s.Free < spaceGone:
		out = one(Broken, health.CodeSpaceGone, "%s", text)
	case s.Free < spaceShort:
		out = one(Warning, health.CodeSpaceShort, "%s", text)
	default:
		out = one(Fine, "", "%s", text)
	}
	if s.AllInodes > 0 && s.Inodes < max(1000, s.AllInodes/100) {
		out = append(out, one(Warning, health.CodeInodes, "%d of %d inodes free", s.Inodes, s.AllInodes)...)
	}
	return out
}

func (p Patient) sync(ctx context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	took, err := p.Machine.Sync(ctx, p.Config.DataDir)
	switch {
	case err != nil && (os.IsPermission(err) || os.IsNotExist(err)):
		return unreadable(err)
	case err != nil:
		return one(Broken, health.CodeNoWrite, "%v", err)
	case took > slowSync:
		return one(Warning, health.CodeSyncSlow, "a synced write of 4 KiB takes %v, more than %v", took.Round(time.Microsecond), slowSync)
	}
	return one(Fine, "", "a synced write of 4 KiB takes %v", took.Round(time.Microsecond))
}

// unreadable: a person who is not allowed has learnt nothing of the disk.
func unreadable(err error) []Finding {
	if os.IsPermission(err) {
		return one(Skipped, "", "%v; run tote doctor as root", err)
	}
	if os.IsNotExist(err) {
		return one(Skipped, "", "%v; the agent makes it at its first start", err)
	}
	return one(Broken, health.CodeNoWrite, "%v", err)
}

func (p Patient) clock(context.Context) []Finding {
	var out []Finding
	switch ok, err := p.Machine.Synced(); {
	case err != nil:
		out = one(Skipped, "", "the kernel does not tell: %v", err)
	case !ok:
		out = one(Warning, health.CodeClockNoSync, "the kernel says that the clock is not synchronised")
	default:
		out = one(Fine, "", "a time service keeps the clock")
	}
	if off, ok := p.Agent.Metrics["tote_clock_offset_seconds"]; ok && (off > 2 || off < -2) {
		out = append(out, one(Warning, health.CodeClockOff, "%+.1f s from the time of the site", off)...)
	}
	return out
}

func (p Patient) network(context.Context) []Finding {
	ok, err := p.Machine.Networked()
	switch {
	case err != nil:
		return one(Skipped, "", "%v", err)
	case ok:
		return one(Fine, "", "an interface is up")
	case p.Config != nil && p.Config.Alone() && p.Config.OMS == nil:
		return one(Warning, health.CodeNoNetwork, "no interface but loopback is up")
	}
	return one(Broken, health.CodeNoNetwork, "no interface but loopback is up")
}

// identityDir is where the agent keeps who it is.
func (p Patient) identityDir() string { return filepath.Join(p.Config.DataDir, "identity") }
