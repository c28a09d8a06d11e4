package warehouse

import "bytes"

// Reader is a consistent snapshot of the replicated state.
type Reader interface {
	// Get returns the value of key, or nil when the key is absent. The
	// caller must not change the returned bytes.
	Get(key []byte) ([]byte, error)
	// Range calls fn for each key with the given prefix in ascending byte
	// order until fn returns false or an error. fn must not write to the
	// same transaction and must not keep key or value.
	Range(prefix []byte, fn func(key, value []byte) (bool, error)) error
}

// Tx is what a command may do to the replicated state. A Tx sees its own
// writes, also in Range.
type Tx interface {
	Reader
	Set(key, value []byte) error
	Delete(key []byte) error
}

// Meta is what the log knows of a command: everything Apply may not make up
// for itself.
type Meta struct {
	// Index is the position of the command in the log; unique and rising.
	Index uint64
	// Now is the cluster time in milliseconds since 1970 UTC. It never
	// goes backwards from one command to the next.
	Now int64
	// Cause names the command for traces: "device/seq" where the maker has
	// a sequence, the hex of the command id otherwise.
	Cause string
	// Actor is who asked: "worker/W1", "gateway/gw1", "oms/main".
	Actor string
	// Level is the feature level of the cluster at this entry: which of the
	// rules that changed hold. 0 = those of the first version.
	Level uint16
}

// rangeAfter is Range of the keys behind one of them; nil = from the first. A
// Reader that can begin in the middle says so with a method of this name;
// another one reads over what comes before.
func rangeAfter(r Reader, prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	if after == nil {
		return r.Range(prefix, fn)
	}
	if in, ok := r.(interface {
		RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error
	}); ok {
		return in.RangeAfter(prefix, after, fn)
	}
	return r.Range(prefix, func(k, v []byte) (bool, error) {
		if bytes.Compare(k, after) <= 0 {
			return true, nil
		}
		return fn(k, v)
	})
}
