package cloudsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

// downlink takes the inbox in.
type downlink struct {
	r       *Runner
	retry   retry
	restart bool // the stored cursor is gone: read from the start
}

func newDownlink(r *Runner) *downlink {
	return &downlink{r: r, retry: retry{rnd: r.cfg.Rand, spread: r.cfg.StartSpread}}
}

func (d *downlink) run(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		news, err := d.round(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			d.r.met(down, err)
			pause(ctx, d.retry.failure(asFault(err).kind, retryAfter(err)), d.r.downWake)
		case !news && time.Since(began) < idleLookNoKick:
			// An OMS that does not wait must not be asked in a circle.
			pause(ctx, idleLookNoKick)
		}
	}
}

// round polls once and stores what came.
func (d *downlink) round(ctx context.Context) (news bool, err error) {
	cfg := &d.r.cfg
	var cursor string
	err = cfg.View(func(r warehouse.Reader) (err error) {
		if err = cfg.named(r); err == nil && !d.restart {
			cursor, err = ledger.Cursor(r, cfg.Source)
		}
		return err
	})
	if err != nil {
		if _, known := errors.AsType[*fault](err); !known {
			err = &fault{CodeNoCommit, local, fmt.Errorf("read the cursor: %w", err)}
		}
		return false, err
	}
	wait := pollWait
	if !d.retry.up {
		wait = 0 // a short answer tells sooner that the link is back
	}
	page, err := cfg.Adapter.Poll(ctx, cursor, wait, wire.MaxInboxItems)
	var e *Error
	if errors.As(err, &e) && e.Kind == CursorGone && cursor != "" {
		d.restart = true
		d.r.log.Warn("cloudsync: the OMS does not know the inbox cursor; reading from the start", slog.String("code", CodeCursorGone))
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if len(page.Next) > 1024 {
		return false, &fault{CodeBadReply, Busy, fmt.Errorf("the cursor has %d bytes", len(page.Next))}
	}
	if len(page.Items) > 0 || page.Next != cursor {
		if err := d.store(ctx, page); err != nil {
			return false, err
		}
		news = true
		wake(d.r.upWake) // what the site says to them is in the outbox now
	}
	if d.restart && page.Next == "" {
		return false, &fault{CodeBadReply, Busy, errors.New("the OMS refused the old cursor and gave no new one")}
	}
	d.restart = false
	d.r.met(down, nil)
	first := !d.retry.up
	d.retry.success()
	return news || first, nil
}

// store commits a page in as many commands as it needs, the cursor in the last.
func (d *downlink) store(ctx context.Context, page wire.InboxPage) error {
	cmds, err := commands(d.r.cfg.Source, d.r.cfg.Upstream, page)
	if err != nil {
		return &fault{CodeBadReply, Busy, err}
	}
	for _, c := range cmds {
		if err := d.storeParts(ctx, c); err != nil {
			return &fault{CodeNoCommit, local, fmt.Errorf("store %d inbox item(s): %w", len(c.Items), err)}
		}
	}
	return nil
}

// storeParts commits a command. One that writes more than a command may is cut
// in halves, the cursor in the last. An item that is too big alone is stored as
// one that cannot be read, so that nothing waits behind it; the site refuses it
// and the OMS hears of that.
func (d *downlink) storeParts(ctx context.Context, c ledger.InboxStore) error {
	err := d.r.propose(ctx, c)
	if !tooBig(err) || len(c.Items) == 0 {
		return err
	}
	if n := len(c.Items) / 2; n > 0 {
		first := ledger.InboxStore{Source: c.Source, Upstream: c.Upstream, Items: c.Items[:n]}
		if err := d.storeParts(ctx, first); err != nil {
			return err
		}
		return d.storeParts(ctx, ledger.InboxStore{Source: c.Source, Upstream: c.Upstream, Cursor: c.Cursor, Items: c.Items[n:]})
	}
	it := c.Items[0]
	if it.Bad != "" {
		return err // there is nothing smaller
	}
	d.r.log.Error("cloudsync: an item of the OMS is too big for the site and is refused", slog.String("code", CodeItemRefused),
		slog.String("msg_id", it.MsgID), slog.String("order", it.OrderID), slog.Any("err", err))
	it.Release, it.Cancel, it.Bad = nil, nil, "the message is too big for the site: it would write more than one command may"
	return d.storeParts(ctx, ledger.InboxStore{Source: c.Source, Upstream: c.Upstream, Cursor: c.Cursor, Items: []ledger.Item{it}})
}

// tooBig tells whether the site refused a command for its size: the store
// answers MALFORMED when a command writes too much, the domain TOO_BIG.
func tooBig(err error) bool {
	var no *refusedError
	return errors.As(err, &no) && (no.code == warehouse.CodeMalformed || no.code == warehouse.CodeTooBig)
}

// commands cuts a page into commands that each fit one log entry.
func commands(source, upstream string, page wire.InboxPage) ([]ledger.InboxStore, error) {
	empty := ledger.InboxStore{Source: source, Upstream: upstream}
	cmds := []ledger.InboxStore{empty}
	size := 0
	for _, m := range page.Items {
		it := item(m)
		_, _, body, err := ledger.Encode(ledger.InboxStore{Source: "size", Items: []ledger.Item{it}})
		if err != nil {
			return nil, err
		}
		cur := &cmds[len(cmds)-1]
		if size += len(body); size > maxItem && len(cur.Items) > 0 {
			cmds = append(cmds, empty)
			cur, size = &cmds[len(cmds)-1], len(body)
		}
		cur.Items = append(cur.Items, it)
	}
	cmds[len(cmds)-1].Cursor = page.Next
	return cmds, nil
}

func retryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
