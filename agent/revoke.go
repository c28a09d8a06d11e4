package agent

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"tote/agent/api"
	"tote/agent/enrol"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/warehouse"
)

// bans are the gateways that are kept out, as this one knows them.
type bans struct {
	now atomic.Pointer[map[string]bool]
	cut func() // ends the connections they have opened here; nil when alone
}

// barred says why a gateway is kept out, nil when it is not.
func (b *bans) barred(id string) error {
	if now := b.now.Load(); now != nil && (*now)[id] {
		return fmt.Errorf("%w: %s", identity.ErrBanned, id)
	}
	return nil
}

// bansChanged reads them anew, and cuts off those that are new among them.
func (a *Agent) bansChanged() {
	if a.ident == nil {
		return
	}
	now, pin := map[string]bool{}, a.ident.Pin()
	err := a.view(func(r warehouse.Reader) error {
		all, err := members.Bans(r)
		for _, b := range all {
			now[b.Gateway] = bytes.Equal(b.Pin, pin[:])
		}
		return err
	})
	if err != nil {
		return // a satellite that nobody answers; it keeps what it knows
	}
	a.bans.now.Store(&now)
	if a.bans.cut != nil && len(now) > 0 {
		a.bans.cut()
	}
}

// revoke takes a device or a gateway out of the site for good.
func (a *Agent) revoke(ctx context.Context, actor, name string) error {
	if strings.Contains(name, ":") {
		return a.enrol.Revoke(ctx, actor, name)
	}
	switch {
	case a.cfg.Satellite():
		return askAnother()
	case name == a.cfg.Gateway:
		return &enrol.Refusal{Code: identity.CodeEnrol, Text: "this is the gateway you ask; ask another one"}
	case a.members == nil:
		return &enrol.Refusal{Code: members.CodeNoDevice, Text: "no gateway of the site is called " + name + "; devices are called role:name"}
	}
	pin := a.ident.Pin()
	res, err := a.doMembers(ctx, actor, members.Ban{Gateway: name, Pin: pin[:]})
	if err == nil && !res.OK {
		err = &enrol.Refusal{Code: res.Code, Text: res.Text}
	}
	if err != nil {
		return err
	}
	a.log.Warn("a gateway was revoked", "revoked", name, "by", actor)
	// It is out for the others already; now the site stops counting on it.
	if err := a.members.Remove(ctx, name, true); err != nil && api.StatusOf(err) != http.StatusNotFound {
		return fmt.Errorf("%s is kept out from now on, but it still has its vote: %w", name, err)
	}
	return nil
}
