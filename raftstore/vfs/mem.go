package vfs

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// Mem is a file system in memory with the memory of a bad disk: it knows what
// was synced and what was not, and Crash loses a random part of the rest. That
// goes for folders too: a new one is lost with everything in it unless the
// folder it is in was synced.
// Create it with NewMem.
type Mem struct {
	mu      sync.Mutex
	root    *inode // "/" and "."
	life    int    // rises with each crash; files of an older life are dead
	ops     int    // changing calls so far
	cutAt   int    // cut the power at this changing call, 0 = never
	cutWhen func(op Op, name string) bool
	cutOp   Op // at which the power was cut last
	cutName string
	off     bool // power is off
	free    uint64
}

type memDir struct {
	now     map[string]*inode
	durable map[string]*inode
	pending []dirOp
}

// dirOp is one un-synced change of a folder; a rename is one step.
type dirOp struct {
	del, add string
	node     *inode
	fate     *fate // shared by the two halves of a move to another folder
}

// fate of a move between two folders: it happens in both or in neither.
type fate int

const (
	undecided fate = iota
	kept
	lost
)

// inode is a file, or a folder when dir is not nil.
type inode struct {
	dir *memDir

	now, durable []byte
	dirty        map[int64]bool // un-synced sectors
	sizeDirty    bool
}

func newFolder() *inode {
	return &inode{dir: &memDir{now: map[string]*inode{}, durable: map[string]*inode{}}}
}

// NewMem returns an empty file system with 1 TiB free.
func NewMem() *Mem {
	return &Mem{root: newFolder(), free: 1 << 40}
}

var _ FS = (*Mem)(nil)

// CutAfter cuts the power in the middle of the n-th changing call from now
// (n ≥ 1); that call may or may not have happened. 0 takes the order back.
func (m *Mem) CutAfter(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cutAt = 0
	if n > 0 {
		m.cutAt = m.ops + n
	}
}

// CutWhen cuts the power in the middle of the first changing call for which fn
// is true; that call may or may not have happened. fn must not use m. nil takes
// the order back.
func (m *Mem) CutWhen(fn func(op Op, name string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cutWhen = fn
}

// Off tells whether the power is cut.
func (m *Mem) Off() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.off
}

// LastCut returns the call in which the power was cut last, "" when it never was.
func (m *Mem) LastCut() (op Op, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cutOp, m.cutName
}

// Ops returns the number of changing calls so far.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// SetFree sets what Free answers, in bytes.
func (m *Mem) SetFree(n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = n
}

// Crash is a power cut and the restart after it. Of everything un-synced a
// random part, chosen by seed, survives: each sector keeps its old bytes, its
// new bytes, a mix of both, or garbage; each change of a folder is kept or
// not. Files that were open are dead afterwards.
func (m *Mem) Crash(seed uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, 0x746f7465))
	m.life++
	m.off, m.cutAt, m.cutWhen = false, 0, nil
	m.root.crash(rng)
}

// crash decides what the folder holds from now on, and goes into what is left.
func (d *memDir) crash(rng *rand.Rand) {
	for _, op := range d.pending {
		keep := rng.IntN(2) == 1
		if op.fate != nil {
			if *op.fate == undecided {
				*op.fate = lost
				if keep {
					*op.fate = kept
				}
			}
			keep = *op.fate == kept
		}
		if keep {
			op.on(d.durable)
		}
	}
	d.pending = nil
	d.now = maps.Clone(d.durable)
	for _, name := range slices.Sorted(maps.Keys(d.durable)) { // one seed must give one result
		d.durable[name].crash(rng)
	}
}

func (op dirOp) on(files map[string]*inode) {
	if op.del != "" {
		delete(files, op.del)
	}
	if op.add != "" {
		files[op.add] = op.node
	}
}

func (n *inode) crash(rng *rand.Rand) {
	if n.dir != nil {
		n.dir.crash(rng)
		return
	}
	size := len(n.durable)
	if n.sizeDirty && rng.IntN(2) == 0 {
		size = len(n.now)
	}
	out := make([]byte, size)
	copy(out, n.durable)
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		from := int(s * SectorSize)
		to := min(from+SectorSize, size)
		if from >= size {
			continue
		}
		dst := out[from:to]
		var src []byte
		if from < len(n.now) {
			src = n.now[from:min(to, len(n.now))]
		}
		switch k := rng.IntN(16); {
		case k < 7: // new
			copy(dst, src)
		case k < 14: // old
		case k == 14: // torn
			copy(dst, src[:rng.IntN(len(src)+1)])
		default: // garbage
			for i := range dst {
				dst[i] = byte(rng.Uint32())
			}
		}
	}
	n.durable, n.now = out, append([]byte(nil), out...)
	n.dirty, n.sizeDirty = map[int64]bool{}, false
}

// step counts a changing call and tells whether it may still happen.
func (m *Mem) step(op Op, name string) (happens bool, err error) {
	if m.off {
		return false, ErrPowerCut
	}
	m.ops++
	if m.cutAt > 0 && m.ops >= m.cutAt || m.cutWhen != nil && m.cutWhen(op, name) {
		m.off, m.cutOp, m.cutName = true, op, name
		return true, ErrPowerCut
	}
	return true, nil
}

// find returns the file or folder, nil when it is not there.
func (m *Mem) find(name string) *inode {
	n := m.root
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		switch {
		case part == "" || part == ".":
		case n.dir == nil || n.dir.now[part] == nil:
			return nil
		default:
			n = n.dir.now[part]
		}
	}
	return n
}

func (m *Mem) dir(op, name string) (*memDir, error) {
	n := m.find(name)
	if n == nil || n.dir == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n.dir, nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(name string, perm os.FileMode) error {
	name = path.Clean(name)
	if parent := path.Dir(name); parent != name {
		if err := m.MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return ErrPowerCut
	}
	if n := m.find(name); n != nil {
		if n.dir == nil {
			return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
		}
		return nil
	}
	d, err := m.dir("mkdir", path.Dir(name))
	if err != nil {
		return err
	}
	_, err = m.step(OpMkdir, name)
	d.change(dirOp{add: path.Base(name), node: newFolder()})
	return err
}

// change does op now; a sync of the folder makes it durable.
func (d *memDir) change(op dirOp) {
	op.on(d.now)
	d.pending = append(d.pending, op)
}

// OpenFile implements FS.
func (m *Mem) OpenFile(name string, flag int, _ os.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return nil, ErrPowerCut
	}
	d, err := m.dir("open", path.Dir(name))
	if err != nil {
		return nil, err
	}
	base := path.Base(name)
	n := d.now[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n != nil && n.dir != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case n == nil:
		_, err := m.step(OpOpen, name)
		n = &inode{dirty: map[int64]bool{}}
		d.change(dirOp{add: base, node: n})
		if err != nil {
			return nil, err
		}
	}
	f := &memFile{fs: m, node: n, life: m.life, name: name}
	if flag&os.O_TRUNC != 0 && len(n.now) > 0 {
		if err := f.truncate(0); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return ErrPowerCut
	}
	d, err := m.dir("remove", path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	switch n := d.now[base]; {
	case n == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	case !n.empty():
		return &fs.PathError{Op: "remove", Path: name, Err: errNotEmpty}
	}
	_, err = m.step(OpRemove, name)
	d.change(dirOp{del: base})
	return err
}

var errNotEmpty = errors.New("the folder is not empty")

// empty is true for a file.
func (n *inode) empty() bool { return n.dir == nil || len(n.dir.now) == 0 }

// Rename implements FS. A move to another folder survives a power cut in both
// folders or in neither, as on a file system with a journal.
func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return ErrPowerCut
	}
	from, err := m.dir("rename", path.Dir(oldName))
	if err != nil {
		return err
	}
	to, err := m.dir("rename", path.Dir(newName))
	if err != nil {
		return err
	}
	del, add := path.Base(oldName), path.Base(newName)
	n := from.now[del]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	if old := to.now[add]; old != nil && (old.dir != nil || n.dir != nil) {
		return &fs.PathError{Op: "rename", Path: newName, Err: fs.ErrExist}
	}
	_, err = m.step(OpRename, oldName)
	if from == to {
		from.change(dirOp{del: del, add: add, node: n})
		return err
	}
	both := new(fate)
	from.change(dirOp{del: del, fate: both})
	to.change(dirOp{add: add, node: n, fate: both})
	return err
}

// ReadDir implements FS.
func (m *Mem) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return nil, ErrPowerCut
	}
	d, err := m.dir("readdir", name)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.now)), nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return ErrPowerCut
	}
	d, err := m.dir("syncdir", name)
	if err != nil {
		return err
	}
	if _, err := m.step(OpSyncDir, name); err != nil {
		return err
	}
	for _, op := range d.pending {
		op.on(d.durable)
		if op.fate != nil {
			*op.fate = kept
		}
	}
	d.pending = nil
	return nil
}

// Free implements FS.
func (m *Mem) Free(string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free, nil
}
