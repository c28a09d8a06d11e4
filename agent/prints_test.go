package agent

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"tote/agent/config"
	"tote/gs1"
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
		d, err := a.drawPrint(c.outlets, warehouse.PrintJob{What: c.what, Label: warehouse.PrintLabel{Ref: c.ref}})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || d.Printer != c.from || !bytes.Contains(d.Bytes, []byte(c.contains)) {
			t.Errorf("%s: from %s, %v: %.200q", c.name, d.Printer, err, d.Bytes)
		}
	}
	if _, err := a.drawPrint(at("escpos"), warehouse.PrintJob{What: "pallet"}); err == nil {
		t.Error("drew what nobody knows")
	}
}

// TestTags: with an RFID printer the carton's SSCC and a piece of the site's own
// make are in the job as EPCs of the site's company prefix; others are not.
func TestTags(t *testing.T) {
	tx, sscc := packedSite(t)
	meta := warehouse.Meta{Index: 700, Now: 1, Level: warehouse.Level}
	res, err := warehouse.Apply(tx, meta, warehouse.PutItems{Items: []warehouse.Item{
		{SKU: "OURS", GTIN: "09521234543213", Name: "Ours", WeightMg: 1}, {SKU: "THEIRS", GTIN: "00614141123452", Name: "Theirs", WeightMg: 1},
	}})
	if err != nil || !res.OK {
		t.Fatalf("%+v %v", res, err)
	}
	a := &Agent{cfg: config.Config{Site: "W1"}, store: viewed{tx: tx}}
	on := mediaOf(&config.Printer{Driver: "zpl", Dots: 8, Label: "4x6", RFID: true})
	j, err := warehouse.GetJob(tx, sscc)
	if err != nil {
		t.Fatal(err)
	}
	j.Tracking = "X1"
	job, err := a.labelBytes(on, *j)
	epc, bad := ssccTag(tx, sscc)
	if err != nil || bad != nil || !bytes.Contains(job, []byte("^RFW,H^FD"+epc+"^FS")) {
		t.Errorf("%q: %v %v", epc, err, bad)
	}
	back, err := gs1.DecodeEPC(epc)
	if err != nil || !strings.Contains(back.URI, "sscc:9521234.") {
		t.Errorf("%s is %v %v", epc, back, err)
	}
	outlets := map[string]outlet{outletLabels: {on: on}}
	for _, c := range []struct {
		ref, serial string
		tag, fails  bool
	}{{"OURS", "7", true, false}, {"OURS", "", false, false}, {"THEIRS", "7", false, false}, {"OURS", "S-7", false, true}} {
		d, err := a.drawPrint(outlets, warehouse.PrintJob{What: warehouse.PrintItem, Label: warehouse.PrintLabel{Ref: c.ref, Serial: c.serial}})
		if (d.Tag != "") != c.tag || (err != nil) != c.fails || c.tag && !bytes.Contains(d.Bytes, []byte(d.Tag)) {
			t.Errorf("%+v: %q %v", c, d.Tag, err)
		}
	}
}

// TestLabelsOnRequest: a lead asks for labels at a station; each comes out once and
// has its outcome, and a reprint says who wanted it and why.
func TestLabelsOnRequest(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	prints := func() (list []warehouse.PrintJob) {
		t.Helper()
		code, b := s.call("GET", "/v1/prints?printer=pack1", "", "")
		if code != 200 {
			t.Fatalf("%d %s", code, b)
		}
		s.must(json.Unmarshal(b, &list))
		for _, p := range list {
			if strings.TrimSpace(p.Detail) != p.Detail {
				t.Errorf("%s: detail %q", p.ID, p.Detail)
			}
		}
		return list
	}
	states := func(want string, n int) func() bool {
		return func() bool {
			got := 0
			for _, p := range prints() {
				if p.State == want {
					got++
				}
			}
			return got == n
		}
	}
	// Its line can be looked at under its own name.
	if code, b := s.call("GET", "/v1/devices/"+url.PathEscape("pack1/printer")+"/trace?wait=1", "", ""); code != 200 {
		t.Errorf("trace: %d %s", code, b)
	}
	s.fault("pack1/printer", "paper_out", true)
	s.do(200, "lead", "PrintLabels", `{"printer":"pack1","what":"tote","labels":[{"ref":"T-101"},{"ref":"T-102"},{"ref":"T-103"}]}`)
	s.do(200, "lead", "PrintLabels", `{"printer":"pack1","what":"item","labels":[{"ref":"A1"}]}`)
	s.eventually("four prints wait", states(warehouse.JobRequested, 4))
	if n := s.labels("pack1"); n != 0 {
		t.Errorf("%d labels came out without paper", n)
	}
	s.fault("pack1/printer", "paper_out", false)
	s.eventually("four prints are printed", states(warehouse.JobPrinted, 4))
	if n := s.labels("pack1"); n != 4 {
		t.Errorf("%d labels came out", n)
	}
	s.do(200, "lead", "ReprintLabel", `{"job":"L0000001","reason":"torn"}`)
	s.eventually("the copy is printed", func() bool {
		p := prints()[0]
		return p.ID == "L0000001" && p.State == warehouse.JobPrinted && p.Copies == 2 && p.CopyWhy == "torn" && p.CopyBy != ""
	})
	if n := s.labels("pack1"); n != 5 {
		t.Errorf("%d labels came out", n)
	}
}

// TestSlipsHoldUpNoLabels: the receipt printer of a station has no paper. A slip waits
// for it and says so; labels asked for later come out of the other one.
func TestSlipsHoldUpNoLabels(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", slips: true}
	s.startDevices()
	s.begin()
	s.devicesReady()
	s.fault("pack1/slips", "paper_out", true)
	s.order("O1", "A1", 1)
	s.do(200, "lead", "PrintLabels", `{"printer":"pack1","what":"slip","labels":[{"ref":"O1"}]}`)
	s.do(200, "lead", "PrintLabels", `{"printer":"pack1","what":"tote","labels":[{"ref":"T-101"}]}`)
	is := func(slip, waits, tote string) func() bool {
		return func() bool {
			code, b := s.call("GET", "/v1/prints?printer=pack1", "", "")
			var list []struct{ What, State, Waits string }
			if err := json.Unmarshal(b, &list); code != 200 || err != nil || len(list) != 2 {
				t.Fatalf("%d %s: %v", code, b, err)
			}
			got := map[string]string{}
			for _, p := range list {
				got[p.What] = p.State + " " + p.Waits
			}
			return strings.HasPrefix(got["slip"], slip+" "+waits) && got["tote"] == tote+" "
		}
	}
	s.eventually("the label is printed, the slip waits", is(warehouse.JobRequested, "DEV-302", warehouse.JobPrinted))
	s.fault("pack1/slips", "paper_out", false)
	s.eventually("the slip is printed", is(warehouse.JobPrinted, "", warehouse.JobPrinted))
}
