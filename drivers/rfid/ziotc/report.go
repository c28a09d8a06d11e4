package ziotc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Errors of messages.
var (
	// ErrJSON: the message is no JSON object of a known shape.
	ErrJSON = errors.New("ziotc: not a message of a Zebra reader")
	// ErrTag: a tag in it cannot be read.
	ErrTag = errors.New("ziotc: a tag without a readable EPC")
)

// Kind is what a message is.
type Kind string

// The kinds. Other is one of a known envelope that says nothing a driver needs:
// GPIO, progress of a firmware update.
const (
	Tags      Kind = "tags" // and barcodes
	Heartbeat Kind = "heartbeat"
	Alert     Kind = "alert"
	Conn      Kind = "connection"
	Response  Kind = "response"
	Other     Kind = "other"
)

// Report is one message of a reader.
type Report struct {
	Kind     Kind
	At       time.Time // by the reader's clock; zero when it does not tell
	Tags     []Tag
	Barcodes []Barcode
	Alert    Condition // of Alert
	Up       bool      // of Conn
	Answer   Answer    // of Response
}

// Tag is one report of a tag.
type Tag struct {
	EPC     string // hexadecimal, upper case
	PC      uint16 // 0 = not told
	Antenna int    // from 1; 0 = not told
	RSSI    int    // dBm; 0 = not told

	Phase    int  // hundredths of a degree, 0 to 35999
	HasPhase bool // the reader told it
}

// Barcode is one scan of a sled with an imager.
type Barcode struct {
	Symbology string `json:"symbology"` // Zebra's name: "CODE_39"
	Data      string `json:"decodedBarcode"`
}

// Condition is something wrong, or right again, at the reader.
type Condition struct {
	ID       string // BATTERY, TEMPERATURE, …; "error", "warning" of fixed readers
	State    string // SET, CLEAR, ONESHOT
	Priority string // CRITICAL, HIGH, MEDIUM, LOW
	Text     string // the details, as they came, at most 200 bytes
}

// Answer is the answer to a command.
type Answer struct {
	Command, ID string
	OK          bool
	Already     bool   // it failed because it was so already
	Text        string // why not
}

// message has every field of the shapes that are read. Others are passed over:
// what a reader tells differs by firmware and configuration.
type message struct {
	Type      string          `json:"type"`
	EventName string          `json:"eventName"`
	Component string          `json:"component"`
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`

	State        string          `json:"state"` // of sleds' alerts
	ID           string          `json:"id"`
	Priority     string          `json:"priority"`
	AlertDetails json.RawMessage `json:"alertDetails"`

	ConnectionState string `json:"connectionState"`

	Command   string          `json:"command"`
	CommandID string          `json:"command_id"` // fixed readers
	RequestID string          `json:"requestId"`  // sleds
	Response  json.RawMessage `json:"response"`
	Payload   json.RawMessage `json:"payload"`
}

// tag is a report in either spelling.
type tag struct {
	IDHex    string      `json:"idHex"` // fixed readers
	EPCid    string      `json:"EPCid"` // sleds
	Antenna  int         `json:"antenna"`
	PeakRSSI json.Number `json:"peakRssi"`
	PC       string      `json:"PC"`
	Phase    json.Number `json:"phase"` // degrees
}

// data is what "data" of a message with reads holds: one tag of a fixed reader,
// or the lists of a sled.
type data struct {
	tag
	TagData     []tag     `json:"tagData"`
	BarcodeData []Barcode `json:"barcodeData"`
}

// Decode reads one message, or a list of them, as fixed readers send when they
// batch. Errors are ErrJSON and ErrTag; beside ErrTag stands what could be read.
func Decode(payload []byte) ([]Report, error) {
	payload = bytes.TrimSpace(payload)
	if len(payload) == 0 || payload[0] != '[' {
		e, err := decode(payload)
		if errors.Is(err, ErrJSON) {
			return nil, err
		}
		return []Report{e}, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(payload, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJSON, err)
	}
	var events []Report
	var bad error
	for _, raw := range list {
		e, err := decode(raw)
		if errors.Is(err, ErrJSON) {
			return nil, err
		}
		bad = errors.Join(bad, err)
		events = append(events, e)
	}
	return events, bad
}

func decode(payload []byte) (Report, error) {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrJSON, err)
	}
	e := Report{At: at(m.Timestamp)}
	switch {
	case len(m.Response) > 0 && m.Command != "":
		e.Kind = Response
		e.Answer = m.answer()
	case m.ConnectionState != "":
		e.Kind, e.Up = Conn, m.ConnectionState == "CONNECTED"
	case m.Type == "heartbeat" || m.EventName == "heartbeat":
		e.Kind = Heartbeat
	case m.State != "" && m.ID != "":
		e.Kind = Alert
		e.Alert = Condition{m.ID, m.State, m.Priority, short(m.AlertDetails)}
	case m.Component != "" && (m.Type == "error" || m.Type == "warning"):
		priority := "CRITICAL"
		if m.Type == "warning" {
			priority = "HIGH"
		}
		e.Kind = Alert
		e.Alert = Condition{m.Type, "ONESHOT", priority, short(m.Data)}
	case m.Component != "" || m.EventName != "":
		e.Kind = Other
	case len(m.Data) > 0 && m.Type != "":
		e.Kind = Tags
		return e, e.read(m.Data)
	default:
		return Report{}, ErrJSON
	}
	return e, nil
}

// read takes tags and barcodes out of "data".
func (e *Report) read(raw json.RawMessage) error {
	var d data
	if err := json.Unmarshal(raw, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	list := d.TagData
	if d.IDHex != "" {
		list = append(list, d.tag)
	}
	if len(list) == 0 && len(d.BarcodeData) == 0 {
		if bytes.Contains(raw, []byte(`"tagData"`)) || bytes.Contains(raw, []byte(`"barcodeData"`)) {
			return nil // an empty report
		}
		return fmt.Errorf("%w: data without tags", ErrJSON)
	}
	e.Barcodes = d.BarcodeData
	var bad error
	for _, t := range list {
		got, err := t.decode()
		if err != nil {
			bad = errors.Join(bad, err)
			continue
		}
		e.Tags = append(e.Tags, got)
	}
	return bad
}

// maxEPC is the longest EPC the PC word can announce, in hexadecimal digits.
const maxEPC = 31 * 4

func (t tag) decode() (Tag, error) {
	epc := strings.ToUpper(t.IDHex + t.EPCid)
	if _, err := hex.DecodeString(epc); err != nil || epc == "" || len(epc) > maxEPC || len(epc)%4 != 0 || t.IDHex != "" && t.EPCid != "" {
		return Tag{}, fmt.Errorf("%w: %.80q", ErrTag, epc)
	}
	out := Tag{EPC: epc, Antenna: t.Antenna}
	if t.Antenna < 0 || t.Antenna > 64 {
		return Tag{}, fmt.Errorf("%w: antenna %d", ErrTag, t.Antenna)
	}
	if t.PC != "" {
		pc, err := strconv.ParseUint(t.PC, 16, 16)
		if err != nil {
			return Tag{}, fmt.Errorf("%w: PC %.20q", ErrTag, t.PC)
		}
		out.PC = uint16(pc)
	}
	if t.PeakRSSI != "" {
		dBm, err := t.PeakRSSI.Float64()
		if err != nil || dBm < -150 || dBm > 50 {
			return Tag{}, fmt.Errorf("%w: RSSI %.20q", ErrTag, t.PeakRSSI)
		}
		out.RSSI = int(dBm)
	}
	if t.Phase != "" {
		deg, err := t.Phase.Float64()
		if err != nil || deg < -360 || deg > 360 {
			return Tag{}, fmt.Errorf("%w: phase %.20q", ErrTag, t.Phase)
		}
		out.Phase, out.HasPhase = (int(math.Round(deg*100))+36000)%36000, true
	}
	return out, nil
}

// already are the codes of sleds for "it is so already": inventory running, and
// stopped.
var already = map[int]bool{11: true, 12: true}

func (m message) answer() Answer {
	a := Answer{Command: m.Command, ID: m.CommandID + m.RequestID}
	var word string
	if json.Unmarshal(m.Response, &word) == nil { // fixed reader
		a.OK = word == "success"
		if !a.OK {
			a.Text = short(m.Payload)
			// What the reader says of a second start, also over HTTP.
			a.Already = strings.Contains(a.Text, "currently ongoing")
		}
		return a
	}
	var r struct {
		Code        *int   `json:"code"`
		Description string `json:"description"`
	}
	if json.Unmarshal(m.Response, &r) != nil || r.Code == nil {
		a.Text = short(m.Response)
		return a
	}
	a.OK, a.Already = *r.Code == 0, already[*r.Code]
	if !a.OK {
		a.Text = fmt.Sprintf("code %d %.180s", *r.Code, r.Description)
	}
	return a
}

func short(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return ""
	}
	s := b.String()
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// layouts of timestamps: with and without colon in the offset, and Z.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"}

// at reads a timestamp. Sleds tell only the time of day of a connection, which
// says nothing.
func at(s string) time.Time {
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
