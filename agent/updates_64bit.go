//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/replica"
	"tote/agent/update"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// siteOfGateways implements turnSite over the port the gateways share.
type siteOfGateways struct {
	u      *updates
	s      *replica.Store
	caller *peer.Caller
}

var _ turnSite = (*siteOfGateways)(nil)

// turn implements turnSite.
func (g *siteOfGateways) turn(ctx context.Context, ask update.TurnAsk) (out update.TurnAnswer, err error) {
	for _, m := range g.s.Members() {
		if !m.Leader {
			continue
		}
		if m.ID == g.u.a.cfg.Gateway {
			return g.decide(ctx, m.ID, ask)
		}
		to, err := peer.ParseAddress(m.Address)
		if err != nil {
			return out, err
		}
		body, err := cbor.Marshal(ask)
		if err != nil {
			return out, err
		}
		answer, err := g.caller.Call(ctx, to, callTurn, body)
		if err == nil {
			err = cbor.Unmarshal(answer, &out)
		}
		return out, err
	}
	return out, errors.New("no gateway leads")
}

// decide answers when this gateway leads for certain.
func (g *siteOfGateways) decide(ctx context.Context, from string, ask update.TurnAsk) (update.TurnAnswer, error) {
	term := g.s.Term()
	if err := g.s.ViewLinearizable(ctx, func(warehouse.Reader) error { return nil }); err != nil {
		return update.TurnAnswer{}, err
	}
	if !g.s.IsLeader() || g.s.Term() != term {
		return update.TurnAnswer{}, errors.New("the lead has just moved")
	}
	var list []update.Member
	for _, m := range g.s.Members() {
		list = append(list, update.Member{
			ID: m.ID, Voter: m.Voter, Leader: m.Leader, Behind: m.Lag, Note: noteOf(m.Note),
			Well: m.Up && !m.Empty && !m.Apart && !m.Rebuilding,
		})
	}
	return g.u.turns.Decide(time.Now(), term, from, ask, list), nil
}

// offer implements turnSite.
func (g *siteOfGateways) offer(ctx context.Context, req update.Request) []api.Offered {
	body, err := cbor.Marshal(req)
	if err != nil {
		return []api.Offered{offered("all others", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var others []peer.Address
	for _, m := range g.s.Members() {
		if to, err := peer.ParseAddress(m.Address); err == nil && m.ID != g.u.a.cfg.Gateway {
			others = append(others, to)
		}
	}
	out := make([]api.Offered, len(others))
	var wg sync.WaitGroup
	for i, to := range others {
		wg.Go(func() {
			_, err := g.caller.Call(ctx, to, callOffer, body)
			out[i] = offered(to.ID, err)
		})
	}
	wg.Wait()
	return out
}

// read implements turnSite.
func (g *siteOfGateways) read(ctx context.Context, from string, offset int64) (out readAnswer, err error) {
	for _, m := range g.s.Members() {
		if m.ID != from {
			continue
		}
		to, err := peer.ParseAddress(m.Address)
		if err != nil {
			return out, err
		}
		body, err := cbor.Marshal(readCall{offset})
		if err != nil {
			return out, err
		}
		answer, err := g.caller.Call(ctx, to, callRead, body)
		if err == nil {
			err = cbor.Unmarshal(answer, &out)
		}
		return out, err
	}
	return out, fmt.Errorf("%q is no gateway of this site", from)
}

// onCall takes calls of other gateways about updates; mine is false for all others.
func (g *siteOfGateways) onCall(ctx context.Context, from, method string, body []byte) (out []byte, mine bool, err error) {
	switch method {
	case callTurn:
		var ask update.TurnAsk
		if err := cbor.Unmarshal(body, &ask); err != nil {
			return nil, true, fmt.Errorf("%s by %s: %w", method, from, err)
		}
		a, err := g.decide(ctx, from, ask)
		if err != nil {
			return nil, true, err
		}
		out, err = cbor.Marshal(a)
		return out, true, err
	case callRead:
		var ask readCall
		if err := cbor.Unmarshal(body, &ask); err != nil {
			return nil, true, fmt.Errorf("%s by %s: %w", method, from, err)
		}
		piece, err := g.u.piece(ask.Offset)
		if err != nil {
			return nil, true, err
		}
		out, err = cbor.Marshal(piece)
		return out, true, err
	case callOffer:
		out, err = g.u.onUpdateCall(from, method, body)
		return out, true, err
	}
	return nil, false, nil
}
