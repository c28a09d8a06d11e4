package ledger

import (
	"errors"
	"fmt"

	"tote/warehouse"
)

// Apply runs one command. A refusal is a Result that is not OK, with all its
// writes to be dropped; the error is for a state that is corrupt or a
// transaction that failed.
func Apply(tx warehouse.Tx, m warehouse.Meta, kind, version uint16, body []byte) (warehouse.Result, error) {
	c, err := Decode(kind, version, body)
	if err != nil {
		return refuse(warehouse.CodeMalformed, "%v", err), nil
	}
	switch c := c.(type) {
	case InboxStore:
		return inboxStore(tx, m, c)
	case AckOutbox:
		return ackOutbox(tx, c)
	case HoldSubject:
		return holdSubject(tx, m, c)
	case ReleaseSubject:
		return releaseSubject(tx, c)
	}
	return refuse(warehouse.CodeUnknownKind, "kind %#04x", kind), nil
}

func refuse(code, format string, args ...any) warehouse.Result {
	return warehouse.Result{Code: code, Text: fmt.Sprintf(format, args...)}
}

func done(ref, format string, args ...any) warehouse.Result {
	return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: ref, Text: fmt.Sprintf(format, args...), Touched: []string{"sync"}}
}

// inboxStore applies the items in their order. One that is refused is recorded
// and does not stop the others; Ref of the answer names the first one.
func inboxStore(tx warehouse.Tx, m warehouse.Meta, c InboxStore) (warehouse.Result, error) {
	if of, err := ofSource(tx, c.Source); err != nil || of != c.Upstream {
		if err == nil && c.Upstream == "" {
			return refuse(warehouse.CodeConflict, "%s is an upstream of the site, not its default OMS", c.Source), nil
		}
		return refuse(warehouse.CodeConflict, "the rules of the site name no upstream %s", c.Upstream), err
	}
	var stored, repeated, refused int
	firstRefused := ""
	var touched []string
	seen := map[string]bool{} // looked up, never ranged over
	for _, it := range c.Items {
		known, err := remember(tx, c.Source, it.MsgID)
		if err != nil {
			return warehouse.Result{}, err
		}
		if known {
			repeated++
			continue
		}
		res, err := applyItem(tx, m, c.Source, it)
		if err != nil {
			return warehouse.Result{}, fmt.Errorf("inbox item %s: %w", it.MsgID, err)
		}
		if res.Code == warehouse.CodeSiteNotSet {
			// Not the item's fault: the whole page waits at the OMS.
			return res, nil
		}
		for _, t := range res.Touched {
			if !seen[t] {
				seen[t] = true
				touched = append(touched, t)
			}
		}
		if res.OK {
			stored++
			continue
		}
		refused++
		if firstRefused == "" {
			firstRefused = it.MsgID
		}
		ref := Refusal{Source: c.Source, MsgID: it.MsgID, Order: it.OrderID, Code: res.Code, Text: clip(res.Text), At: m.Now}
		if err := recordRefusal(tx, c.Upstream, ref); err != nil {
			return warehouse.Result{}, err
		}
	}
	if c.Cursor != "" {
		if err := tx.Set(key("cursor", c.Source), []byte(c.Cursor)); err != nil {
			return warehouse.Result{}, err
		}
	}
	res := done(firstRefused, "%d stored, %d repeated, %d refused", stored, repeated, refused)
	res.Touched = append(res.Touched, touched...)
	return res, nil
}

// applyItem lets the domain decide. warehouse.Apply writes nothing for a
// command it refuses, so an item leaves no half of itself behind.
func applyItem(tx warehouse.Tx, m warehouse.Meta, source string, it Item) (warehouse.Result, error) {
	m.Cause = source + "/" + it.MsgID
	m.Actor = source
	switch {
	case it.Release != nil:
		return warehouse.Apply(tx, m, warehouse.ReleaseOrder{Order: *it.Release, Source: source})
	case it.Cancel != nil:
		return warehouse.Apply(tx, m, warehouse.CancelOrder{Order: it.OrderID, Reason: it.Cancel.Reason, Source: source})
	case it.Ask != nil:
		c := asked(source, it)
		if c == nil {
			return refuse(warehouse.CodeMalformed, "nothing is known of %q", it.Ask.What), nil
		}
		return warehouse.Apply(tx, m, c)
	}
	// What cannot be read is answered like an order that breaks the rules,
	// so that the OMS hears of it. An order without lines is always refused.
	if it.OrderID != "" {
		bad := warehouse.ReleaseOrder{Order: warehouse.OrderSpec{ID: it.OrderID, Revision: it.Revision}, Source: source}
		res, err := warehouse.Apply(tx, m, bad)
		if err != nil || res.Code == warehouse.CodeSiteNotSet {
			return res, err
		}
		return warehouse.Result{Code: warehouse.CodeMalformed, Text: it.Bad, Keep: res.Keep, Touched: res.Touched}, nil
	}
	return refuse(warehouse.CodeMalformed, "%s", it.Bad), nil
}

// asked is the command of the domain for an item that asks something.
func asked(source string, it Item) warehouse.Command {
	revision := it.Revision
	if it.Ask.Cancel {
		revision = 0
	}
	switch it.Ask.What {
	case AskAccept:
		return warehouse.AcceptQuote{Order: it.OrderID, Revision: revision, Source: source}
	case AskDecline:
		return warehouse.DeclineQuote{Order: it.OrderID, Revision: revision, Source: source}
	case AskHold:
		return warehouse.HoldOrder{Order: it.OrderID, Code: it.Ask.Code, Source: source}
	case AskUnhold:
		return warehouse.ReleaseHold{Order: it.OrderID, Code: it.Ask.Code, Source: source}
	case AskBind:
		return warehouse.BindOrder{Order: it.OrderID, Kit: it.Ask.Kit, Source: source}
	}
	return nil
}

// remember notes a message id and says whether it was there. The window is
// bounded: behind it the revision of the order makes a repeat harmless.
func remember(tx warehouse.Tx, source, msg string) (known bool, err error) {
	k := key("msg", source, msg)
	b, err := tx.Get(k)
	if err != nil || b != nil {
		return b != nil, err
	}
	n, err := next(tx, "msg", source)
	if err != nil {
		return false, err
	}
	if err := tx.Set(k, []byte(num(n))); err != nil {
		return false, err
	}
	if err := tx.Set(key("msgs", source, num(n)), []byte(msg)); err != nil || n <= msgWindow {
		return false, err
	}
	oldKey := key("msgs", source, num(n-msgWindow))
	old, err := tx.Get(oldKey)
	if err != nil || old == nil {
		return false, err
	}
	if err := tx.Delete(key("msg", source, string(old))); err != nil {
		return false, err
	}
	return false, tx.Delete(oldKey)
}

func recordRefusal(tx warehouse.Tx, upstream string, ref Refusal) error {
	refuse := family("refuse", upstream)
	n, err := next(tx, refuse)
	if err != nil {
		return err
	}
	if err := save(tx, key(refuse, num(n)), &ref); err != nil || n <= refuseWindow {
		return err
	}
	return tx.Delete(key(refuse, num(n-refuseWindow)))
}

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	cut := maxText
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut-- // not inside a character
	}
	return s[:cut]
}

// ackOutbox moves the cursor, keeps rows of held subjects for later and the
// others for a rewind, and takes all of them off the outbox.
func ackOutbox(tx warehouse.Tx, c AckOutbox) (warehouse.Result, error) {
	ack, err := ackOf(tx, c.Stream)
	if err != nil {
		return warehouse.Result{}, err
	}
	switch {
	case c.Epoch < ack.Epoch:
		return refuse(warehouse.CodeConflict, "epoch %d is over, this is %d", c.Epoch, ack.Epoch), nil
	case c.Upto <= ack.Upto:
		return done(c.Stream, "acknowledged before, up to %d", ack.Upto), nil
	case c.Upto-ack.Upto > maxAckRun:
		return refuse(warehouse.CodeInvalid, "%d rows at once, the most is %d", c.Upto-ack.Upto, maxAckRun), nil
	}
	rows, err := tail(tx, c.Stream, ack.Upto, int(c.Upto-ack.Upto))
	if err != nil {
		return warehouse.Result{}, err
	}
	if n := len(rows); n == 0 || rows[n-1].Event.Seq < c.Upto || rows[0].Event.Seq != ack.Upto+1 {
		return refuse(warehouse.CodeInvalid, "stream %s has no row %d", c.Stream, c.Upto), nil
	}
	for i := range rows {
		row := &rows[i]
		if row.Held && !row.kept {
			if err := keep(tx, Ref{c.Epoch, c.Stream, row.Event.Seq}, row.Event, row.hold); err != nil {
				return warehouse.Result{}, err
			}
		}
		if row.kept && row.hold == nil {
			// Released or dropped while its placeholder was on the way.
			if err := tx.Delete(key("heldat", c.Stream, num(row.Event.Seq))); err != nil {
				return warehouse.Result{}, err
			}
		}
		sent := resendRow{Event: row.Event}
		if row.Supersedes != nil {
			sent.Supersedes = *row.Supersedes
		}
		if err := save(tx, key("sent", c.Stream, num(row.Event.Seq)), &sent); err != nil {
			return warehouse.Result{}, err
		}
		if old := row.Event.Seq - sentWindow; row.Event.Seq > sentWindow {
			if err := errors.Join(tx.Delete(key("sent", c.Stream, num(old))), tx.Delete(key("heldat", c.Stream, num(old)))); err != nil {
				return warehouse.Result{}, err
			}
		}
	}
	if isResend(c.Stream) {
		for i := range rows {
			if err := tx.Delete(key(c.Stream, num(rows[i].Event.Seq))); err != nil {
				return warehouse.Result{}, err
			}
		}
	} else if err := warehouse.OutboxDelete(tx, c.Stream, c.Upto); err != nil {
		return warehouse.Result{}, err
	}
	res := done(c.Stream, "acknowledged up to %d", c.Upto)
	res.Touched = append(res.Touched, "outbox/"+c.Stream)
	return res, save(tx, key("ack", c.Stream), &ackRecord{Epoch: c.Epoch, Upto: c.Upto})
}

// keep puts a row behind the hold of its subject.
func keep(tx warehouse.Tx, was Ref, ev warehouse.Event, h *Hold) error {
	upstream := upstreamOf(was.Stream)
	held := family("held", upstream)
	n, err := next(tx, held)
	if err != nil {
		return err
	}
	if err := save(tx, key(held, h.Subject, num(n)), &heldRow{Was: was, Event: ev}); err != nil {
		return err
	}
	if err := tx.Set(key("heldat", was.Stream, num(was.Seq)), []byte{1}); err != nil {
		return err
	}
	h.Events++
	return save(tx, holdKey(upstream, h.Subject), h)
}

func holdSubject(tx warehouse.Tx, m warehouse.Meta, c HoldSubject) (warehouse.Result, error) {
	hold := holdKey(upstreamOf(c.Stream), c.Subject)
	h, err := load[Hold](tx, hold)
	if err != nil {
		return warehouse.Result{}, err
	}
	if h == nil {
		h = &Hold{Subject: c.Subject, Code: c.Code, Text: c.Text, Since: m.Now, From: []streamFrom{{Stream: c.Stream, Seq: c.From}}}
	}
	h.Epoch = max(h.Epoch, c.Epoch)
	for _, seq := range c.Seqs {
		rows, err := Pending(tx, c.Stream, seq-1, 1)
		if err != nil {
			return warehouse.Result{}, err
		}
		if len(rows) == 0 || rows[0].Event.Seq != seq || Subject(rows[0].Event) != c.Subject {
			return refuse(warehouse.CodeInvalid, "stream %s has no row %d of %s", c.Stream, seq, c.Subject), nil
		}
		if rows[0].kept {
			continue // a repeat
		}
		if err := keep(tx, Ref{c.Epoch, c.Stream, seq}, rows[0].Event, h); err != nil {
			return warehouse.Result{}, err
		}
	}
	return done(c.Subject, "%s held from %s/%d on", c.Subject, c.Stream, c.Seqs[0]), save(tx, hold, h)
}

func releaseSubject(tx warehouse.Tx, c ReleaseSubject) (warehouse.Result, error) {
	hold, resend := holdKey(c.Upstream, c.Subject), ResendOf(c.Upstream)
	h, err := load[Hold](tx, hold)
	if err != nil {
		return warehouse.Result{}, err
	}
	if h == nil {
		return done(c.Subject, "%s is not held", c.Subject), nil
	}
	if err := keepWaiting(tx, resend, c.Subject); err != nil {
		return warehouse.Result{}, err
	}
	var rows []heldRow
	var keys [][]byte
	err = each(tx, under(family("held", c.Upstream), c.Subject), func(k []byte, r *heldRow) (bool, error) {
		rows, keys = append(rows, *r), append(keys, append([]byte(nil), k...))
		return true, nil
	})
	if err != nil {
		return warehouse.Result{}, err
	}
	for i, row := range rows {
		if !c.Drop {
			seq, err := next(tx, resend)
			if err != nil {
				return warehouse.Result{}, err
			}
			row.Event.Seq = seq
			if err := save(tx, key(resend, num(seq)), &resendRow{Supersedes: row.Was, Event: row.Event}); err != nil {
				return warehouse.Result{}, err
			}
		}
		if err := tx.Delete(keys[i]); err != nil {
			return warehouse.Result{}, err
		}
	}
	if err := dropMarks(tx, rows); err != nil {
		return warehouse.Result{}, err
	}
	verb := "go out again"
	if c.Drop {
		verb = "are given up: " + c.Reason
	}
	res := done(c.Subject, "%d event(s) of %s %s", len(rows), c.Subject, verb)
	res.Touched = append(res.Touched, "outbox/"+resend)
	return res, tx.Delete(hold)
}

// keepWaiting puts rows of the subject that wait in the resend stream itself
// behind the hold as well. They stand in front of what a release appends to
// that stream, but are newer.
func keepWaiting(tx warehouse.Tx, resend, subject string) error {
	ack, err := ackOf(tx, resend)
	if err != nil {
		return err
	}
	newest, err := counter(tx, resend)
	if err != nil {
		return err
	}
	rows, err := tail(tx, resend, ack.Upto, int(newest-ack.Upto))
	if err != nil {
		return err
	}
	for i := range rows {
		row := &rows[i]
		if row.hold == nil || row.hold.Subject != subject || row.kept || !row.Held {
			continue
		}
		if err := keep(tx, Ref{row.hold.Epoch, resend, row.Event.Seq}, row.Event, row.hold); err != nil {
			return err
		}
	}
	return nil
}

// dropMarks forgets that rows are held. A row that is still in the outbox keeps
// its mark until it is acknowledged: its placeholder must go out, or the event
// itself would be sent on top of the one that supersedes it.
func dropMarks(tx warehouse.Tx, rows []heldRow) error {
	for _, row := range rows {
		ack, err := ackOf(tx, row.Was.Stream)
		if err != nil {
			return err
		}
		if row.Was.Seq <= ack.Upto {
			if err := tx.Delete(key("heldat", row.Was.Stream, num(row.Was.Seq))); err != nil {
				return err
			}
		}
	}
	return nil
}
