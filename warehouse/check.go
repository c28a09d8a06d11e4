package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// LedgerReport is the proof of the books.
type LedgerReport struct {
	OK         bool     `json:"ok"`
	Items      int      `json:"items"`    // SKUs that ever moved
	Balances   int      `json:"balances"` // rows that are not zero
	Moves      int      `json:"moves"`    // rows of the journal
	Violations []string `json:"violations"`
}

// account is one balance as the check computes it.
type account struct {
	key         string
	row         stockRow
	sum         int64 // of the moves
	outstanding int64 // of the open tasks
}

// LedgerCheck computes the books again from the journal: each item sums to zero
// over all places, no real place is negative, no more is reserved than is
// there, every balance is the sum of its moves and every reservation the sum of
// its open tasks, floor tasks and
// reservations. It reads the whole journal.
func LedgerCheck(r Reader) (LedgerReport, error) {
	rep := LedgerReport{Violations: []string{}}
	at := make(map[string]int) // key → index of accounts; looked up only
	var accounts []account
	find := func(k []byte) *account {
		i, ok := at[string(k)]
		if !ok {
			i = len(accounts)
			at[string(k)] = i
			accounts = append(accounts, account{key: string(k)})
		}
		return &accounts[i]
	}
	err := r.Range(under(kStock), func(k, b []byte) (bool, error) {
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		rep.Balances++
		find(k).row = *row
		return true, nil
	})
	if err != nil {
		return rep, err
	}
	err = each(r, under(kMove), func(m *Move) (bool, error) {
		rep.Moves++
		s := stockKey{m.SKU, m.Lot, m.Serial, m.Owner, m.Status}
		find(stockRowKey(m.From, s)).sum -= m.Qty
		find(stockRowKey(m.To, s)).sum += m.Qty
		return true, nil
	})
	if err != nil {
		return rep, err
	}
	err = each(r, under(kTask), func(t *Task) (bool, error) {
		if !closed(t) {
			find(stockRowKey(BinPlace(t.Bin), t.stock())).outstanding += t.Qty - t.Picked
		}
		return true, nil
	})
	if err != nil {
		return rep, err
	}
	err = each(r, under(kKept), func(k *Kept) (bool, error) {
		for _, q := range k.Spots {
			find(stockRowKey(BinPlace(q.Bin), k.stock(q))).outstanding += q.Qty
		}
		return true, nil
	})
	if err != nil {
		return rep, err
	}
	err = each(r, under(kFloor), func(t *FloorTask) (bool, error) {
		if t.Qty > 0 && t.Kind != FloorPutBack {
			find(stockRowKey(t.From, t.stock())).outstanding += t.Qty
		}
		return true, nil
	})
	if err != nil {
		return rep, err
	}
	slices.SortFunc(accounts, func(a, b account) int { return strings.Compare(a.key, b.key) })
	return rep, rep.judge(accounts)
}

// judge compares; accounts are sorted, so those of an item stand together.
func (rep *LedgerReport) judge(accounts []account) error {
	bad := func(format string, args ...any) {
		rep.Violations = append(rep.Violations, fmt.Sprintf(format, args...))
	}
	var total int64
	for i, a := range accounts {
		place, s, err := parseStockKey([]byte(a.key))
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(s.sku+" "+s.lot, " ") + " in " + place
		switch {
		case a.sum != a.row.Qty:
			bad("%s: the balance is %d, the moves sum to %d", name, a.row.Qty, a.sum)
		case !isVirtual(place) && a.row.Qty < 0:
			bad("%s: negative, %d", name, a.row.Qty)
		}
		if a.row.Reserved < 0 || !isVirtual(place) && a.row.Reserved > a.row.Qty {
			bad("%s: %d reserved of %d", name, a.row.Reserved, a.row.Qty)
		}
		if a.row.Reserved != a.outstanding {
			bad("%s: %d reserved, the open tasks ask for %d", name, a.row.Reserved, a.outstanding)
		}
		total += a.row.Qty
		last := i == len(accounts)-1
		if !last {
			_, next, err := parseStockKey([]byte(accounts[i+1].key))
			if err != nil {
				return err
			}
			last = next.sku != s.sku
		}
		if last {
			rep.Items++
			if total != 0 {
				bad("%s: all places together hold %d, not 0", s.sku, total)
			}
			total = 0
		}
	}
	rep.OK = len(rep.Violations) == 0
	return nil
}
