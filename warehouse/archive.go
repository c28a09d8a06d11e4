package warehouse

import "strings"

// Archive: what is over leaves the live state after the days the site says, so
// that neither the disk nor a question grows with what was done years ago.
//
//   - Site.ArchiveDays after an order was shipped or cancelled its record goes,
//     with its tasks, cartons, labels, rides and documents; batches, transports,
//     fallouts, manifests and void labels go as long after they ended. Nothing
//     goes while something of it is open.
//   - The last record goes out as order.archived. The OMS is the archive: the
//     event reaches it at least once and in order, which no file of one gateway
//     can promise.
//   - A tombstone stays (gone.go), by which whatever comes late gets the answer
//     the order would have given, and nothing ships twice.
//   - It is the last thing a round of AdvanceTime does, and in parts, so that a
//     backlog delays nobody.
//
// A row of kLeave only says that something is to be looked at then: what is due
// is decided by the rules of that day. When the rules change, a sweep looks once
// at all that is over and writes the rows anew.

// What leaves. The names stand in stored keys: never change one.
const (
	pastOrder    = "order"
	pastBatch    = "batch"
	pastFallout  = "fall"
	pastTrip     = "trip"
	pastManifest = "manif"
	pastJob      = "job"    // a void label; others go with their order
	pastGone     = "gone"   // a tombstone
	pastParcel   = "parcel" // the row of a parcel of one
)

const (
	maxKeepDays  = 3650
	archiveKeys  = 1000 // of one order; its other tasks go in the next round
	leaveMost    = 100  // rows of one round
	sweepRecords = 300  // that one round looks at
)

func leaveKey(at int64, what, id string) []byte { return key(kLeave, num(uint64(at)), what, id) }

// checkKeep names the first rule that is wrong, "" when all is well.
func checkKeep(s *Site) string {
	switch {
	case s.ArchiveDays < 0 || s.ArchiveDays > maxKeepDays:
		return "archiveDays: 0 to 3650"
	case s.PurgeDays < 0 || s.PurgeDays > maxKeepDays:
		return "purgeDays: 0 to 3650"
	case s.ForgetDays < 0 || s.ForgetDays > maxKeepDays, s.ForgetDays != 0 && (s.ArchiveDays == 0 || s.ForgetDays <= s.ArchiveDays):
		return "forgetDays: 0, or more than archiveDays and up to 3650"
	}
	return ""
}

// keepRules are those of the site; none when there is no site yet.
func (c *change) keepRules() (*Site, error) {
	if c.site == nil {
		s, err := GetSite(c)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return &Site{}, nil
		}
		c.site = s
	}
	return c.site, nil
}

// due is when something that ended is looked at first; 0 = never.
func (s *Site) due(what string, ended int64) int64 {
	days := s.ArchiveDays
	switch what {
	case pastGone, pastParcel:
		days = s.ForgetDays
	case pastOrder, pastFallout, pastJob: // they name a person
		if s.PurgeDays > 0 && (days == 0 || s.PurgeDays < days) {
			days = s.PurgeDays
		}
	}
	if days == 0 {
		return 0
	}
	return ended + days*dayMs
}

// ended notes that something is over, so that it leaves when its days are up.
func (c *change) ended(what, id string) error { return c.endedAt(what, id, c.meta.Now) }

func (c *change) endedAt(what, id string, at int64) error {
	site, err := c.keepRules()
	if err != nil {
		return err
	}
	if at = site.due(what, at); at == 0 {
		return nil
	}
	return c.index(leaveKey(at, what, id), true)
}

// firstLeave is when the next thing is to be looked at; 0 while a sweep is on
// its way.
func firstLeave(r Reader) (at int64, ok bool, err error) {
	b, err := r.Get(key(kSweep))
	if err != nil || b != nil {
		return 0, b != nil, err
	}
	prefix := under(kLeave)
	err = r.Range(prefix, func(k, _ []byte) (bool, error) {
		at, ok = int64(fromNum(k[len(prefix):])), true
		return false, nil
	})
	return at, ok, err
}

// clearOut takes away what is due, as much as fits the round.
func (c *change) clearOut() error {
	type row struct {
		key      []byte
		what, id string
	}
	var rows []row
	prefix := under(kLeave)
	err := c.Range(prefix, func(k, _ []byte) (bool, error) {
		if int64(fromNum(k[len(prefix):])) > c.meta.Now {
			return false, nil
		}
		what, id, _ := strings.Cut(string(k[len(prefix)+numWidth+1:]), string(rune(sep)))
		rows = append(rows, row{append([]byte(nil), k...), what, id})
		return len(rows) < leaveMost, nil
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := c.Delete(r.key); err != nil {
			return err
		}
		next, err := c.takeOut(r.what, r.id)
		if err != nil {
			return err
		}
		if next != 0 {
			if err := c.index(leaveKey(next, r.what, r.id), true); err != nil {
				return err
			}
		}
		if c.over(leaseKeys, leaseBytes) {
			return nil
		}
	}
	return c.sweep()
}

// takeOut deals with one thing that is to be looked at. next is when it is to be
// looked at again, 0 = never.
func (c *change) takeOut(what, id string) (next int64, err error) {
	site, err := c.keepRules()
	if err != nil {
		return 0, err
	}
	switch what {
	case pastOrder:
		return c.outOrder(site, id)
	case pastGone, pastParcel:
		return 0, c.forget(site, what, id)
	case pastJob:
		return c.outJob(site, id)
	case pastFallout:
		return c.outFallout(site, id)
	}
	// Nothing of these names a person, so they leave by ArchiveDays alone.
	if site.ArchiveDays == 0 {
		return 0, nil
	}
	if what == pastManifest {
		if err := c.dropDocs(id); err != nil {
			return 0, err
		}
	}
	return 0, c.Delete(key(what, id))
}

// outFallout takes away what was written of a cleared fallout, and later the
// record.
func (c *change) outFallout(site *Site, id string) (next int64, err error) {
	f, err := GetFallout(c, id)
	if err != nil || f == nil || f.ClearedAt == 0 {
		return 0, err
	}
	if c.dueNow(site.ArchiveDays, f.ClearedAt) {
		if err := c.drop(key(kFallOf, f.Order, id)); err != nil {
			return 0, err
		}
		return 0, c.Delete(key(kFallout, id))
	}
	if c.dueNow(site.PurgeDays, f.ClearedAt) && (f.Detail != "" || len(f.Evidence) > 0) {
		f.Detail, f.Evidence = "", nil
		if err := save(c, key(kFallout, id), f); err != nil {
			return 0, err
		}
	}
	return c.nextOf(site, f.ClearedAt), nil
}

// outJob does the same to a void label and to its carton.
func (c *change) outJob(site *Site, id string) (next int64, err error) {
	j, err := GetJob(c, id)
	if err != nil || j == nil || j.State != JobVoid {
		return 0, err
	}
	lu, err := GetLU(c, id)
	if err != nil {
		return 0, err
	}
	switch {
	case c.dueNow(site.ArchiveDays, j.Since) && lu != nil && lu.Order != "":
		return c.meta.Now + dayMs, nil // goods of a cancelled order are still in the carton
	case c.dueNow(site.ArchiveDays, j.Since):
		return 0, c.dropParcel(j)
	case c.dueNow(site.PurgeDays, j.Since):
		if err := c.purgeJob(j); err != nil {
			return 0, err
		}
	}
	return c.nextOf(site, j.Since), nil
}

// dueNow tells whether so many days are up; 0 days never are.
func (c *change) dueNow(days, ended int64) bool {
	return days > 0 && c.meta.Now >= ended+days*dayMs
}

// nextOf is when the first of the rules that are not up yet is, 0 when none is.
func (c *change) nextOf(site *Site, ended int64) (at int64) {
	for _, days := range []int64{site.PurgeDays, site.ArchiveDays} {
		if t := ended + days*dayMs; days > 0 && t > c.meta.Now && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}
