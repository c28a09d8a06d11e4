package warehouse

// The durable records. Field numbers are the CBOR keys: changing one breaks
// every stored log and snapshot. Quantities are base units, weights milligrams,
// times milliseconds since 1970 UTC, dates "YYYY-MM-DD".

// Site holds the rules of one warehouse.
type Site struct {
	ID              string    `cbor:"1,keyasint" json:"id"`
	CompanyPrefix   string    `cbor:"2,keyasint" json:"companyPrefix"`       // GS1 company prefix, 4..12 digits
	SSCCExtension   int       `cbor:"3,keyasint" json:"ssccExtension"`       // 0..9
	TotePrefix      string    `cbor:"4,keyasint" json:"totePrefix"`          // a barcode with this prefix is a tote
	CartonTareMg    int64     `cbor:"5,keyasint" json:"cartonTareMg"`        // empty carton
	ToleranceMg     int64     `cbor:"6,keyasint" json:"toleranceMg"`         // weight check: absolute part
	TolerancePermil int64     `cbor:"7,keyasint" json:"tolerancePermil"`     // weight check: share of expected weight
	LeaseMs         int64     `cbor:"8,keyasint" json:"leaseMs"`             // a batch nobody works on for this long goes back
	CartSlots       int       `cbor:"9,keyasint" json:"cartSlots"`           // orders picked in one walk
	Layout          Layout    `cbor:"10,keyasint" json:"layout"`             //
	Carriers        []Carrier `cbor:"11,keyasint,omitempty" json:"carriers"` // first match wins
	PackDrop        string    `cbor:"12,keyasint,omitempty" json:"packDrop"` // place where finished totes are put down; barcode
	// Transport says who carries totes from the pack drop to a pack
	// station: "" people, TransportRobot robots.
	Transport    string   `cbor:"13,keyasint,omitempty" json:"transport,omitempty"`
	PackStations []string `cbor:"14,keyasint,omitempty" json:"packStations,omitempty"` // where robots may bring totes
	Lanes        []Lane   `cbor:"15,keyasint,omitempty" json:"lanes,omitempty"`        // exits of the conveyor; first match wins
	DefaultLane  string   `cbor:"16,keyasint,omitempty" json:"defaultLane,omitempty"`  // one of Lanes: for whatever has no lane
	Portals      []string `cbor:"17,keyasint,omitempty" json:"portals,omitempty"`      // docks with an RFID portal
	// Changes says how the site answers what the OMS asks of an order
	// between its points of no return. nil = it refuses all of it, and
	// keeps no request state.
	Changes *ChangeRules `cbor:"18,keyasint,omitempty" json:"changes,omitempty"`
	// HardMode lists the pack stations that take no next order, and no change
	// of the one they have, from its start until its label is proven.
	HardMode []string `cbor:"19,keyasint,omitempty" json:"hardMode,omitempty"`
	// Intake are the rules for new orders; nil = all good ones are taken, and
	// the oldest comes first.
	Intake    *IntakeRules  `cbor:"20,keyasint,omitempty" json:"intake,omitempty"`
	Countries []CountryRule `cbor:"21,keyasint,omitempty" json:"countries,omitempty"` // those not listed are not checked
	// AdjustLimit is how many units one person may adjust; more waits for a
	// second one. 0 = no limit.
	AdjustLimit int64 `cbor:"22,keyasint,omitempty" json:"adjustLimit,omitempty"`
	// ATPEveryMs is how often stock levels are told at most; 0 = never.
	ATPEveryMs int64 `cbor:"23,keyasint,omitempty" json:"atpEveryMs,omitempty"`
	// ArchiveDays after it closed an order leaves for the archive, PurgeDays
	// after it the person in it goes, ForgetDays after it what the archive
	// left behind; 0 = never.
	ArchiveDays int64 `cbor:"52,keyasint,omitempty" json:"archiveDays,omitempty"`
	PurgeDays   int64 `cbor:"58,keyasint,omitempty" json:"purgeDays,omitempty"`
	ForgetDays  int64 `cbor:"59,keyasint,omitempty" json:"forgetDays,omitempty"`
	// LotSecond: taking a lot that ends later than the one whose turn it is needs
	// a second person (fefo.go).
	LotSecond bool `cbor:"53,keyasint,omitempty" json:"lotSecond,omitempty"`
	// ZonePicking: a batch is picked in one zone.
	ZonePicking bool `cbor:"54,keyasint,omitempty" json:"zonePicking,omitempty"`
	// Counts: the most pieces two counts may correct without a lead.
	CountLimit int64 `cbor:"30,keyasint,omitempty" json:"countLimit,omitempty"`
	AutoCount  bool  `cbor:"31,keyasint,omitempty" json:"autoCount,omitempty"`  // a bin in doubt is counted
	ExpiryDays int   `cbor:"32,keyasint,omitempty" json:"expiryDays,omitempty"` // before its end a lot is told of; 0 = never
	Escalate   bool  `cbor:"50,keyasint,omitempty" json:"escalate,omitempty"`   // fallouts nobody looks after, and keep what people decide
	Promises   bool  `cbor:"51,keyasint,omitempty" json:"promises,omitempty"`   // keep the list of what is late or will be
	Figures    bool  `cbor:"40,keyasint,omitempty" json:"figures,omitempty"`    // count how the site does
	ZeroCheck  bool  `cbor:"33,keyasint,omitempty" json:"zeroCheck,omitempty"`  // ask whether an emptied bin is empty
	// Services is the table by which a parcel finds its carrier (carrier.go);
	// without one the first of Carriers that serves the method takes it.
	Services []Service `cbor:"34,keyasint,omitempty" json:"services,omitempty"`
	Cartons  []Carton  `cbor:"35,keyasint,omitempty" json:"cartons,omitempty"`
	// Guides are what customers ask of their parcels.
	Guides []Guide `cbor:"38,keyasint,omitempty" json:"guides,omitempty"`
	// Manifests: only what is on a closed manifest of its dock is loaded there.
	Manifests bool   `cbor:"36,keyasint,omitempty" json:"manifests,omitempty"`
	Weights   string `cbor:"37,keyasint,omitempty" json:"weights,omitempty"` // what the scale teaches: WeightsPropose, WeightsUse
	// AgeingMinutes is how long an order may stay in one state before the OMS
	// is told; 0 = for ever.
	AgeingMinutes int64 `cbor:"57,keyasint,omitempty" json:"ageingMinutes,omitempty"`
	// Upstreams are the OMSs of consignors; all else is the default OMS's.
	Upstreams []Upstream `cbor:"62,keyasint,omitempty" json:"upstreams,omitempty"`
	// MaxParcels is into how many parcels an order is planned that goes into
	// no carton; 0 = it is one parcel, and parked.
	MaxParcels int `cbor:"66,keyasint,omitempty" json:"maxParcels,omitempty"`
	// Offers: the OMS is told, with the stock levels, what the site can take on;
	// OrdersPerHour is what people say it can do. See offers.go.
	Offers        bool  `cbor:"73,keyasint,omitempty" json:"offers,omitempty"`
	OrdersPerHour int64 `cbor:"74,keyasint,omitempty" json:"ordersPerHour,omitempty"`
	// Profiles are what kinds of goods ask for, Profile is the one of items
	// that name none. ReadingMs is how long a temperature holds.
	Profiles  []Profile `cbor:"70,keyasint,omitempty" json:"profiles,omitempty"`
	Profile   string    `cbor:"71,keyasint,omitempty" json:"profile,omitempty"`
	ReadingMs int64     `cbor:"72,keyasint,omitempty" json:"readingMs,omitempty"`
	// Pin says whose sign-in asks for a PIN, PinFirst that workers choose theirs at
	// the first one, PinIdleMs when a session ends by itself; 0 = never. See pin.go.
	Pin       string `cbor:"85,keyasint,omitempty" json:"pin,omitempty"`
	PinFirst  bool   `cbor:"86,keyasint,omitempty" json:"pinFirst,omitempty"`
	PinIdleMs int64  `cbor:"87,keyasint,omitempty" json:"pinIdleMs,omitempty"`
}

// TransportRobot is the value of Site.Transport by which robots carry totes.
const TransportRobot = "robot"

// Lane is an exit of the conveyor.
type Lane struct {
	ID      string `cbor:"1,keyasint" json:"id"`
	Carrier string `cbor:"2,keyasint,omitempty" json:"carrier,omitempty"` // code of the carrier it serves; "" = none
	Dock    string `cbor:"3,keyasint,omitempty" json:"dock,omitempty"`    // dock it leads to
}

// Layout is one block of parallel aisles between a front and a back cross
// aisle. All lengths in millimetres.
type Layout struct {
	Aisles     int   `cbor:"1,keyasint" json:"aisles"`
	Cells      int   `cbor:"2,keyasint" json:"cells"`      // depth positions per aisle, 1..64
	CellMm     int64 `cbor:"3,keyasint" json:"cellMm"`     // pitch of two neighbouring cells
	EndMm      int64 `cbor:"4,keyasint" json:"endMm"`      // cross aisle to the first (and last) cell
	PitchMm    int64 `cbor:"5,keyasint" json:"pitchMm"`    // between two aisles
	DepotAisle int   `cbor:"6,keyasint" json:"depotAisle"` // on the front cross aisle, 0-based
}

// Carrier is a shipping method with a pre-allocated range of tracking numbers.
type Carrier struct {
	Code   string `cbor:"1,keyasint" json:"code"`
	Method string `cbor:"2,keyasint" json:"method"` // the order's shipping method this serves; "" = any
	Prefix string `cbor:"3,keyasint" json:"prefix"` // tracking number = Prefix + Digits-wide number
	Digits int    `cbor:"4,keyasint" json:"digits"`
	First  int64  `cbor:"5,keyasint" json:"first"`
	Last   int64  `cbor:"6,keyasint" json:"last"`
	// Mode says where its labels come from: "" the range above, CarrierOnline
	// the carrier itself, one by one. LowWater is how few numbers of the range
	// are told of; 0 = none.
	Mode     string `cbor:"7,keyasint,omitempty" json:"mode,omitempty"`
	LowWater int64  `cbor:"8,keyasint,omitempty" json:"lowWater,omitempty"`
	// Limits of the carrier, beside those of its services.
	MaxMg   int64 `cbor:"9,keyasint,omitempty" json:"maxMg,omitempty"`    // of a parcel; 0 = none
	MaxLine int   `cbor:"10,keyasint,omitempty" json:"maxLine,omitempty"` // letters of a name, street or city; 0 = any
}

// Item is a stock keeping unit.
type Item struct {
	SKU        string   `cbor:"1,keyasint" json:"sku"`
	Name       string   `cbor:"2,keyasint" json:"name"`
	GTIN       string   `cbor:"3,keyasint,omitempty" json:"gtin,omitempty"`       // 14 digits
	WeightMg   int64    `cbor:"4,keyasint" json:"weightMg"`                       // one base unit; > 0
	LotTracked bool     `cbor:"5,keyasint,omitempty" json:"lotTracked,omitempty"` // a pick must name the lot
	Barcodes   []string `cbor:"6,keyasint,omitempty" json:"barcodes,omitempty"`   // aliases
	Tagged     bool     `cbor:"7,keyasint,omitempty" json:"tagged,omitempty"`     // every unit carries an RFID tag with its SGTIN
	// Policy says which stock an order gets: PolicyFEFO … PolicyTouches.
	Policy string `cbor:"8,keyasint,omitempty" json:"policy,omitempty"`
	// MinDays is how many days of its life a lot must have left.
	MinDays int `cbor:"9,keyasint,omitempty" json:"minDays,omitempty"`
	// Serials: every unit has a serial number, at receipt and at pick.
	Serials bool `cbor:"10,keyasint,omitempty" json:"serials,omitempty"`
	// Packs are the units it is handled in beside the base unit.
	Packs []PackUnit `cbor:"11,keyasint,omitempty" json:"packs,omitempty"`
	// Min and Max bound what the site shall hold, Reorder is the level at
	// which more is asked for; 0 = no rule.
	Min     int64  `cbor:"12,keyasint,omitempty" json:"min,omitempty"`
	Max     int64  `cbor:"13,keyasint,omitempty" json:"max,omitempty"`
	Reorder int64  `cbor:"14,keyasint,omitempty" json:"reorderAt,omitempty"`
	Class   string `cbor:"30,keyasint,omitempty" json:"class,omitempty"` // of the bins it is put away to
	// Sides of one base unit; 0 = nobody measured them.
	LengthMm int64 `cbor:"25,keyasint,omitempty" json:"lengthMm,omitempty"`
	WidthMm  int64 `cbor:"26,keyasint,omitempty" json:"widthMm,omitempty"`
	HeightMm int64 `cbor:"27,keyasint,omitempty" json:"heightMm,omitempty"`
	// Revision orders what a catalogue says of the item: an older one changes
	// nothing. 0 = written by a person, who is always heard.
	Revision int64 `cbor:"32,keyasint,omitempty" json:"revision,omitempty"`
	// Substitutes may be sent for it where an order allows that, the best
	// first.
	Substitutes []string `cbor:"31,keyasint,omitempty" json:"substitutes,omitempty"`
	// Image is where its picture is, ImageHash the SHA-256 of that in hex; the
	// gateways fetch and keep it. Both or none. See image.go.
	Image     string `cbor:"37,keyasint,omitempty" json:"image,omitempty"`
	ImageHash string `cbor:"38,keyasint,omitempty" json:"imageHash,omitempty"`
	Profile   string `cbor:"33,keyasint,omitempty" json:"profile,omitempty"` // of the site's profiles; "" = the site's own
}

// Bin is a storage location. Aisle and Cell are 0-based in the site's layout.
type Bin struct {
	Code  string `cbor:"1,keyasint" json:"code"` // also its barcode
	Aisle int    `cbor:"2,keyasint" json:"aisle"`
	Cell  int    `cbor:"3,keyasint" json:"cell"`
	Side  string `cbor:"4,keyasint,omitempty" json:"side,omitempty"`
	Class string `cbor:"10,keyasint,omitempty" json:"class,omitempty"` // of the items that are put away here
	Zone  string `cbor:"11,keyasint,omitempty" json:"zone,omitempty"`  // part of the site that is picked by itself
	// MaxMg is what it carries and MaxMl what it has room for, in millilitres; 0 =
	// nobody said. The opening count warns of more.
	MaxMg int64 `cbor:"12,keyasint,omitempty" json:"maxMg,omitempty"`
	MaxMl int64 `cbor:"13,keyasint,omitempty" json:"maxMl,omitempty"`
}

// WorkerRobot is the kind of a worker that is a picking robot.
const WorkerRobot = "robot"

// Worker is a picker: a person or a robot.
type Worker struct {
	ID    string `cbor:"1,keyasint" json:"id"`
	Name  string `cbor:"2,keyasint" json:"name"`
	Badge string `cbor:"3,keyasint" json:"badge"`                    // barcode on the badge
	Kind  string `cbor:"4,keyasint,omitempty" json:"kind,omitempty"` // "" = person, WorkerRobot
	Role  string `cbor:"5,keyasint,omitempty" json:"role,omitempty"` // of Roles; "" = RolePicker
}

// OrderSpec is an order as it is released to the site.
type OrderSpec struct {
	ID       string      `cbor:"1,keyasint" json:"id"`
	Revision int         `cbor:"2,keyasint" json:"revision"`
	Priority int         `cbor:"3,keyasint,omitempty" json:"priority,omitempty"` // 0..9, higher first
	ShipTo   Address     `cbor:"4,keyasint" json:"shipTo"`
	Method   string      `cbor:"5,keyasint,omitempty" json:"method,omitempty"` // shipping method
	PlacedAt int64       `cbor:"6,keyasint,omitempty" json:"placedAt,omitempty"`
	ShipBy   int64       `cbor:"7,keyasint,omitempty" json:"shipBy,omitempty"`
	Channel  string      `cbor:"8,keyasint,omitempty" json:"channel,omitempty"`
	Lines    []OrderLine `cbor:"9,keyasint" json:"lines"`
	// Owner is the consignor whose goods the order is for; "" = the house.
	Owner string `cbor:"10,keyasint,omitempty" json:"owner,omitempty"`
	// Partial: what is here is shipped, and the rest becomes a backorder;
	// otherwise the order waits until it is complete.
	Partial bool     `cbor:"12,keyasint,omitempty" json:"partial,omitempty"`
	Kit     int64    `cbor:"13,keyasint,omitempty" json:"kit,omitempty"`   // number of the slip of the order crash kit it was written on
	Holds   []string `cbor:"11,keyasint,omitempty" json:"holds,omitempty"` // it comes held for these reasons
	// Substitute: another item may be sent for one that is short.
	Substitute bool `cbor:"26,keyasint,omitempty" json:"substitute,omitempty"`
	// Party is the kind of place it goes to, Customer and Refs are what others
	// call it; see party.go.
	Party    string `cbor:"32,keyasint,omitempty" json:"party,omitempty"`
	Customer string `cbor:"33,keyasint,omitempty" json:"customer,omitempty"`
	Refs     []Ref  `cbor:"34,keyasint,omitempty" json:"refs,omitempty"`
	// Commercial is the SHA-256, in hex, of what the OMS knows of terms,
	// billing and discounts; the site has no use for the content (purge.go).
	Commercial string `cbor:"27,keyasint,omitempty" json:"commercial,omitempty"`
	// Together: its parcels leave on one truck, or wait for each other;
	// otherwise each leaves with the truck it is on.
	Together bool `cbor:"30,keyasint,omitempty" json:"together,omitempty"`
}

// Address is where the parcel goes.
type Address struct {
	Name     string `cbor:"1,keyasint" json:"name"`
	Street   string `cbor:"2,keyasint" json:"street"`
	Postcode string `cbor:"3,keyasint" json:"postcode"`
	City     string `cbor:"4,keyasint" json:"city"`
	Country  string `cbor:"5,keyasint" json:"country"` // ISO 3166 alpha-2
}

// OrderLine asks for Qty base units of an item.
type OrderLine struct {
	Line int    `cbor:"1,keyasint" json:"line"` // 1-based, unique in the order
	SKU  string `cbor:"2,keyasint" json:"sku"`
	Qty  int64  `cbor:"3,keyasint" json:"qty"`
	Kind string `cbor:"4,keyasint,omitempty" json:"kind,omitempty"` // LineKindStock, LineKindDropShip, LineKindMake
}

// Order is the site's record of an order.
type Order struct {
	Spec       OrderSpec   `cbor:"1,keyasint" json:"spec"`
	Hash       []byte      `cbor:"2,keyasint" json:"-"` // SHA-256 of the canonical spec
	Source     string      `cbor:"3,keyasint" json:"source"`
	State      OrderState  `cbor:"4,keyasint" json:"state"`
	Since      int64       `cbor:"5,keyasint" json:"since"` // when State was entered
	ReleasedAt int64       `cbor:"6,keyasint" json:"releasedAt"`
	Lines      []LineState `cbor:"7,keyasint" json:"lines"`
	Fallout    []string    `cbor:"8,keyasint,omitempty" json:"fallout,omitempty"` // ids of open fallouts
	Batch      string      `cbor:"9,keyasint,omitempty" json:"batch,omitempty"`
	Tote       string      `cbor:"10,keyasint,omitempty" json:"tote,omitempty"`
	Station    string      `cbor:"11,keyasint,omitempty" json:"station,omitempty"`
	Parcels    []Parcel    `cbor:"12,keyasint,omitempty" json:"parcels,omitempty"`
	ShippedAt  int64       `cbor:"13,keyasint,omitempty" json:"shippedAt,omitempty"`
	Intake     uint64      `cbor:"14,keyasint,omitempty" json:"intake,omitempty"` // rising number given at intake: the order's age
	TaskSeq    int         `cbor:"15,keyasint,omitempty" json:"-"`                // number of the newest task
	Told       uint32      `cbor:"16,keyasint,omitempty" json:"-"`                // milestones already sent, a bit each; see milestone
	// Holds are why nothing more may be done for the order; HeldBy are the
	// parties that hold, in the same places.
	Holds  []string `cbor:"17,keyasint,omitempty" json:"holds,omitempty"`
	HeldBy []string `cbor:"18,keyasint,omitempty" json:"heldBy,omitempty"`
	// Hard: a station in hard mode started the order, so it is past its hard
	// point of no return before its label is sent.
	Hard bool `cbor:"20,keyasint,omitempty" json:"hard,omitempty"`
	// Pickup is when the order has to be staged; Queue is its place among
	// those of the same priority, 0 = by Intake.
	Pickup int64  `cbor:"21,keyasint,omitempty" json:"pickup,omitempty"`
	Queue  uint64 `cbor:"22,keyasint,omitempty" json:"-"`
	// Backorder is the order that the rest became; BackorderOf the one that
	// this is the rest of.
	Backorder   string `cbor:"23,keyasint,omitempty" json:"backorder,omitempty"`
	BackorderOf string `cbor:"24,keyasint,omitempty" json:"backorderOf,omitempty"`
	// Bound is the id at the OMS of an order that was entered here.
	Bound string `cbor:"25,keyasint,omitempty" json:"bound,omitempty"`
	// Request is the newest thing the OMS asked for and what became of it;
	// nil = nothing since the release. See [Order.RequestState].
	Request *Request `cbor:"19,keyasint,omitempty" json:"request,omitempty"`
	Counted bool     `cbor:"31,keyasint,omitempty" json:"-"` // its release is in the figures
	// AnyCarton: it fits none of the site's, and a person let it go all the same.
	AnyCarton bool  `cbor:"40,keyasint,omitempty" json:"anyCarton,omitempty"`
	AgeAt     int64 `cbor:"33,keyasint,omitempty" json:"-"`                // when it has been in its state for too long; 0 = told, or no rule
	Promised  int64 `cbor:"32,keyasint,omitempty" json:"-"`                // its row in the list of promises
	Purged    int64 `cbor:"41,keyasint,omitempty" json:"purged,omitempty"` // when the person was taken out of it
	// Upstream is the OMS that hears of it, "" the default one. It never changes.
	Upstream string `cbor:"45,keyasint,omitempty" json:"upstream,omitempty"`
	gone     int64  `cbor:"-"` // when it left for the archive: it is only stood in for (gone.go)
}

// LineState is what became of one order line.
type LineState struct {
	Line   int      `cbor:"1,keyasint" json:"line"`
	SKU    string   `cbor:"2,keyasint" json:"sku"`
	Qty    int64    `cbor:"3,keyasint" json:"qty"`
	State  string   `cbor:"4,keyasint" json:"state"` // LineOpen … LineCancelled
	Picked int64    `cbor:"5,keyasint,omitempty" json:"picked,omitempty"`
	Lots   []LotQty `cbor:"6,keyasint,omitempty" json:"lots,omitempty"`  // what was picked, in order
	Tasks  []string `cbor:"7,keyasint,omitempty" json:"tasks,omitempty"` // task ids, also closed ones
	// PutBack of Picked is not wanted any more and waits in the tote to be
	// put back; Returned was put back.
	PutBack  int64  `cbor:"8,keyasint,omitempty" json:"putBack,omitempty"`
	Returned int64  `cbor:"9,keyasint,omitempty" json:"returned,omitempty"`
	Kind     string `cbor:"10,keyasint,omitempty" json:"kind,omitempty"`
	// Lack is why a short line is short, LackUntil when there will be more, as
	// they were told last.
	Lack      string `cbor:"19,keyasint,omitempty" json:"-"`
	LackUntil int64  `cbor:"20,keyasint,omitempty" json:"-"`
	PutTask   string `cbor:"18,keyasint,omitempty" json:"-"` // the floor task that puts PutBack back
	// For is the item that was ordered where SKU stands for it, Reason why.
	For    string `cbor:"15,keyasint,omitempty" json:"for,omitempty"`
	Reason string `cbor:"16,keyasint,omitempty" json:"reason,omitempty"`
	// Alts are the items whose arrival lets a short line be tried again,
	// beside its own.
	Alts []string `cbor:"17,keyasint,omitempty" json:"-"`
}

// LotQty is a quantity of one lot; Lot is "" for items without lots.
type LotQty struct {
	Lot    string `cbor:"1,keyasint,omitempty" json:"lot,omitempty"`
	Expiry string `cbor:"2,keyasint,omitempty" json:"expiry,omitempty"`
	Qty    int64  `cbor:"3,keyasint" json:"qty"`
	Serial string `cbor:"4,keyasint,omitempty" json:"serial,omitempty"`
}

// Parcel is a closed carton with its SSCC.
type Parcel struct {
	SSCC     string `cbor:"1,keyasint" json:"sscc"` // 18 digits
	WeightMg int64  `cbor:"2,keyasint" json:"weightMg"`
	Carrier  string `cbor:"3,keyasint" json:"carrier"`
	Tracking string `cbor:"4,keyasint" json:"tracking"`
	Job      string `cbor:"5,keyasint" json:"job"`
	Dock     string `cbor:"6,keyasint,omitempty" json:"dock,omitempty"` // set when loaded
	// Verified: a portal saw the parcel with exactly the tags it must have.
	Verified bool `cbor:"7,keyasint,omitempty" json:"verified,omitempty"`
	// CheckedBy is the person who let an unverified parcel go by hand.
	CheckedBy string `cbor:"8,keyasint,omitempty" json:"checkedBy,omitempty"`
	// Service and Cost are those of the table of services.
	Service string `cbor:"9,keyasint,omitempty" json:"service,omitempty"`
	Cost    int64  `cbor:"10,keyasint,omitempty" json:"cost,omitempty"` // minor units
	Carton  string `cbor:"11,keyasint,omitempty" json:"carton,omitempty"`
	// Of one of several parcels: its number, what is in it, and what it had
	// to weigh. One that is the whole order has none of them.
	No         int          `cbor:"12,keyasint,omitempty" json:"no,omitempty"`
	Lines      []ParcelLine `cbor:"13,keyasint,omitempty" json:"lines,omitempty"`
	ExpectedMg int64        `cbor:"14,keyasint,omitempty" json:"expectedMg,omitempty"`
	// DepartedAt is when it left before the last parcel of its order did.
	DepartedAt int64 `cbor:"15,keyasint,omitempty" json:"departedAt,omitempty"`
}

// Task is one pick: Qty of an item from one bin into one slot. It is also the
// reservation (a pending move) of that stock until it is picked or given back.
type Task struct {
	ID     string `cbor:"1,keyasint" json:"id"` // order/line/n
	Order  string `cbor:"2,keyasint" json:"order"`
	Line   int    `cbor:"3,keyasint" json:"line"`
	SKU    string `cbor:"4,keyasint" json:"sku"`
	Bin    string `cbor:"5,keyasint" json:"bin"`
	Lot    string `cbor:"6,keyasint,omitempty" json:"lot,omitempty"`
	Expiry string `cbor:"7,keyasint,omitempty" json:"expiry,omitempty"`
	Qty    int64  `cbor:"8,keyasint" json:"qty"`
	Picked int64  `cbor:"9,keyasint,omitempty" json:"picked,omitempty"`
	State  string `cbor:"10,keyasint" json:"state"` // TaskOpen … TaskCancelled
	Batch  string `cbor:"11,keyasint,omitempty" json:"batch,omitempty"`
	Slot   int    `cbor:"12,keyasint,omitempty" json:"slot,omitempty"`
	Short  int64  `cbor:"13,keyasint,omitempty" json:"short,omitempty"` // asked for, but not in the bin
	// Failed counts the robots that gave the task back since a person last
	// decided about it; FailedBy is the newest of them.
	Failed   int    `cbor:"14,keyasint,omitempty" json:"failed,omitempty"`
	FailedBy string `cbor:"15,keyasint,omitempty" json:"failedBy,omitempty"`
	Owner    string `cbor:"16,keyasint,omitempty" json:"owner,omitempty"`
	Serial   string `cbor:"17,keyasint,omitempty" json:"serial,omitempty"` // the unit to take; another one of the bin will do
	// Skips is how often a picker put it off, Skipped why last.
	Skips   int    `cbor:"20,keyasint,omitempty" json:"skips,omitempty"`
	Skipped string `cbor:"21,keyasint,omitempty" json:"skipped,omitempty"`
	By      string `cbor:"22,keyasint,omitempty" json:"by,omitempty"` // who picked it, where a second person confirms
}

// stock is what the task takes and has reserved: sellable goods of its owner.
func (t *Task) stock() stockKey {
	return stockKey{sku: t.SKU, lot: t.Lot, serial: t.Serial, owner: t.Owner}
}

// Batch is the orders one worker picks in one walk.
type Batch struct {
	ID      string      `cbor:"1,keyasint" json:"id"`
	Worker  string      `cbor:"2,keyasint" json:"worker"`
	State   string      `cbor:"3,keyasint" json:"state"` // BatchActive, BatchDone, BatchReturned
	Slots   []BatchSlot `cbor:"4,keyasint" json:"slots"`
	Walk    []string    `cbor:"5,keyasint" json:"walk"` // task ids in walking order
	At      int         `cbor:"6,keyasint" json:"at"`   // index into Walk of the current task; len(Walk) when all are closed
	BinOK   bool        `cbor:"7,keyasint,omitempty" json:"binOk,omitempty"`
	Held    int64       `cbor:"8,keyasint,omitempty" json:"held,omitempty"`     // scanned, not yet put into a slot
	Lease   int64       `cbor:"9,keyasint" json:"lease"`                        // ends at
	RouteMm int64       `cbor:"10,keyasint,omitempty" json:"routeMm,omitempty"` // planned walk
	Zero    string      `cbor:"11,keyasint,omitempty" json:"zero,omitempty"`    // bin just emptied by the book
	Since   int64       `cbor:"12,keyasint,omitempty" json:"since,omitempty"`   // when it was assigned, where figures are kept
	Zone    string      `cbor:"13,keyasint,omitempty" json:"zone,omitempty"`    // picked in this zone only; "" = everywhere
}

// BatchSlot binds a cart slot to an order and, from the first put, to a tote.
// An order that comes back to the pool half picked brings its tote along: it
// waits at the pack drop and is the only one the slot takes.
type BatchSlot struct {
	Slot  int    `cbor:"1,keyasint" json:"slot"` // 1-based
	Order string `cbor:"2,keyasint" json:"order"`
	Tote  string `cbor:"3,keyasint,omitempty" json:"tote,omitempty"`
}

// WorkerState is what a worker is doing.
type WorkerState struct {
	Worker string `cbor:"1,keyasint" json:"worker"`
	Device string `cbor:"2,keyasint,omitempty" json:"device,omitempty"` // signed in on
	Batch  string `cbor:"3,keyasint,omitempty" json:"batch,omitempty"`
	// WaitingSince is when the worker asked for work that is not there
	// yet; 0 = not waiting.
	WaitingSince int64  `cbor:"4,keyasint,omitempty" json:"waitingSince,omitempty"`
	Floor        string `cbor:"5,keyasint,omitempty" json:"floor,omitempty"` // floor task in hand
	Zone         string `cbor:"6,keyasint,omitempty" json:"zone,omitempty"`  // of the batch that is waited for; "" = any
	// Ends is when the session ends unless something is done; 0 = never. Ended: it
	// did, with work in hand (pin.go).
	Ends  int64 `cbor:"7,keyasint,omitempty" json:"ends,omitempty"`
	Ended bool  `cbor:"8,keyasint,omitempty" json:"ended,omitempty"`
}

// LU is a logistic unit: a tote or a carton. It stands in one place.
type LU struct {
	ID    string `cbor:"1,keyasint" json:"id"`    // tote code or SSCC
	Kind  string `cbor:"2,keyasint" json:"kind"`  // "tote", "carton"
	Place string `cbor:"3,keyasint" json:"place"` // "cart/B1/2", "packdrop", "robot/R1", "station/pack1", "lane/L1", "dock/dock1", "customer"
	Order string `cbor:"4,keyasint,omitempty" json:"order,omitempty"`
	// Stock: it holds stock and no order. It may stand in a bin, in another
	// such unit ("lu/P1") or in somebody's hands ("worker/W1") as well.
	Stock bool `cbor:"5,keyasint,omitempty" json:"stock,omitempty"`
}

// StationState is what a pack station is doing.
type StationState struct {
	ID         string `cbor:"1,keyasint" json:"id"`
	Step       string `cbor:"2,keyasint" json:"step"` // StepScanTote, StepSecond, StepWeigh, StepPrint, StepCheckLabel
	Order      string `cbor:"3,keyasint,omitempty" json:"order,omitempty"`
	Tote       string `cbor:"4,keyasint,omitempty" json:"tote,omitempty"`
	SSCC       string `cbor:"5,keyasint,omitempty" json:"sscc,omitempty"`
	Job        string `cbor:"6,keyasint,omitempty" json:"job,omitempty"`
	ExpectedMg int64  `cbor:"7,keyasint,omitempty" json:"expectedMg,omitempty"`
	Code       string `cbor:"8,keyasint,omitempty" json:"code,omitempty"`    // why the last carton was refused
	Carton     string `cbor:"20,keyasint,omitempty" json:"carton,omitempty"` // the one to take
	// Of an order in several parcels: what goes into the carton in hand,
	// whether something is left for a next one, its number, and how many
	// there will be, 0 = not known yet. Scanned: a packer scans the pieces.
	Contents []ParcelLine `cbor:"21,keyasint,omitempty" json:"contents,omitempty"`
	More     bool         `cbor:"22,keyasint,omitempty" json:"more,omitempty"`
	No       int          `cbor:"23,keyasint,omitempty" json:"no,omitempty"`
	Of       int          `cbor:"24,keyasint,omitempty" json:"of,omitempty"`
	Scanned  bool         `cbor:"25,keyasint,omitempty" json:"scanned,omitempty"`
}

// LabelJob is the replicated record of one label to print. It is never
// repeated by the system: a reprint is a person's act and counted.
type LabelJob struct {
	ID       string  `cbor:"1,keyasint" json:"id"` // the SSCC
	Station  string  `cbor:"2,keyasint" json:"station"`
	Order    string  `cbor:"3,keyasint" json:"order"`
	State    string  `cbor:"4,keyasint" json:"state"` // JobAwaiting, JobRequested, JobSent, JobPrinted, JobFailed, JobUnknown
	ShipTo   Address `cbor:"5,keyasint" json:"shipTo"`
	Carrier  string  `cbor:"6,keyasint" json:"carrier"`
	Tracking string  `cbor:"7,keyasint" json:"tracking"`
	WeightMg int64   `cbor:"8,keyasint" json:"weightMg"`
	Copies   int     `cbor:"9,keyasint" json:"copies"` // 1 + reprints
	Detail   string  `cbor:"10,keyasint,omitempty" json:"detail,omitempty"`
	Since    int64   `cbor:"11,keyasint" json:"since"`
	Service  string  `cbor:"12,keyasint,omitempty" json:"service,omitempty"`
	// Doc is the document the label is printed from; "" = it is drawn from
	// this record. Refused are the carriers that did not take the parcel, Due
	// is when a carrier's silence is told, Voided the labels of before, Bill
	// that the change of the last of them is still to be billed.
	Doc     string      `cbor:"13,keyasint,omitempty" json:"doc,omitempty"`
	Refused []string    `cbor:"14,keyasint,omitempty" json:"refused,omitempty"`
	Due     int64       `cbor:"15,keyasint,omitempty" json:"due,omitempty"`
	Voided  []VoidLabel `cbor:"16,keyasint,omitempty" json:"voided,omitempty"`
	Format  string      `cbor:"18,keyasint,omitempty" json:"format,omitempty"` // the customer's; "" = the site's own
	Bill    bool        `cbor:"17,keyasint,omitempty" json:"-"`
}

// Fallout is something that needs a decision. It parks its order (or line) and
// nothing else; one without an order only waits to be looked at.
type Fallout struct {
	ID        string `cbor:"1,keyasint" json:"id"`
	Code      string `cbor:"2,keyasint" json:"code"` // a fallout code of codes.go
	Order     string `cbor:"3,keyasint,omitempty" json:"order,omitempty"`
	Line      int    `cbor:"4,keyasint,omitempty" json:"line,omitempty"`
	SKU       string `cbor:"5,keyasint,omitempty" json:"sku,omitempty"`
	Bin       string `cbor:"6,keyasint,omitempty" json:"bin,omitempty"`
	Lot       string `cbor:"7,keyasint,omitempty" json:"lot,omitempty"`
	Qty       int64  `cbor:"8,keyasint,omitempty" json:"qty,omitempty"`
	Since     int64  `cbor:"9,keyasint" json:"since"`
	Detail    string `cbor:"10,keyasint,omitempty" json:"detail,omitempty"`
	ClearedAt int64  `cbor:"11,keyasint,omitempty" json:"clearedAt,omitempty"`
	ClearedBy string `cbor:"12,keyasint,omitempty" json:"clearedBy,omitempty"`
	Dock      string `cbor:"13,keyasint,omitempty" json:"dock,omitempty"` // of the portal; "handheld/h1" of what that said too late
	LU        string `cbor:"14,keyasint,omitempty" json:"lu,omitempty"`   // tote or SSCC
	AckAt     int64  `cbor:"15,keyasint,omitempty" json:"ackAt,omitempty"`
	AckBy     string `cbor:"16,keyasint,omitempty" json:"ackBy,omitempty"`
	Escalated int    `cbor:"17,keyasint,omitempty" json:"escalated,omitempty"` // how often
	Due       int64  `cbor:"18,keyasint,omitempty" json:"due,omitempty"`       // of the next escalation
	// The facts above are the newest. Evidence is all there were, when there
	// were more than one, oldest first; More counts those it has no room for.
	Evidence []Evidence `cbor:"28,keyasint,omitempty" json:"evidence,omitempty"`
	More     int64      `cbor:"29,keyasint,omitempty" json:"more,omitempty"`
}

// Evidence is what was found once: of a portal, the tags of one pass.
type Evidence struct {
	At     int64  `cbor:"1,keyasint" json:"at"`
	Detail string `cbor:"2,keyasint,omitempty" json:"detail,omitempty"`
	Qty    int64  `cbor:"3,keyasint,omitempty" json:"qty,omitempty"`
	Dock   string `cbor:"4,keyasint,omitempty" json:"dock,omitempty"`
	LU     string `cbor:"5,keyasint,omitempty" json:"lu,omitempty"`
}

// Transport is one tote to be carried by a robot.
type Transport struct {
	ID    string `cbor:"1,keyasint" json:"id"`
	LU    string `cbor:"2,keyasint" json:"lu"` // the tote
	Order string `cbor:"3,keyasint" json:"order"`
	From  string `cbor:"4,keyasint" json:"from"`                      // place, "packdrop"
	To    string `cbor:"5,keyasint" json:"to"`                        // place, "station/pack1"
	State string `cbor:"6,keyasint" json:"state"`                     // TransportRequested … TransportCancelled
	Robot string `cbor:"7,keyasint,omitempty" json:"robot,omitempty"` // who took it; "" while REQUESTED
	Since int64  `cbor:"8,keyasint" json:"since"`                     // when State was entered
	Code  string `cbor:"9,keyasint,omitempty" json:"code,omitempty"`  // why it failed
	Try   int    `cbor:"10,keyasint" json:"try"`                      // 1, and one more with each retry
	Asked int64  `cbor:"11,keyasint" json:"asked"`                    // when it was first asked for
}

// Carriage is the last ride of a parcel on a conveyor.
type Carriage struct {
	SSCC     string `cbor:"1,keyasint" json:"sscc"`
	Conveyor string `cbor:"2,keyasint" json:"conveyor"`
	Lane     string `cbor:"3,keyasint" json:"lane"`                     // where it shall leave
	Expires  int64  `cbor:"4,keyasint" json:"expires"`                  // a confirm after this is late
	State    string `cbor:"5,keyasint" json:"state"`                    // CarriageAssigned, CarriageDiverted, CarriageMissorted, CarriageExpired
	Exit     string `cbor:"6,keyasint,omitempty" json:"exit,omitempty"` // where it left
	Since    int64  `cbor:"7,keyasint" json:"since"`                    // when State was entered
	Order    string `cbor:"8,keyasint" json:"order"`
}

// Move is one line of the ledger: Qty of one stock key from one place to
// another. The balance of a place is the sum of its moves.
type Move struct {
	SKU    string `cbor:"1,keyasint" json:"sku"`
	Lot    string `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
	Serial string `cbor:"3,keyasint,omitempty" json:"serial,omitempty"`
	Owner  string `cbor:"4,keyasint,omitempty" json:"owner,omitempty"`
	Status string `cbor:"5,keyasint,omitempty" json:"status,omitempty"` // "" = sellable
	Qty    int64  `cbor:"6,keyasint" json:"qty"`                        // > 0
	From   string `cbor:"7,keyasint" json:"from"`                       // place: "bin/A-01-02", "lu/T0001", "supplier", …
	To     string `cbor:"8,keyasint" json:"to"`
	At     int64  `cbor:"9,keyasint" json:"at"`
	Cause  string `cbor:"10,keyasint" json:"cause"`
	Actor  string `cbor:"11,keyasint,omitempty" json:"actor,omitempty"`
	Reason string `cbor:"12,keyasint,omitempty" json:"reason,omitempty"` // command name
}
