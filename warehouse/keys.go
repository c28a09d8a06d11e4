package warehouse

import (
	"encoding/binary"
	"strings"
)

// Keys of the replicated state. Changing anything here breaks compatibility
// with every stored snapshot: gateways of different versions would disagree.
//
// A key is a readable prefix and its components, each pair separated by a zero
// byte, which no id can hold (see validID). Numbers are big-endian, eight bytes,
// so that byte order is number order.
//
//	site                                   Site
//	item   sku                             Item
//	code   barcode                         sku            (SKU, GTIN-14 and aliases)
//	bin    code                            Bin
//	worker id                              Worker
//	badge  badge                           worker id
//	pin    worker                          Pin
//	lot    sku lot                         lotRecord      (expiry of the lot)
//	stock  sku place lot serial owner stat stockRow       (quantity and reserved)
//	at     place sku lot serial owner stat 1              (what stands in a place)
//	fefo   sku expiry bin lot              1              (bins with free stock, first-expired first)
//	fefx   sku owner expiry bin lot serial 1       (the same for goods of consignors and goods with serials)
//	sn     serial sku                      key of its row of stock (serials that are here)
//	stolen serial sku                      stolenRecord   (serials that must not go in or out)
//	atp    sku[/owner]                     1              (levels to be told)
//	atph                                   atpHead
//	levels sku owner                       levelsRecord   (levels told last)
//	pack   sku                             PackChange     (pack sizes that wait for a person)
//	packo  sku order                       1              (orders held for them)
//	kept   id                              Kept           (reservations that are no task)
//	kfor   for id                          1              (reservations by whom they are for)
//	adj    id                              Adjustment
//	adjs   id                              1              (adjustments that wait for a second person)
//	bad    bin sku                         suspectRecord  (a short pick found less than the book says)
//	opened ref                             1              (counts that were booked)
//	zopen  zone                            ZoneOpening    (the opening count of a zone)
//	bopen  bin                             OpenedBin      (the newest opening count of a bin)
//	still  bin                             1              (goods did not move since that)
//	move   number                          Move           (the journal)
//	order  id                              Order
//	count  state                           number of orders in that state
//	active id                              1              (orders that are not closed)
//	ended  state ^at id                    1              (closed orders, the newest first)
//	endedin state quarter                  how many closed in that quarter of an hour
//	listed                                 place in the listing of what was there before
//	promise at id                          1              (open orders by the time they have to keep)
//	reject id                              rejectRecord   (refused release, answered once)
//	gone   id                              tombstone      (orders that left for the archive)
//	gonep  sscc                            order id       (their parcels)
//	leave  at what id                      1              (what is over, by when it is to leave)
//	sweep                                  place in the list of what is looked at once more
//	kit    number                          order id       (slips of the order crash kit)
//	bound  id                              order id       (OMS ids of orders entered here)
//	quote  order                           quoteRecord    (the revision an open quote is about)
//	pool   9-priority queue id             1              (released, free to batch)
//	wait   sku[/owner] queue order         1              (orders short of the item)
//	again  sku                             row of wait    (waiting orders behind it are still to be tried)
//	task   id                              Task
//	open   bin sku lot task                1              (tasks in the pool)
//	batch  id                              Batch
//	wstate worker                          WorkerState
//	device id                              worker id
//	askers since worker                    1              (waiting workers, longest first)
//	due    at batch                        1              (what AdvanceTime looks at)
//	lu     id                              LU
//	sight  what id [sku]                   Sight          (where a unit was seen last: "lu" and its id, "sn" with serial and sku)
//	in     unit unit                       1              (units for stock that stand in another one)
//	bench  station                         StationState
//	job    id                              LabelJob
//	jobs   station id                      1              (requested, sent or unknown)
//	print  id                              PrintJob
//	prints station id                      1              (requested or sent)
//	printed station id                     1              (over, the newest)
//	dock   dock sscc                       1              (loaded, not departed)
//	fall   id                              Fallout
//	fopen  id                              1              (open fallouts)
//	fallof order id                        1              (fallouts of an order)
//	duein  sku[/owner] at receipt          1              (announced deliveries by when they are expected)
//	reading place                          Reading        (temperatures that hold)
//	stray  dock                            fallout id     (open fallout of tags that belong to no parcel)
//	trip   id                              Transport
//	trips  id                              1              (open transports)
//	carry  lu                              transport id   (open transport of a tote)
//	belt   sscc                            Carriage
//	belts  sscc                            1              (on a conveyor)
//	floor  id                              FloorTask
//	floorq kind 9-priority place id        1              (floor tasks nobody has)
//	supplier id                            Supplier
//	vendor supplier code                   sku            (the supplier's codes)
//	supfig supplier                        SupplierFigures
//	receipt id                             Receipt
//	receipts id                            1              (not closed)
//	rtag   receipt tag                     tagExpected | tagSeen
//	alias  barcode                         Alias          (waits for a decision)
//	freebin class bin                      1              (empty bins that have a class)
//	tally  id                              Count          (not over)
//	counting bin                           count id
//	face   sku bin                         PickFace
//	return id                              Return
//	fig    day name dim                    counter of the day
//	val    name day value                  how often the value came that day
//	hand                                   onHand         (stock of the site)
//	handday day                            onHand         (at the last move of the day)
//	learn  number                          Decision       (what people decided)
//	cout   carrier                         CarrierOut
//	unit   sku                             ItemLearned
//	manif  id                              Manifest
//	onman  sscc                            manifest id
//	ready  carrier sscc                    1              (labelled, on no manifest)
//	truck  dock manifest                   1              (closed, not departed)
//	await  carrier sscc                    1              (label jobs that wait for the carrier)
//	given  carrier tracking                sscc           (numbers online carriers gave)
//	doc    id                              Document
//	docb   id                              the bytes of the document
//	docof  ref id                          1              (documents about a thing)
//	alarm  at about id                     1              (what AdvanceTime asks again)
//	model                                  ModelHead
//	modelv number                          ModelVersion
//	models number                          modelSession   (a model on its way, or being taken away)
//	modelr number                          Site           (the rules it brings)
//	modelp number part                     ModelPart      (a part that lies aside)
//	modelt number space id                 1              (things it speaks of)
//	modelc number space code               space/id       (codes it claims)
//	modelf number space code               1              (codes it gives up)
//	modelw number space code               space/id       (codes it wants that somebody has)
//	out    stream number                   Event
//	outh   stream                          streamHead
//	seq    name …                          counter
const (
	kSite     = "site"
	kItem     = "item"
	kCode     = "code"
	kBin      = "bin"
	kWorker   = "worker"
	kBadge    = "badge"
	kLot      = "lot"
	kStock    = "stock"
	kAt       = "at"
	kFEFO     = "fefo"
	kFEFX     = "fefx"
	kSerial   = "sn"
	kATP      = "atp"
	kATPHead  = "atph"
	kLevels   = "levels"
	kPack     = "pack"
	kPackHeld = "packo"
	kKept     = "kept"
	kKeptFor  = "kfor"
	kAdjust   = "adj"
	kAdjusts  = "adjs"
	kStolen   = "stolen"
	kSuspect  = "bad"
	kOpened   = "opened"

	kZoneOpening = "zopen"
	kOpenedBin   = "bopen"
	kUntouched   = "still"
	kPin         = "pin"

	kMove    = "move"
	kOrder   = "order"
	kCount   = "count"
	kPromise = "promise"
	kActive  = "active"
	kEnded   = "ended"
	kEndedIn = "endedin"
	kListed  = "listed"
	kReject  = "reject"
	kGone    = "gone"
	kLeave   = "leave"
	kSweep   = "sweep"
	kKit     = "kit"
	kBound   = "bound"
	kQuote   = "quote"
	kPool    = "pool"
	kWait    = "wait"
	kAgain   = "again"
	kTask    = "task"
	kOpen    = "open"
	kBatch   = "batch"
	kWState  = "wstate"
	kDevice  = "device"
	kAskers  = "askers"
	kDue     = "due"
	kLU      = "lu"
	kSight   = "sight"
	kIn      = "in"
	kBench   = "bench"
	kJob     = "job"
	kJobs    = "jobs"
	kPrint   = "print"
	kPrints  = "prints"
	kPrinted = "printed"
	kDock    = "dock"
	kFallout = "fall"
	kFOpen   = "fopen"
	kFallOf  = "fallof"
	kStray   = "stray"
	kTrip    = "trip"
	kTrips   = "trips"
	kCarry   = "carry"
	kBelt    = "belt"
	kBelts   = "belts"
	kFloor   = "floor"
	kFloorQ  = "floorq"
	kAlarm   = "alarm"

	kTally    = "tally"
	kCounting = "counting"
	kFace     = "face"
	kReturn   = "return"
	kLearn    = "learn"
	kFig      = "fig"
	kVal      = "val"
	kHand     = "hand"
	kHandDay  = "handday"
	kSupplier = "supplier"
	kVendor   = "vendor"
	kSupFig   = "supfig"
	kReceipt  = "receipt"
	kReceipts = "receipts"
	kRTag     = "rtag"
	kAlias    = "alias"
	kFreeBin  = "freebin"
	kReading  = "reading"
	kPassed   = "passed"
	kDueIn    = "duein"
	kOut      = "out"

	kModel        = "model"
	kModelVersion = "modelv"
	kModelSession = "models"
	kModelSite    = "modelr"
	kModelPart    = "modelp"
	kModelTold    = "modelt"
	kModelClaim   = "modelc"
	kModelFree    = "modelf"
	kModelWant    = "modelw"

	kCarrierOut = "cout"
	kAwait      = "await"
	kManifest   = "manif"
	kOnManifest = "onman"
	kReady      = "ready"
	kTruck      = "truck"
	kLearned    = "unit"
	kGiven      = "given"
	kDoc        = "doc"
	kDocBody    = "docb"
	kDocOf      = "docof"

	kGoneParcel = "gonep"

	kOutHead = "outh"
	kSeq     = "seq"
)

// sep separates the components of a key; no id may hold it.
const sep = 0x00

// key joins a prefix and its components.
func key(prefix string, parts ...string) []byte {
	n := len(prefix)
	for _, p := range parts {
		n += 1 + len(p)
	}
	b := make([]byte, 0, n)
	b = append(b, prefix...)
	for _, p := range parts {
		b = append(b, sep)
		b = append(b, p...)
	}
	return b
}

// under is the prefix of all keys that go on behind the given components.
func under(prefix string, parts ...string) []byte {
	return append(key(prefix, parts...), sep)
}

// num is the fixed-width component of a number. It may hold zero bytes; a
// component of known width needs no separator to be told apart.
func num(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[:])
}

func fromNum(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// numWidth is the length of a component made by num.
const numWidth = 8

// tail is the last component of a key, for keys whose last component is an id.
func tail(k []byte) string {
	s := string(k)
	return s[strings.LastIndexByte(s, sep)+1:]
}

// set is the value of index rows: their key says everything.
var set = []byte{1}

// Place names of the ledger and of logistic units.
const (
	placeBin = "bin/"
	placeLU  = "lu/"

	placeStation = "station/"
	placeRobot   = "robot/"
	placeLane    = "lane/"
	placeDock    = "dock/"
	placeWorker  = "worker/"
	placeReceipt = "receipt/"
	placeReturn  = "return/"
	// PlacePackDrop is where finished totes wait for a pack station.
	PlacePackDrop = "packdrop"
)

// BinPlace is the ledger place of a bin.
func BinPlace(code string) string { return placeBin + code }

// LUPlace is the ledger place of what is inside a logistic unit.
func LUPlace(id string) string { return placeLU + id }

// StationPlace is where a logistic unit at a station stands.
func StationPlace(id string) string { return placeStation + id }

// RobotPlace is where a tote on a robot stands.
func RobotPlace(id string) string { return placeRobot + id }

// LanePlace is where a carton on a lane of the conveyor stands.
func LanePlace(id string) string { return placeLane + id }
