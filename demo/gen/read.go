package gen

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tote/warehouse"
)

// The files and their columns, in the order they are written.
const (
	siteFile    = "site.json"
	itemsFile   = "items.csv"
	binsFile    = "bins.csv"
	stockFile   = "stock.csv"
	workersFile = "workers.csv"
	ordersFile  = "orders.csv"
)

var columns = map[string][]string{
	itemsFile:   {"sku", "name", "gtin", "weight_g", "lot_tracked", "barcodes", "tagged"},
	binsFile:    {"bin", "aisle", "cell", "side"},
	stockFile:   {"bin", "sku", "lot", "expiry", "qty"},
	workersFile: {"id", "name", "badge", "kind"},
	ordersFile: {
		"order", "line", "sku", "qty", "name", "street", "postcode", "city", "country",
		"method", "priority", "channel", "payment", "expect",
	},
}

// ErrFile: a file of the shift cannot be understood; the text names the file
// and the line.
var ErrFile = errors.New("gen: bad file")

// Read reads the files in dir.
func Read(dir string) (*Data, error) {
	d := &Data{}
	seen := map[string]bool{} // orders
	text, err := os.ReadFile(filepath.Join(dir, siteFile))
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d.Site); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, siteFile, err)
	}
	for _, f := range []struct {
		name string
		row  func(row)
	}{
		{itemsFile, d.readItem},
		{binsFile, d.readBin},
		{stockFile, d.readStock},
		{workersFile, d.readWorker},
		{ordersFile, func(r row) { d.readOrder(r, seen) }},
	} {
		if err := eachRow(filepath.Join(dir, f.name), columns[f.name], f.row); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Data) readItem(r row) {
	it := warehouse.Item{SKU: r.str("sku"), Name: r.str("name"), GTIN: r.str("gtin"), WeightMg: r.grams("weight_g")}
	it.LotTracked, it.Tagged = r.flag("lot_tracked"), r.flag("tagged")
	if b := r.str("barcodes"); b != "" {
		it.Barcodes = strings.Split(b, ";")
	}
	d.Items = append(d.Items, it)
}

func (d *Data) readBin(r row) {
	d.Bins = append(d.Bins, warehouse.Bin{
		Code: r.str("bin"), Aisle: int(r.number("aisle")), Cell: int(r.number("cell")), Side: r.str("side"),
	})
}

func (d *Data) readStock(r row) {
	d.Stock = append(d.Stock, warehouse.StockRow{
		Bin: r.str("bin"), SKU: r.str("sku"), Lot: r.str("lot"), Expiry: r.str("expiry"), Qty: r.number("qty"),
	})
}

func (d *Data) readWorker(r row) {
	d.Workers = append(d.Workers, warehouse.Worker{ID: r.str("id"), Name: r.str("name"), Badge: r.str("badge"), Kind: r.str("kind")})
}

// readOrder adds a line to its order. The lines of an order stand together and
// say the same of the order itself.
func (d *Data) readOrder(r row, seen map[string]bool) {
	o := Order{
		ID: r.str("order"),
		ShipTo: warehouse.Address{
			Name: r.str("name"), Street: r.str("street"), Postcode: r.str("postcode"),
			City: r.str("city"), Country: r.str("country"),
		},
		Method: r.str("method"), Priority: int(r.number("priority")), Channel: r.str("channel"),
		Payment: r.str("payment"), Expect: Expect(r.str("expect")),
	}
	if o.Payment != PaymentSettled && o.Payment != PaymentPending {
		r.bad("payment", "is neither settled nor pending")
	}
	line := warehouse.OrderLine{Line: int(r.number("line")), SKU: r.str("sku"), Qty: r.number("qty")}
	last := len(d.Orders) - 1
	switch {
	case !seen[o.ID]:
		seen[o.ID] = true
		o.Lines = []warehouse.OrderLine{line}
		d.Orders = append(d.Orders, o)
	case d.Orders[last].ID != o.ID:
		r.bad("order", "stands in two places")
	case !sameHead(d.Orders[last], o):
		r.bad("order", "says something else of the order than the line above")
	default:
		d.Orders[last].Lines = append(d.Orders[last].Lines, line)
	}
}

func sameHead(a, b Order) bool {
	return a.ShipTo == b.ShipTo && a.Method == b.Method && a.Priority == b.Priority &&
		a.Channel == b.Channel && a.Payment == b.Payment && a.Expect == b.Expect
}

// row is one line of a CSV file. The first thing wrong with it sticks.
type row struct {
	columns []string
	fields  []string
	err     *error
}

// eachRow calls fn for every row of a CSV file with exactly these columns.
func eachRow(path string, columns []string, fn func(row)) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := csv.NewReader(f)
	in.FieldsPerRecord = len(columns)
	name := filepath.Base(path)
	head, err := in.Read()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	if !slices.Equal(head, columns) {
		return fmt.Errorf("%w: %s: the columns are %s, want %s", ErrFile, name, strings.Join(head, ","), strings.Join(columns, ","))
	}
	rows, err := in.ReadAll()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	for i, fields := range rows {
		var bad error
		fn(row{columns, fields, &bad})
		if bad != nil {
			return fmt.Errorf("%w: %s, row %d: %w", ErrFile, name, i+2, bad)
		}
	}
	return nil
}

func (r row) str(column string) string { return r.fields[slices.Index(r.columns, column)] }

// flag is true or false; nothing is false.
func (r row) flag(column string) bool {
	switch r.str(column) {
	case "true":
		return true
	case "false", "":
	default:
		r.bad(column, "is neither true nor false")
	}
	return false
}

// number is a whole number of at least 0.
func (r row) number(column string) int64 {
	n, err := strconv.ParseInt(r.str(column), 10, 64)
	if err != nil || n < 0 {
		r.bad(column, "is no whole number")
	}
	return n
}

// grams turns decimal grams into milligrams, exactly.
func (r row) grams(column string) int64 {
	whole, part, _ := strings.Cut(r.str(column), ".")
	if len(part) > 3 {
		r.bad(column, "has more than three decimals")
		return 0
	}
	mg, err := strconv.ParseUint(whole+part+strings.Repeat("0", 3-len(part)), 10, 40)
	if err != nil || whole == "" {
		r.bad(column, "is no weight in grams")
	}
	return int64(mg)
}

func (r row) bad(column, text string) {
	if *r.err == nil {
		*r.err = fmt.Errorf("%s %q %s", column, r.str(column), text)
	}
}
