package raftstore

// recent keeps rows of the state that were read or written lately. A command
// reads the same few again and again (the rules of the site, the walk of a
// worker), and Badger looks through all its tables for each. The applier is the
// only one who writes, and tells of each commit, so the rows cannot be out of
// date.
//
// There are two generations: when the young one is full it becomes the old one,
// whose rows come back as they are asked for and are dropped otherwise.
type recent struct {
	young, old map[string][]byte // nil = there is no such row
	size       int               // of young, in bytes
	limit      int               // of size
}

const (
	// recentSize bounds a generation. The rows of 64 walks at once are some
	// 1 MiB.
	recentSize = 2 << 20
	// A longer value is read anew.
	recentValue = 8 << 10
	recentRow   = 64 // what the map adds to each
)

// get is the value of a row, nil when there is none; false when it is not known.
func (r *recent) get(key []byte) (val []byte, known bool) {
	if val, known = r.young[string(key)]; known {
		return val, true
	}
	if val, known = r.old[string(key)]; known {
		r.put(string(key), val)
	}
	return val, known
}

func (r *recent) put(key string, val []byte) {
	if len(val) > recentValue {
		r.drop(key)
		return
	}
	if had, known := r.young[key]; known {
		r.size -= len(had)
	} else {
		r.size += len(key) + recentRow
	}
	if r.size += len(val); r.young == nil || r.size > r.limit {
		r.young, r.old = make(map[string][]byte), r.young
		r.size = len(key) + recentRow + len(val)
	}
	r.young[key] = val
}

func (r *recent) drop(key string) {
	if had, known := r.young[key]; known {
		r.size -= len(had) + len(key) + recentRow
		delete(r.young, key)
	}
	delete(r.old, key)
}

// wrote is told of each row that a commit changed. One that nobody has read yet
// may never be read: it is not kept.
func (r *recent) wrote(key string, val []byte) {
	_, known := r.young[key]
	if !known {
		_, known = r.old[key]
	}
	if known {
		r.put(key, val)
	}
}
