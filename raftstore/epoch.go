package raftstore

import (
	"encoding/json"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// How a cluster was formed anew. Changing one breaks stored states.
const (
	HowRecovered = "recovered" // from the disk of one gateway, without a majority
	HowRestored  = "restored"  // from a backup
)

// Formation is the record of one time the cluster was formed anew: work may
// have been lost then. It is part of the state, so every gateway keeps it.
type Formation struct {
	Epoch   uint32 `json:"epoch"` // from then on
	How     string `json:"how"`   // HowRecovered or HowRestored
	AtMs    int64  `json:"atMs"`  // by the clock of that gateway, since 1970
	By      string `json:"by"`    // who asked for it
	Gateway string `json:"gateway"`
	Was     string `json:"was,omitempty"` // id of the cluster before
	Is      string `json:"is"`            // and after
	Number  uint64 `json:"number"`        // of the last command kept
	// Unsure is how many log entries were kept of which this gateway did not
	// know that a majority had them. Mostly they were acknowledged.
	Unsure uint64 `json:"unsure,omitempty"`
	// LastMs is the cluster time of the newest command kept.
	LastMs int64 `json:"lastMs"`
}

// keepFormations bounds the row.
const keepFormations = 50

const epochRowVer = 1

// epochKey is the row of the formations, newest last. A cluster that was never
// formed anew has none, and epoch 1. It is beside the meta row, not in it, so
// that versions before it still read that one, and is left out of the digest.
var epochKey = []byte{spaceMeta, 2}

func encodeFormations(list []Formation) ([]byte, error) {
	b, err := json.Marshal(list[max(0, len(list)-keepFormations):])
	return append([]byte{epochRowVer}, b...), err
}

func decodeFormations(b []byte) (list []Formation, err error) {
	if b == nil {
		return nil, nil
	}
	if len(b) < 1 || b[0] != epochRowVer {
		return nil, fault(CodeUnknownEntry, fmt.Errorf("epoch row of %d bytes does not decode", len(b)))
	}
	if err := json.Unmarshal(b[1:], &list); err != nil || len(list) == 0 {
		return nil, fault(CodeUnknownEntry, fmt.Errorf("epoch row does not decode: %w", err))
	}
	return list, nil
}

func epochOf(list []Formation) uint32 {
	if len(list) == 0 {
		return 1
	}
	return list[len(list)-1].Epoch
}

func formationsIn(txn *badger.Txn) ([]Formation, error) {
	b, err := badgerGet(txn, epochKey)
	if err != nil {
		return nil, err
	}
	return decodeFormations(b)
}

// Epoch is 1, and one more each time the cluster was formed anew from one disk
// or from a backup. Whoever is told of the state outside compares by it first:
// numbers and terms may come again in a later epoch.
func (s *Store) Epoch() (uint32, error) {
	list, err := s.Formations()
	return epochOf(list), err
}

// Formations lists when the cluster was formed anew, the newest last.
func (s *Store) Formations() (list []Formation, err error) {
	err = s.read(func(txn *badger.Txn) error {
		list, err = formationsIn(txn)
		return err
	})
	return list, err
}

// Reformed is a Machine that notes in its state that an epoch begins. Reform
// runs once, on the one gateway the cluster is formed of; the others get what it
// wrote with the state.
type Reformed interface {
	Reform(tx Tx, was, epoch uint32) error
}

// reform makes the state in v the first of a new epoch, and returns where in
// the log it stands.
func (a *applier) reform(f Formation) (meta, error) {
	if err := a.begin(); err != nil {
		return meta{}, err
	}
	defer a.end()
	list, err := formationsIn(a.o.base)
	if err != nil {
		return meta{}, err
	}
	if r, ok := a.machine.(Reformed); ok {
		tx := &commandTx{o: a.o}
		err := r.Reform(tx, epochOf(list), f.Epoch)
		tx.done = true
		if err == nil {
			err = tx.broken
		}
		if err == nil && tx.over {
			err = ErrTooBig
		}
		if err != nil {
			return meta{}, fault(CodeMachine, fmt.Errorf("begin epoch %d: %w", f.Epoch, err))
		}
		a.keep()
	}
	row, err := encodeFormations(append(list, f))
	if err != nil {
		return meta{}, err
	}
	a.o.put(string(epochKey), row, false)
	// The log ends here. What comes next is another entry than the one that
	// was applied in part.
	a.m.partIndex, a.m.partDone = 0, 0
	return a.m, a.commit()
}
