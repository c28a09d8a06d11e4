//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// Calls between gateways for a new authority of the site.
const (
	callStage = "rekey/stage" // here is the next one
	callPins  = "rekey/pins"  // whom do you trust, the one that signs first
)

// staged is the next authority on its way to a member, over mutual TLS.
type staged struct {
	CA  []byte `cbor:"1,keyasint"` // DER
	Key []byte `cbor:"2,keyasint"` // PKCS #8
}

// rekeyWait bounds the wait for all gateways to have turned.
const rekeyWait = 30 * time.Second

// onRekey answers those calls. The caller is a gateway with a store, or who has the
// key of the authority; the latter could do as much without asking.
func (c *cluster) onRekey(isMember func(string) bool, from, method string, body []byte) ([]byte, error) {
	if !isMember(from) {
		return nil, fmt.Errorf("%w: %s is no member", identity.ErrRole, from)
	}
	if method == callPins {
		var pins [][]byte
		for _, p := range c.id.Pins() {
			pins = append(pins, p[:])
		}
		return cbor.Marshal(pins)
	}
	var next staged
	if err := cbor.Unmarshal(body, &next); err != nil {
		return nil, fmt.Errorf("%s by %s: %w", method, from, err)
	}
	return nil, c.id.Stage(next.CA, next.Key)
}

// Rekey implements api.Cluster: the site's authority is founded anew while it works.
// Asked again after an error it goes on where it was.
func (m *membership) Rekey(ctx context.Context, actor string) (out api.Rekeyed, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*rekeyWait)
	defer cancel()
	var rec *members.Authority
	err = m.s.ViewLinearizable(ctx, func(r warehouse.Reader) (err error) {
		rec, err = members.GetAuthority(r)
		return err
	})
	if err != nil {
		return out, refused(err)
	}
	var pin [sha256.Size]byte
	if rec != nil && rec.Old != nil {
		pin = [sha256.Size]byte(rec.Pin)
	} else if pin, err = m.stageAll(ctx, actor); err != nil {
		return out, err
	}
	if err := m.waitTurned(ctx, pin); err != nil {
		return out, err
	}
	if err := m.record(ctx, actor, members.Forget{Pin: pin[:]}); err != nil {
		return out, err
	}
	m.a.log.Warn("the site's authority was founded anew", "by", actor, "pin", hex.EncodeToString(pin[:8]))
	out.Fingerprint = identity.Fingerprint(pin)
	for _, s := range m.satellites() {
		out.JoinAnew = append(out.JoinAnew, s.ID)
	}
	rows, _, err := m.a.enrol.List()
	for _, r := range rows {
		if r.By == "certificate" {
			out.EnrolAnew = append(out.EnrolAnew, r.Role+":"+r.Name)
		}
	}
	return out, err
}

// notNow is an answer with the code of a change that was not finished.
func notNow(format string, args ...any) error {
	code, _, _ := strings.Cut(identity.ErrRekey.Error(), ":")
	return api.Refuse(http.StatusConflict, code, fmt.Sprintf(format, args...))
}

func (m *membership) record(ctx context.Context, actor string, c members.Command) error {
	res, err := m.a.doMembers(ctx, actor, c)
	switch {
	case err != nil:
		return refused(err)
	case !res.OK:
		return notNow("%s", res.Text)
	}
	return nil
}

// stageAll gives the next authority to every gateway with a store, then records that
// they may turn to it. The one that is asked is the last to take it in.
func (m *membership) stageAll(ctx context.Context, actor string) (pin [sha256.Size]byte, err error) {
	old := m.c.id.Pin()
	if len(m.c.id.Pins()) > 2 {
		return pin, notNow("the change before is not finished on this gateway")
	}
	var down []string
	for _, g := range m.s.Members() {
		if !g.Up || g.Empty || g.Rebuilding || g.Apart {
			down = append(down, g.ID)
		}
	}
	if len(down) > 0 {
		return pin, notNow("%s must be up, or revoked", strings.Join(down, ", "))
	}
	ca, key, err := m.c.id.Found()
	if err != nil {
		return pin, err
	}
	body, err := cbor.Marshal(staged{CA: ca, Key: key})
	if err != nil {
		return pin, err
	}
	for _, g := range m.s.Members() {
		if g.ID == m.a.cfg.Gateway {
			continue
		}
		if _, err := m.callOne(ctx, g.Address, callStage, body); err != nil {
			return pin, notNow("%s did not take the next authority in: %v", g.ID, err)
		}
	}
	if err := m.c.id.Stage(ca, key); err != nil {
		return pin, err
	}
	pin = sha256.Sum256(ca)
	return pin, m.record(ctx, actor, members.Refound{Pin: pin[:], Old: old[:]})
}

// callOne calls a gateway.
func (m *membership) callOne(ctx context.Context, address, method string, body []byte) ([]byte, error) {
	to, err := peer.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return m.a.relay.(*peers).caller.Call(ctx, to, method, body)
}

// waitTurned waits until every gateway with a store shows a certificate of the new
// authority.
func (m *membership) waitTurned(ctx context.Context, pin [sha256.Size]byte) error {
	end := time.Now().Add(rekeyWait)
	for {
		var behind []string
		for _, g := range m.s.Members() {
			if !m.turned(ctx, g.ID, g.Address, pin) {
				behind = append(behind, g.ID)
			}
		}
		if len(behind) == 0 {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return notNow("%s has not turned to the new authority yet", strings.Join(behind, ", "))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (m *membership) turned(ctx context.Context, id, address string, pin [sha256.Size]byte) bool {
	if id == m.a.cfg.Gateway {
		return m.c.id.Pin() == pin
	}
	raw, err := m.callOne(ctx, address, callPins, nil)
	var pins [][]byte
	return err == nil && cbor.Unmarshal(raw, &pins) == nil && len(pins) > 0 && slices.Equal(pins[0], pin[:])
}
