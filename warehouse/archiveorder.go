package warehouse

import (
	"encoding/hex"
	"slices"
)

// An order that leaves: what has to be over first, and what goes with it.

// outOrder deals with a closed order whose days are up.
func (c *change) outOrder(site *Site, id string) (next int64, err error) {
	o, err := load[Order](c, key(kOrder, id))
	if err != nil {
		return 0, err
	}
	if o == nil { // it left, and some of its tasks did not fit
		return c.dropTasks(id)
	}
	if o.State != OrderShipped && o.State != OrderCancelled {
		return 0, nil
	}
	if o.Purged == 0 && c.dueNow(site.PurgeDays, o.Since) {
		if err := c.purge(o); err != nil {
			return 0, err
		}
	}
	if !c.dueNow(site.ArchiveDays, o.Since) {
		return c.nextOf(site, o.Since), nil
	}
	if open, err := c.stillOpen(o); err != nil || open {
		return c.meta.Now + dayMs, err
	}
	return c.archive(o)
}

// stillOpen tells whether something of a closed order is not over: goods to be
// put back, a fallout, a walk its tasks are part of, or a slip that the OMS did
// not claim yet.
func (c *change) stillOpen(o *Order) (bool, error) {
	if len(o.Fallout) > 0 || o.Tote != "" || o.Batch != "" || o.Source == SourceSite && o.Spec.Kit != 0 {
		return true, nil
	}
	active, last := false, ""
	err := c.eachTask(o.Spec.ID, func(t *Task) (bool, error) {
		if t.Batch == "" || t.Batch == last {
			return true, nil
		}
		last = t.Batch
		b, err := GetBatch(c, t.Batch)
		active = b != nil && b.State == BatchActive
		return !active, err
	})
	return active, err
}

// eachTask calls fn for the tasks of an order, also those of revisions that are
// no more.
func (c *change) eachTask(order string, fn func(*Task) (bool, error)) error {
	return each(c, key(kTask, order+"/"), fn)
}

// archive takes an order out of the live state.
func (c *change) archive(o *Order) (next int64, err error) {
	id := o.Spec.ID
	err = c.emit(EvOrderArchived, id, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Born: c.bornOf(o),
		Lines: tellLines(o.Lines), Parcels: tellParcels(o.Parcels), BackorderOf: abroad(o.Upstream, o.BackorderOf), Backorder: abroad(o.Upstream, o.Backorder),
		ClosedAt: o.Since, Digest: hex.EncodeToString(o.Hash), Commercial: o.Spec.Commercial,
	})
	if err != nil {
		return 0, err
	}
	if err := c.bury(o); err != nil {
		return 0, err
	}
	for i := range o.Parcels {
		j, err := must2(GetJob(c, o.Parcels[i].Job))("job", o.Parcels[i].Job)
		if err != nil {
			return 0, err
		}
		if err := c.dropParcel(j); err != nil {
			return 0, err
		}
	}
	refs := []string{id}
	if o.Bound != "" {
		refs = append(refs, o.Bound)
	}
	for _, ref := range refs {
		if err := c.dropDocs(ref); err != nil {
			return 0, err
		}
	}
	for _, k := range [][]byte{key(kOrder, id), endedKey(o.State, o.Since, id), rejectKey(id), key(kSeq, "backorder", o.known())} {
		if err := c.drop(k); err != nil {
			return 0, err
		}
	}
	c.orders.drop(id)
	c.count(o.State, -1)
	c.count(OrderArchived, 1)
	c.touch("order", id)
	return c.dropTasks(id)
}

// drop deletes a key that may not be there, and costs no write then.
func (c *change) drop(k []byte) error {
	b, err := c.Get(k)
	if err != nil || b == nil {
		return err
	}
	return c.Delete(k)
}

// dropTasks deletes the tasks of an order that left, as many as fit; those that
// are left go at once in the next round.
func (c *change) dropTasks(order string) (next int64, err error) {
	var ids []string
	err = c.eachTask(order, func(t *Task) (bool, error) {
		ids = append(ids, t.ID)
		return len(ids) <= archiveKeys, nil
	})
	if err != nil {
		return 0, err
	}
	if len(ids) > archiveKeys {
		ids, next = ids[:archiveKeys], c.meta.Now
	}
	for _, id := range ids {
		if err := c.Delete(key(kTask, id)); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// dropParcel deletes the records of a carton that has left, or whose label is
// void.
func (c *change) dropParcel(j *LabelJob) error {
	if err := c.dropDocs(j.ID); err != nil {
		return err
	}
	keys := [][]byte{key(kLU, j.ID), key(kSight, sightUnit, j.ID), key(kBelt, j.ID), key(kJob, j.ID), key(kGiven, j.Carrier, j.Tracking)}
	for _, v := range j.Voided {
		keys = append(keys, key(kGiven, v.Label.Carrier, v.Label.Tracking))
	}
	for _, k := range keys {
		if err := c.drop(k); err != nil {
			return err
		}
	}
	c.touch("lu", j.ID)
	return nil
}

// dropDocs deletes the documents about a thing with their bytes.
func (c *change) dropDocs(ref string) error {
	docs, err := DocumentsOf(c, ref)
	if err != nil {
		return err
	}
	for _, d := range docs {
		for _, k := range [][]byte{key(kDoc, d.ID), key(kDocBody, d.ID), key(kDocOf, ref, d.ID)} {
			if err := c.drop(k); err != nil {
				return err
			}
		}
		c.touch("document", d.ID)
	}
	return nil
}

// sweeps lists what a sweep looks at, in this order.
var sweeps = []struct {
	what, prefix string
	ended        func(c *change, k, v []byte) (at int64, err error) // 0 = not over
}{
	{pastOrder, kOrder, func(_ *change, k, v []byte) (int64, error) {
		o, err := decodeRecord[Order](k, v)
		if err != nil || o.State != OrderShipped && o.State != OrderCancelled {
			return 0, err
		}
		return o.Since, nil
	}},
	{pastBatch, kBatch, func(c *change, k, v []byte) (int64, error) {
		b, err := decodeRecord[Batch](k, v)
		if err != nil || b.State == BatchActive {
			return 0, err
		}
		return c.meta.Now, nil // when it ended is not kept
	}},
	{pastFallout, kFallout, func(_ *change, k, v []byte) (int64, error) {
		f, err := decodeRecord[Fallout](k, v)
		if err != nil {
			return 0, err
		}
		return f.ClearedAt, nil
	}},
	{pastTrip, kTrip, func(_ *change, k, v []byte) (int64, error) {
		t, err := decodeRecord[Transport](k, v)
		if err != nil || openTrip(t.State) {
			return 0, err
		}
		return t.Since, nil
	}},
	{pastManifest, kManifest, func(_ *change, k, v []byte) (int64, error) {
		m, err := decodeRecord[Manifest](k, v)
		if err != nil || m.State != ManifestDeparted {
			return 0, err
		}
		return m.Since, nil
	}},
	{pastJob, kJob, func(_ *change, k, v []byte) (int64, error) {
		j, err := decodeRecord[LabelJob](k, v)
		if err != nil || j.State != JobVoid {
			return 0, err
		}
		return j.Since, nil
	}},
	{pastGone, kGone, func(_ *change, k, v []byte) (int64, error) {
		g, err := decodeRecord[tombstone](k, v)
		if err != nil {
			return 0, err
		}
		return g.ClosedAt, nil
	}},
	{pastParcel, kGoneParcel, func(c *change, _, v []byte) (int64, error) {
		g, err := load[tombstone](c, key(kGone, string(v)))
		if err != nil {
			return 0, err
		}
		if g == nil {
			return 1, nil // forgotten before this sweep came here: so is its parcel
		}
		return g.ClosedAt, nil
	}},
}

// startSweep begins to look at all that is over by rules that have changed.
func (c *change) startSweep(old, now *Site) error {
	if old == nil || old.ArchiveDays == now.ArchiveDays && old.PurgeDays == now.PurgeDays && old.ForgetDays == now.ForgetDays {
		return nil
	}
	return c.Set(key(kSweep), []byte{0})
}

// sweep looks at the next records. Its row holds the place in the list and the
// key that was looked at last.
func (c *change) sweep() error {
	mark, err := c.Get(key(kSweep))
	if err != nil || len(mark) == 0 {
		return err
	}
	at, after := int(mark[0]), slices.Clone(mark[1:])
	type over struct {
		id  string
		end int64
	}
	for read := 0; at < len(sweeps); at, after = at+1, nil {
		s := sweeps[at]
		prefix := under(s.prefix)
		var list []over
		err := rangeAfter(c, prefix, after, func(k, v []byte) (bool, error) {
			read++
			after = append(after[:0], k...)
			end, err := s.ended(c, k, v)
			if end != 0 {
				list = append(list, over{string(k[len(prefix):]), end})
			}
			return read < sweepRecords, err
		})
		if err != nil {
			return err
		}
		for _, o := range list {
			if err := c.endedAt(s.what, o.id, o.end); err != nil {
				return err
			}
		}
		if read >= sweepRecords {
			return c.Set(key(kSweep), append([]byte{byte(at)}, after...))
		}
	}
	return c.Delete(key(kSweep))
}
