//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/agent/satellite/desk"
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
	desk   *desk.Desk
	queues map[string]chan passed
}

// passed is a message, and the satellite it is from.
type passed struct {
	relayed
	from string
}

// startRelay starts what sends queued messages to the other gateways.
func (a *Agent) startRelay(c *cluster, s *replica.Store) error {
	p := &peers{a: a, caller: peer.NewCaller(c.port), store: s, desk: c.desk, queues: map[string]chan passed{}}
	for _, method := range []string{callPublish, callReport, callTwice} {
		queue := make(chan passed, relayQueue)
		p.queues[method] = queue
		err := a.sup.Go("relay/"+method, func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case m := <-queue:
					p.tell(ctx, method, m)
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

func (p *peers) send(method string, m relayed) { p.put(p.queues[method], passed{m, ""}) }

// pass takes a message of a satellite to the other gateways.
func (p *peers) pass(ctx context.Context, method string, m relayed) {
	if queue := p.queues[method]; queue != nil {
		p.put(queue, passed{m, aSatellite})
		return
	}
	p.tell(ctx, method, passed{m, aSatellite})
}

// aSatellite marks what came from one: the desk has told the others.
const aSatellite = "a satellite"

func (p *peers) put(queue chan passed, m passed) {
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

func (p *peers) call(ctx context.Context, method string, m relayed) {
	p.tell(ctx, method, passed{m, ""})
}

// tell tells all gateways at the same time; one that does not answer must not
// hold up the rest. The satellites attached here get it with their next answer.
func (p *peers) tell(ctx context.Context, method string, m passed) {
	body, err := cbor.Marshal(m.relayed)
	if err != nil {
		p.a.log.Error("not relayed", "method", method, "err", err)
		return
	}
	if m.from == "" {
		toSatellites(p.desk, method, body)
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

// toSatellites puts a message of a gateway into the boxes of those attached here.
func toSatellites(d *desk.Desk, method string, body []byte) {
	// None of them leads, or makes backups.
	if method != callSatellites && method != callByHand && method != callBackup {
		d.Send("", satellite.Mail{Method: method, Body: body})
	}
}
