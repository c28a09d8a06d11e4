package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tote/cloudsync"
	"tote/cloudsync/wire"
)

// state is what was given out of one stream of one epoch. It is written before
// the file of a batch gets its name in out/: the write is the moment at which the
// events have their effect, and Move is what is left to do then.
type state struct {
	Ack  uint64 `json:"ack"`            // highest sequence given out
	Move string `json:"move,omitempty"` // file of state/ that belongs into out/
}

// fence is the highest sender that was seen.
type fence struct {
	Epoch uint32 `json:"epoch"`
	Term  uint64 `json:"term"`
}

const fenceFile = "fence.json"

// Send implements [cloudsync.Adapter].
func (c *Client) Send(_ context.Context, b cloudsync.Batch) (wire.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(); err != nil {
		return wire.Reply{}, err
	}
	if err := c.pass(fence{b.Epoch, b.Fence}); err != nil {
		return wire.Reply{}, err
	}
	name := fmt.Sprintf("%s-%d-%s", b.Key.Site, b.Key.Epoch, b.Key.Stream)
	st, known, err := load[state](c.path(dirState, name+".json"))
	if err != nil {
		return wire.Reply{}, unreachable(err)
	}
	if err := c.settle(st); err != nil {
		return wire.Reply{}, unreachable(err)
	}
	if !known {
		// A folder that is new to the stream begins where the site is: what was
		// before is with the connection before it.
		st.Ack = b.Key.First - 1
	}
	if b.Key.First > st.Ack+1 {
		return wire.Reply{}, &cloudsync.Error{Kind: cloudsync.Gap, ExpectSeq: st.Ack + 1}
	}
	var reply wire.Reply
	var lines bytes.Buffer
	for i, e := range b.Events {
		res := wire.Result{Seq: b.Key.First + uint64(i), Status: wire.StatusApplied}
		switch {
		case res.Seq <= st.Ack:
			res.Status, res.Original = wire.StatusDuplicate, wire.StatusApplied
		case e.Type == wire.TypeHeld:
			res.Status = wire.StatusHeld
		}
		if res.Status != wire.StatusDuplicate {
			raw, err := json.Marshal(e)
			if err != nil {
				return wire.Reply{}, fmt.Errorf("cloudsync/files: event %s: %w", e.ID, err)
			}
			lines.Write(append(raw, '\n'))
		}
		reply.Results = append(reply.Results, res)
	}
	last := max(st.Ack, b.Key.First+uint64(len(b.Events))-1)
	if lines.Len() > 0 {
		next := state{Ack: last, Move: fmt.Sprintf("%s-%020d.ndjson", name, last)}
		if err := errors.Join(write(c.path(dirState, next.Move), lines.Bytes()), store(c.path(dirState, name+".json"), next)); err != nil {
			return wire.Reply{}, unreachable(err)
		}
		if err := c.settle(next); err != nil {
			return wire.Reply{}, unreachable(err)
		}
	}
	reply.AckSeq, reply.ExpectSeq = last, last+1
	return reply, nil
}

// pass lets the newest sender through, and none before it.
func (c *Client) pass(f fence) error {
	path := c.path(dirState, fenceFile)
	was, _, err := load[fence](path)
	switch {
	case err != nil:
		return unreachable(err)
	case f.Epoch < was.Epoch || f.Epoch == was.Epoch && f.Term < was.Term:
		return &cloudsync.Error{Kind: cloudsync.Fenced, Text: fmt.Sprintf("epoch %d, term %d was here", was.Epoch, was.Term)}
	case f == was:
		return nil
	}
	if err := store(path, f); err != nil {
		return unreachable(err)
	}
	return nil
}

// settle gives the file of the newest batch its place, if a stop came between.
func (c *Client) settle(st state) error {
	if st.Move == "" || strings.ContainsRune(st.Move, filepath.Separator) {
		return nil
	}
	err := os.Rename(c.path(dirState, st.Move), c.path(dirOut, st.Move))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // done before
	}
	if err != nil {
		return err
	}
	return syncDir(c.path(dirOut))
}

// load reads a small file of JSON.
func load[T any](path string) (v T, known bool, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err == nil, err
}

// store replaces a small file of JSON: all of it or nothing.
func store(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return write(path, raw)
}

// write puts a file in place that is whole and on the disk.
func write(path string, raw []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
