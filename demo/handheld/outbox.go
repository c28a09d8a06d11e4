package handheld

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// maxOutbox bounds the verbs kept while the site cannot be reached. A worker
// who reaches it is told to find the network; nothing is dropped in silence.
const maxOutbox = 1000

// ErrOutboxFull: too many verbs wait for the site.
var ErrOutboxFull = errors.New("handheld: outbox full, find the network")

// outbox keeps verbs until their result came, in a file when it has one.
type outbox struct {
	path string

	mu    sync.Mutex
	state outboxState
}

type outboxState struct {
	Seq   uint64 `json:"seq"` // newest given out
	Verbs []Verb `json:"verbs"`
}

func openOutbox(path string) (*outbox, error) {
	o := &outbox{path: path}
	if path == "" {
		return o, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &o.state); err != nil {
		return nil, fmt.Errorf("handheld: outbox %s: %w", path, err)
	}
	return o, nil
}

// add gives v the next sequence, above all the site has seen, and keeps it.
func (o *outbox) add(v Verb, site uint64, device string) (Verb, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.state.Verbs) >= maxOutbox {
		return v, ErrOutboxFull
	}
	before := o.state
	o.state.Seq = max(o.state.Seq, site) + 1
	v.Seq = o.state.Seq
	v.CmdID = fmt.Sprintf("%s-%d", device, v.Seq)
	o.state.Verbs = append(o.state.Verbs, v)
	if err := o.save(); err != nil {
		o.state = before // it was never sent, so its sequence is free again
		return v, fmt.Errorf("handheld: the verb cannot be kept: %w", err)
	}
	return v, nil
}

// newest is the newest sequence given out; 0 = none ever.
func (o *outbox) newest() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.Seq
}

func (o *outbox) first() (Verb, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.state.Verbs) == 0 {
		return Verb{}, false
	}
	return o.state.Verbs[0], true
}

func (o *outbox) remove(seq uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.Verbs = slices.DeleteFunc(o.state.Verbs, func(v Verb) bool { return v.Seq == seq })
	return o.save()
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.state.Verbs)
}

// save replaces the file as a whole, so that a flat battery leaves the old or
// the new one.
func (o *outbox) save() error {
	if o.path == "" {
		return nil
	}
	b, err := json.Marshal(o.state)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(o.path), ".outbox-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), o.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
