// Command replay applies logs of commands, each to an empty state, and prints the
// digest of each state, one a line. The tests build it for other processors than
// their own: the same log must lead to the same bytes on all of them.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// line is one command of a log, as the golden logs have it.
type line struct {
	Index   uint64 `json:"index"`
	Now     int64  `json:"now"`
	Cause   string `json:"cause"`
	Actor   string `json:"actor"`
	Kind    uint16 `json:"kind"`
	Version uint16 `json:"version"`
	Level   uint16 `json:"level"`
	Body    string `json:"body"`
	Drained uint64 `json:"drained"` // no command: the outbox was deleted up to here
}

func main() {
	for _, name := range os.Args[1:] {
		digest, err := replay(name)
		if err != nil {
			fmt.Fprintf(os.Stderr, "replay: %s: %v\n", name, err)
			os.Exit(1)
		}
		fmt.Println(digest)
	}
}

func replay(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it is only read
	tx := memtx.New()
	for dec := json.NewDecoder(bufio.NewReader(f)); ; {
		var l line
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return tx.Digest(), nil
		} else if err != nil {
			return "", err
		}
		if l.Drained > 0 {
			if err := warehouse.OutboxDelete(tx, warehouse.StreamControl, l.Drained); err != nil {
				return "", err
			}
			continue
		}
		body, err := hex.DecodeString(l.Body)
		if err != nil {
			return "", err
		}
		c, err := warehouse.Decode(l.Kind, l.Version, body)
		if err != nil {
			return "", err
		}
		m := warehouse.Meta{Index: l.Index, Now: l.Now, Cause: l.Cause, Actor: l.Actor, Level: l.Level}
		if _, err := warehouse.Apply(tx, m, c); err != nil {
			return "", err
		}
	}
}
