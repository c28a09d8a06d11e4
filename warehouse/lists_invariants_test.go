package warehouse

// What must hold of the lists between two commands.

// inList: a row of a list must be there; while the lists are being made it may.
func (v *inspector) inList(k []byte) bool {
	done, _, err := allListed(v.r)
	v.check(err == nil, "mark of the lists: %v", err)
	b, err := v.r.Get(k)
	v.check(err == nil, "%q: %v", k, err)
	if done || b != nil {
		v.want[string(k)] = true
	}
	return done || b != nil
}

// listed: an order has one row, of its state.
func (v *inspector) listed(o *Order) {
	if !o.closed() {
		v.inList(key(kActive, o.Spec.ID))
	} else if v.inList(endedKey(o.State, o.Since, o.Spec.ID)) {
		v.ended[string(endedInKey(o.State, o.Since))]++
	}
}

// quarters: the sums are those of the rows; orders that left for the archive are
// still in them.
func (v *inspector) quarters() error {
	site, err := GetSite(v.r)
	if err != nil || site == nil {
		return err
	}
	oldest := make(map[string]string)
	err = v.r.Range(under(kEndedIn), func(k, n []byte) (bool, error) {
		state := string(k[:len(k)-numWidth])
		if oldest[state] == "" {
			oldest[state] = string(k)
		}
		has := v.ended[string(k)]
		v.check(fromNum(n) == has || fromNum(n) > has && site.ArchiveDays > 0, "%q: %d closed orders, counted %d", k, has, fromNum(n))
		delete(v.ended, string(k))
		return true, nil
	})
	for k, n := range v.ended {
		old := oldest[k[:len(k)-numWidth]]
		v.check(old == "" || k < old, "%q: %d closed orders are not counted", k, n)
	}
	return err
}

// ForgetLists takes the lists away, as if they had never been kept.
func ForgetLists(tx Tx) error {
	var keys [][]byte
	for _, p := range []string{kActive, kEnded, kEndedIn, kFallOf, kListed} {
		err := tx.Range([]byte(p), func(k, _ []byte) (bool, error) {
			if string(k) == p || k[len(p)] == sep {
				keys = append(keys, append([]byte(nil), k...))
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
