package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	// cutAll ends those of everybody.
	cutAll func()
}

// barred says why a gateway is kept out, nil when it is not.
func (b *bans) barred(id string) error {
	if now := b.now.Load(); now != nil && (*now)[id] {
		return fmt.Errorf("%w: %s", identity.ErrBanned, id)
	}
	return nil
}

// followAuthority turns to the authority the site has recorded, and drops the one
// before when the site has.
func (a *Agent) followAuthority() {
	if a.ident == nil {
		return
	}
	var rec *members.Authority
	err := a.view(func(r warehouse.Reader) (err error) {
		rec, err = members.GetAuthority(r)
		return err
	})
	if err != nil || rec == nil {
		return
	}
	before := a.ident.Pins()
	pin := [sha256.Size]byte(rec.Pin)
	if err = a.ident.Turn(pin); err == nil && rec.Old == nil {
		err = a.ident.Finish(pin)
	}
	a.authority.mu.Lock()
	news := err != nil && !a.authority.told
	a.authority.told = err != nil
	a.authority.mu.Unlock()
	if news {
		a.log.Error("this gateway does not follow the site's authority", "code", identity.Code(err), "err", err)
	}
	if after := a.ident.Pins(); err == nil && len(after) < len(before) {
		a.log.Info("the site's authority before is trusted no more")
		if a.bans.cutAll != nil {
			a.bans.cutAll()
		}
	}
	if a.server != nil {
		if err := a.server.Renew(); err != nil {
			a.log.Error("the certificate of the listeners was not renewed", "code", identity.Code(err), "err", err)
		}
	}
}

// authority is what was told of the site's.
type authority struct {
	mu   sync.Mutex
	told bool
}

// bansChanged reads them anew, and cuts off those that are new among them.
func (a *Agent) bansChanged() {
	if a.ident == nil {
		return
	}
	now, pins := map[string]bool{}, a.ident.Pins()
	err := a.view(func(r warehouse.Reader) error {
		all, err := members.Bans(r)
		for _, b := range all {
			// Under an authority that nobody trusts any more the name is free.
			now[b.Gateway] = slices.ContainsFunc(pins, func(pin [sha256.Size]byte) bool { return bytes.Equal(b.Pin, pin[:]) })
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
