package agent

import (
	"bytes"
	"strings"
	"testing"

	"tote/agent/config"
	"tote/warehouse"
)

// TestDrawPrint: what is asked for comes out of the printer it is meant for, in
// its language; a slip is the bytes that are archived.
func TestDrawPrint(t *testing.T) {
	tx, sscc := packedSite(t)
	a := &Agent{cfg: config.Config{Site: "W1"}, store: viewed{tx: tx}}
	at := func(drivers ...string) map[string]outlet {
		list := map[string]outlet{}
		for i, d := range drivers {
			if d != "" {
				list[[]string{outletLabels, outletSlips}[i]] = outlet{on: mediaOf(&config.Printer{Driver: d, Dots: 8, Label: "4x6"})}
			}
		}
		return list
	}
	for _, c := range []struct {
		name     string
		outlets  map[string]outlet
		what     string
		ref      string
		from     string
		contains string
		err      string
	}{
		{"bin in ZPL", at("zpl"), warehouse.PrintBin, "A", outletLabels, ">:A^FS", ""},
		{"bin in TSPL", at("tspl"), warehouse.PrintBin, "A", outletLabels, "PRINT 1,1", ""},
		{"tote, slips printer there", at("zpl", "escpos"), warehouse.PrintTote, "T-7", outletLabels, "T-7", ""},
		{"tote, only a slips printer", at("", "escpos"), warehouse.PrintTote, "T-7", outletSlips, "{BT-7", ""},
		{"item", at("epl2"), warehouse.PrintItem, "CUP", outletLabels, "\"CUP\"", ""},
		{"slip in ZPL", at("zpl"), warehouse.PrintSlip, "O1", outletLabels, "PACKING SLIP O1", ""},
		{"slip on a receipt", at("zpl", "escpos"), warehouse.PrintSlip, "O1", outletSlips, "PACKING SLIP O1", ""},
		{"slip of a parcel", at("tspl"), warehouse.PrintSlip, sscc, "", "", "papers"},
		{"bin that went", at("zpl"), warehouse.PrintBin, "Z", "", "", "no bin Z"},
	} {
		name, job, err := a.drawPrint(c.outlets, warehouse.PrintJob{What: c.what, Label: warehouse.PrintLabel{Ref: c.ref}})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || name != c.from || !bytes.Contains(job, []byte(c.contains)) {
			t.Errorf("%s: from %s, %v: %.200q", c.name, name, err, job)
		}
	}
	if _, _, err := a.drawPrint(at("escpos"), warehouse.PrintJob{What: "pallet"}); err == nil {
		t.Error("drew what nobody knows")
	}
}
