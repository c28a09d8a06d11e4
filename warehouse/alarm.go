package warehouse

import (
	"cmp"
	"slices"
	"strings"
)

// Alarms: what a later moment has to look at again. AdvanceTime finds every
// alarm that is due and asks the subject that set it; a subject takes its alarm
// away when the reason is gone. Leases of batches came first and have an index
// of their own (lease.go).

// What an alarm is about. The names stand in stored keys: never change one.
const (
	alarmFloor   = "floor"   // the lease of a claimed floor task
	alarmPack    = "pack"    // orders are still to be held for a pack size, or let go
	alarmKept    = "kept"    // a reservation ends
	alarmATP     = "atp"     // stock levels to be told
	alarmLevels  = "levels"  // a lot of the item comes of age
	alarmLot     = "lot"     // a lot comes near its expiry
	alarmFallout = "fallout" // nobody acknowledged it
	alarmLabel   = "label"   // a carrier gave no label
	alarmCarrier = "carrier" // labels that wait for it may go on
	alarmAge     = "age"     // an order stays in its state
	alarmReading = "reading" // a temperature holds no more
	alarmIdle    = "idle"    // a worker did nothing for as long as a session lasts
)

func alarmKey(at int64, about, id string) []byte { return key(kAlarm, num(uint64(at)), about, id) }

// setAlarm moves the alarm of a record from one moment to another; 0 is none.
func (c *change) setAlarm(about, id string, from, to int64) error {
	if from == to {
		return nil
	}
	if from != 0 {
		if err := c.index(alarmKey(from, about, id), false); err != nil {
			return err
		}
	}
	if to == 0 {
		return nil
	}
	return c.index(alarmKey(to, about, id), true)
}

// firstAlarm is the earliest alarm there is.
func firstAlarm(r Reader) (at int64, ok bool, err error) {
	prefix := under(kAlarm)
	err = r.Range(prefix, func(k, _ []byte) (bool, error) {
		at, ok = int64(fromNum(k[len(prefix):])), true
		return false, nil
	})
	return at, ok, err
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ring handles the alarms that are due, in the order of their time. A round
// that has written enough leaves the others due.
func (c *change) ring() error {
	type due struct {
		at        int64
		about, id string
	}
	var all []due
	prefix := under(kAlarm)
	err := c.Range(prefix, func(k, _ []byte) (bool, error) {
		at := int64(fromNum(k[len(prefix):]))
		if at > c.meta.Now {
			return false, nil
		}
		about, id, _ := strings.Cut(string(k[len(prefix)+numWidth+1:]), string(rune(sep)))
		all = append(all, due{at, about, id})
		return len(all) < ringMost, nil
	})
	if err != nil {
		return err
	}
	// A model takes a long time and can wait; what others wait for cannot.
	slices.SortStableFunc(all, func(a, b due) int {
		return cmp.Compare(btoi(a.about == alarmModel), btoi(b.about == alarmModel))
	})
	for _, d := range all {
		switch d.about {
		case alarmFloor:
			err = c.endFloorLease(d.id)
		case alarmPack:
			err = c.ringPack(d.id)
		case alarmKept:
			err = c.ringKept(d.id)
		case alarmATP:
			err = c.tellLevels()
		case alarmLevels:
			err = c.wakeLevels(d.id)
		case alarmFallout:
			err = c.escalate(d.id)
		case alarmAge:
			err = c.aged(d.id)
		case alarmReading:
			err = c.readingEnds(d.at, d.id)
		case alarmModel:
			err = c.modelAlarm(d.id)
		case alarmIdle:
			err = c.endSignIn(d.at, d.id)
		case alarmLot:
			err = c.lotExpires(d.at, d.id)
		case alarmLabel:
			err = c.labelLate(d.id)
		case alarmCarrier:
			err = c.serveWaiting(d.at, d.id)
		}
		if err != nil || c.over(leaseKeys, leaseBytes) {
			return err
		}
	}
	return nil
}
