package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"tote/agent/intake"
	"tote/agent/opening"
	"tote/warehouse"
)

// twoZones is a site before it goes live: zones A and B and a bin without one.
func twoZones(t *testing.T) *fake {
	t.Helper()
	g := newFake(t)
	g.want(http.StatusOK, g.put("/v1/site", siteJSON))
	g.want(http.StatusOK, g.csv("items", "sku,name,weight_g,lot_tracked,serials,class,gtin,length_mm,width_mm,height_mm\n"+
		"TEA,Tea,100,,,,,,,\nMILK,Milk,1000,true,,,,,,\nTEL,Phone,180,,true,,,,,\nICE,Ice,500,,,COLD,,100,100,100\n00123,Old number,5,,,,04006381333931,,,\n"))
	g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell,zone,class,max_g,max_ml\nA-1,0,0,A,,,\nA-2,0,1,A,,2000,\nB-1,1,0,B,COLD,,5000\nB-2,1,1,B,,,\nX-1,1,2,,,,\n"))
	g.done = nil
	return g
}

func (g *fake) count(query, file string) response {
	g.t.Helper()
	return g.call("POST", "/v1/openings"+query, "text/csv", strings.NewReader(file))
}

func (g *fake) opened(query, file string) Opened {
	g.t.Helper()
	return decode[Opened](g.t, g.want(http.StatusOK, g.count(query, file)))
}

// exported is what the site holds, as tote export stock says it.
func (g *fake) exported() string {
	g.t.Helper()
	rec := httptest.NewRecorder()
	g.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/v1/export/stock?columns=bin,sku,lot,qty,owner,serial", nil))
	return rec.Body.String()
}

// holds proves that what the site holds came from somewhere.
func (g *fake) holds(o Opened, site, open int64) {
	g.t.Helper()
	sum := o.Site
	for _, n := range o.Virtual {
		sum += n
	}
	if o.Site != site || o.Virtual["opening"] != open || sum != 0 {
		g.t.Errorf("site %d, virtual %v", o.Site, o.Virtual)
	}
	if rep, err := warehouse.LedgerCheck(g.tx); err != nil || !rep.OK {
		g.t.Errorf("ledger: %+v, %v", rep, err)
	}
}

// counted is a file of both zones as a spreadsheet here writes it.
const counted = "\ufeffsku;Bin;qty;lot;expiry;serial;owner\r\n" +
	"TEA;A-1;12;;;;\r\nTEA;A-1;3;;;;ACME\r\nMILK;A-2;1;L1;2026-05-01;;\r\n\"TEL\";B-1;1;;;S1;\r\nTEL;B-1;1;;;S2;\r\nTEA;X-1;7;;;;\r\n;B-2;0;;;;\r\n;;;;;;\r\n\r\n"

func TestOpeningZoneByZone(t *testing.T) {
	g := twoZones(t)
	dry := g.opened("?zone=A&dry=1", counted)
	if len(g.done) > 0 || !dry.Dry || dry.Commands != 1 || dry.Bins != 2 || dry.Skipped != 4 || dry.Counts[opening.New] != 3 || dry.Site != 0 {
		t.Errorf("a dry run: %+v, proposed %d", dry, len(g.done))
	}
	a := g.opened("?zone=A", counted)
	g.holds(a, 16, -16)
	if a.Booked != 3 || len(a.Totals) != 2 || a.Totals[0] != (opening.Total{Zone: "A", Bins: 2, Positions: 2, Counted: 13}) ||
		a.Totals[1] != (opening.Total{Zone: "A", Owner: "ACME", Bins: 1, Positions: 1, Counted: 3}) {
		t.Errorf("%+v", a)
	}
	zones := decode[[]ZoneOpening](t, g.want(http.StatusOK, g.get("/v1/openings")))
	if len(zones) != 3 || zones[0].ID != "OC000001" || zones[0].Bins != 2 || zones[0].Live == 0 || zones[1].ID != "" || zones[1].Of != 2 {
		t.Errorf("%+v", zones)
	}
	// Zone A works, and the file comes again, whole this time.
	g.want(http.StatusOK, g.post("/v1/do/MoveStock", `{"from":"bin/A-1","to":"bin/A-2","sku":"TEA","qty":2}`))
	all := g.opened("", counted)
	g.holds(all, 25, -25)
	if all.Done != 2 || all.Booked != 3 || all.Counts[opening.Done] != 4 || all.NotThere != 0 {
		t.Errorf("%+v", all)
	}
	want := "bin,sku,lot,qty,owner,serial\nA-1,TEA,,10,,\nA-1,TEA,,3,ACME,\nA-2,MILK,L1,1,,\nA-2,TEA,,2,,\nB-1,TEL,,1,,S1\nB-1,TEL,,1,,S2\nX-1,TEA,,7,,\n"
	if got := g.exported(); got != want {
		t.Errorf("exported\n%s", got)
	}
	g.done = nil
	again := g.opened("", counted)
	if len(g.done) > 0 || again.Commands != 0 || again.Done != 5 || g.exported() != want {
		t.Errorf("the file again: %+v, proposed %d", again, len(g.done))
	}
}

// What was worked on is never overwritten in silence, and a count that changes says
// why.
func TestOpeningCountedAnew(t *testing.T) {
	g := twoZones(t)
	const head = "bin,item,quantity\n" // as people call them
	g.opened("", head+"A-1,TEA,12\nA-2,TEA,4\n")
	g.done = nil
	g.refused(http.StatusConflict, opening.CodeReason, g.count("", head+"A-1,TEA,11\n"))
	g.refused(http.StatusConflict, opening.CodeReason, g.count("?reason=STOLEN", head+"A-1,TEA,11\n"))
	less := g.opened("?reason=RECOUNTED", head+"A-1,TEA,11\n")
	g.holds(less, 15, -15)
	g.want(http.StatusOK, g.post("/v1/do/MoveStock", `{"from":"bin/A-1","to":"bin/B-2","sku":"TEA","qty":1}`))
	g.done = nil
	no := g.refused(http.StatusConflict, warehouse.CodeBinWorkedOn, g.count("?reason=RECOUNTED", head+"A-2,TEA,5\nA-1,TEA,8\nB-2,TEA,2\n"))
	if len(no.Problems) != 2 || no.Problems[0].Line != 3 || no.Problems[1].Line != 4 || no.Problems[0].Do == "" {
		t.Errorf("%+v", no)
	}
	anew := g.opened("?reason=RECOUNTED&recount=1", head+"A-2,TEA,5\nA-1,TEA,8\nB-2,TEA,2\n")
	if anew.Counts[opening.More] != 2 || anew.Counts[opening.Less] != 1 || anew.Virtual["adjustment"] != 1 {
		t.Errorf("%+v", anew)
	}
	g.holds(anew, 15, -16)
	// Orders count on what is not there.
	g.want(http.StatusOK, g.csv("orders", "order,line,sku,qty,name,street,postcode,city,country\nO1,1,TEA,8,Eve,Road 1,1000,Town,DE\n"))
	g.done = nil
	g.refused(http.StatusConflict, opening.CodeReserved, g.count("?reason=RECOUNTED", head+"A-1,TEA,1\n"))
	if fewer := g.opened("?reason=RECOUNTED&recount=1", head+"A-1,TEA,1\n"); fewer.Booked != 1 {
		t.Errorf("%+v", fewer)
	}
}

// Each bad row is named, with its place, and nothing of the file is booked.
func TestOpeningOfABadFile(t *testing.T) {
	const head = "bin;sku;qty;lot;expiry;serial\n"
	for name, tc := range map[string]struct{ rows, code, text string }{
		"unknown bin":         {"A-9;TEA;1;;;", warehouse.CodeUnknownBin, "no bin A-9"},
		"unknown item":        {"A-1;TEE;1;;;", warehouse.CodeUnknownItem, "no item TEE"},
		"lost zeros":          {"A-1;123;1;;;", warehouse.CodeUnknownItem, "00123 is there: a spreadsheet takes leading zeros away"},
		"a GTIN without them": {"A-1;4006381333931;1;;;", warehouse.CodeUnknownItem, "barcode of 00123"},
		"lot missing":         {"A-1;MILK;1;;;", opening.CodeLotMissing, "MILK is kept by lot"},
		"a lot of none":       {"A-1;TEA;1;L1;;", warehouse.CodeInvalid, "not kept by lot"},
		"no serial":           {"A-1;TEL;1;;;", warehouse.CodeInvalid, "each unit of TEL has a serial"},
		"two of a serial":     {"A-1;TEL;2;;;S", warehouse.CodeInvalid, "a serial is one unit"},
		"serial twice":        {"A-1;TEL;1;;;S\nA-2;TEL;1;;;S", intake.CodeDuplicate, "stands twice"},
		"position twice":      {"A-1;TEA;1;;;\nA-1;TEA;2;;;", intake.CodeDuplicate, "stands twice"},
		"lot of two dates":    {"A-1;MILK;1;L1;2026-05-01;\nA-2;MILK;1;L1;2026-05-02;", intake.CodeValue, "ends on 2026-05-01 in another row"},
		"shortened":           {"A-1;TEA;1E+05;;;", intake.CodeValue, "a spreadsheet shortened it"},
		"shortened serial":    {"A-1;TEL;1;;;4,00638E+12", intake.CodeValue, "its digits are lost"},
		"thousands":           {"A-1;TEA;1.000;;;", intake.CodeValue, "without thousand separators"},
		"thousands, thin":     {"A-1;TEA;1\u202f000;;;", intake.CodeValue, "without thousand separators"},
		"a part":              {"A-1;TEA;1,5;;;", intake.CodeValue, "is not a whole number"},
		"less than none":      {"A-1;TEA;-1;;;", intake.CodeValue, "is not a whole number from 0"},
		"no quantity":         {"A-1;TEA;;;;", intake.CodeValue, "must not be empty"},
		"German day":          {"A-1;MILK;1;L1;31.12.2026;", intake.CodeValue, "is not a date as 2026-12-31"},
		"fewer fields":        {"A-1;TEA;1", intake.CodeCSV, "wrong number of fields"},
	} {
		t.Run(name, func(t *testing.T) {
			g := twoZones(t)
			no := g.refused(http.StatusConflict, tc.code, g.count("", head+tc.rows+"\nA-2;TEA;1;;;\n"))
			if !strings.Contains(no.Text, tc.text) || no.Problems[0].Line < 2 {
				t.Errorf("%+v", no)
			}
			if dry := g.opened("?dry=1", head+tc.rows+"\n"); len(dry.Problems) == 0 || dry.Problems[0].Do == "" {
				t.Errorf("a dry run: %+v", dry)
			}
		})
	}
	for name, tc := range map[string]struct{ file, text string }{
		"German": {"Lagerplatz;Artikelnummer;Menge\nA-1;TEA;1\n", `"lagerplatz" is called "bin" here`},
		"typo":   {"bin;sku;qty;seriall\n", `did you mean "serial"?`},
		"UTF-16": {"\xff\xfeb\x00i\x00n\x00", "save it as CSV UTF-8"},
		"latin1": {"bin;sku;qty;owner\nA-1;TEA;1;M\xfcller\n", "save the file as CSV UTF-8"},
		"pipes":  {"sep=|\nbin|sku|qty\n", "separated by a comma, a semicolon or a tab"},
	} {
		t.Run(name, func(t *testing.T) {
			g := twoZones(t)
			if r := g.want(http.StatusConflict, g.count("", tc.file)).refusal(t); !strings.Contains(r.Text, tc.text) {
				t.Errorf("%+v", r)
			}
		})
	}
	g := twoZones(t)
	var rows strings.Builder
	for i := range 250 {
		fmt.Fprintf(&rows, "Z-%d;TEA;1;;;\n", i)
	}
	if no := g.refused(http.StatusConflict, warehouse.CodeUnknownBin, g.count("", head+rows.String())); len(no.Problems) != 100 || no.More != 150 {
		t.Errorf("%d problems and %d more", len(no.Problems), no.More)
	}
}

// What should not lie there and does is booked, and said.
func TestOpeningWarns(t *testing.T) {
	g := twoZones(t)
	o := g.opened("", "sep=,\nbin,sku,qty,lot,expiry\nA-1,MILK,1,L0,2025-12-31\nA-2,TEA,21,,\nB-2,ICE,1,,\nB-1,ICE,6,,\n")
	for _, code := range []string{opening.CodeLotExpired, opening.CodeOverweight, opening.CodeBinClass, opening.CodeOverfull} {
		if o.Warnings[code] != 1 || !slices.ContainsFunc(o.Positions, func(p opening.Position) bool { return p.Warning == code && p.Text != "" }) {
			t.Errorf("%s: %v, %+v", code, o.Warnings, o.Positions)
		}
	}
	if o.Booked != 4 {
		t.Errorf("%+v", o)
	}
}

// A file of many bins, with one of more serials than a command takes, is cut off at
// every command: by a power cut before or behind it, or by a leader that is lost with
// the answer. Another run goes on, and nothing counts twice.
func TestOpeningThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file strings.Builder
		file.WriteString("bin,sku,qty,serial\nA-1,TEA,5,\n")
		for i := range 400 {
			fmt.Fprintf(&file, "A-2,TEL,1,S%d\n", i)
		}
		file.WriteString("B-1,TEA,6,\nX-1,TEA,7,\n")
		whole := twoZones(t)
		n := whole.opened("", file.String()).Commands
		if n < 4 {
			t.Fatalf("%d commands", n)
		}
		want := whole.exported()
		for cut := range n {
			for _, applied := range []bool{false, true} {
				g := twoZones(t)
				g.cutAt, g.cutApplied = cut+1, applied
				if r := g.count("", file.String()); r.status != http.StatusServiceUnavailable {
					t.Fatalf("cut at %d: %d %s", cut, r.status, r.body)
				}
				g.cutAt = 0
				o := g.opened("", file.String())
				g.holds(o, 418, -418)
				if got := g.exported(); got != want {
					t.Errorf("cut at %d, applied %v:\n%s", cut, applied, got)
				}
				g.done = nil
				if again := g.opened("", file.String()); len(g.done) > 0 || again.Done != 4 {
					t.Errorf("cut at %d, applied %v: again %+v", cut, applied, again.Report.Counts)
				}
			}
		}
		g := twoZones(t)
		g.lose = 3 // answers
		o := g.opened("", file.String())
		g.holds(o, 418, -418)
	})
}

// Who asks for it sees how far it is, and a refusal in the middle as the last line.
func TestOpeningProgress(t *testing.T) {
	g := twoZones(t)
	req := httptest.NewRequest("POST", "/v1/openings", strings.NewReader("bin,sku,qty\nA-1,TEA,5\nB-2,TEA,1\n"))
	req.Header.Set("Accept", MediaProgress)
	req.Header.Set("Content-Type", "text/csv")
	r := httptest.NewRecorder()
	g.handler.ServeHTTP(r, req)
	lines := bytes.Split(bytes.TrimSpace(r.Body.Bytes()), []byte("\n"))
	var last Opened
	if r.Header().Get("Content-Type") != MediaProgress || len(lines) < 2 || string(lines[len(lines)-2]) != `{"booked":2,"of":2}` ||
		json.Unmarshal(lines[len(lines)-1], &last) != nil || last.Booked != 2 {
		t.Errorf("%s", r.Body)
	}
}

// Master data is compared too: only what is new or changed is written, and what the
// site would refuse refuses the file, each row with its own reason.
func TestImportIsCompared(t *testing.T) {
	g := twoZones(t)
	const head = "bin,aisle,cell,zone\n"
	dry := decode[Imported](t, g.want(http.StatusOK, g.csv("bins?dry=1", head+"A-1,0,0,A\nA-2,0,1,B\nC-1,0,3,\n")))
	if len(g.done) > 0 || dry.Rows != 3 || dry.New != 1 || dry.Changed != 1 || dry.Same != 1 || len(dry.Changes) != 2 ||
		fmt.Sprint(dry.Changes[0]) != "{3 A-2 changed [{zone A B} {max_g 2000 }]}" || dry.Changes[1].What != intake.RowNew {
		t.Errorf("%+v", dry)
	}
	got := decode[Imported](t, g.want(http.StatusOK, g.csv("bins", head+"A-1,0,0,A\nC-1,0,3,\n")))
	if got.Applied != 1 || len(g.done) != 1 || len(g.done[0].(warehouse.PutBins).Bins) != 1 {
		t.Errorf("%+v, %+v", got, g.done)
	}
	g.done = nil
	if again := decode[Imported](t, g.want(http.StatusOK, g.csv("bins", head+"A-1,0,0,A\nC-1,0,3,\n"))); again.Commands != 0 || again.Same != 2 || len(g.done) > 0 {
		t.Errorf("again: %+v", again)
	}
	for kind, file := range map[string]string{
		"bins":    head + "A-1,0,0,A\nD-1,7,0,\nD-2,0,0,\nD-3,0,9,\n",
		"items":   "sku,name,weight_g,gtin\nTEA,Tea,100,\nNEW,New,5,12345678901234\nN2,New,5,\nN3,New,5,04006381333931\n",
		"workers": "id,name,badge\nW1,Ann,B1\nW/2,Bob,B2\nW3,Cid,B3\nW4,Dan,B 4\n",
	} {
		no := g.refused(http.StatusConflict, warehouse.CodeInvalid, g.csv(kind, file))
		if len(no.Problems) != 2 || no.Problems[0].Line != 3 || no.Problems[1].Line != 5 || no.Problems[0].Do == "" {
			t.Errorf("%s: %+v", kind, no)
		}
	}
	// Numbers a spreadsheet spoiled.
	for file, text := range map[string]string{
		"sku;name;weight_g;gtin\nN;New;5;4006381333931\n":    "04006381333931 has a good check digit",
		"sku;name;weight_g;gtin\nN;New;5;4,00638E+12\n":      "its digits are lost",
		"sku;name;weight_g\nN;New;1.000\n":                   "without thousand separators",
		"sku,name,weight_g,barcodes\nN,New,5,X\nM,Mew,5,X\n": `"X" is a barcode of N as well`,
	} {
		if no := g.want(http.StatusUnprocessableEntity, g.csv("items", file)).refusal(t); !strings.Contains(no.Text, text) {
			t.Errorf("%q: %+v", file, no)
		}
	}
	if ok := decode[Imported](t, g.want(http.StatusOK, g.csv("items", "sku;name;weight_g\nN;New;12,5\n"))); ok.New != 1 {
		t.Errorf("%+v", ok)
	}
	if it, err := warehouse.GetItem(g.tx, "N"); err != nil || it.WeightMg != 12_500 {
		t.Errorf("%+v, %v", it, err)
	}
}

var errCut = errors.New("cut off")
