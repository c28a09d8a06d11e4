//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/replica"
	"tote/raftstore/peer"
)

// relayQueue bounds the messages of one method that wait for the others: hints
// and states are told again every few seconds.
const relayQueue = 256

// peers implements relay over the port the gateways share. Methods have queues of
// their own, so that chatty robots cannot push a hint out.
type peers struct {
	a      *Agent
	caller *peer.Caller
	store  *replica.Store
	queues map[string]chan relayed
}

// startRelay starts what sends queued messages to the other gateways.
func (a *Agent) startRelay(c *cluster, s *replica.Store) error {
	p := &peers{a: a, caller: peer.NewCaller(c.port), store: s, queues: map[string]chan relayed{}}
	for _, method := range []string{callPublish, callReport, callTwice} {
		queue := make(chan relayed, relayQueue)
		p.queues[method] = queue
		err := a.sup.Go("relay/"+method, func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case m := <-queue:
					p.call(ctx, method, m)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	a.relay = p
	return nil
}

func (p *peers) send(method string, m relayed) {
	queue := p.queues[method]
	for {
		select {
		case queue <- m:
			return
		default:
		}
		select {
		case <-queue:
		default:
		}
	}
}

// call tells all gateways at the same time; one that does not answer must not
// hold up the rest.
func (p *peers) call(ctx context.Context, method string, m relayed) {
	body, err := cbor.Marshal(m)
	if err != nil {
		p.a.log.Error("not relayed", "method", method, "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, member := range p.store.Members() {
		to, err := peer.ParseAddress(member.Address)
		if err != nil || member.ID == p.a.cfg.Gateway || !member.Up {
			continue
		}
		wg.Go(func() {
			if _, err := p.caller.Call(ctx, to, method, body); err != nil {
				p.a.log.Debug("not relayed", "method", method, "to", member.ID, "err", err)
			}
		})
	}
	wg.Wait()
}
