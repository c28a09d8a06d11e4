package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/update"
	"tote/warehouse"
)

// Calls between gateways about updates.
const (
	callTurn  = "update/turn"  // to the one that leads: may this gateway be restarted?
	callOffer = "update/offer" // a person wants a release on all gateways
)

// updates is what the agent does about new versions. It only says and hands on: the
// programs belong to root, and tote-update changes them.
type updates struct {
	a     *Agent
	slots update.Slots
	turns update.Turns
	site  turnSite // nil for a gateway that stays alone, and for a satellite
}

// turnSite is the other gateways.
type turnSite interface {
	// turn asks the gateway that leads.
	turn(ctx context.Context, ask update.TurnAsk) (update.TurnAnswer, error)
	// offer tells all others of a release.
	offer(ctx context.Context, req update.Request) []api.Offered
	// read gets a piece of what another gateway has on offer.
	read(ctx context.Context, from string, offset int64) (readAnswer, error)
}

var _ api.Updates = (*updates)(nil)

// held is the feature level the site must not leave while this version is on trial.
func (u *updates) held() uint16 {
	if u.slots.Dir != "" {
		if held := u.slots.Held(u.a.opt.Version); held > 0 {
			return held
		}
	}
	return u.a.opt.Speaks
}

// note is what the other gateways are told.
func (u *updates) note() []byte {
	n := update.Note{Version: u.a.opt.Version}
	if u.slots.Dir != "" {
		n = u.slots.Note(n.Version)
	}
	b, err := cbor.Marshal(n)
	if err != nil {
		return nil
	}
	return b
}

// noteOf reads what another gateway told; older versions tell nothing.
func noteOf(b []byte) (n update.Note) {
	_ = cbor.Unmarshal(b, &n) // then it is empty
	return n
}

// status is what GET /v1/status tells.
func (u *updates) status() *api.Update {
	out := &api.Update{Level: warehouse.Level}
	out.Site, _ = u.a.store.Level()
	if u.slots.Dir == "" {
		return out
	}
	out.Slot = u.slots.InUse()
	if out.Slot != "" {
		out.Other = u.slots.Version(u.slots.Other())
	}
	switch j, err := u.slots.Pending(); {
	case err != nil:
		out.Code = update.CodeJournal
	case j != nil:
		out.Trial = &api.Trial{State: j.State, Version: j.Version, Was: j.Was, Since: j.Since.UTC().Format(timeFormat), Code: j.Code, Why: j.Why}
	}
	out.Last = u.slots.Last()
	return out
}

// timeFormat is RFC 3339.
const timeFormat = "2006-01-02T15:04:05Z07:00"

// Turn implements api.Updates. Nobody waits for a gateway without others, nor for a
// satellite: it has no vote.
func (u *updates) Turn(ctx context.Context, ask update.TurnAsk) (update.TurnAnswer, error) {
	if u.site == nil {
		return update.TurnAnswer{Granted: true}, nil
	}
	a, err := u.site.turn(ctx, ask)
	if err != nil {
		return a, api.Refuse(http.StatusServiceUnavailable, api.CodeNotReady, err.Error())
	}
	return a, nil
}

// requestFile is where tote-update looks for what a person asked for at another gateway.
const requestFile = "update-request.json"

// Request is the file in a data_dir in which the agent leaves what was asked for.
func Request(dataDir string) string { return filepath.Join(dataDir, requestFile) }

// Offer implements api.Updates.
func (u *updates) Offer(ctx context.Context, from string) ([]api.Offered, error) {
	if from == "" { // what was brought here
		if _, err := os.Stat(u.offerFile()); err != nil {
			return nil, api.Refuse(http.StatusBadRequest, api.CodeBadRequest, "no release was brought to this gateway")
		}
		from = update.SiteScheme + ":" + u.a.cfg.Gateway
	} else if at, err := url.Parse(from); err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || len(from) > 2048 {
		return nil, api.Refuse(http.StatusBadRequest, api.CodeBadRequest, "from must be an address of http or https")
	}
	req := update.Request{From: from, Site: true}
	out := []api.Offered{offered(u.a.cfg.Gateway, u.take(req))}
	if u.site != nil {
		out = append(out, u.site.offer(ctx, req)...)
	}
	return out, nil
}

func offered(id string, err error) api.Offered {
	o := api.Offered{ID: id, OK: err == nil}
	if err != nil {
		o.Why = err.Error()
	}
	return o
}

// errNoUpdater: the program was not started out of a slot, so nobody would act.
var errNoUpdater = errors.New("this gateway has no slots: it is not updated by tote-update")

// take leaves a request for tote-update, which is not this user's: what it finds there
// it judges as if anybody had written it.
func (u *updates) take(req update.Request) error {
	if u.slots.Dir == "" || u.slots.InUse() == "" {
		return errNoUpdater
	}
	u.a.log.Info("an update is asked for on all gateways", "from", req.From)
	return update.KeepRequest(Request(u.a.cfg.DataDir), update.Request{From: req.From, Site: true})
}

// onUpdateCall answers another gateway.
func (u *updates) onUpdateCall(from, method string, body []byte) ([]byte, error) {
	switch method {
	case callOffer:
		var req update.Request
		if err := cbor.Unmarshal(body, &req); err != nil {
			return nil, fmt.Errorf("%s by %s: %w", method, from, err)
		}
		return nil, u.take(req)
	}
	return nil, fmt.Errorf("%s by %s: not known", method, from)
}

// slotsOf is the folder of the slots, "" when this machine has none.
func slotsOf(dir string) update.Slots {
	if _, err := os.Stat(dir); dir == "" || err != nil {
		return update.Slots{}
	}
	return update.Slots{Dir: dir}
}
