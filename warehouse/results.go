package warehouse

// Result is the answer to a command. It is stored with the command's id, so a
// repeated command gets the same answer.
type Result struct {
	OK   bool   `cbor:"1,keyasint" json:"ok"`
	Code string `cbor:"2,keyasint" json:"code"`                     // "OK", "WAIT" or a refusal of codes.go
	Text string `cbor:"3,keyasint,omitempty" json:"text,omitempty"` // the facts of this case, for a person
	Next *Step  `cbor:"4,keyasint,omitempty" json:"next,omitempty"` // what the asking device does next
	// Ref names what the command made or touched: a batch, SSCC, order.
	Ref string `cbor:"5,keyasint,omitempty" json:"ref,omitempty"`
	// Keep commits the command's writes although it was refused: the
	// refusal itself is a fact (an order rejected, a carton parked).
	Keep bool `cbor:"-" json:"-"`
	// Touched lists the projections that changed, as "order/O1",
	// "worker/W1", "station/pack1", "job/…", "pool", "fallout",
	// "outbox/control". Not stored with the answer.
	Touched []string `cbor:"-" json:"-"`
}

// TextBooked is the Text of OpenStock when its file part was booked before.
const TextBooked = "already booked"

// What a handheld or a station is asked to do next. StepX values are part of
// the device protocol (api/asyncapi.yaml).
const (
	StepSignIn     = "sign_in"
	StepAsk        = "ask"  // no work: ask for some
	StepWait       = "wait" // asked; the task arrives on state/task
	StepScanBin    = "scan_bin"
	StepScanItem   = "scan_item"
	StepScanSlot   = "scan_slot"   // scan the tote on the slot
	StepFinish     = "finish"      // scan the pack drop
	StepScanUnit   = "scan_unit"   // floor task: the tote the goods are in
	StepPutDown    = "put_down"    // floor task: the bin the goods go to
	StepCount      = "count"       // floor task: scan what lies in the bin, then the bin again
	StepScanTote   = "scan_tote"   // station: free
	StepSecond     = "second"      // station: a second person looks and scans a badge
	StepWeigh      = "weigh"       // station: carton on the scale
	StepPrint      = "print"       // station: label on its way
	StepCheckLabel = "check_label" // station: scan the label if it came out, or the reprint code
)

// Step is the one thing a device shows.
type Step struct {
	Do         string `cbor:"1,keyasint" json:"do"`
	Batch      string `cbor:"2,keyasint,omitempty" json:"batch,omitempty"`
	Task       string `cbor:"3,keyasint,omitempty" json:"task,omitempty"`
	Order      string `cbor:"4,keyasint,omitempty" json:"order,omitempty"`
	Bin        string `cbor:"5,keyasint,omitempty" json:"bin,omitempty"`
	SKU        string `cbor:"6,keyasint,omitempty" json:"sku,omitempty"`
	Name       string `cbor:"7,keyasint,omitempty" json:"name,omitempty"`
	GTIN       string `cbor:"8,keyasint,omitempty" json:"gtin,omitempty"`
	Lot        string `cbor:"9,keyasint,omitempty" json:"lot,omitempty"`
	Expiry     string `cbor:"10,keyasint,omitempty" json:"expiry,omitempty"`
	Qty        int64  `cbor:"11,keyasint,omitempty" json:"qty,omitempty"`  // still to be scanned for this task
	Held       int64  `cbor:"12,keyasint,omitempty" json:"held,omitempty"` // scanned, to be put into the slot
	Slot       int    `cbor:"13,keyasint,omitempty" json:"slot,omitempty"`
	Tote       string `cbor:"14,keyasint,omitempty" json:"tote,omitempty"` // "" = any free tote
	Left       int    `cbor:"15,keyasint,omitempty" json:"left,omitempty"` // open tasks in the batch, this one included
	Worker     string `cbor:"16,keyasint,omitempty" json:"worker,omitempty"`
	Station    string `cbor:"17,keyasint,omitempty" json:"station,omitempty"`
	SSCC       string `cbor:"18,keyasint,omitempty" json:"sscc,omitempty"`
	ExpectedMg int64  `cbor:"19,keyasint,omitempty" json:"expectedMg,omitempty"`
	Code       string `cbor:"20,keyasint,omitempty" json:"code,omitempty"` // why the last act was refused
	// Serial is the unit that is kept for the task; any other one of the
	// bin will do.
	Serial string `cbor:"30,keyasint,omitempty" json:"serial,omitempty"`
	Kind   string `cbor:"21,keyasint,omitempty" json:"kind,omitempty"`   // of a floor task
	Zero   string `cbor:"22,keyasint,omitempty" json:"zero,omitempty"`   // bin that should be empty now: is it?
	Carton string `cbor:"31,keyasint,omitempty" json:"carton,omitempty"` // station: the one to take
	// Station: which parcel of the order it is and of how many, what goes into
	// the carton in hand, and whether something is left for a next one.
	No       int          `cbor:"32,keyasint,omitempty" json:"no,omitempty"`
	Of       int          `cbor:"33,keyasint,omitempty" json:"of,omitempty"` // 0 = not known yet
	Contents []ParcelLine `cbor:"34,keyasint,omitempty" json:"contents,omitempty"`
	More     bool         `cbor:"35,keyasint,omitempty" json:"more,omitempty"`
	Scanned  bool         `cbor:"36,keyasint,omitempty" json:"scanned,omitempty"` // the packer scans what goes in
	// Zones: the scan of a bin chooses its zone (verb ask); Zone is the chosen one.
	Zones bool   `cbor:"37,keyasint,omitempty" json:"zones,omitempty"`
	Zone  string `cbor:"38,keyasint,omitempty" json:"zone,omitempty"`
}

// Event is one row of the outbox, written in the same apply as the change it
// tells of. Seq is dense per stream.
type Event struct {
	Seq   uint64    `cbor:"1,keyasint" json:"seq"`
	Type  string    `cbor:"2,keyasint" json:"type"` // EvOrderAccepted …
	Order string    `cbor:"3,keyasint,omitempty" json:"order,omitempty"`
	At    int64     `cbor:"4,keyasint" json:"at"`
	Cause string    `cbor:"5,keyasint" json:"cause"`
	Data  EventData `cbor:"6,keyasint" json:"data"`
}

// EventData holds the fields events may carry; each type uses a few.
type EventData struct {
	State    string       `cbor:"1,keyasint,omitempty" json:"state,omitempty"`
	Code     string       `cbor:"2,keyasint,omitempty" json:"code,omitempty"`
	Text     string       `cbor:"3,keyasint,omitempty" json:"text,omitempty"`
	Revision int          `cbor:"4,keyasint,omitempty" json:"revision,omitempty"`
	Line     int          `cbor:"5,keyasint,omitempty" json:"line,omitempty"`
	SKU      string       `cbor:"6,keyasint,omitempty" json:"sku,omitempty"`
	Bin      string       `cbor:"7,keyasint,omitempty" json:"bin,omitempty"`
	Qty      int64        `cbor:"8,keyasint,omitempty" json:"qty,omitempty"`
	Fallout  string       `cbor:"9,keyasint,omitempty" json:"fallout,omitempty"`
	Lines    []LineState  `cbor:"10,keyasint,omitempty" json:"lines,omitempty"`
	Parcels  []Parcel     `cbor:"11,keyasint,omitempty" json:"parcels,omitempty"`
	Source   string       `cbor:"12,keyasint,omitempty" json:"source,omitempty"`
	Serial   string       `cbor:"60,keyasint,omitempty" json:"serial,omitempty"`
	Owner    string       `cbor:"61,keyasint,omitempty" json:"owner,omitempty"` // consignor of the goods
	Levels   *StockLevels `cbor:"62,keyasint,omitempty" json:"levels,omitempty"`
	// Of order.quoted and order.amended: the state of the request axis, what
	// the change costs on top in minor units, and what it does not reach.
	Request      string   `cbor:"20,keyasint,omitempty" json:"request,omitempty"`
	ExtraCharge  int64    `cbor:"21,keyasint,omitempty" json:"extraCharge,omitempty"`
	Restrictions []string `cbor:"22,keyasint,omitempty" json:"restrictions,omitempty"`
	// The order this one is the rest of, and the order its rest became.
	BackorderOf string `cbor:"23,keyasint,omitempty" json:"backorderOf,omitempty"`
	Backorder   string `cbor:"24,keyasint,omitempty" json:"backorder,omitempty"`
	Kit         int64  `cbor:"25,keyasint,omitempty" json:"kit,omitempty"` // slip of the order crash kit

	Receipt  string         `cbor:"30,keyasint,omitempty" json:"receipt,omitempty"`
	Supplier string         `cbor:"31,keyasint,omitempty" json:"supplier,omitempty"`
	Received []ReceivedLine `cbor:"32,keyasint,omitempty" json:"received,omitempty"`
	Exchange string         `cbor:"37,keyasint,omitempty" json:"exchange,omitempty"`
	Returned []ReturnLine   `cbor:"38,keyasint,omitempty" json:"returned,omitempty"`
	Facts    *OrderFacts    `cbor:"39,keyasint,omitempty" json:"facts,omitempty"`
	Role     string         `cbor:"43,keyasint,omitempty" json:"role,omitempty"`
	Severity int            `cbor:"44,keyasint,omitempty" json:"severity,omitempty"` // 1..3
	Level    int            `cbor:"42,keyasint,omitempty" json:"level,omitempty"`    // of an escalation, 1..3
	Ref      string         `cbor:"33,keyasint,omitempty" json:"ref,omitempty"`
	Counted  []CountLine    `cbor:"34,keyasint,omitempty" json:"counted,omitempty"`
	Expected int64          `cbor:"88,keyasint,omitempty" json:"expected,omitempty"` // when goods that are not here are expected; 0 = nobody knows
	Lot      string         `cbor:"35,keyasint,omitempty" json:"lot,omitempty"`
	Expiry   string         `cbor:"36,keyasint,omitempty" json:"expiry,omitempty"`
	For      string         `cbor:"71,keyasint,omitempty" json:"for,omitempty"` // the item that SKU stands for
	// Voided are parcels that are no more: their labels must not be used.
	Voided []Parcel `cbor:"70,keyasint,omitempty" json:"voided,omitempty"`
	// Born is SourceSite in what is said of an order that was entered at the
	// site. Source alone does not tell: of a refusal it is who asked.
	Born string `cbor:"40,keyasint,omitempty" json:"born,omitempty"`

	Carrier string      `cbor:"50,keyasint,omitempty" json:"carrier,omitempty"`
	Label   *LabelFacts `cbor:"51,keyasint,omitempty" json:"label,omitempty"`
	Was     *LabelFacts `cbor:"52,keyasint,omitempty" json:"was,omitempty"` // the label before it
	Doc     string      `cbor:"53,keyasint,omitempty" json:"doc,omitempty"`
	Hash    string      `cbor:"54,keyasint,omitempty" json:"hash,omitempty"` // of the document
	// WeightMg and Sides are what a piece is proposed to have, WasMg what the
	// master data say.
	WeightMg int64      `cbor:"55,keyasint,omitempty" json:"weightMg,omitempty"`
	WasMg    int64      `cbor:"56,keyasint,omitempty" json:"wasMg,omitempty"`
	Sides    *Sides     `cbor:"57,keyasint,omitempty" json:"sides,omitempty"`
	Manifest string     `cbor:"58,keyasint,omitempty" json:"manifest,omitempty"`
	Diffs    []LineDiff `cbor:"59,keyasint,omitempty" json:"diffs,omitempty"` // lines that shipped otherwise than ordered

	// Of order.shipped, where the order brought one of the first three.
	Party    string      `cbor:"94,keyasint,omitempty" json:"party,omitempty"`
	Customer string      `cbor:"95,keyasint,omitempty" json:"customer,omitempty"`
	Refs     []Ref       `cbor:"96,keyasint,omitempty" json:"refs,omitempty"`
	Times    *OrderTimes `cbor:"97,keyasint,omitempty" json:"times,omitempty"`
	// Of order.archived: when the order closed, and the SHA-256 of its release
	// and of its commercial part.
	ClosedAt   int64       `cbor:"72,keyasint,omitempty" json:"closedAt,omitempty"`
	Digest     string      `cbor:"73,keyasint,omitempty" json:"digest,omitempty"`
	Commercial string      `cbor:"74,keyasint,omitempty" json:"commercial,omitempty"`
	Offers     *SiteOffers `cbor:"98,keyasint,omitempty" json:"offers,omitempty"`
}

// Event types, the milestones of the order. The name goes on the wire behind
// "wms."; changing one breaks the OMS.
const (
	EvOrderAccepted       = "order.accepted"
	EvOrderRejected       = "order.rejected"
	EvOrderShort          = "order.short"
	EvOrderReleased       = "order.released"
	EvOrderPicking        = "order.picking"
	EvOrderPicked         = "order.picked"
	EvOrderPacked         = "order.packed"
	EvOrderLabelled       = "order.labelled"
	EvOrderStaged         = "order.staged"
	EvOrderShipped        = "order.shipped"
	EvOrderCancelled      = "order.cancelled"
	EvOrderCancelRejected = "order.cancelRejected"
	EvOrderAmendRejected  = "order.amendRejected" // a later revision came too late or is not valid; the older one stands
	EvOrderAmended        = "order.amended"       // a later revision is in force
	EvOrderQuoted         = "order.quoted"        // a change would cost this; answer with AcceptQuote or DeclineQuote
	EvOrderHeld           = "order.held"          // once for each hold
	EvOrderHoldReleased   = "order.holdReleased"
	EvOrderArchived       = "order.archived"    // its last record: it leaves the live state
	EvOrderAgeing         = "order.ageing"      // it has been in its state for longer than the site's rule
	EvOrderBackordered    = "order.backordered" // what was shipped short became an order of its own
	EvOrderUnavailable    = "order.unavailable" // why goods of a line are not here, and when there will be some
	EvOrderSubstituted    = "order.substituted" // another item goes for one that is short
	EvOrderUnpicked       = "order.unpicked"    // goods of a line went back into a bin; the line is open again
	EvOrderUnpacked       = "order.unpacked"    // the cartons were opened again; their labels and numbers are void
	EvOrderUnloaded       = "order.unloaded"    // a parcel came off the truck again
	EvParcelDeparted      = "parcel.departed"   // parcels left before the last one of their order did
	EvParcelLost          = "parcel.lost"       // a parcel was given up; its goods are picked again
	EvOrderBound          = "order.bound"       // an order entered at the site has an id of the OMS now
	EvFalloutOpened       = "fallout.opened"
	EvFalloutCleared      = "fallout.cleared"
	EvStockATP            = "stock.atp"      // how much there is of an item, coalesced
	EvSiteOffers          = "site.offers"    // what the site can take on, coalesced
	EvStockLow            = "stock.low"      // at or below the reorder point
	EvStockAdjusted       = "stock.adjusted" // somebody changed what the book says is there
	EvFalloutEscalated    = "fallout.escalated"
	EvReceiptClosed       = "receipt.closed"
	EvAliasProposed       = "item.aliasProposed"
	EvBatchDone           = "batch.done"
	EvCountClosed         = "count.closed"
	EvReturnClosed        = "return.closed"
	EvRefundRequested     = "return.refundRequested" // the site asks, the OMS decides
	EvLotExpires          = "stock.nearExpiry"
	EvCarrierDown         = "carrier.down"
	EvCarrierUp           = "carrier.up"
	EvRangeLow            = "carrier.rangeLow"
	EvLabelVoided         = "label.voided"
	EvBillingChanged      = "order.billingChanged"
	EvDocumentReprinted   = "document.reprinted"
	EvManifestClosed      = "manifest.closed"
	EvManifestDeparted    = "manifest.departed"
	EvShipDiffers         = "order.shipDiffers"
	EvWeightProposed      = "item.weightProposed"
	EvSidesProposed       = "item.sidesProposed"
)

// StreamControl is the outbox stream of order events.
const StreamControl = "control"
