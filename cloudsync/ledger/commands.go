package ledger

import "tote/warehouse"

// Kinds. Changing one breaks every stored log.
const (
	KindInboxStore     uint16 = 0x0201
	KindAckOutbox      uint16 = 0x0202
	KindHoldSubject    uint16 = 0x0203
	KindReleaseSubject uint16 = 0x0204
)

// Handles says whether a kind belongs to this package.
func Handles(kind uint16) bool { return kind>>8 == 0x02 }

// Command is one of the structs below.
type Command interface{ Kind() uint16 }

type (
	// InboxStore takes items of the OMS in and moves the cursor. A page
	// larger than one log entry goes in as several commands, the cursor in
	// the last; dedupe makes a repeat harmless.
	InboxStore struct {
		// Source names the OMS: "oms/main".
		Source string `cbor:"1,keyasint"`
		// Cursor is where the next poll starts; "" leaves it.
		Cursor string `cbor:"2,keyasint,omitempty"`
		Items  []Item `cbor:"3,keyasint,omitempty"`
		// Upstream is the one the source belongs to; "" = the default one.
		Upstream string `cbor:"4,keyasint,omitempty"`
	}

	// AckOutbox says that the OMS has the rows of a stream up to Upto. They
	// leave the outbox. A lower or equal Upto is a no-op; a lower epoch is
	// refused.
	AckOutbox struct {
		Epoch  uint32 `cbor:"1,keyasint"`
		Stream string `cbor:"2,keyasint"`
		Upto   uint64 `cbor:"3,keyasint"`
	}

	// HoldSubject keeps events of one subject back after the OMS refused
	// one of them. It must be committed before the placeholder of the first
	// one is sent. Seqs are rows of Stream that the OMS refused; all rows of
	// the subject from From on wait behind them.
	HoldSubject struct {
		Epoch   uint32   `cbor:"1,keyasint"`
		Stream  string   `cbor:"2,keyasint"`
		Subject string   `cbor:"3,keyasint"`
		Seqs    []uint64 `cbor:"4,keyasint"`
		From    uint64   `cbor:"5,keyasint"`
		Code    string   `cbor:"6,keyasint"`
		Text    string   `cbor:"7,keyasint,omitempty"`
	}

	// ReleaseSubject ends the hold. The held events go out again in their
	// order on the stream "resend", each superseding its old id; with Drop
	// they are given up, which needs a reason. A person's act.
	ReleaseSubject struct {
		Subject string `cbor:"1,keyasint"`
		Drop    bool   `cbor:"2,keyasint,omitempty"`
		Reason  string `cbor:"3,keyasint,omitempty"`
		// Upstream is whose stream holds the subject; "" = the default one.
		Upstream string `cbor:"4,keyasint,omitempty"`
	}
)

// Item is one message of the OMS, read by the leader: exactly one of Release,
// Cancel, Ask and Bad is set.
type Item struct {
	MsgID    string               `cbor:"1,keyasint"`
	OrderID  string               `cbor:"2,keyasint"`
	Revision int                  `cbor:"3,keyasint,omitempty"`
	Release  *warehouse.OrderSpec `cbor:"4,keyasint,omitempty"`
	Cancel   *Cancel              `cbor:"5,keyasint,omitempty"`
	// Bad says why the message could not be read. It becomes a refusal and,
	// when it names an order, an order.rejected event.
	Bad string `cbor:"6,keyasint,omitempty"`
	Ask *Ask   `cbor:"7,keyasint,omitempty"`
}

// What an [Ask] may be about.
const (
	AskAccept  = "accept"  // the quote of the item's revision
	AskDecline = "decline" // the same
	AskHold    = "hold"    // for Code
	AskUnhold  = "unhold"  // of Code
	AskBind    = "bind"    // to the slip Kit
)

// Ask is another thing that is asked of the item's order.
type Ask struct {
	What   string `cbor:"1,keyasint"`
	Cancel bool   `cbor:"2,keyasint,omitempty"` // the quote was of a cancel
	Code   string `cbor:"3,keyasint,omitempty"`
	Kit    int64  `cbor:"4,keyasint,omitempty"`
}

// Cancel asks to withdraw the item's order.
type Cancel struct {
	Reason string `cbor:"1,keyasint,omitempty"`
}

// Kind implements Command.
func (InboxStore) Kind() uint16     { return KindInboxStore }
func (AckOutbox) Kind() uint16      { return KindAckOutbox }
func (HoldSubject) Kind() uint16    { return KindHoldSubject }
func (ReleaseSubject) Kind() uint16 { return KindReleaseSubject }

// Bounds of a command.
const (
	maxItems  = 1000
	maxSeqs   = 1000
	maxAckRun = 10_000 // rows one AckOutbox may take off
	maxName   = 256    // bytes of a source, stream, subject, message or order id
	maxText   = 1024
	maxCursor = 1024
	maxSeq    = 1 << 62
)

// check names the first field that is out of bounds, "" when all is well.
func check(c Command) string {
	name := func(s string) bool { return s != "" && len(s) <= maxName && !hasZero(s) }
	switch c := c.(type) {
	case InboxStore:
		switch {
		case !name(c.Source):
			return "source"
		case len(c.Cursor) > maxCursor:
			return "cursor"
		case len(c.Items) > maxItems:
			return "items"
		case c.Upstream != "" && c.Source != SourceOf(c.Upstream):
			return "upstream"
		}
		for _, it := range c.Items {
			if why := checkItem(it); why != "" {
				return "item " + why
			}
		}
	case AckOutbox:
		if !name(c.Stream) || c.Upto > maxSeq {
			return "stream or upto"
		}
	case HoldSubject:
		if !name(c.Stream) || !name(c.Subject) || len(c.Seqs) == 0 || len(c.Seqs) > maxSeqs || len(c.Code) > maxName || len(c.Text) > maxText {
			return "stream, subject, seqs, code or text"
		}
		for i, s := range c.Seqs {
			if s == 0 || s > maxSeq || i > 0 && s <= c.Seqs[i-1] || s >= c.From {
				return "seqs: must rise and stay below from"
			}
		}
	case ReleaseSubject:
		if !name(c.Subject) || len(c.Reason) > maxText || c.Drop && c.Reason == "" {
			return "subject or reason"
		}
		if len(c.Upstream) > maxName || hasZero(c.Upstream) {
			return "upstream"
		}
	}
	return ""
}

func checkItem(it Item) string {
	set := 0
	for _, is := range []bool{it.Release != nil, it.Cancel != nil, it.Ask != nil, it.Bad != ""} {
		if is {
			set++
		}
	}
	switch {
	case it.MsgID == "" || len(it.MsgID) > maxName || hasZero(it.MsgID):
		return "msgId"
	case len(it.OrderID) > maxName:
		return "orderId"
	case set != 1:
		return "content: exactly one of release, cancel, ask, bad"
	case it.Ask != nil && (len(it.Ask.What) > maxName || len(it.Ask.Code) > maxName):
		return "ask"
	case len(it.Bad) > maxText || it.Cancel != nil && len(it.Cancel.Reason) > maxText:
		return "text"
	}
	return ""
}

// hasZero: the zero byte separates the components of a key.
func hasZero(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// FreesSpace says whether applying a command of this kind makes the state
// smaller: acknowledged events leave the outbox. Such a command passes when the
// disk is nearly full.
func FreesSpace(kind uint16) bool { return kind == KindAckOutbox }
