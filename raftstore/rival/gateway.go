package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	_ "net/http/pprof" // on loopback, for whoever looks for the cause of a figure
	"os"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/raftstore"
	"tote/raftstore/peer"
)

// gatewayArgs is what the process of a gateway is told.
type gatewayArgs struct {
	ID, Dir, Certs string
	Via            string // the gateway that lets it in; "" = it is the first
	Profile        string // where to serve profiles; "" = nowhere
}

const (
	kindPut    = 0x0100 // body = length of the key u8 | key | value
	callLeader = "bench/leader"
	// callPut is what a device asks a gateway, which need not lead, as far as
	// the store is concerned: the commands of many, each on its own.
	callPut = "bench/put"
)

// putCommand is one command of callPut; the answer is a text for each, "" = done.
type putCommand struct {
	Device string `cbor:"1,keyasint"`
	Seq    uint64 `cbor:"2,keyasint"`
	Body   []byte `cbor:"3,keyasint"`
}

func putAll(ctx context.Context, s *raftstore.Store, body []byte) ([]byte, error) {
	var list []putCommand
	if err := cbor.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	failed := make([]string, len(list))
	var wg sync.WaitGroup
	for i, c := range list {
		wg.Go(func() {
			_, err := s.Propose(ctx, raftstore.Command{Device: c.Device, Seq: c.Seq, Kind: kindPut, Version: 1, Body: c.Body})
			if err != nil {
				failed[i] = err.Error()
			}
		})
	}
	wg.Wait()
	return cbor.Marshal(failed)
}

// register is what etcd is, too: keys and values.
type register struct{}

func (register) Apply(tx raftstore.Tx, _ raftstore.Meta, body []byte) (raftstore.Outcome, error) {
	n := int(body[0])
	return raftstore.Outcome{}, tx.Set(body[1:1+n], body[1+n:])
}

// runGateway is a gateway's process: the replicated store as the agent opens it,
// with keys and values in place of the warehouse. It says its address, then that
// it has a vote, and ends with its standard input.
func runGateway(args string) error {
	var a gatewayArgs
	if err := json.Unmarshal([]byte(args), &a); err != nil {
		return err
	}
	conf, err := loadTLS(a.Certs, a.ID)
	if err != nil {
		return err
	}
	if a.Profile != "" {
		go func() { _ = http.ListenAndServe(a.Profile, nil) }()
	}
	port, err := peer.Listen(peer.Config{ID: a.ID, Listen: "127.0.0.1:0", TLS: conf})
	if err != nil {
		return err
	}
	var s *raftstore.Store
	opened := make(chan struct{})
	s, err = raftstore.Open(raftstore.Config{
		Dir: a.Dir, NodeID: a.ID, Peer: port, Bootstrap: a.Via == "", PromoteAfter: 100 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})).With("at", a.ID),
		OnCall: func(ctx context.Context, _, method string, body []byte) ([]byte, error) {
			<-opened
			if method == callPut {
				return putAll(ctx, s, body)
			}
			if id, ok := s.Leader(); ok && method == callLeader {
				return []byte(id), nil
			}
			return nil, errors.New("nobody leads")
		},
	}, register{})
	if err != nil {
		return errors.Join(err, port.Close())
	}
	close(opened)
	fmt.Println(port.Self())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = joinAndVote(ctx, s, a.Via)
	if err == nil {
		fmt.Println("votes")
		ended := make(chan error, 1)
		go func() { _, err := io.Copy(io.Discard, os.Stdin); ended <- err }()
		select {
		case err = <-ended:
		case <-s.Done():
			err = s.Err()
		}
	}
	return errors.Join(err, s.Close(), port.Close())
}

func joinAndVote(ctx context.Context, s *raftstore.Store, via string) error {
	if via == "" {
		return s.WaitLeader(ctx)
	}
	to, err := peer.ParseAddress(via)
	if err != nil {
		return err
	}
	for !s.Voter() {
		if !s.Joined() {
			err = s.JoinThrough(ctx, to)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s got no vote: %w", via, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
