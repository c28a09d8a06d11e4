package wire

import "encoding/json"

// Limits of the inbox.
const (
	MaxInboxItems = 200 // items in one page
	MaxWaitS      = 60  // seconds a long poll may wait
)

// Item types of the inbox.
const (
	TypeRelease = "order.release" // Data is an [Order]
	TypeCancel  = "order.cancel"  // Data is a [Cancel]
	TypeQuote   = "order.quote"   // Data is a [QuoteAnswer]
	TypeHold    = "order.hold"    // Data is a [Hold]
	TypeUnhold  = "order.unhold"  // Data is a [Hold]
	TypeBind    = "order.bind"    // Data is a [Bind]
)

// InboxPage answers a poll.
type InboxPage struct {
	// Items are in the order in which the OMS wants them to happen. Empty
	// when the wait ended without news.
	Items []InboxItem `json:"items"`
	// Next is the cursor for the next poll. It is opaque: it is stored and
	// sent back as it came. Empty only when the OMS never had an item.
	Next string `json:"next"`
}

// InboxItem is one message to the site.
type InboxItem struct {
	// MsgID is unique for its content at this OMS: the same id always has
	// the same content. Dedupe key at the site, with the source.
	MsgID string `json:"msgId"`
	// OrderID and Revision name the order, also when Data is damaged.
	OrderID  string `json:"orderId"`
	Revision int    `json:"revision"`
	// Type says what Data is.
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// Order is an order as it is released to a site.
type Order struct {
	ID string `json:"id"` // 1..64 printable characters
	// Revision counts changes of the order, from 1. Lower: ignored. Equal
	// with the same content: ignored. Equal with other content: CONFLICT.
	Revision int     `json:"revision"`
	Priority int     `json:"priority,omitempty"` // 0..9, higher first
	ShipTo   Address `json:"shipTo"`
	Method   string  `json:"method,omitempty"`   // shipping method
	PlacedAt int64   `json:"placedAt,omitempty"` // ms since 1970 UTC
	ShipBy   int64   `json:"shipBy,omitempty"`   // ms since 1970 UTC
	Channel  string  `json:"channel,omitempty"`
	Owner    string  `json:"owner,omitempty"` // consignor whose goods these are; "" = the house
	// Partial: what is there is shipped and the rest becomes a backorder;
	// otherwise the order waits until it is complete.
	Partial bool `json:"partial,omitempty"`
	// Substitute: another item may be sent for one that is short.
	Substitute bool `json:"substitute,omitempty"`
	// Together: its parcels leave on one truck; otherwise each leaves with
	// the truck it is on.
	Together bool `json:"together,omitempty"`
	// Holds are the reasons for which nothing may be done yet: PAYMENT,
	// CREDIT, TERMS, PRICE_UNCONFIRMED, PACK_CHANGE, RECALL, ADDRESS, EXPORT.
	Holds []string `json:"holds,omitempty"`
	// Commercial is whatever the OMS knows of terms, billing, discounts and
	// promo codes: any JSON. The site keeps its SHA-256 and nothing else.
	Commercial json.RawMessage `json:"commercial,omitempty"`
	// Kit is the number of the slip of the order crash kit on which the site
	// may have entered this order already; 0 = none.
	Kit int64 `json:"kit,omitempty"`
	// Party is the kind of place it goes to: "consumer", "business", "3pl",
	// "hub" (a carrier's); "" = not said.
	Party string `json:"party,omitempty"`
	// Customer and Refs are names that others gave: opaque to the site, and
	// told unchanged by order.shipped.
	Customer string `json:"customer,omitempty"` // at most 200 bytes
	Refs     []Ref  `json:"refs,omitempty"`     // at most 16, 2048 bytes in all
	// Lines has at least one entry, line numbers unique.
	Lines []OrderLine `json:"lines"`
}

// Ref is one name of an order elsewhere: a campaign, a purchase order.
type Ref struct {
	Name  string `json:"name"`  // 1..64 bytes, each once
	Value string `json:"value"` // at most 200 bytes
}

// Address is where the parcel goes.
type Address struct {
	Name     string `json:"name"`
	Street   string `json:"street"`
	Postcode string `json:"postcode"`
	City     string `json:"city"`
	Country  string `json:"country"` // ISO 3166 alpha-2
}

// OrderLine asks for Qty base units of an item.
type OrderLine struct {
	Line int    `json:"line"` // 1-based, unique in the order
	SKU  string `json:"sku"`
	Qty  int64  `json:"qty"`            // 1..1000000
	Kind string `json:"kind,omitempty"` // "drop_ship": not of this site; "make": made to order
}

// Cancel asks the site to withdraw an order. The site decides; the answer is
// the event order.cancelled or order.cancelRejected.
type Cancel struct {
	Reason string `json:"reason,omitempty"`
}

// QuoteAnswer answers the event order.quoted of the item's revision, or of a
// cancel. What becomes of it is told by order.amended, order.amendRejected,
// order.cancelled or order.cancelRejected.
type QuoteAnswer struct {
	Accept bool `json:"accept"`
	Cancel bool `json:"cancel,omitempty"` // the quote was of a cancel
}

// Hold keeps an order from going on, or lets it go. The answer is the event
// order.held or order.holdReleased.
type Hold struct {
	Code string `json:"code"` // as in [Order].Holds
}

// Bind says that the item's order is the one the site entered from a slip of its
// order crash kit. The answer is the event order.bound.
type Bind struct {
	Kit int64 `json:"kit"`
}
