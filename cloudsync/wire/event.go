package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Content types and header names of the uplink.
const (
	// ContentTypeBatch is the media type of a POST to the events endpoint.
	ContentTypeBatch = "application/cloudevents-batch+json"
	// HeaderIdempotencyKey carries "site/epoch/stream/first-last" as a quoted
	// structured-field string.
	HeaderIdempotencyKey = "Idempotency-Key"
	// HeaderFence carries the Raft term of the sender, decimal.
	HeaderFence = "Sync-Fence"
	// HeaderEpoch carries the epoch of the sender, decimal. The fence is
	// compared as (epoch, term): a re-formed cluster starts at a low term.
	// It may differ from the epoch of the events: rows of the old epoch
	// drain under their old ids.
	HeaderEpoch = "Sync-Epoch"
	// HeaderDigest is the RFC 9530 digest of the body as it is sent, that is
	// after gzip.
	HeaderDigest = "Content-Digest"
)

// Limits of one batch. A server answers 413 above them.
const (
	MaxBatchEvents = 500
	MaxBatchBytes  = 1 << 20 // of JSON, before gzip
)

// SpecVersion is the CloudEvents version of every event.
const SpecVersion = "1.0"

// TypeHeld is the placeholder of an event that is held back at the site. It
// has the sequence and subject of the real event and no data, so that the
// stream has no hole while the subject waits.
const TypeHeld = "wms.sync.held.v1"

// Event is one CloudEvent.
type Event struct {
	// SpecVersion is "1.0" in every event of a batch.
	SpecVersion string `json:"specversion"`
	// ID is "site/epoch/stream/seq": the dedupe key at the OMS.
	ID string `json:"id"`
	// Source is "/sites/{site}".
	Source string `json:"source"`
	// Type is "wms." + the site's event type + ".v1".
	Type string `json:"type"`
	// Subject is the order id. Absent for events about no order.
	Subject string `json:"subject,omitempty"`
	// Time is the cluster time of the change, RFC 3339 in UTC with
	// milliseconds. Information only, never used for ordering.
	Time string `json:"time"`
	// DataContentType is "application/json" when Data is set.
	DataContentType string `json:"datacontenttype,omitempty"`
	// Sequence is the decimal position in the stream, dense from 1 within an
	// epoch. It is a string because a CloudEvents integer has 32 bits.
	Sequence string `json:"sequence"`
	// Epoch is raised by one when the cluster is restored from a backup or
	// re-formed.
	Epoch uint32 `json:"epoch"`
	// Stream names the independent sequence: control, resend, …
	Stream string `json:"stream"`
	// PartitionKey is what must stay in order: the subject, or "site".
	PartitionKey string `json:"partitionkey"`
	// CausationID is the id of the scan, message or command that caused the
	// change, so that one scan can be followed to the OMS record.
	CausationID string `json:"causationid,omitempty"`
	// Supersedes is the id of the held event this one stands for.
	Supersedes string `json:"supersedes,omitempty"`
	// Data is an [EventData].
	Data json.RawMessage `json:"data,omitempty"`
}

// EventData holds the facts an event may carry; each type uses a few.
// Quantities are base units, weights milligrams, dates "YYYY-MM-DD".
type EventData struct {
	State    string   `json:"state,omitempty"`    // work state after the change
	Code     string   `json:"code,omitempty"`     // why it was refused or parked
	Text     string   `json:"text,omitempty"`     // the facts of this case, for a person
	Revision int      `json:"revision,omitempty"` // of the order the event speaks of
	Line     int      `json:"line,omitempty"`     // order line, 1-based
	SKU      string   `json:"sku,omitempty"`
	Bin      string   `json:"bin,omitempty"`
	Qty      int64    `json:"qty,omitempty"`
	Fallout  string   `json:"fallout,omitempty"` // id of the fallout opened or cleared
	Lines    []Line   `json:"lines,omitempty"`
	Parcels  []Parcel `json:"parcels,omitempty"`
	Source   string   `json:"source,omitempty"` // who released the order; of a refusal, who asked
	// Of order.quoted and order.amended.
	Request      string   `json:"request,omitempty"`      // state of the request axis
	ExtraCharge  int64    `json:"extraCharge,omitempty"`  // what the change costs on top, minor units
	Restrictions []string `json:"restrictions,omitempty"` // what the change does not reach
	BackorderOf  string   `json:"backorderOf,omitempty"`  // the order this one is the rest of
	Backorder    string   `json:"backorder,omitempty"`    // the order that the rest of this one became
	Kit          int64    `json:"kit,omitempty"`          // slip of the order crash kit
	For          string   `json:"for,omitempty"`          // of order.substituted: the item that SKU stands for
	// Voided are parcels that are no more: their labels and numbers must not
	// be used.
	Voided []Parcel `json:"voided,omitempty"`
	// Born is BornSite when the event is about an order that was entered at
	// the site: never one of the OMS, though it may have the same id.
	Born string `json:"born,omitempty"`
	// Expected is when goods that are not here are expected, in ms since 1970;
	// 0 = nobody knows.
	Expected int64 `json:"expected,omitempty"`

	Lot    string  `json:"lot,omitempty"`
	Serial string  `json:"serial,omitempty"`
	Owner  string  `json:"owner,omitempty"` // consignor of the goods; "" = the house
	Levels *Levels `json:"levels,omitempty"`
	Expiry string  `json:"expiry,omitempty"`
	Ref    string  `json:"ref,omitempty"` // id of the count, return or batch the event is about

	Receipt  string         `json:"receipt,omitempty"`
	Supplier string         `json:"supplier,omitempty"`
	Received []ReceivedLine `json:"received,omitempty"`
	Counted  []CountLine    `json:"counted,omitempty"`
	Returned []ReturnLine   `json:"returned,omitempty"`
	Exchange string         `json:"exchange,omitempty"` // order sent instead of what came back

	Role     string `json:"role,omitempty"`     // who should decide
	Severity int    `json:"severity,omitempty"` // 1..3, 3 = now
	Level    int    `json:"level,omitempty"`    // of an escalation, 1..3
	Facts    *Facts `json:"facts,omitempty"`    // for figures

	Carrier  string     `json:"carrier,omitempty"`
	Label    *Label     `json:"label,omitempty"` // the label the event is about
	Was      *Label     `json:"was,omitempty"`   // the label before it
	Doc      string     `json:"doc,omitempty"`
	Hash     string     `json:"hash,omitempty"` // SHA-256 of the document
	Manifest string     `json:"manifest,omitempty"`
	WeightMg int64      `json:"weightMg,omitempty"` // proposed for one base unit
	WasMg    int64      `json:"wasMg,omitempty"`    // what the OMS says it weighs
	Sides    *Sides     `json:"sides,omitempty"`    // proposed for one base unit
	Diffs    []LineDiff `json:"diffs,omitempty"`    // lines that shipped otherwise than ordered

	// Of order.shipped, where the order brought one of the first three.
	Party    string `json:"party,omitempty"`
	Customer string `json:"customer,omitempty"`
	Refs     []Ref  `json:"refs,omitempty"`
	Times    *Times `json:"times,omitempty"`
	// Of order.archived, the last record of an order: when it closed, ms since
	// 1970 UTC, and the SHA-256, in hex, of its release and of [Order.Commercial].
	ClosedAt   int64  `json:"closedAt,omitempty"`
	Digest     string `json:"digest,omitempty"`
	Commercial string `json:"commercial,omitempty"`

	Offers *Offers `json:"offers,omitempty"` // of site.offers
}

// Offers is what a site can take on; MaxOpen 0 = no limit, PerHour 0 = nobody said.
type Offers struct {
	Open     int64            `json:"open"` // orders that are not gone
	MaxOpen  int64            `json:"maxOpen,omitempty"`
	PerHour  int64            `json:"ordersPerHour,omitempty"`
	Lanes    []string         `json:"lanes,omitempty"`
	CutOffs  []CutOff         `json:"cutOffs,omitempty"`
	Carriers []OfferedCarrier `json:"carriers,omitempty"`
}

// CutOff is a pickup of the week's time table, UTC.
type CutOff struct {
	Carrier string `json:"carrier"`
	Minute  int    `json:"minute"` // of the day
	Days    int    `json:"days"`   // bit 0 = Monday … bit 6 = Sunday
}

// OfferedCarrier is a carrier and what it serves; no methods or countries = any.
type OfferedCarrier struct {
	Code      string   `json:"code"`
	Up        bool     `json:"up,omitempty"` // it takes parcels
	Methods   []string `json:"methods,omitempty"`
	Countries []string `json:"countries,omitempty"`
}

// Times of an order, milliseconds since 1970 UTC; 0 = not known.
type Times struct {
	PlacedAt   int64 `json:"placedAt,omitempty"`
	ReleasedAt int64 `json:"releasedAt,omitempty"`
	ShipBy     int64 `json:"shipBy,omitempty"`
	ShippedAt  int64 `json:"shippedAt,omitempty"`
}

// ReceivedLine is what was announced of an item and what came; Damaged, Expired,
// WrongLot and Tagged are parts of Received.
type ReceivedLine struct {
	Line     int      `json:"line"`
	SKU      string   `json:"sku"`
	Lot      string   `json:"lot,omitempty"`
	Expiry   string   `json:"expiry,omitempty"`
	LU       string   `json:"lu,omitempty"`
	Expected int64    `json:"expected,omitempty"`
	Received int64    `json:"received,omitempty"`
	Damaged  int64    `json:"damaged,omitempty"`
	Expired  int64    `json:"expired,omitempty"`
	WrongLot int64    `json:"wrongLot,omitempty"`
	Tagged   int64    `json:"tagged,omitempty"`
	Extra    bool     `json:"extra,omitempty"` // was not announced
	Variance []string `json:"variance,omitempty"`
}

// CountLine is one position of a counted bin: the book, what was counted, and
// the correction that was posted.
type CountLine struct {
	SKU     string `json:"sku"`
	Lot     string `json:"lot,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Status  string `json:"status,omitempty"`
	Book    int64  `json:"book,omitempty"`
	Counted int64  `json:"counted,omitempty"`
	Posted  int64  `json:"posted,omitempty"`
}

// ReturnLine is what came back of an item and what was decided about it.
type ReturnLine struct {
	SKU      string        `json:"sku"`
	Lot      string        `json:"lot,omitempty"`
	Expected int64         `json:"expected,omitempty"`
	Received int64         `json:"received,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Decided  []Disposition `json:"decided,omitempty"`
}

// Disposition is how many pieces went which way.
type Disposition struct {
	What string `json:"what"` // RESTOCK, QUALITY_CHECK, QUARANTINE, SCRAP, RETURN_TO_VENDOR
	Qty  int64  `json:"qty"`
}

// Label is one shipping label of a parcel; Cost is in minor units.
type Label struct {
	SSCC     string `json:"sscc"`
	Carrier  string `json:"carrier"`
	Service  string `json:"service,omitempty"`
	Tracking string `json:"tracking,omitempty"`
	Cost     int64  `json:"cost,omitempty"`
	Doc      string `json:"doc,omitempty"`
}

// Sides of one base unit, as measured at the site.
type Sides struct {
	LengthMm int64 `json:"lengthMm"`
	WidthMm  int64 `json:"widthMm"`
	HeightMm int64 `json:"heightMm"`
}

// LineDiff is a line that shipped otherwise than ordered; Diff is shipped less
// ordered. For is the item that was ordered where SKU went instead.
type LineDiff struct {
	Line    int    `json:"line"`
	SKU     string `json:"sku"`
	Ordered int64  `json:"ordered"`
	Shipped int64  `json:"shipped"`
	Diff    int64  `json:"diff"`
	For     string `json:"for,omitempty"`
}

// Facts of an order or a batch, for figures; times in milliseconds since 1970.
type Facts struct {
	PlacedAt   int64  `json:"placedAt,omitempty"`
	ReleasedAt int64  `json:"releasedAt,omitempty"`
	ShipBy     int64  `json:"shipBy,omitempty"`
	Channel    string `json:"channel,omitempty"`
	Lines      int64  `json:"lines,omitempty"`
	Units      int64  `json:"units,omitempty"`
	Reprints   int64  `json:"reprints,omitempty"`
	Again      bool   `json:"again,omitempty"`
	RouteMm    int64  `json:"routeMm,omitempty"`
	Ms         int64  `json:"ms,omitempty"`
}

// Levels is how much there is of an item of one owner.
type Levels struct {
	OnHand    int64 `json:"onHand"`    // in the house, whatever its status
	Reserved  int64 `json:"reserved"`  // of that, kept for work
	Available int64 `json:"available"` // what an order would get now
	InTransit int64 `json:"inTransit"` // announced and not here yet
	Min       int64 `json:"min"`
	Max       int64 `json:"max"`
	Reorder   int64 `json:"reorderAt"` // reorder point; 0 = none
}

// BornSite is the value of [EventData].Born.
const BornSite = "site"

// Line is what became of one order line.
type Line struct {
	Line   int      `json:"line"`
	SKU    string   `json:"sku"`
	Qty    int64    `json:"qty"`
	State  string   `json:"state"`
	Picked int64    `json:"picked,omitempty"`
	Lots   []LotQty `json:"lots,omitempty"`
	Tasks  []string `json:"tasks,omitempty"`
	For    string   `json:"for,omitempty"`    // the item that was ordered, where SKU stands for it
	Reason string   `json:"reason,omitempty"` // SUBSTITUTION
}

// LotQty is a quantity of one lot; Lot is "" for items without lots.
type LotQty struct {
	Lot    string `json:"lot,omitempty"`
	Expiry string `json:"expiry,omitempty"`
	Qty    int64  `json:"qty"`
	Serial string `json:"serial,omitempty"`
}

// Parcel is a closed carton with its SSCC.
type Parcel struct {
	SSCC     string `json:"sscc"` // 18 digits
	WeightMg int64  `json:"weightMg"`
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
	Job      string `json:"job"`
	Dock     string `json:"dock,omitempty"`
	Service  string `json:"service,omitempty"` // of the carrier
	Cost     int64  `json:"cost,omitempty"`    // minor units
	Carton   string `json:"carton,omitempty"`
	// Of one of several parcels of an order: its number, what is in it, and
	// when it left before the last one did. One that is all of its order has
	// none of them.
	No         int          `json:"no,omitempty"`
	Lines      []ParcelLine `json:"lines,omitempty"`
	DepartedAt int64        `json:"departedAt,omitempty"` // milliseconds since 1970 UTC
}

// ParcelLine is what of an order line is in a parcel.
type ParcelLine struct {
	Line   int    `json:"line"`
	SKU    string `json:"sku"`
	Qty    int64  `json:"qty"`
	Lot    string `json:"lot,omitempty"`
	Serial string `json:"serial,omitempty"`
	Expiry string `json:"expiry,omitempty"`
}

// ErrEventID says that an event id is not "site/epoch/stream/seq".
var ErrEventID = errors.New("event id is not site/epoch/stream/seq")

// EventID is the dedupe key of an event.
type EventID struct {
	Site   string
	Epoch  uint32
	Stream string
	Seq    uint64
}

// String renders the id as it stands in [Event].ID.
func (e EventID) String() string {
	return e.Site + "/" + strconv.FormatUint(uint64(e.Epoch), 10) + "/" + e.Stream + "/" + strconv.FormatUint(e.Seq, 10)
}

// ParseEventID is the inverse of String. It takes the canonical form only: no
// leading zeros, no empty part, seq from 1.
func ParseEventID(s string) (EventID, error) {
	p := strings.Split(s, "/")
	if len(p) != 4 || p[0] == "" || p[2] == "" {
		return EventID{}, fmt.Errorf("%w: %q", ErrEventID, s)
	}
	epoch, err := strconv.ParseUint(p[1], 10, 32)
	if err != nil {
		return EventID{}, fmt.Errorf("%w: %q: epoch", ErrEventID, s)
	}
	seq, err := strconv.ParseUint(p[3], 10, 64)
	if err != nil || seq == 0 {
		return EventID{}, fmt.Errorf("%w: %q: seq", ErrEventID, s)
	}
	id := EventID{Site: p[0], Epoch: uint32(epoch), Stream: p[2], Seq: seq}
	if id.String() != s {
		return EventID{}, fmt.Errorf("%w: %q is not canonical", ErrEventID, s)
	}
	return id, nil
}

// ErrEnvelope says that an event breaks a rule of the envelope.
var ErrEnvelope = errors.New("event envelope")

// Parse checks the envelope of an event of a site and returns its id. Data is
// not looked at.
func (e *Event) Parse(site string) (EventID, error) {
	id, err := ParseEventID(e.ID)
	switch {
	case err != nil:
		return EventID{}, err
	case e.SpecVersion != SpecVersion:
		return EventID{}, fmt.Errorf("%w: specversion %q, want %q", ErrEnvelope, e.SpecVersion, SpecVersion)
	case id.Site != site || e.Source != Source(site):
		return EventID{}, fmt.Errorf("%w: id %q, source %q are not of site %q", ErrEnvelope, e.ID, e.Source, site)
	case e.Sequence != strconv.FormatUint(id.Seq, 10) || e.Epoch != id.Epoch || e.Stream != id.Stream:
		return EventID{}, fmt.Errorf("%w: sequence, epoch or stream disagree with id %q", ErrEnvelope, e.ID)
	case e.Type == "":
		return EventID{}, fmt.Errorf("%w: %s has no type", ErrEnvelope, e.ID)
	case e.Type == TypeHeld && len(e.Data) != 0:
		return EventID{}, fmt.Errorf("%w: placeholder %s carries data", ErrEnvelope, e.ID)
	}
	if _, err := time.Parse(time.RFC3339, e.Time); err != nil {
		return EventID{}, fmt.Errorf("%w: time %q is not RFC 3339", ErrEnvelope, e.Time)
	}
	return id, nil
}

// Source is the CloudEvents source of a site.
func Source(site string) string { return "/sites/" + site }

// Type is the CloudEvents type of a site's event type.
func Type(event string) string { return "wms." + event + ".v1" }

// EventName is the inverse of Type; false when t is not one of ours.
func EventName(t string) (string, bool) {
	s, ok := strings.CutPrefix(t, "wms.")
	if !ok {
		return "", false
	}
	s, ok = strings.CutSuffix(s, ".v1")
	return s, ok && s != ""
}

// Time renders milliseconds since 1970 UTC as [Event].Time.
func Time(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
