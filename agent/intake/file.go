package intake

import (
	"fmt"
	"io"
	"strings"

	"tote/warehouse"
)

// File is a file as it was read, with what is wrong with it.
type File struct {
	Kind     string
	Rows     int
	Problems []Problem // at most 100, by line
	More     int       // others that are not listed

	items    []warehouse.Item
	bins     []warehouse.Bin
	workers  []warehouse.Worker
	hashes   []string // of the PINs of workers
	stock    []warehouse.StockRow
	orders   []warehouse.OrderSpec
	receipts []warehouse.ReceiptSpec
	lines    []int // of the rows, where a row is one record
}

// Parse reads a file of a kind as a whole.
func Parse(kind string, r io.Reader) (*File, error) {
	cols, ok := columns[kind]
	if !ok {
		return nil, fmt.Errorf("%w: %q; known are %s", ErrKind, kind, strings.Join(Kinds, ", "))
	}
	t := open(r, cols)
	f := &File{Kind: kind}
	switch kind {
	case "items":
		f.items = t.items()
	case "bins":
		f.bins = t.bins()
	case "workers":
		f.workers, f.hashes = t.workers()
	case "stock":
		f.stock = t.stock(1)
	case "orders":
		f.orders = t.orders()
	case "receipts":
		f.receipts = t.receipts()
	}
	f.end(t)
	return f, nil
}

func (f *File) end(t *table) {
	f.Rows, f.lines, f.Problems, f.More = t.rows, t.lines, t.problems, t.more
}

// Read turns a file into commands. With problems there are no commands.
func Read(kind string, r io.Reader) ([]warehouse.Command, []Problem, error) {
	f, err := Parse(kind, r)
	if err != nil || len(f.Problems) > 0 {
		if f != nil {
			return nil, f.Problems, err
		}
		return nil, nil, err
	}
	return f.Commands(), nil, nil
}

// Commands are those that bring in all of the file.
func (f *File) Commands() (cmds []warehouse.Command) {
	for c := range chunks(f.items) {
		cmds = append(cmds, warehouse.PutItems{Items: c})
	}
	for c := range chunks(f.bins) {
		cmds = append(cmds, warehouse.PutBins{Bins: c})
	}
	for c := range chunks(f.workers) {
		cmds = append(cmds, warehouse.PutWorkers{Workers: c})
	}
	for i, h := range f.hashes {
		if h != "" {
			cmds = append(cmds, warehouse.SetPin{Worker: f.workers[i].ID, Hash: h})
		}
	}
	for c := range chunks(f.stock) {
		cmds = append(cmds, warehouse.OpenStock{Rows: c, Ref: countRef(len(cmds), c)})
	}
	for _, o := range f.orders {
		cmds = append(cmds, warehouse.ReleaseOrder{Order: o, Source: warehouse.SourceSite})
	}
	for _, r := range f.receipts {
		cmds = append(cmds, warehouse.AnnounceReceipt{Receipt: r, Source: warehouse.SourceSite})
	}
	return cmds
}

// Counted is a row of a counted file and its line.
type Counted struct {
	warehouse.StockRow
	Line int
}

// ParseCount reads the opening count of bins: a file of the kind stock, of which a
// quantity of 0 says that a position, or with no item a whole bin, is empty.
func ParseCount(r io.Reader) (*File, []Counted) {
	t := open(r, countColumns)
	rows := t.stock(0)
	f := &File{Kind: "stock"}
	f.end(t)
	out := make([]Counted, len(rows))
	for i := range rows {
		out[i] = Counted{rows[i], t.lines[i]}
	}
	return f, out
}

// countColumns are those of a count: an empty bin names no item.
var countColumns = []string{"bin", "sku", "lot?", "expiry?", "qty", "owner?", "serial?", "status?"}

// countedSKU reads the item of a counted row.
func (t *table) countedSKU(least int64) string {
	if least == 0 && t.str("qty") == "0" {
		return t.code("sku")
	}
	return t.needCode("sku")
}

// oneUnit: a serial is one unit, and lies in one bin.
func (t *table) oneUnit(seen map[[2]string]bool, s warehouse.StockRow) {
	k := [2]string{s.SKU, s.Serial}
	if s.Serial != "" && s.Qty > 0 && seen[k] {
		t.bad("serial", CodeDuplicate, fmt.Sprintf("serial %s of %s stands twice: a unit lies in one bin", s.Serial, s.SKU))
	}
	if s.Serial != "" && s.Qty > 0 {
		seen[k] = true
	}
}

// oneDate: a lot has one expiry date, wherever it lies.
func (t *table) oneDate(seen map[[2]string]string, s warehouse.StockRow) {
	k := [2]string{s.SKU, s.Lot}
	if s.Lot == "" || s.Expiry == "" {
		return
	}
	if had := seen[k]; had != "" && had != s.Expiry {
		t.bad("expiry", CodeValue, fmt.Sprintf("lot %s of %s ends on %s in another row", s.Lot, s.SKU, had))
		return
	}
	seen[k] = s.Expiry
}
