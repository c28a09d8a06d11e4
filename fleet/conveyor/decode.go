package conveyor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of the codec.
var (
	// ErrMalformed: the bytes are no message of this name.
	ErrMalformed = errors.New("conveyor: malformed message")
	// ErrUnknown: there is no message of this name.
	ErrUnknown = errors.New("conveyor: unknown message")
)

// timeLayout is RFC 3339 with milliseconds, UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Decode reads a message by its name. It is strict: a field that is missing,
// unknown, twice there, null or out of bounds is an error, and so is anything
// behind the object.
func Decode(name string, payload []byte) (Message, error) {
	o, err := open(payload)
	if err != nil {
		return nil, err
	}
	var m Message
	switch name {
	case NameScan:
		m = decodeScan(o)
	case NameDivert:
		m = decodeDivert(o)
	case NameAlarm:
		m = decodeAlarm(o)
	case NameAck:
		m = decodeAck(o)
	case NameResult:
		m = decodeResult(o)
	case NameAssign:
		m = decodeAssign(o)
	case NameSync:
		m = &SyncMessage{Header: decodeHead(o)}
	case NameMain:
		m = decodeMain(o)
	default:
		return nil, fmt.Errorf("%w: %.40q", ErrUnknown, name)
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeHeader reads the envelope of a message this package has no further use
// for; other fields may be anything.
func DecodeHeader(payload []byte) (Header, error) {
	o, err := open(payload)
	if err != nil {
		return Header{}, err
	}
	h := decodeHead(o)
	return h, o.err
}

func decodeHead(o *object) Header {
	if v := o.integer("v", 0, 1<<31); o.err == nil && v != Version {
		o.fail("v", fmt.Sprintf("version %d, this program speaks %d", v, Version))
	}
	return Header{
		MsgID:  o.text("msgId", ulid),
		Seq:    uint32(o.integer("seq", 0, 1<<32-1)),
		BootID: o.text("bootId", id),
		At:     o.time("ts"),
		Device: o.text("deviceId", id),
	}
}

func decodeScan(o *object) *ScanMessage {
	m := &ScanMessage{
		Header: decodeHead(o), Point: o.text("scanPoint", id), Track: o.text("trackId", id),
		Barcodes: o.texts("barcodes", MaxBarcodes, barcode), Quality: o.oneOf("quality", Qualities()),
		LengthMm: o.integer("lengthMm", 0, MaxMm), GapMm: o.integer("gapMm", 0, MaxMm),
		Deadline: time.Duration(o.integer("deadlineMs", 1, MaxDeadline.Milliseconds())) * time.Millisecond,
	}
	if o.has("weightMg") {
		m.WeightMg = o.integer("weightMg", 1, MaxWeightMg)
	}
	switch {
	case m.Quality == Good && len(m.Barcodes) == 0:
		o.fail("barcodes", "GOOD needs one at least")
	case m.Quality == NoRead && len(m.Barcodes) > 0:
		o.fail("barcodes", "NOREAD has none")
	}
	return m
}

func decodeDivert(o *object) *DivertMessage {
	m := &DivertMessage{
		Header: decodeHead(o), Track: o.text("trackId", id),
		Intended: o.text("intended", lane), Actual: o.text("actual", lane), Result: o.oneOf("result", Results()),
	}
	if o.has("scanMsgId") {
		m.ScanID = o.text("scanMsgId", ulid)
	}
	if o.has("barcodes") {
		if m.Barcodes = o.texts("barcodes", MaxBarcodes, barcode); len(m.Barcodes) == 0 {
			o.fail("barcodes", "empty; leave it out")
		}
	}
	switch {
	case m.Result == Lost && m.Actual != "":
		o.fail("actual", "a lost carton is in no lane")
	case m.Result != Lost && m.Result != Jam && m.Actual == "":
		o.fail("actual", "only a lost or stuck carton is in no lane")
	}
	return m
}

func decodeAlarm(o *object) *AlarmMessage {
	m := &AlarmMessage{
		Header: decodeHead(o), AlarmID: o.text("alarmId", id), Code: o.text("code", word),
		State: o.oneOf("state", []string{Raise, Clear}),
	}
	if o.has("section") {
		m.Section = o.text("section", id)
	}
	return m
}

func decodeAck(o *object) *AckMessage {
	m := &AckMessage{Header: decodeHead(o), For: o.text("forMsgId", ulid), Status: o.oneOf("status", []string{Accepted, Rejected})}
	switch {
	case o.has("code"):
		m.Code = o.text("code", word)
	case m.Status == Rejected:
		o.fail("code", "missing")
	}
	return m
}

func decodeResult(o *object) *ResultMessage {
	m := &ResultMessage{Header: decodeHead(o), For: o.text("forMsgId", ulid), OK: o.flag("ok")}
	if o.has("code") {
		m.Code = o.text("code", word)
	}
	return m
}

func decodeAssign(o *object) *AssignMessage {
	return &AssignMessage{
		Header: decodeHead(o), Track: o.text("trackId", id), ScanID: o.text("scanMsgId", ulid),
		Lane: o.text("destination", id), Alternates: o.texts("alternates", MaxEntries, id), Expires: o.time("expiresAt"),
		ValidFor: time.Duration(o.integer("validForMs", 1, MaxDeadline.Milliseconds())) * time.Millisecond,
		Reason:   o.text("reason", word),
	}
}

func decodeMain(o *object) *MainMessage {
	m := &MainMessage{Header: decodeHead(o), Mode: o.oneOf("mode", Modes()), LastSeqDown: uint32(o.integer("lastSeqDown", 0, 1<<32-1))}
	o.each("sections", func(o *object) {
		m.Sections = append(m.Sections, Section{ID: o.text("section", id), State: o.oneOf("state", SectionStates())})
	})
	o.each("lanes", func(o *object) {
		m.Lanes = append(m.Lanes, Lane{
			ID: o.text("lane", id), Enabled: o.flag("enabled"), Full: o.integer("full", 0, 100), Count: o.integer("count", 0, 1<<31),
		})
	})
	o.each("alarms", func(o *object) {
		a := Alarm{ID: o.text("alarmId", id), Code: o.text("code", word)}
		if o.has("section") {
			a.Section = o.text("section", id)
		}
		m.Alarms = append(m.Alarms, a)
	})
	return m
}

// Encode writes a message. It fails on what Decode would not take back.
func Encode(m Message) ([]byte, error) {
	b, err := json.Marshal(fields(m))
	if err != nil {
		return nil, fmt.Errorf("conveyor: encode %s: %w", m.name(), err)
	}
	if _, err := Decode(m.name(), b); err != nil {
		return nil, fmt.Errorf("conveyor: encode %s: %w", m.name(), err)
	}
	return b, nil
}

// fields is a message as the object on the wire. Required lists are never null.
func fields(m Message) map[string]any {
	h := m.head()
	f := map[string]any{
		"v": Version, "msgId": h.MsgID, "seq": h.Seq, "bootId": h.BootID, "ts": h.At.UTC().Format(timeLayout), "deviceId": h.Device,
	}
	some := func(key, v string) {
		if v != "" {
			f[key] = v
		}
	}
	switch m := m.(type) {
	case *ScanMessage:
		f["scanPoint"], f["trackId"], f["barcodes"], f["quality"] = m.Point, m.Track, list(m.Barcodes), m.Quality
		f["lengthMm"], f["gapMm"], f["deadlineMs"] = m.LengthMm, m.GapMm, m.Deadline.Milliseconds()
		if m.WeightMg != 0 {
			f["weightMg"] = m.WeightMg
		}
	case *DivertMessage:
		f["trackId"], f["intended"], f["actual"], f["result"] = m.Track, m.Intended, m.Actual, m.Result
		some("scanMsgId", m.ScanID)
		if len(m.Barcodes) > 0 {
			f["barcodes"] = m.Barcodes
		}
	case *AlarmMessage:
		f["alarmId"], f["code"], f["state"] = m.AlarmID, m.Code, m.State
		some("section", m.Section)
	case *AckMessage:
		f["forMsgId"], f["status"] = m.For, m.Status
		some("code", m.Code)
	case *ResultMessage:
		f["forMsgId"], f["ok"] = m.For, m.OK
		some("code", m.Code)
	case *AssignMessage:
		f["trackId"], f["scanMsgId"], f["destination"], f["alternates"] = m.Track, m.ScanID, m.Lane, list(m.Alternates)
		f["expiresAt"], f["validForMs"], f["reason"] = m.Expires.UTC().Format(timeLayout), m.ValidFor.Milliseconds(), m.Reason
	case *MainMessage:
		f["mode"], f["sections"], f["lanes"], f["alarms"], f["lastSeqDown"] = m.Mode, list(m.Sections), list(m.Lanes), list(m.Alarms), m.LastSeqDown
	}
	return f
}

func list[E any](in []E) []E { return append([]E{}, in...) }

// id allows 1 to MaxID of A-Z a-z 0-9 _ . : -
func id(s string) bool {
	return s != "" && len(s) <= MaxID && strings.Trim(s, idChars) == ""
}

const idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"

// lane is an id, or nothing.
func lane(s string) bool { return s == "" || id(s) }

// word allows 1 to MaxID printable ASCII characters.
func word(s string) bool { return s != "" && len(s) <= MaxID && printable(s, "") }

// barcode allows printable ASCII and the separator of GS1.
func barcode(s string) bool { return s != "" && len(s) <= MaxBarcode && printable(s, "\x1d") }

func printable(s, more string) bool {
	for i := range len(s) {
		if (s[i] < 0x20 || s[i] > 0x7e) && !strings.Contains(more, s[i:i+1]) {
			return false
		}
	}
	return true
}
