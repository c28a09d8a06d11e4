//go:build linux

package lintest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/anishathalye/porcupine"

	"tote/raftstore"
)

// The machine of registers: numbers by key, 0 where there is none. Every write
// answers what was there before, so a write done twice shows.
type registerMachine struct{}

const (
	kindPut = 0x0101 // body: the new number, the key
	kindCAS = 0x0102 // body: the expected number, the new one, the key
)

func (registerMachine) Apply(tx raftstore.Tx, m raftstore.Meta, body []byte) (raftstore.Outcome, error) {
	num := func(b []byte) uint64 {
		if len(b) < 8 {
			return 0
		}
		return binary.BigEndian.Uint64(b)
	}
	next, key := body[:8], body[8:]
	if m.Kind == kindCAS {
		next, key = body[8:16], body[16:]
	}
	old, err := tx.Get(key)
	if err != nil {
		return raftstore.Outcome{}, err
	}
	answer := append(binary.BigEndian.AppendUint64(nil, num(old)), 1)
	if m.Kind == kindCAS && num(old) != num(body) {
		answer[8] = 0
		return raftstore.Outcome{Result: answer}, nil
	}
	return raftstore.Outcome{Result: answer}, tx.Set(key, next)
}

type registers struct{ *raftstore.Store }

func openRegisters(cfg raftstore.Config) (Gateway, error) {
	s, err := raftstore.Open(cfg, registerMachine{})
	return registers{s}, err
}

func (g registers) Do(ctx context.Context, by By, op Op) (a Answer, err error) {
	if op.Read {
		err = g.ViewLinearizable(ctx, func(r raftstore.Reader, _ uint64) error {
			b, err := r.Get([]byte(op.Key))
			if len(b) == 8 {
				a.A = int64(binary.BigEndian.Uint64(b))
			}
			return err
		})
		a.OK = err == nil
		return a, err
	}
	c := raftstore.Command{ID: by.ID, Device: by.Device, Seq: by.Seq, Actor: "test", Kind: kindPut, Version: 1}
	if op.Kind == "cas" {
		c.Kind, c.Body = kindCAS, binary.BigEndian.AppendUint64(nil, uint64(op.B))
	}
	c.Body = append(binary.BigEndian.AppendUint64(c.Body, uint64(op.A)), op.Key...)
	res, err := g.Propose(ctx, c)
	if err != nil {
		for _, no := range []error{raftstore.ErrNotLeader, raftstore.ErrNoQuorum, raftstore.ErrFull, raftstore.ErrLatched, raftstore.ErrClosed} {
			if errors.Is(err, no) && !errors.Is(err, raftstore.ErrUnknownOutcome) {
				err = fmt.Errorf("%w: %w", ErrNotDone, err)
			}
		}
		return a, err
	}
	return Answer{A: int64(binary.BigEndian.Uint64(res.Body)), OK: res.Body[8] == 1}, nil
}

// registerClient writes numbers nobody else writes, and compares with the
// number it saw last.
type registerClient struct {
	lane, n int64
	r       *rand.Rand
	key     string
	seen    int64
}

func (c *registerClient) Next(key string) Op {
	if c.key != key {
		c.key, c.seen = key, 0
	}
	c.n++
	v := c.lane*1_000_000 + c.n
	switch c.r.IntN(4) {
	case 0:
		return Op{Key: key, Kind: "put", A: v}
	case 1:
		return Op{Key: key, Kind: "cas", A: v, B: c.seen}
	}
	return Op{Key: key, Kind: "get", Read: true}
}

func (c *registerClient) Answered(op Op, s Seen) {
	if !s.Known {
		return
	}
	if c.seen = s.A; op.Kind == "put" || op.Kind == "cas" && s.OK {
		c.seen = op.A
	}
}

var registerSubject = Subject{
	Name: "registers",
	Open: openRegisters,
	Client: func(lane int, r *rand.Rand) Client {
		return &registerClient{lane: int64(lane) + 1, r: r}
	},
	Last: func(key string) Op { return Op{Key: key, Kind: "get", Read: true} },
	Model: porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, output any) (bool, any) {
			now, op, s := state.(int64), input.(Op), output.(Seen)
			does := op.Kind == "put" || op.Kind == "cas" && op.B == now
			fits := !s.Known || s.A == now && (op.Kind != "cas" || s.OK == does)
			if does {
				return fits, op.A
			}
			return fits, now
		},
		Hash: func(state any) uint64 { return uint64(state.(int64)) },
		DescribeOperation: func(input, output any) string {
			op, s := input.(Op), output.(Seen)
			text := "?"
			if s.Known {
				text = fmt.Sprint(s.A)
				if op.Kind == "cas" {
					text = fmt.Sprint(s.A, " ", s.OK)
				}
			}
			switch op.Kind {
			case "put":
				return fmt.Sprintf("put %d, before: %s", op.A, text)
			case "cas":
				return fmt.Sprintf("cas %d to %d: %s", op.B, op.A, text)
			}
			return "get: " + text
		},
	},
}
