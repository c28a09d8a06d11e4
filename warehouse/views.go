package warehouse

import (
	"fmt"
	"strings"
)

// Views read a consistent snapshot. nil means not found; an error means that
// the state is corrupt or could not be read.

// GetSite returns the rules of the site.
func GetSite(r Reader) (*Site, error) { return load[Site](r, key(kSite)) }

// GetItem returns an item by SKU.
func GetItem(r Reader, sku string) (*Item, error) { return load[Item](r, key(kItem, sku)) }

// FindItem returns the item a barcode means (SKU, alias, GTIN or element
// string) and the lot it names, nil when no item has it.
func FindItem(r Reader, barcode string) (*Item, string, error) {
	if !scannable(barcode) {
		return nil, "", nil
	}
	f, err := findItem(r, barcode)
	return f.item, f.lot, err
}

// GetBin returns a bin by code.
func GetBin(r Reader, code string) (*Bin, error) { return load[Bin](r, key(kBin, code)) }

// GetOrder returns an order by id, also by the one the OMS bound it to. One that
// left for the archive is none: see [GetArchived].
func GetOrder(r Reader, id string) (*Order, error) {
	o, err := load[Order](r, key(kOrder, id))
	if err != nil || o != nil || !validID(id) {
		return o, err
	}
	local, err := r.Get(key(kBound, id))
	if err != nil || local == nil {
		return nil, err
	}
	o, err = load[Order](r, key(kOrder, string(local)))
	if err != nil || o != nil {
		return o, err
	}
	left, err := r.Get(key(kGone, string(local)))
	if err == nil && left == nil {
		err = fmt.Errorf("%w: order %q is missing", ErrCorrupt, string(local))
	}
	return nil, err
}

// GetTask returns a task by id.
func GetTask(r Reader, id string) (*Task, error) { return load[Task](r, key(kTask, id)) }

// GetBatch returns a batch by id.
func GetBatch(r Reader, id string) (*Batch, error) { return load[Batch](r, key(kBatch, id)) }

// GetWorker returns a worker by id.
func GetWorker(r Reader, id string) (*Worker, error) { return load[Worker](r, key(kWorker, id)) }

// WorkerKind is "" for a person, for a worker not known and WorkerRobot for a
// picking robot.
func WorkerKind(r Reader, id string) (string, error) {
	w, err := GetWorker(r, id)
	if err != nil || w == nil {
		return "", err
	}
	return w.Kind, nil
}

// GetTransport returns a transport by id.
func GetTransport(r Reader, id string) (*Transport, error) { return load[Transport](r, key(kTrip, id)) }

// GetCarriage returns the last ride of a parcel on a conveyor.
func GetCarriage(r Reader, sscc string) (*Carriage, error) {
	return load[Carriage](r, key(kBelt, sscc))
}

// GetFallout returns a fallout by id.
func GetFallout(r Reader, id string) (*Fallout, error) { return load[Fallout](r, key(kFallout, id)) }

// GetWorkerState returns what a worker does; nil before the first sign-in.
func GetWorkerState(r Reader, worker string) (*WorkerState, error) {
	return load[WorkerState](r, key(kWState, worker))
}

// GetJob returns a label job by id.
func GetJob(r Reader, id string) (*LabelJob, error) { return load[LabelJob](r, key(kJob, id)) }

// GetLU returns a logistic unit by tote code or SSCC.
func GetLU(r Reader, id string) (*LU, error) { return load[LU](r, key(kLU, id)) }

// GetStation returns what a pack station does; one never used is free.
func GetStation(r Reader, id string) (StationState, error) {
	st, err := load[StationState](r, key(kBench, id))
	if err != nil || st == nil {
		return StationState{ID: id, Step: StepScanTote}, err
	}
	return *st, nil
}

// WorkerOfDevice is the worker signed in on a handheld, "" when nobody is.
func WorkerOfDevice(r Reader, device string) (string, error) {
	b, err := r.Get(key(kDevice, device))
	return string(b), err
}

// list loads up to limit records under a prefix, all when limit is 0.
func list[T any](r Reader, prefix []byte, limit int) ([]T, error) {
	var out []T
	err := each(r, prefix, func(v *T) (bool, error) {
		out = append(out, *v)
		return limit == 0 || len(out) < limit, nil
	})
	return out, err
}

// Items lists all items by SKU.
func Items(r Reader) ([]Item, error) { return list[Item](r, under(kItem), 0) }

// Bins lists all bins by code.
func Bins(r Reader) ([]Bin, error) { return list[Bin](r, under(kBin), 0) }

// Workers lists all workers by id.
func Workers(r Reader) ([]Worker, error) { return list[Worker](r, under(kWorker), 0) }

// WorkerStates lists what each worker does who ever signed in.
func WorkerStates(r Reader) ([]WorkerState, error) {
	return list[WorkerState](r, under(kWState), 0)
}

// Stations lists the pack stations ever used.
func Stations(r Reader) ([]StationState, error) {
	return list[StationState](r, under(kBench), 0)
}

// named loads the records whose ids are the last components of index rows.
func named[T any](r Reader, prefix []byte, limit int, get func(Reader, string) (*T, error), what string) ([]T, error) {
	ids, err := tails(r, prefix, limit)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(ids))
	for _, id := range ids {
		v, err := must2(get(r, id))(what, id)
		if err != nil {
			return nil, err
		}
		out = append(out, *v)
	}
	return out, nil
}

// Pool lists orders with tasks to assign that are in no batch and in no fallout,
// highest priority first, then oldest; at most limit, all when 0. They are
// RELEASED, or PICKING when a robot gave tasks of them back.
func Pool(r Reader, limit int) ([]Order, error) {
	return named(r, under(kPool), limit, GetOrder, "order")
}

// WaitingWorkers lists the workers who asked for work, longest waiting first.
func WaitingWorkers(r Reader) ([]WorkerState, error) {
	return named(r, under(kAskers), 0, GetWorkerState, "worker")
}

// PendingJobs lists the label jobs of a station that are requested, sent or
// unknown, in the order of their SSCCs.
func PendingJobs(r Reader, station string) ([]LabelJob, error) {
	return named(r, under(kJobs, station), 0, GetJob, "job")
}

// LoadedAt lists the SSCCs loaded at a dock since the last departure.
func LoadedAt(r Reader, dock string) ([]string, error) {
	return tails(r, under(kDock, dock), 0)
}

// Orders lists orders by id, those behind from (not included), at most limit,
// all when 0.
func Orders(r Reader, from string, limit int) ([]Order, error) {
	var out []Order
	prefix := under(kOrder)
	err := r.Range(prefix, func(k, b []byte) (bool, error) {
		if string(k[len(prefix):]) <= from {
			return true, nil
		}
		o, err := decodeRecord[Order](k, b)
		if err != nil {
			return false, err
		}
		out = append(out, *o)
		return limit == 0 || len(out) < limit, nil
	})
	return out, err
}

// CountOrders is the number of orders in each state that has any.
func CountOrders(r Reader) (map[string]int64, error) {
	counts := make(map[string]int64)
	prefix := under(kCount)
	err := r.Range(prefix, func(k, v []byte) (bool, error) {
		if n := int64(fromNum(v)); n != 0 {
			counts[string(k[len(prefix):])] = n
		}
		return true, nil
	})
	return counts, err
}

// Fallouts lists fallouts, only the open ones or all.
func Fallouts(r Reader, openOnly bool) ([]Fallout, error) {
	if !openOnly {
		return list[Fallout](r, under(kFallout), 0)
	}
	return named(r, under(kFOpen), 0, GetFallout, "fallout")
}

// Balance is one row of the ledger.
type Balance struct {
	Place    string `json:"place"`
	Lot      string `json:"lot,omitempty"`
	Expiry   string `json:"expiry,omitempty"`
	Qty      int64  `json:"qty"`
	Reserved int64  `json:"reserved"`
	Serial   string `json:"serial,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Status   string `json:"status,omitempty"` // "" = sellable
}

// Balances lists every place that holds an item, virtual places too, by place
// and lot.
func Balances(r Reader, sku string) ([]Balance, error) {
	var out []Balance
	err := r.Range(under(kStock, sku), func(k, b []byte) (bool, error) {
		place, s, err := parseStockKey(k)
		if err != nil {
			return false, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		out = append(out, Balance{
			Place: place, Lot: s.lot, Expiry: row.Expiry, Qty: row.Qty, Reserved: row.Reserved,
			Serial: s.serial, Owner: s.owner, Status: s.status,
		})
		return true, nil
	})
	return out, err
}

// Held is how much of a lot of an item stands in a place, of all owners. It reads
// the rows of that place and no others.
func Held(r Reader, place, sku, lot string) (n int64, err error) {
	err = r.Range(under(kStock, sku, place, lot), func(k, b []byte) (bool, error) {
		row, err := decodeRecord[stockRow](k, b)
		if err == nil {
			n += row.Qty
		}
		return true, err
	})
	return n, err
}

// Contents lists what stands in a place, by SKU and lot.
func Contents(r Reader, place string) ([]StockRow, error) {
	var out []StockRow
	err := r.Range(under(kAt, place), func(k, _ []byte) (bool, error) {
		p := strings.Split(string(k), string(rune(sep)))
		if len(p) != 7 {
			return false, fmt.Errorf("%w: place key %q", ErrCorrupt, k)
		}
		s := stockKey{sku: p[2], lot: p[3], serial: p[4], owner: p[5], status: p[6]}
		row, err := must2(load[stockRow](r, stockRowKey(place, s)))("stock in", place)
		if err != nil {
			return false, err
		}
		out = append(out, StockRow{
			Bin: place, SKU: s.sku, Lot: s.lot, Expiry: row.Expiry, Qty: row.Qty, Owner: s.owner, Serial: s.serial, Status: s.status,
		})
		return true, nil
	})
	return out, err
}
