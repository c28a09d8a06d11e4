package warehouse

// OrderState is the work axis of an order.
type OrderState string

// The work states, in the order of the main path.
const (
	OrderReceived     OrderState = "RECEIVED"
	OrderValidated    OrderState = "VALIDATED"
	OrderShortWaiting OrderState = "SHORT_WAITING" // not enough usable stock
	OrderAllocated    OrderState = "ALLOCATED"
	OrderReleased     OrderState = "RELEASED" // in the pool
	OrderPicking      OrderState = "PICKING"  // first task claimed: soft point of no return
	OrderPicked       OrderState = "PICKED"
	OrderPacking      OrderState = "PACKING"
	OrderPacked       OrderState = "PACKED"
	OrderLabelled     OrderState = "LABELLED" // label bytes sent: hard point of no return
	OrderStaged       OrderState = "STAGED"   // loaded at a dock
	OrderShipped      OrderState = "SHIPPED"
	OrderCancelled    OrderState = "CANCELLED"
)

// Line states.
const (
	LineOpen      = "OPEN"
	LineAllocated = "ALLOCATED"
	LinePicked    = "PICKED"
	LinePacked    = "PACKED"
	LineShipped   = "SHIPPED"
	LineShort     = "SHORT"
	LineCancelled = "CANCELLED"

	LineProduction = "PRODUCTION" // made to order, not made yet
	LineDropShip   = "DROP_SHIP"  // shipped by somebody else
)

// Task states.
const (
	TaskOpen      = "OPEN"      // reserved, in the pool
	TaskAssigned  = "ASSIGNED"  // in a batch, not begun
	TaskClaimed   = "CLAIMED"   // its bin was scanned
	TaskDone      = "DONE"      // all put into the slot
	TaskShort     = "SHORT"     // closed with less than asked
	TaskCancelled = "CANCELLED" // withdrawn
)

// Batch states.
const (
	BatchActive   = "ACTIVE"
	BatchDone     = "DONE"
	BatchReturned = "RETURNED" // lease ended before the first pick
)

// Label job states.
const (
	JobAwaiting  = "AWAITING_LABEL" // the carrier has not given number and label yet
	JobRequested = "REQUESTED"
	JobSent      = "SENT"
	JobPrinted   = "PRINTED"
	JobFailed    = "FAILED"
	JobUnknown   = "UNKNOWN"
	JobVoid      = "VOID" // the order was cancelled before the label was sent
)

// Transport states. All but DELIVERED and CANCELLED are open: something or
// somebody still has to carry the tote.
const (
	TransportRequested = "REQUESTED" // free for any robot
	TransportAssigned  = "ASSIGNED"  // a robot is on its way to the tote
	TransportLoaded    = "LOADED"    // the tote is on the robot
	TransportDelivered = "DELIVERED" // the tote is at the pack station
	TransportFailed    = "FAILED"    // the robot gave up; waits for a retry or for a person
	TransportCancelled = "CANCELLED" // a person carried the tote
)

// Carriage states.
const (
	CarriageAssigned  = "ASSIGNED"  // on the belt, its lane is decided
	CarriageDiverted  = "DIVERTED"  // left at its lane
	CarriageMissorted = "MISSORTED" // left at another lane
	CarriageExpired   = "EXPIRED"   // left without a decision that was still good
)

// Outcomes of a robot's pick.
const (
	PickPicked = "picked"
	PickShort  = "short"
	PickFailed = "failed"
)

// Classes of stock. Only what is sellable is ever picked.
const (
	StatusSellable    = ""
	StatusQC          = "qc" // waits for a quality check
	StatusDamaged     = "damaged"
	StatusQuarantined = "quarantined"
)

// Virtual places of the ledger. They alone may go negative.
const (
	PlaceOpening    = "opening"
	PlaceSupplier   = "supplier"
	PlaceCustomer   = "customer"
	PlaceAdjustment = "adjustment"
	PlaceScrap      = "scrap"
	PlaceReclass    = "reclass" // between two statuses: what leaves one enters the other
	PlaceVendor     = "vendor"  // sent back
)

// validStatus tells whether goods may have a status.
func validStatus(s string) bool {
	switch s {
	case StatusSellable, StatusQC, StatusDamaged, StatusQuarantined:
		return true
	}
	return false
}

// Policies by which the stock of an item is given to orders.
const (
	PolicyFEFO    = ""        // first expired first
	PolicyFIFO    = "fifo"    // first received first
	PolicyClosest = "closest" // shortest way from the depot first
	PolicyTouches = "touches" // as few picks as there can be
)

func validPolicy(s string) bool {
	switch s {
	case PolicyFEFO, PolicyFIFO, PolicyClosest, PolicyTouches:
		return true
	}
	return false
}
