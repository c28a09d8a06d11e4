package fleet

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"tote/fleet/intent"
)

var errDown = errors.New("test: the store is down")

// store is the replicated state in memory: commands one after the other, the
// writes of a refused one dropped.
type store struct {
	t  *testing.T
	mu sync.Mutex
	kv map[string][]byte
	n  uint64
}

func newStore(t *testing.T) *store { return &store{t: t, kv: map[string][]byte{}} }

type storeTx struct{ kv map[string][]byte }

func (x storeTx) Get(k []byte) ([]byte, error) { return x.kv[string(k)], nil }
func (x storeTx) Set(k, v []byte) error        { x.kv[string(k)] = bytes.Clone(v); return nil }
func (x storeTx) Delete(k []byte) error        { delete(x.kv, string(k)); return nil }
func (x storeTx) Range(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	for _, k := range slices.Sorted(maps.Keys(x.kv)) {
		if !strings.HasPrefix(k, string(prefix)) {
			continue
		}
		if more, err := fn([]byte(k), x.kv[k]); err != nil || !more {
			return err
		}
	}
	return nil
}

func (s *store) view(fn func(intent.Reader) error) error {
	s.mu.Lock()
	kv := maps.Clone(s.kv)
	s.mu.Unlock()
	return fn(storeTx{kv})
}

func (s *store) propose(_ context.Context, c intent.Command) (intent.Result, error) {
	kind, version, body, err := intent.Encode(c)
	if err != nil {
		s.t.Errorf("propose %+v: %v", c, err)
		return intent.Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	kv := maps.Clone(s.kv)
	res, err := intent.Apply(storeTx{kv}, intent.Meta{Index: s.n, Now: int64(s.n)}, kind, version, body)
	if err != nil {
		s.t.Errorf("apply %+v: %v", c, err)
		return res, err
	}
	if res.OK {
		s.kv = kv
	}
	return res, nil
}

// robot is the record of one robot.
func (s *store) robot(id string) intent.Robot {
	var out intent.Robot
	_ = s.view(func(r intent.Reader) error {
		rec, err := intent.Get(r, id)
		if rec != nil {
			out = *rec
		}
		return err
	})
	return out
}
