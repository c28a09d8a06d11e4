package warehouse

// Kind numbers a command on disk and on the wire. Changing one breaks every
// stored log.
type Kind uint16

// The command kinds of this package are 0x0100..0x01ff.
const (
	KindPutSite      Kind = 0x0101
	KindPutItems     Kind = 0x0102
	KindPutBins      Kind = 0x0103
	KindPutWorkers   Kind = 0x0104
	KindOpenStock    Kind = 0x0105
	KindReleaseOrder Kind = 0x0110
	KindCancelOrder  Kind = 0x0111
	KindRetryOrder   Kind = 0x0112
	KindSignIn       Kind = 0x0120
	KindSignOut      Kind = 0x0121
	KindAskWork      Kind = 0x0122
	KindAssignBatch  Kind = 0x0123
	KindScan         Kind = 0x0124
	KindShortPick    Kind = 0x0125
	KindFinishBatch  Kind = 0x0126
	KindStartPack    Kind = 0x0130
	KindPack         Kind = 0x0131
	KindLabelSent    Kind = 0x0132
	KindLabelOutcome Kind = 0x0133
	KindReprint      Kind = 0x0134
	KindLoad         Kind = 0x0140
	KindDepart       Kind = 0x0141
	KindAdvanceTime  Kind = 0x0150

	KindAssignTransport Kind = 0x0160
	KindTransportState  Kind = 0x0161
	KindRetryTransport  Kind = 0x0162
	KindRobotPick       Kind = 0x0163
	KindPortalPass      Kind = 0x0164
	KindUnitCameIn      Kind = 0x0169
	KindTagSeen         Kind = 0x016a
	KindInduct          Kind = 0x0165
	KindDivert          Kind = 0x0166
	KindClearFallout    Kind = 0x0167

	KindPrintLabels  Kind = 0x0170
	KindPrintSent    Kind = 0x0171
	KindPrintOutcome Kind = 0x0172
	KindReprintLabel Kind = 0x0173
	KindCancelPrints Kind = 0x0174

	KindBookOpening Kind = 0x0175
	KindSetPin      Kind = 0x0176

	KindAcceptQuote    Kind = 0x0113
	KindDeclineQuote   Kind = 0x0114
	KindHoldOrder      Kind = 0x0115
	KindReleaseHold    Kind = 0x0116
	KindBindOrder      Kind = 0x0117
	KindEnterOrder     Kind = 0x0118
	KindProductionDone Kind = 0x0119
	KindPutBack        Kind = 0x011a
	KindAckFallout     Kind = 0x0168

	KindMoveStock       Kind = 0x0180
	KindSetStatus       Kind = 0x0181
	KindAdjustStock     Kind = 0x0182
	KindApproveAdjust   Kind = 0x0183
	KindRefuseAdjust    Kind = 0x0184
	KindPutLU           Kind = 0x0185
	KindPlaceLU         Kind = 0x0186
	KindKeepStock       Kind = 0x0187
	KindFreeStock       Kind = 0x0188
	KindConfirmPack     Kind = 0x0189
	KindBeginModel      Kind = 0x018a
	KindStageModel      Kind = 0x018b
	KindCommitModel     Kind = 0x018c
	KindStepModel       Kind = 0x018d
	KindDropModel       Kind = 0x018e
	KindPutSuppliers    Kind = 0x01b0
	KindPutVendorCodes  Kind = 0x01b1
	KindAnnounceReceipt Kind = 0x01b2
	KindOpenReceipt     Kind = 0x01b3
	KindCheckReceipt    Kind = 0x01b4
	KindCloseReceipt    Kind = 0x01b5
	KindCancelReceipt   Kind = 0x01b6
	KindReceive         Kind = 0x01b7
	KindReceiveUnit     Kind = 0x01b8
	KindAnnounceTags    Kind = 0x01b9
	KindSeeTags         Kind = 0x01ba
	KindBookTags        Kind = 0x01bb
	KindProposeAlias    Kind = 0x01bc
	KindDecideAlias     Kind = 0x01bd

	KindRequestCount Kind = 0x01c0
	KindDecideCount  Kind = 0x01c1
	KindZeroCheck    Kind = 0x01c2
	KindCountZone    Kind = 0x01c3
	KindPutPickFaces Kind = 0x01c4

	KindAnnounceReturn Kind = 0x01e0
	KindReceiveReturn  Kind = 0x01e1
	KindInspectReturn  Kind = 0x01e2
	KindCloseReturn    Kind = 0x01e3

	KindCarrierDown Kind = 0x01d0
	KindCarrierUp   Kind = 0x01d1

	KindLabelGiven      Kind = 0x01d2
	KindLabelRefused    Kind = 0x01d3
	KindChangeCarrier   Kind = 0x01d4
	KindFileDocument    Kind = 0x01d5
	KindReprintDocument Kind = 0x01d6
	KindMeasureItem     Kind = 0x01d7
	KindCloseManifest   Kind = 0x01d8
	KindNextCarton      Kind = 0x01d9
	KindPackItem        Kind = 0x01da
	KindReportLost      Kind = 0x01db
	KindReplaceParcel   Kind = 0x01dc

	KindClaimFloor Kind = 0x01a0
	KindSkipFloor  Kind = 0x01a1
	KindMoveFloor  Kind = 0x01a2
	KindEndFloor   Kind = 0x01a3
	KindAskMove    Kind = 0x01a4

	KindUnpick        Kind = 0x01a5
	KindUnpack        Kind = 0x01a6
	KindUnload        Kind = 0x01a7
	KindReassignBatch Kind = 0x01a8
	KindForceRelease  Kind = 0x01a9
	KindHandOver      Kind = 0x01aa
	KindSkipLine      Kind = 0x01ab
	KindChangeLot     Kind = 0x01ac
	KindGiveReading   Kind = 0x01ad
	KindDoubleCheck   Kind = 0x01ae
)

// Command is one versioned change. The concrete types are those below; each is
// listed once, with its kind, version and handler, in the table of apply.go.
type Command interface{ Kind() Kind }

type (
	// PutSite sets the rules of the site.
	PutSite struct {
		Site Site `cbor:"1,keyasint"`
	}
	// PutItems adds or replaces items by SKU. All or nothing.
	PutItems struct {
		Items []Item `cbor:"1,keyasint" json:"items"`
	}
	// PutBins adds or replaces bins by code. All or nothing.
	PutBins struct {
		Bins []Bin `cbor:"1,keyasint" json:"bins"`
	}
	// PutWorkers adds or replaces workers by id. All or nothing.
	PutWorkers struct {
		Workers []Worker `cbor:"1,keyasint" json:"workers"`
	}
	// OpenStock books counted stock from the virtual place "opening". All
	// or nothing. Orders that waited for the items are tried again. Ref,
	// when set, names the count: the same Ref again books nothing, so that
	// a file may be run twice.
	OpenStock struct {
		Rows []StockRow `cbor:"1,keyasint" json:"rows"`
		Ref  string     `cbor:"2,keyasint,omitempty" json:"ref,omitempty"`
	}
	// StockRow is one counted position.
	StockRow struct {
		Bin    string `cbor:"1,keyasint" json:"bin"`
		SKU    string `cbor:"2,keyasint" json:"sku"`
		Lot    string `cbor:"3,keyasint,omitempty" json:"lot,omitempty"`
		Expiry string `cbor:"4,keyasint,omitempty" json:"expiry,omitempty"` // YYYY-MM-DD
		Qty    int64  `cbor:"5,keyasint" json:"qty"`
		Owner  string `cbor:"6,keyasint,omitempty" json:"owner,omitempty"`  // consignor; "" = the house
		Serial string `cbor:"7,keyasint,omitempty" json:"serial,omitempty"` // of items with serials; Qty is 1
		Status string `cbor:"8,keyasint,omitempty" json:"status,omitempty"` // StatusSellable … StatusQuarantined
	}

	// ReleaseOrder takes an order in: validate, allocate with reservation
	// first-expired-first-out, admit to the pool. The same revision with
	// the same content again is a no-op; other content is CONFLICT.
	ReleaseOrder struct {
		Order  OrderSpec `cbor:"1,keyasint" json:"order"`
		Source string    `cbor:"2,keyasint" json:"source"` // "oms/<name>", "site"
	}
	// CancelOrder withdraws an order before its soft point of no return.
	CancelOrder struct {
		Order  string `cbor:"1,keyasint" json:"order"`
		Reason string `cbor:"2,keyasint,omitempty" json:"reason,omitempty"`
		Source string `cbor:"3,keyasint" json:"source"`
	}
	// RetryOrder clears the open fallouts of an order and lets it go on
	// from where it was parked.
	RetryOrder struct {
		Order string `cbor:"1,keyasint" json:"order"`
	}

	// SignIn binds the worker of a badge to a handheld. Running work comes
	// back with the answer.
	SignIn struct {
		Device string `cbor:"1,keyasint"`
		Badge  string `cbor:"2,keyasint"`
		// Pin is what the gateway says of the PIN that came with it (PinRight …),
		// Rev the hash it was compared with, Hash that of a first PIN (pin.go).
		Pin  string `cbor:"3,keyasint,omitempty"`
		Rev  uint64 `cbor:"4,keyasint,omitempty"`
		Hash string `cbor:"5,keyasint,omitempty"`
	}
	// SignOut unbinds; refused while a batch is active.
	SignOut struct {
		Device string `cbor:"1,keyasint"`
	}
	// AskWork says that the worker wants a batch. Answer WAIT; the batch
	// arrives on the retained task topic.
	AskWork struct {
		Device string `cbor:"1,keyasint"`
		Bin    string `cbor:"2,keyasint,omitempty"` // one of the zone to work in; "" = wherever work is
	}
	// AssignBatch hands planned work to a waiting worker. Refused as a
	// whole (POOL_CHANGED) if any task is no longer open.
	AssignBatch struct {
		Batch   string      `cbor:"1,keyasint"`
		Worker  string      `cbor:"2,keyasint"`
		Slots   []BatchSlot `cbor:"3,keyasint"` // Slot and Order only
		Walk    []string    `cbor:"4,keyasint"`
		RouteMm int64       `cbor:"5,keyasint"`
		Zone    string      `cbor:"6,keyasint,omitempty"` // only what lies in this zone; "" = all of the orders
	}
	// Scan is one barcode scanned by a worker with work: bin, item or
	// tote. The step of the batch says which is expected. Verb names what
	// the handheld thinks it scans ("bin", "item", "slot"; "" = whatever
	// is next) and is refused as WRONG_STEP when it disagrees. Task, when
	// set, must be the current task (REPLAY_INVALID otherwise).
	Scan struct {
		Device  string `cbor:"1,keyasint"`
		Verb    string `cbor:"2,keyasint,omitempty"`
		Barcode string `cbor:"3,keyasint"`
		Qty     int64  `cbor:"4,keyasint,omitempty"` // item only: 0 = 1
		Task    string `cbor:"5,keyasint,omitempty"`
	}
	// ShortPick says that the bin holds no more than what was scanned so
	// far. The rest is reserved elsewhere and appended to the walk, or the
	// line goes short with a fallout.
	ShortPick struct {
		Device string `cbor:"1,keyasint"`
		Task   string `cbor:"2,keyasint,omitempty"`
		Reason string `cbor:"3,keyasint"` // a short-pick code of codes.go
	}
	// FinishBatch puts the totes down at the pack drop.
	FinishBatch struct {
		Device  string `cbor:"1,keyasint"`
		Barcode string `cbor:"2,keyasint"` // of the pack drop
	}

	// StartPack begins packing the tote's order at a station.
	StartPack struct {
		Station string `cbor:"1,keyasint"`
		Barcode string `cbor:"2,keyasint"`
	}
	// Pack closes the carton with its stable gross weight. Outside the
	// tolerance: WEIGHT_MISMATCH, the order is parked, the station free.
	// Inside: contents move into a carton with a new SSCC, a carrier and
	// tracking number are assigned and a label job is requested.
	Pack struct {
		Station  string `cbor:"1,keyasint"`
		Order    string `cbor:"2,keyasint"`
		WeightMg int64  `cbor:"3,keyasint"`
		Carton   string `cbor:"4,keyasint,omitempty"` // taken instead of the one suggested
	}
	// LabelSent must be committed before the first byte leaves for the
	// printer: the hard point of no return. Tracking is the number on the
	// label, which a job that had another label before asks for: the one
	// that was being drawn then must not come out as the new one.
	LabelSent struct {
		Job      string `cbor:"1,keyasint"`
		Tracking string `cbor:"2,keyasint,omitempty"`
	}
	// LabelOutcome is what became of a sent label.
	LabelOutcome struct {
		Job     string `cbor:"1,keyasint"`
		Outcome string `cbor:"2,keyasint"` // JobPrinted, JobFailed, JobUnknown
		Detail  string `cbor:"3,keyasint,omitempty"`
	}
	// Reprint asks for one more copy of a label whose outcome is failed or
	// unknown, with the same SSCC. A person's act.
	Reprint struct {
		Job string `cbor:"1,keyasint" json:"job"`
	}

	// Load puts a labelled parcel on the truck at a dock.
	Load struct {
		Dock    string `cbor:"1,keyasint"`
		Barcode string `cbor:"2,keyasint"` // SSCC, bare or as element string
	}
	// Depart hands everything loaded at a dock to the carrier: shipped.
	Depart struct {
		Dock string `cbor:"1,keyasint"`
	}

	// AdvanceTime ends what is due at Meta.Now (leases). Proposed only
	// when [NextDue] says so.
	AdvanceTime struct{}

	// AssignTransport gives a requested transport to a robot, one at a
	// time each. The same again is a no-op; TRANSPORT_TAKEN when another
	// robot was faster, ROBOT_BUSY when this one has something to carry.
	AssignTransport struct {
		Transport string `cbor:"1,keyasint"`
		Robot     string `cbor:"2,keyasint"`
	}
	// TransportState is what the robot of a transport did: LOADED,
	// DELIVERED or FAILED. A report that lies behind what is known, or of
	// an earlier try, is a no-op.
	TransportState struct {
		Transport string `cbor:"1,keyasint"`
		Robot     string `cbor:"2,keyasint"`
		State     string `cbor:"3,keyasint"`
		Code      string `cbor:"4,keyasint,omitempty"` // FAILED: the robot's fault
		Try       int    `cbor:"5,keyasint,omitempty"` // of the transport it speaks of; 0 = the newest
	}
	// RetryTransport asks again for a failed transport. A person's act: it
	// says that the tote stands where it was to be fetched.
	RetryTransport struct {
		Transport string `cbor:"1,keyasint" json:"transport"`
	}
	// RobotPick is what became of the current task of a robot's batch, in
	// one command: bin, item and slot of a person. Picked: all of Qty is in
	// the tote. Short: Qty (0 = none) is in the tote and the bin holds no
	// more, Code is a short-pick code. Failed: nothing is booked, the task
	// goes back for another worker and Code says why; with Said the robot may
	// have taken goods all the same, so a person looks before anybody picks.
	RobotPick struct {
		Worker  string `cbor:"1,keyasint"`
		Task    string `cbor:"2,keyasint"`
		Qty     int64  `cbor:"3,keyasint,omitempty"`
		Tote    string `cbor:"4,keyasint,omitempty"`
		Outcome string `cbor:"5,keyasint"` // PickPicked, PickShort, PickFailed
		Code    string `cbor:"6,keyasint,omitempty"`
		Lot     string `cbor:"7,keyasint,omitempty"` // read from the goods; must be the task's for items with lots
		Said    string `cbor:"8,keyasint,omitempty"` // Failed: what the robot says of goods it may hold, in its words
		Serial  string `cbor:"9,keyasint,omitempty"` // read from the unit, for items with serials
	}
	// PortalPass is what an RFID portal saw pass a dock door, in any
	// order: pure identity or tag URIs, or the hex of a tag. At most 500.
	// With the second version came which way they went, and what it takes to
	// count a tag once that two doors saw (portaltwice.go).
	PortalPass struct {
		Dock string   `cbor:"1,keyasint"`
		EPCs []string `cbor:"2,keyasint,omitempty"`
		Way  string   `cbor:"3,keyasint,omitempty"` // WayIn, WayOut, "" = it cannot be told
		From int64    `cbor:"4,keyasint,omitempty"` // milliseconds since 1970 UTC: when the door was covered
		To   int64    `cbor:"5,keyasint,omitempty"` // and free
		RSSI []int    `cbor:"6,keyasint,omitempty"` // strongest read of each of EPCs, dBm, -128 to 0
	}
	// UnitCameIn says that a unit with an SSCC tag came in at a dock that
	// receives: what was announced for it is booked, as by ReceiveUnit.
	UnitCameIn struct {
		Dock string `cbor:"1,keyasint"`
		Tag  string `cbor:"2,keyasint"` // pure identity or tag URI, or hex
	}
	// Induct asks for the lane of a carton at the scan point of a
	// conveyor; Barcode is "" when nothing was read. The lane is the
	// answer's Ref, also when the answer is not OK: then it is the default
	// lane. Expires is when a decision is too late for the diverter.
	Induct struct {
		Conveyor string `cbor:"1,keyasint"`
		Barcode  string `cbor:"2,keyasint,omitempty"`
		Expires  int64  `cbor:"3,keyasint"` // milliseconds since 1970 UTC
	}
	// Divert says that a carton left the conveyor at a lane. Only this
	// moves the parcel.
	Divert struct {
		Conveyor string `cbor:"1,keyasint"`
		Barcode  string `cbor:"2,keyasint"`
		Lane     string `cbor:"3,keyasint"`
	}
	// ClearFallout ends a fallout that belongs to no order. A person's act.
	ClearFallout struct {
		Fallout string `cbor:"1,keyasint" json:"fallout"`
	}
)

func (PutSite) Kind() Kind      { return KindPutSite }
func (PutItems) Kind() Kind     { return KindPutItems }
func (PutBins) Kind() Kind      { return KindPutBins }
func (PutWorkers) Kind() Kind   { return KindPutWorkers }
func (OpenStock) Kind() Kind    { return KindOpenStock }
func (ReleaseOrder) Kind() Kind { return KindReleaseOrder }
func (CancelOrder) Kind() Kind  { return KindCancelOrder }
func (RetryOrder) Kind() Kind   { return KindRetryOrder }
func (SignIn) Kind() Kind       { return KindSignIn }
func (SignOut) Kind() Kind      { return KindSignOut }
func (AskWork) Kind() Kind      { return KindAskWork }
func (AssignBatch) Kind() Kind  { return KindAssignBatch }
func (Scan) Kind() Kind         { return KindScan }
func (ShortPick) Kind() Kind    { return KindShortPick }
func (FinishBatch) Kind() Kind  { return KindFinishBatch }
func (StartPack) Kind() Kind    { return KindStartPack }
func (Pack) Kind() Kind         { return KindPack }
func (LabelSent) Kind() Kind    { return KindLabelSent }
func (LabelOutcome) Kind() Kind { return KindLabelOutcome }
func (Reprint) Kind() Kind      { return KindReprint }
func (Load) Kind() Kind         { return KindLoad }
func (Depart) Kind() Kind       { return KindDepart }
func (AdvanceTime) Kind() Kind  { return KindAdvanceTime }

func (AssignTransport) Kind() Kind { return KindAssignTransport }
func (TransportState) Kind() Kind  { return KindTransportState }
func (RetryTransport) Kind() Kind  { return KindRetryTransport }
func (RobotPick) Kind() Kind       { return KindRobotPick }
func (PortalPass) Kind() Kind      { return KindPortalPass }

// Kind implements Command.
func (UnitCameIn) Kind() Kind   { return KindUnitCameIn }
func (Induct) Kind() Kind       { return KindInduct }
func (Divert) Kind() Kind       { return KindDivert }
func (ClearFallout) Kind() Kind { return KindClearFallout }
