package warehouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The commit of a model (sitemodel.go): everything that the state of the floor could
// refuse is looked at and done here, in one command. The rest cannot fail any more.

func commitModel(c *change, cmd CommitModel) (Result, error) {
	h, s, err := c.session(cmd.ID)
	if err != nil {
		return Result{}, err
	}
	if s == nil || s.State != modelStaging {
		return c.committed(cmd.ID)
	}
	switch {
	case s.Staged != s.Parts:
		return Result{}, refuse(CodeConflict, "%d of %d parts are here", s.Staged, s.Parts)
	case h.Changes != s.Base:
		return Result{}, refuse(CodeModelChanged, "%s changed the site with %s at %s", h.By, h.What, clock(h.At))
	case s.Wants != 0:
		return Result{}, c.wanted(s)
	}
	parts := make([]*ModelPart, s.Now)
	for n := range parts {
		if parts[n], err = must2(load[ModelPart](c, partKey(s.No, n)))("part of the model", strconv.Itoa(n)); err != nil {
			return Result{}, err
		}
	}
	if err := c.writeNow(s, parts); err != nil {
		return Result{}, err
	}
	h.Version++
	v := &ModelVersion{
		N: h.Version, ID: s.ID, Hash: s.Hash, By: c.meta.Actor, At: c.meta.Now, Note: s.Note, Counts: s.Counts, Between: h.Changes - h.AtVersion,
	}
	if err := save(c, key(kModelVersion, num(v.N)), v); err != nil {
		return Result{}, err
	}
	if v.N > modelVersions {
		if err := c.Delete(key(kModelVersion, num(v.N-modelVersions))); err != nil {
			return Result{}, err
		}
	}
	h.Changes++
	h.By, h.At, h.What, h.AtVersion = c.meta.Actor, c.meta.Now, c.reason, h.Changes
	c.touch("model", "")
	res := Result{Ref: strconv.FormatUint(v.N, 10)}
	if s.Now == s.Parts {
		return res, c.endModel(h, s)
	}
	if err := save(c, key(kModel), h); err != nil {
		return Result{}, err
	}
	s.State, s.Next = modelWriting, s.Now
	return res, c.saveSession(s, max(c.meta.Now, 1))
}

// committed is the answer to a commit that was asked for before.
func (c *change) committed(id string) (Result, error) {
	res, found := Result{}, false
	err := each(c, under(kModelVersion), func(v *ModelVersion) (bool, error) {
		if v.ID == id {
			res.Ref, found = strconv.FormatUint(v.N, 10), true
		}
		return !found, nil
	})
	if err == nil && !found {
		err = refuse(CodeConflict, "no such model is being brought in: it took too long, or was dropped")
	}
	return res, err
}

// wanted names a code that somebody has who does not give it up.
func (c *change) wanted(s *modelSession) error {
	prefix := under(kModelWant, num(s.No))
	var row, who string
	err := c.Range(prefix, func(k, v []byte) (bool, error) {
		row, who = string(k[len(prefix):]), string(v)
		return false, nil
	})
	if err != nil {
		return err
	}
	space, code, _ := strings.Cut(row, string(rune(sep)))
	owner, err := liveOwner(c, space, code)
	if err != nil {
		return err
	}
	return refuse(CodeConflict, "%s wants barcode %s, which %s has (%d such barcodes)", who, code, owner, s.Wants)
}

// writeNow looks at the parts for the commit and at the rules, and writes them.
func (c *change) writeNow(s *modelSession, parts []*ModelPart) error {
	drops := ModelDrops{told: func(space, id string) (bool, error) {
		b, err := c.Get(key(kModelTold, num(s.No), space, id))
		return b != nil, err
	}}
	for _, p := range parts {
		if err := drops.add(c, p); err != nil {
			return err
		}
	}
	if s.Site {
		site, err := c.rulesOf(s)
		if err != nil {
			return err
		}
		drops.Site = site
	}
	uses, err := ModelUses(c, drops)
	if err != nil {
		return err
	}
	if len(uses) > 0 {
		return refuse(CodeModelInUse, "%s (%d things in use)", uses[0], len(uses))
	}
	for _, p := range parts {
		if err := c.writeDrops(p); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := c.writeBins(p.Bins); err != nil {
			return err
		}
	}
	if s.Site {
		if _, err := putSite(c, PutSite{Site: *drops.Site}); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := c.writeItems(p.Items); err != nil {
			return err
		}
		if err := c.writeWorkers(p.Workers); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) writeDrops(p *ModelPart) error {
	for _, sku := range p.DropItems {
		if err := c.removeItem(sku); err != nil {
			return err
		}
		c.touch("items", "")
	}
	for _, code := range p.DropBins {
		if err := c.removeBin(code); err != nil {
			return err
		}
		c.touch("bins", "")
	}
	for _, id := range p.DropWorkers {
		w, err := must2(GetWorker(c, id))("worker", id)
		if err != nil {
			return err
		}
		for _, k := range [][]byte{key(kBadge, w.Badge), key(kWState, id), key(kPin, id), key(kWorker, id)} {
			if err := c.Delete(k); err != nil {
				return err
			}
		}
		c.touch("worker", id)
	}
	return nil
}

// removeItem takes an item away that nothing knows: it never moved.
func (c *change) removeItem(sku string) error {
	it, err := must2(GetItem(c, sku))("item", sku)
	if err != nil {
		return err
	}
	if err := c.dropCodes(it, nil); err != nil {
		return err
	}
	// What the OMS was told of it, and is to be told.
	gone := [][]byte{key(kItem, sku), key(kLearned, sku), key(kATP, sku)}
	for _, prefix := range [][]byte{under(kLevels, sku), key(kATP, sku+"/")} {
		err := c.Range(prefix, func(k, _ []byte) (bool, error) {
			gone = append(gone, slices.Clone(k))
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for _, k := range gone {
		if err := c.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) removeBin(code string) error {
	b, err := must2(GetBin(c, code))("bin", code)
	if err != nil {
		return err
	}
	if b.Class != "" {
		if err := c.index(key(kFreeBin, b.Class, code), false); err != nil {
			return err
		}
	}
	doubts, err := tails(c, under(kSuspect, code), 0)
	if err != nil {
		return err
	}
	for _, sku := range doubts {
		if err := c.Delete(key(kSuspect, code, sku)); err != nil {
			return err
		}
	}
	if err := c.forgetOpening(code); err != nil {
		return err
	}
	return c.Delete(key(kBin, code))
}

func (c *change) writeBins(bins []Bin) error {
	for i := range bins {
		b := &bins[i]
		if err := c.dropFreeBin(b); err != nil {
			return err
		}
		if err := save(c, key(kBin, b.Code), b); err != nil {
			return err
		}
		if err := c.keepFreeBin(b.Code); err != nil {
			return err
		}
		c.touch("bins", "")
	}
	return nil
}

// dropCodes takes the barcodes of an item away but those that are kept, and those
// that are another item's by now.
func (c *change) dropCodes(it *Item, keep []string) error {
	for _, code := range scanKeys(it) {
		if slices.Contains(keep, code) {
			continue
		}
		b, err := c.Get(key(kCode, code))
		if err != nil {
			return err
		}
		if string(b) != it.SKU {
			continue
		}
		if err := c.Delete(key(kCode, code)); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) writeItems(items []Item) error {
	for i := range items {
		it := &items[i]
		old, err := GetItem(c, it.SKU)
		if err != nil {
			return err
		}
		if err := c.markRules(old, it); err != nil {
			return err
		}
		codes := scanKeys(it)
		if old != nil {
			if it.Revision == 0 {
				it.Revision = old.Revision
			}
			if err := c.packChanged(old, it); err != nil {
				return err
			}
			if err := c.dropCodes(old, codes); err != nil {
				return err
			}
		}
		for _, code := range codes {
			if err := c.Set(key(kCode, code), []byte(it.SKU)); err != nil {
				return err
			}
		}
		if err := save(c, key(kItem, it.SKU), it); err != nil {
			return err
		}
		c.touch("items", "")
	}
	return nil
}

func (c *change) writeWorkers(workers []Worker) error {
	for i := range workers {
		w := &workers[i]
		old, err := GetWorker(c, w.ID)
		if err != nil {
			return err
		}
		if old != nil && old.Badge != w.Badge {
			b, err := c.Get(key(kBadge, old.Badge))
			if err != nil {
				return err
			}
			if string(b) == w.ID {
				if err := c.Delete(key(kBadge, old.Badge)); err != nil {
					return err
				}
			}
		}
		if err := c.Set(key(kBadge, w.Badge), []byte(w.ID)); err != nil {
			return err
		}
		if err := save(c, key(kWorker, w.ID), w); err != nil {
			return err
		}
		c.touch("worker", w.ID)
	}
	return nil
}

func stepModel(c *change, cmd StepModel) (Result, error) {
	c.ofModel = true
	if !validID(cmd.ID) {
		return Result{}, refuse(CodeInvalid, "id")
	}
	var s *modelSession
	err := each(c, under(kModelSession), func(v *modelSession) (bool, error) {
		if v.ID == cmd.ID {
			s = v
		}
		return s == nil, nil
	})
	if err != nil || s == nil {
		return Result{Text: TextModelDone}, err
	}
	if s.State == modelStaging {
		return Result{}, refuse(CodeConflict, "the model is not committed")
	}
	done, err := c.goOnModel(s)
	res := Result{Ref: s.ID}
	if done {
		res.Text = TextModelDone
	}
	return res, err
}

// modelAlarm goes on with a session, or ends one that nobody goes on with.
func (c *change) modelAlarm(id string) error {
	c.ofModel = true
	s, err := load[modelSession](c, key(kModelSession, id))
	if _, err := must(s, err, "session of a model", fmt.Sprintf("%x", id)); err != nil {
		return err
	}
	if s.State == modelStaging {
		h, err := GetModelHead(c)
		if err != nil {
			return err
		}
		return c.endModel(&h, s)
	}
	keys, bytes := c.spent()
	_, err = c.goOnModel(s)
	k, b := c.spent()
	c.aside.keys, c.aside.bytes = c.aside.keys+k-keys, c.aside.bytes+b-bytes
	return err
}

// goOnModel writes the next parts of a model that holds, or takes away what lay aside.
func (c *change) goOnModel(s *modelSession) (done bool, err error) {
	keys, size := c.spent()
	full := func() bool { return c.over(keys+modelKeys, size+modelBytes) }
	if s.State == modelWriting {
		for s.Next < s.Parts && !full() {
			p, err := must2(load[ModelPart](c, partKey(s.No, s.Next)))("part of the model", strconv.Itoa(s.Next))
			if err != nil {
				return false, err
			}
			for ; s.Row < len(p.Items) && !full(); s.Row++ {
				if err := c.writeItems(p.Items[s.Row : s.Row+1]); err != nil {
					return false, err
				}
			}
			if s.Row < len(p.Items) {
				break
			}
			if err := c.writeBins(p.Bins); err != nil {
				return false, err
			}
			if err := c.writeWorkers(p.Workers); err != nil {
				return false, err
			}
			s.Next, s.Row = s.Next+1, 0
		}
		if s.Next < s.Parts {
			return false, c.saveSession(s, s.Alarm)
		}
		h, err := GetModelHead(c)
		if err != nil {
			return false, err
		}
		return false, c.endModel(&h, s)
	}
	for _, prefix := range []string{kModelTold, kModelClaim, kModelFree, kModelWant, kModelPart, kModelSite} {
		var rows [][]byte
		err := c.Range(key(prefix, num(s.No)), func(k, _ []byte) (bool, error) {
			rows = append(rows, slices.Clone(k))
			return len(rows) < modelKeys, nil
		})
		if err != nil {
			return false, err
		}
		for _, k := range rows {
			if full() {
				return false, nil // the alarm is still due
			}
			if err := c.Delete(k); err != nil {
				return false, err
			}
		}
	}
	if full() {
		return false, nil
	}
	if err := c.setAlarm(alarmModel, num(s.No), s.Alarm, 0); err != nil {
		return false, err
	}
	return true, c.Delete(sessionKey(s.No))
}
