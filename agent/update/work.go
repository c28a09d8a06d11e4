package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"

	"tote/agent/update/release"
)

// requestFile is what root asked for; its folder is root's.
const requestFile = "request"

// Ask leaves a request of root's for the next Work.
func (u *Updater) Ask(req Request) error {
	if err := u.Slots.safe(); err != nil {
		return err
	}
	return u.Slots.writeJSON(requestFile, req)
}

// Work does what there is to do: it ends an update that was under way, then what root
// asked for, then what was asked for at another gateway (the file others). The outcome of
// the last thing done is returned, nil when there was nothing.
func (u *Updater) Work(ctx context.Context, others string) (*Outcome, error) {
	o, err := u.Resume(ctx)
	if err != nil {
		return nil, err
	}
	req := new(Request)
	if !u.Slots.read(requestFile, req) {
		req = nil
	}
	where := u.Slots.path(requestFile)
	if req == nil {
		where = others
		if req, err = ReadRequest(others); err != nil {
			return o, errors.Join(err, os.Remove(others)) // asked for again and again it would stay so
		}
	}
	if req == nil {
		return o, nil
	}
	done, err := u.bring(ctx, *req)
	if ctx.Err() != nil {
		return done, err // the machine stops: asked for again after its start
	}
	if j, _ := u.Slots.Pending(); err != nil && done == nil && j == nil {
		// Nothing was changed. Who asked may not wait any more: it is kept for them.
		done = &Outcome{Result: NotBegun, Was: u.running(), At: u.Clock.Now(), Why: err.Error()}
		err = u.Slots.writeJSON(lastFile, done)
	}
	if gone := os.Remove(where); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return done, errors.Join(err, u.forget())
}

// siteTurns is by how much longer the turn is waited for when a release goes to all: a
// gateway may be off for a night.
const siteTurns = 12

func (u *Updater) bring(ctx context.Context, req Request) (*Outcome, error) {
	file := u.Slots.path(fetchedFile)
	if req.From != file { // else it was fetched when it was asked for
		var err error
		if file, err = u.Fetch(ctx, req.From); err != nil {
			return nil, err
		}
	}
	if req.Site {
		at := *u
		at.Limits.Turn *= siteTurns
		u = &at
	}
	return u.Apply(ctx, file, req)
}

// CheckAt is Check for an address or a file; nothing is kept.
func (u *Updater) CheckAt(ctx context.Context, from string, req Request, site uint16) (release.Manifest, error) {
	at, err := url.Parse(from)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" {
		return u.Check(from, req, site)
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return release.Manifest{}, err
	}
	resp, err := u.client().Do(get)
	if err != nil {
		return release.Manifest{}, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return release.Manifest{}, fmt.Errorf("%w: %s answers %s", ErrFetch, from, resp.Status)
	}
	r, err := u.open(resp.Body, req, site)
	if err != nil {
		return release.Manifest{}, err
	}
	return r.Manifest, r.Copy(io.Discard)
}
