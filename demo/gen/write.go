package gen

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Write writes the files into dir, which it makes when it is not there.
func (d *Data) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	site, err := json.MarshalIndent(d.Site, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), append(site, '\n'), 0o644); err != nil {
		return err
	}
	rows := map[string][][]string{}
	add := func(file string, fields ...any) {
		var out []string
		for _, f := range fields {
			out = append(out, fmt.Sprint(f))
		}
		rows[file] = append(rows[file], out)
	}
	for _, it := range d.Items {
		add(itemsFile, it.SKU, it.Name, it.GTIN, grams(it.WeightMg), it.LotTracked, strings.Join(it.Barcodes, ";"), it.Tagged)
	}
	for _, b := range d.Bins {
		add(binsFile, b.Code, b.Aisle, b.Cell, b.Side)
	}
	for _, s := range d.Stock {
		add(stockFile, s.Bin, s.SKU, s.Lot, s.Expiry, s.Qty)
	}
	for _, w := range d.Workers {
		add(workersFile, w.ID, w.Name, w.Badge, w.Kind)
	}
	for _, o := range d.Orders {
		for _, l := range o.Lines {
			add(ordersFile, o.ID, l.Line, l.SKU, l.Qty,
				o.ShipTo.Name, o.ShipTo.Street, o.ShipTo.Postcode, o.ShipTo.City, o.ShipTo.Country,
				o.Method, o.Priority, o.Channel, o.Payment, o.Expect)
		}
	}
	for file, head := range columns {
		var buf bytes.Buffer
		out := csv.NewWriter(&buf)
		if err := out.WriteAll(append([][]string{head}, rows[file]...)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), buf.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// grams writes milligrams as decimal grams without trailing zeros.
func grams(mg int64) string {
	s := strconv.FormatInt(mg/1000, 10)
	if rest := mg % 1000; rest != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%03d", rest), "0")
	}
	return s
}
