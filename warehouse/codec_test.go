package warehouse_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// everyCommand has one filled value of each kind.
func everyCommand() []Command {
	return []Command{
		PutSite{Site: testSite()},
		PutItems{Items: testItems()},
		PutBins{Bins: testBins()},
		PutWorkers{Workers: testWorkers()},
		OpenStock{Rows: testStock()},
		release("O1", "CUP*2", "MILK"),
		CancelOrder{Order: "O1", Reason: "customer", Source: "oms/main"},
		RetryOrder{Order: "O1"},
		SignIn{Device: "h1", Badge: "B1", Pin: PinNew, Rev: 1, Hash: "$argon2id$"},
		SignOut{Device: "h1"},
		AskWork{Device: "h1", Bin: "A-01"},
		AssignBatch{Batch: "K1", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1"}, RouteMm: 12, Zone: "A"},
		Scan{Device: "h1", Verb: "item", Barcode: "]C101\x1d", Qty: 2, Task: "O1/1/1"},
		ShortPick{Device: "h1", Task: "O1/1/1", Reason: FalloutStockout},
		FinishBatch{Device: "h1", Barcode: "DROP"},
		StartPack{Station: "pack1", Barcode: "T-1"},
		Pack{Station: "pack1", Order: "O1", WeightMg: 1234, Carton: "S"},
		LabelSent{Job: "J"},
		LabelOutcome{Job: "J", Outcome: JobFailed, Detail: "no paper"},
		Reprint{Job: "J"},
		Load{Dock: "d1", Barcode: "J"},
		Depart{Dock: "d1"},
		AdvanceTime{},
		AssignTransport{Transport: "TR000001", Robot: "R1"},
		TransportState{Transport: "TR000001", Robot: "R1", State: TransportFailed, Code: "ROBOT_LOST", Try: 1},
		RetryTransport{Transport: "TR000001"},
		RobotPick{Worker: "r1", Task: "O1/1/1", Qty: 2, Tote: "T-1", Outcome: PickShort, Code: FalloutStockout, Lot: "L1", Said: "x"},
		PortalPass{Dock: "d1", EPCs: []string{"urn:epc:id:sscc:9521234.3000000001"}, Way: WayOut, From: 1, To: 2, RSSI: []int{-50}},
		UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9521234.3000000001"},
		TagSeen{Tag: "urn:epc:id:sscc:9521234.3000000001", Place: "A-01", At: 1, Gone: true, By: "gw1"},
		Induct{Conveyor: "c1", Barcode: "J", Expires: 1},
		Divert{Conveyor: "c1", Barcode: "J", Lane: "L1"},
		ClearFallout{Fallout: "F000001"},
		MoveStock{From: "bin/A-01", To: "lu/P1", SKU: "MILK", Lot: "L1", Serial: "7", Owner: "ACME", Status: StatusQC, Qty: 1, Second: "B2"},
		SetStatus{Place: "bin/A-01", SKU: "MILK", Lot: "L1", Serial: "7", Owner: "ACME", From: StatusQC, To: StatusDamaged, Qty: 1},
		AdjustStock{Place: "bin/A-01", SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Serial: "7", Owner: "ACME", Status: StatusQC, Qty: -1, Reason: ReasonStolen, Photo: "sha256:00"},
		ApproveAdjust{Adjust: "A000001"},
		RefuseAdjust{Adjust: "A000001"},
		PutLU{LU: "P1", Type: LUPallet, At: "bin/A-01"},
		PlaceLU{LU: "P1", At: "worker/w1"},
		KeepStock{ID: "k1", For: "O1", SKU: "CUP", Owner: "ACME", Qty: 2, Until: 1},
		FreeStock{ID: "k1"},
		ConfirmPack{SKU: "CUP"},
		AcceptQuote{Order: "O1", Revision: 2, Source: "oms/main"},
		DeclineQuote{Order: "O1", Revision: 2, Source: "oms/main"},
		hold("O1", HoldPayment),
		free("O1", HoldPayment),
		EnterOrder{Kit: 7, Order: slip("CUP")},
		BindOrder{Kit: 7, Order: "O7", Source: "oms/main"},
		ProductionDone{Order: "O1", Line: 2},
		PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 2, Lot: "L1"},
		PutSuppliers{Suppliers: testSuppliers()},
		PutVendorCodes{Supplier: "ACME", Codes: []VendorCode{{Code: "A-77", SKU: "CUP"}}},
		AnnounceReceipt{Receipt: testASN(), Source: "oms/main"},
		OpenReceipt{Receipt: "R2", Supplier: "ACME", Owner: "X"},
		CheckReceipt{Receipt: "R1", Name: "seal", Value: "4711", Photo: "p1"},
		CloseReceipt{Receipt: "R1", Confirm: true},
		CancelReceipt{Receipt: "R1", Reason: "sent back"},
		Receive{Receipt: "R1", Barcode: "CUP", Qty: 3, Lot: "L", Expiry: "2026-02-03", Damaged: true, Check: true, Confirm: true},
		ReceiveUnit{Receipt: "R1", LU: "395212340000000014", Serials: []UnitSerial{{SKU: "TEL", Serial: "s1"}}},
		AnnounceTags{Receipt: "R1", EPCs: []string{"E2"}},
		SeeTags{Receipt: "R1", EPCs: []string{"E2"}},
		BookTags{Receipt: "R1", Extra: true},
		ProposeAlias{Barcode: "NEW", SKU: "CUP"},
		DecideAlias{Barcode: "NEW", Accept: true},
		RequestCount{Bin: "A-01", Reason: "cycle", Priority: 3},
		DecideCount{Count: "CT000001", Accept: true, Reason: "MISCOUNTED"},
		ZeroCheck{Device: "h1", Empty: true},
		CountZone{Bins: []string{"A-01"}, EPCs: []string{"E2"}},
		PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "CUP", Min: 2, Max: 8}}},
		AnnounceReturn{Return: "RMA1", Order: "O1", Lines: []ReturnLine{{SKU: "CUP", Expected: 2, Reason: "DAMAGED"}}, Exchange: "O2", Source: "oms/main"},
		ReceiveReturn{Return: "RMA1", Order: "O1", Barcode: "CUP", Lot: "L", Qty: 1, Reason: "DAMAGED", Confirm: true},
		InspectReturn{Return: "RMA1", SKU: "CUP", Lot: "L", Qty: 1, Disposition: DispScrap},
		CloseReturn{Return: "RMA1"},
		CarrierDown{Carrier: "POST", Reason: "strike"},
		CarrierUp{Carrier: "POST"},
		LabelGiven{Job: "J", Carrier: "POST", Tracking: "T1", Type: DocZPL, Body: "^XA^XZ"},
		LabelRefused{Job: "J", Carrier: "POST", Reason: "no"},
		ChangeCarrier{SSCC: "J", Carrier: "POST", Service: "parcel", Reason: "strike"},
		FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "slip", Archive: "box 7"},
		NextCarton{Station: "pack1", Order: "O1", Carton: "L", Lines: []ParcelLine{{Line: 1, SKU: "CUP", Qty: 2, Lot: "L", Serial: "S", Expiry: "2026-01-01"}}},
		PackItem{Station: "pack1", Barcode: "CUP", Qty: 2},
		ReportLost{Parcel: "395212340000000014", Reason: "gone"},
		ReplaceParcel{Parcel: "395212340000000014", Reason: "gone"},
		CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{"395212340000000014"}},
		MeasureItem{SKU: "CUP", LengthMm: 1, WidthMm: 2, HeightMm: 3},
		ReprintDocument{Document: "D000001", Reason: "lost"},
		AckFallout{Fallout: "F000001"},
		ClaimFloor{Device: "h1", Task: "K000001", Of: FloorMove},
		SkipFloor{Device: "h1", Task: "K000001", Reason: "blocked"},
		MoveFloor{Task: "K000001", Worker: "w1", Reason: "closer"},
		EndFloor{Task: "K000001", Reason: "not wanted"},
		AskMove{SKU: "MILK", Lot: "L1", Qty: 2, From: "B-03", To: "B-04", Priority: 1, Reason: "to the front"},
		Unpick{Order: "O1", Line: 1, Bin: "A-01", Qty: 2, Lot: "L1", Serial: "7", Reason: "wrong goods"},
		Unpack{Order: "O1", Tote: "T-9", Supervisor: true, Reason: "wrong goods"},
		Unload{Parcel: "395212340000000014", To: "pack1", Reason: "damaged"},
		ReassignBatch{Batch: "K1", Worker: "w2", Reason: "end of shift"},
		ForceRelease{Batch: "K1", Reason: "gone home"},
		HandOver{Device: "h1", Badge: "B2", Task: "O1/1/1"},
		SkipLine{Device: "h1", Task: "O1/1/1", Reason: "blocked"},
		PrintLabels{Printer: "pack1", What: PrintItem, Labels: []PrintLabel{{Ref: "MILK", Lot: "L1", Expiry: "2026-09-01", Serial: "S"}}},
		PrintSent{Job: "L0000001"},
		PrintOutcome{Job: "L0000001", Outcome: JobPrinted, Detail: "printed"},
		ReprintLabel{Job: "L0000001", Reason: "torn"},
		CancelPrints{Job: "L0000001", Printer: "pack1", Reason: "printer broken"},
		GiveReading{Place: "receipt/R1", DeciC: -185, Sensor: "probe 1"},
		DoubleCheck{Station: "pack1", Badge: "B3"},
		SetPin{Worker: "w1", Hash: "$argon2id$"},
		BookOpening{Zone: "A", Bins: []BinCount{{Bin: "A-01", Sum: "5", Lines: []OpeningLine{{SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Serial: "7", Owner: "ACME", Status: StatusQC, Was: 1, Qty: 2}}, More: true}}, Reason: ReasonRecounted, Recount: true, Last: true},
		ChangeLot{Device: "h1", Barcode: "]C101\x1d", Task: "O1/1/1", Second: "B2"},
		BeginModel{ID: "m1", Hash: "ab12", Note: "aisle 7", Parts: 2, Site: new(testSite()), Counts: ModelCounts{Added: 3, Changed: 2, Removed: 1}},
		StageModel{ID: "m1", N: 1, Part: ModelPart{
			Now: true, Items: testItems(), Bins: []Bin{{Code: "A-01", Aisle: 1, Cell: 2, Side: "L", Class: "C", Zone: "Z"}},
			Workers:   []Worker{{ID: "w1", Name: "Ann", Badge: "B1", Kind: WorkerRobot}},
			DropItems: []string{"CUP"}, DropBins: []string{"B-01"}, DropWorkers: []string{"w2"},
		}},
		CommitModel{ID: "m1"},
		StepModel{ID: "m1"},
		DropModel{ID: "m1"},
	}
}

func TestCodecRoundTrip(t *testing.T) {
	kinds := make(map[uint16]bool)
	for _, c := range everyCommand() {
		kind, version, body, err := Encode(c)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		want := uint16(1)
		switch r := c.(type) {
		case RobotPick:
			if r.Said != "" {
				want = 2
			}
		case ReceiveUnit, MoveStock, AskWork, PortalPass, SignIn:
			want = 2
		}
		if kinds[kind] || kind != uint16(c.Kind()) || version != want || CommandName(c.Kind()) == "" {
			t.Errorf("%T: kind %#04x version %d", c, kind, version)
		}
		kinds[kind] = true
		back, err := Decode(kind, version, body)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		if d := cmp.Diff(c, back); d != "" {
			t.Errorf("%T:\n%s", c, d)
		}
	}
	if len(kinds) != len(Kinds()) {
		t.Errorf("%d kinds tested, the table has %d", len(kinds), len(Kinds()))
	}
}

// The bytes of one command, by hand: field numbers are for ever.
func TestCodecBytes(t *testing.T) {
	_, _, body, err := Encode(Scan{Device: "h1", Barcode: "X", Qty: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(body), "a3"+"01"+"626831"+"03"+"6158"+"04"+"02"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	for _, tt := range []struct {
		name          string
		kind, version uint16
		body          string // hex
		want          error
	}{
		{"good", 0x0112, 1, "a101624f31", nil},
		{"unknown kind", 0x01ff, 1, "a0", ErrUnknownKind},
		{"kind of another package", 0x0201, 1, "a0", ErrUnknownKind},
		{"unknown version", 0x0112, 2, "a101624f31", ErrUnknownVersion},
		{"version 0", 0x0112, 0, "a101624f31", ErrUnknownVersion},
		{"empty", 0x0112, 1, "", ErrMalformed},
		{"cut off", 0x0112, 1, "a101624f", ErrMalformed},
		{"trailing byte", 0x0112, 1, "a101624f3100", ErrMalformed},
		{"unknown field", 0x0112, 1, "a201624f310900", ErrMalformed},
		{"duplicate key", 0x0112, 1, "a201624f3101624f31", ErrMalformed},
		{"text key", 0x0112, 1, "a16131624f31", ErrMalformed},
		{"wrong type", 0x0112, 1, "a10105", ErrMalformed},
		{"null", 0x0112, 1, "f6", ErrMalformed},
		{"no map", 0x0112, 1, "80", ErrMalformed},
		{"missing field", 0x0112, 1, "a0", ErrMalformed},
		{"long form of a number", 0x0112, 1, "a11801624f31", ErrMalformed},
		{"indefinite length", 0x0112, 1, "bf01624f31ff", ErrMalformed},
		{"indefinite string", 0x0112, 1, "a1017f624f31ff", ErrMalformed},
		{"tag", 0x0112, 1, "a101c0624f31", ErrMalformed},
		{"bad UTF-8", 0x0112, 1, "a10162ff31", ErrMalformed},
		{"float for a number", 0x0131, 1, "a301617002616f03f94400", ErrMalformed},
		{"keys out of order", 0x0131, 1, "a3030501617002616f", ErrMalformed},
		{"nested too deep", 0x0101, 1, "a101818181818181818181", ErrMalformed},
		{"array too long", 0x0123, 1, "a1049a00ffffff", ErrMalformed},
	} {
		body, err := hex.DecodeString(tt.body)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Decode(tt.kind, tt.version, body)
		if !errors.Is(err, tt.want) || (err == nil) != (c != nil) {
			t.Errorf("%s: got %v, %v; want %v", tt.name, c, err, tt.want)
		}
	}
	if _, err := Decode(0x0112, 1, make([]byte, MaxBody+1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
}

type foreign struct{}

func (foreign) Kind() Kind { return 0x01f0 }

type liar struct{}

func (liar) Kind() Kind { return KindDepart }

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	if _, _, _, err := Encode(foreign{}); !errors.Is(err, ErrUnknownKind) {
		t.Errorf("foreign kind: %v", err)
	}
	if _, _, _, err := Encode(Scan{Device: "h1", Barcode: "\xff"}); !errors.Is(err, ErrMalformed) {
		t.Errorf("bad UTF-8: %v", err)
	}
	if _, _, _, err := Encode(Scan{Device: "h1", Barcode: strings.Repeat("x", MaxBody)}); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
}

func TestApplyRefusesForeignCommands(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		c    Command
		code string
	}{{foreign{}, CodeUnknownKind}, {liar{}, CodeMalformed}} {
		res, err := Apply(w.tx, w.m, tt.c)
		if err != nil || res.OK || res.Code != tt.code {
			t.Errorf("%T: %+v %v", tt.c, res, err)
		}
	}
	if w.tx.Len() != 0 {
		t.Error("something was written")
	}
}

func TestResultRoundTrip(t *testing.T) {
	r := Result{OK: true, Code: CodeWait, Text: "t", Ref: "r", Next: &Step{Do: StepScanBin, Qty: 3, Lot: "L"}}
	kept := r
	kept.Keep, kept.Touched = true, []string{"pool"}
	b := EncodeResult(kept)
	back, err := DecodeResult(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Error(d)
	}
	for _, bad := range [][]byte{nil, {0x80}, append(bytes.Clone(b), 0), {0xa1, 0x18, 0x63, 0x00}} {
		if _, err := DecodeResult(bad); err == nil {
			t.Errorf("%x was taken", bad)
		}
	}
}

// FuzzDecode: whatever Decode takes comes out as it went in, and Apply neither
// panics nor finds the state corrupt.
func FuzzDecode(f *testing.F) {
	for _, c := range everyCommand() {
		kind, _, body, err := Encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, body)
	}
	f.Add(uint16(KindOpenStock), []byte{0xa1, 1, 0x80})
	w := floor(f)
	w.ok(release("O2", "BAG"))
	w.pick("K2", "w1", "O2")
	w.ok(release("O1", "CUP*2", "MILK"))
	w.assign("K1", "r1", "O1")
	before := w.tx.Snapshot()
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		c, err := Decode(kind, 1, body)
		if err != nil {
			return
		}
		_, _, again, err := Encode(c)
		if err != nil || !bytes.Equal(again, body) {
			t.Fatalf("%x came out as %x: %v", body, again, err)
		}
		w.tx.Rollback(before)
		if _, err := Apply(w.tx, w.m, c); err != nil {
			t.Fatalf("%#v: %v", c, err)
		}
		if bad, err := Invariants(w.tx); err != nil || len(bad) > 0 {
			t.Fatalf("%#v: %v %v", c, bad, err)
		}
	})
}

// Extreme values must be refused, not summed up.
func TestHugeNumbersAreRefused(t *testing.T) {
	w := stocked(t)
	for _, c := range []Command{
		OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: math.MaxInt64}}},
		PutItems{Items: []Item{{SKU: "X", Name: "X", WeightMg: math.MaxInt64}}},
		AssignBatch{Batch: "K", Worker: "w1", Slots: []BatchSlot{{Slot: math.MaxInt64, Order: "O"}}, Walk: []string{"x"}},
	} {
		w.no(c, CodeInvalid)
	}
	s := spec("O1", "CUP")
	s.Lines[0].Qty = math.MaxInt64
	w.no(ReleaseOrder{Order: s}, CodeInvalid)
	w.invariants()
}

// The encoding on disk is the one of the library's core deterministic mode; a
// library that changes it would split the cluster.
func TestLibraryEncodesAsBefore(t *testing.T) {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Marshal(testSite())
	if err != nil {
		t.Fatal(err)
	}
	want := "ac0162573102673935323132333403030462542d051a000186a0061913880" + "70a0819ea6009030aa601020205031903e8041903e805190bb806000b82a6016446415354026765787072657373036246580406050106" + "02a60164504f535402600362504f040805186406" + "1a05f5e0ff0c6444524f50"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What level 4 brought to older commands is a second version of them: a gateway
// without it must not read half of it.
func TestNewFieldsAreANewVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		c    Command
		want uint16
	}{
		"move":           {AskMove{SKU: "CUP", Qty: 1, From: "A-01"}, 1},
		"of an owner":    {AskMove{SKU: "CUP", Qty: 1, From: "A-01", Owner: "acme"}, 2},
		"of a unit":      {AskMove{SKU: "CUP", Qty: 1, From: "A-01", Serial: "S1"}, 2},
		"of a status":    {AskMove{SKU: "CUP", Qty: 1, From: "A-01", Status: StatusQC}, 2},
		"site":           {PutSite{Site: testSite()}, 1},
		"with profiles":  {PutSite{Site: Site{ID: "S", Profiles: []Profile{{Name: "food"}}}}, 2},
		"item":           {PutItems{Items: testItems()}, 1},
		"with a profile": {PutItems{Items: []Item{{SKU: "A"}, {SKU: "B", Profile: "food"}}}, 2},
	} {
		kind, version, body, err := Encode(tc.c)
		if err != nil || version != tc.want || !Speaks(kind, version) {
			t.Errorf("%s: version %d %v", name, version, err)
		}
		if _, err := Decode(kind, version, body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
