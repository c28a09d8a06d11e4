package handheld

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tote/warehouse"
)

// Verbs of the protocol. Changing one breaks every handheld.
const (
	VerbSignIn  = "sign_in"  // barcode: the badge; pin: where the site asks for one
	VerbSignOut = "sign_out" //
	VerbAsk     = "ask"      // for work; barcode: a bin of the zone to work in
	VerbScan    = "scan"     // barcode of a bin, item or tote
	VerbShort   = "short"    // the bin holds no more; reason says why
	VerbFinish  = "finish"   // barcode: the pack drop
	VerbClaim   = "claim"    // a floor task: the named one, or the first of a kind or of any
	VerbSkip    = "skip"     // the floor task: back to the end of its queue; reason says why
	VerbEmpty   = "empty"    // the bin of the step's zero is empty; to go on scanning says so too
	VerbLeft    = "left"     // something is left in it: it is to be counted

	VerbSkipLine  = "skip_line"  // the current pick: to the end of the walk; reason says why
	VerbChangeLot = "change_lot" // barcode of another lot in the bin; second: the badge of who agrees
	VerbHandOver  = "hand_over"  // the work in hand; barcode: the badge of who takes it
)

// What a scan may expect.
const (
	ExpectBin  = "bin"
	ExpectItem = "item"
	ExpectSlot = "slot"
)

// Bounds of the fields.
const (
	MaxPayload = 4 << 10   // bytes of a message
	MaxBarcode = 256       // bytes
	MaxID      = 64        // bytes of cmdId and task
	MaxReason  = 200       // bytes of the reason of a skip
	MaxQty     = 9999      //
	MaxSeq     = 1<<53 - 1 // the largest integer every JSON library keeps exactly
)

// Sequences may begin anywhere: some handhelds count from their clock, in
// microseconds at most, which is far below maxLeap. Further up they go in steps,
// so that no message can take a device to the end of its numbers, behind which
// there is no next one.
const (
	maxStep = 1 << 32
	maxLeap = 1 << 52
)

// Jumps tells whether a sequence lies too far ahead of the newest one the site
// has of the device.
func Jumps(last, seq uint64) bool { return seq > maxLeap && seq > last && seq-last > maxStep }

// gs separates the fields of a GS1 element string; the only control character
// in a barcode.
const gs = '\x1d'

// Verbs lists the verbs.
func Verbs() []string {
	return []string{
		VerbSignIn, VerbSignOut, VerbAsk, VerbScan, VerbShort, VerbFinish, VerbClaim, VerbSkip, VerbEmpty, VerbLeft,
		VerbSkipLine, VerbChangeLot, VerbHandOver,
	}
}

// FloorKinds lists the kinds of floor tasks a worker may ask for.
func FloorKinds() []string {
	return []string{warehouse.FloorPutBack, warehouse.FloorReplenish, warehouse.FloorCount, warehouse.FloorPutaway, warehouse.FloorMove}
}

// Expects lists what a scan may expect.
func Expects() []string { return []string{ExpectBin, ExpectItem, ExpectSlot} }

// ShortReasons lists the reasons of a short pick.
func ShortReasons() []string {
	return []string{
		warehouse.FalloutStockout, warehouse.FalloutDamaged, warehouse.FalloutNotLocated,
		warehouse.FalloutInsufficient, warehouse.FalloutExpired, warehouse.FalloutOther,
	}
}

// Request is one command of a handheld.
type Request struct {
	CmdID string // chosen by the handheld, echoed in the answer
	Seq   uint64 // rising per device, 1..MaxSeq; repeats are told apart by it
	Verb  string
	At    int64 // the handheld's clock in ms since 1970 UTC; 0 = not given
	// Pin is what was typed with a badge, 4 to 8 digits. It is no part of the
	// command: the gateway compares it and forgets it.
	Pin string
	// Command is what to propose; nil when the request was refused.
	Command warehouse.Command
}

// Refusal says why a message is no command. It changed nothing.
type Refusal struct {
	Code string // CodeMalformed, CodeUnknownKind or CodeInvalid of package warehouse
	Text string // for a person
}

// Error makes a Refusal an error.
func (r *Refusal) Error() string { return r.Code + ": " + r.Text }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// message is an up/cmd message as it is on the wire. given names the fields
// that were there with a value.
type message struct {
	CmdID, Verb, Barcode, Expect, Task, Reason, Kind, Second, Pin string
	Module, Handheld                                              string // of a press
	Seq, Qty, At                                                  int64
	given                                                         map[string]bool
}

// Decode reads one up/cmd message of a device. When it returns a Refusal, the
// Request holds what could be made out of CmdID, Seq and Verb.
func Decode(device string, payload []byte) (Request, *Refusal) {
	m, ref := parse(payload, fields)
	req, ref := m.request(payload, ref)
	if ref != nil {
		return req, ref
	}
	cmd, ref := m.command(device)
	if ref != nil {
		return req, ref
	}
	req.Command, req.Pin = cmd, m.Pin
	return req, nil
}

// fields are those of an up/cmd message.
var fields = []string{"cmdId", "seq", "verb", "barcode", "expect", "task", "reason", "kind", "second", "pin", "qty", "at"}

// request is the head of a message as far as it could be made out; ref is what
// parse said.
func (m *message) request(payload []byte, ref *Refusal) (Request, *Refusal) {
	req := Request{Verb: m.Verb, At: m.At}
	if validID(m.CmdID) {
		req.CmdID = m.CmdID
	}
	if m.Seq >= 1 && m.Seq <= MaxSeq {
		req.Seq = uint64(m.Seq)
	}
	if ref != nil {
		findIDs(&req, payload)
	}
	return req, ref
}

// parse reads the JSON object with the known fields. It does not use struct decoding: that takes
// fields in any case and silently keeps the last of two.
func parse(payload []byte, known []string) (message, *Refusal) {
	m := message{given: map[string]bool{}}
	if len(payload) > MaxPayload {
		return m, refuse(warehouse.CodeMalformed, "message of %d bytes, at most %d", len(payload), MaxPayload)
	}
	if !utf8.Valid(payload) {
		return m, refuse(warehouse.CodeMalformed, "message is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return m, refuse(warehouse.CodeMalformed, "message is not a JSON object")
	}
	seen := map[string]bool{}
	var key string
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return m, notJSON(err)
		}
		key, _ = tok.(string) // keys are strings, says the decoder
		if seen[key] {
			return m, refuse(warehouse.CodeMalformed, "field %.40q twice", key)
		}
		seen[key] = true
		if !slices.Contains(known, key) {
			return m, refuse(warehouse.CodeMalformed, "unknown field %.40q", key)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return m, notJSON(err)
		}
		if ref := m.set(key, raw); ref != nil {
			return m, ref
		}
	}
	if _, err := dec.Token(); err != nil {
		if key == "seq" {
			m.Seq = 0 // cut off behind its digits: there may have been more
		}
		return m, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return m, refuse(warehouse.CodeMalformed, "something follows the JSON object")
	}
	return m, nil
}

func notJSON(err error) *Refusal {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(warehouse.CodeMalformed, "message is cut off")
	}
	return refuse(warehouse.CodeMalformed, "message is not JSON: %v", err)
}

// set stores one field.
func (m *message) set(key string, raw json.RawMessage) *Refusal {
	var text *string
	var num *int64
	switch key {
	case "cmdId":
		text = &m.CmdID
	case "verb":
		text = &m.Verb
	case "barcode":
		text = &m.Barcode
	case "expect":
		text = &m.Expect
	case "task":
		text = &m.Task
	case "reason":
		text = &m.Reason
	case "kind":
		text = &m.Kind
	case "second":
		text = &m.Second
	case "pin":
		text = &m.Pin
	case "module":
		text = &m.Module
	case "handheld":
		text = &m.Handheld
	case "seq":
		num = &m.Seq
	case "qty":
		num = &m.Qty
	case "at":
		num = &m.At
	default:
		return refuse(warehouse.CodeMalformed, "unknown field %.40q", key)
	}
	if text != nil {
		if raw[0] != '"' || json.Unmarshal(raw, text) != nil {
			return refuse(warehouse.CodeMalformed, "field %s must be a text", key)
		}
		m.given[key] = *text != ""
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64) // whole numbers only: 1.0 and 1e3 are no count
	if err != nil {
		return refuse(warehouse.CodeMalformed, "field %s must be a whole number", key)
	}
	*num = n
	m.given[key] = true
	return nil
}

// fields of each verb besides cmdId, seq, verb and at.
func fieldsOf(verb string) (required, optional []string, ok bool) {
	switch verb {
	case VerbSignIn:
		return []string{"barcode"}, []string{"pin"}, true
	case VerbFinish:
		return []string{"barcode"}, nil, true
	case VerbSignOut, VerbEmpty, VerbLeft:
		return nil, nil, true
	case VerbAsk:
		return nil, []string{"barcode"}, true
	case VerbScan:
		return []string{"barcode"}, []string{"qty", "expect", "task"}, true
	case VerbShort:
		return []string{"reason"}, []string{"task"}, true
	case VerbClaim:
		return nil, []string{"task", "kind"}, true
	case VerbSkip:
		return []string{"task"}, []string{"reason"}, true
	case VerbSkipLine:
		return []string{"task", "reason"}, nil, true
	case VerbChangeLot:
		return []string{"barcode"}, []string{"task", "second"}, true
	case VerbHandOver:
		return []string{"barcode"}, []string{"task"}, true
	}
	return nil, nil, false
}

// command checks the fields and builds the command.
func (m *message) command(device string) (warehouse.Command, *Refusal) {
	if ref := m.checkHead(); ref != nil {
		return nil, ref
	}
	required, optional, ok := fieldsOf(m.Verb)
	if !ok {
		return nil, refuse(warehouse.CodeUnknownKind, "unknown verb %.40q", m.Verb)
	}
	for _, f := range required {
		if !m.given[f] {
			return nil, refuse(warehouse.CodeInvalid, "verb %s needs field %s", m.Verb, f)
		}
	}
	for _, f := range []string{"barcode", "qty", "expect", "task", "reason", "kind", "second", "pin"} {
		if m.given[f] && !slices.Contains(required, f) && !slices.Contains(optional, f) {
			return nil, refuse(warehouse.CodeMalformed, "field %s does not belong to verb %s", f, m.Verb)
		}
	}
	if ref := m.checkValues(); ref != nil {
		return nil, ref
	}
	switch m.Verb {
	case VerbSignIn:
		return warehouse.SignIn{Device: device, Badge: m.Barcode}, nil
	case VerbSignOut:
		return warehouse.SignOut{Device: device}, nil
	case VerbAsk:
		return warehouse.AskWork{Device: device, Bin: m.Barcode}, nil
	case VerbScan:
		return warehouse.Scan{Device: device, Verb: m.Expect, Barcode: m.Barcode, Qty: m.Qty, Task: m.Task}, nil
	case VerbShort:
		return warehouse.ShortPick{Device: device, Task: m.Task, Reason: m.Reason}, nil
	case VerbClaim:
		return warehouse.ClaimFloor{Device: device, Task: m.Task, Of: m.Kind}, nil
	case VerbSkip:
		return warehouse.SkipFloor{Device: device, Task: m.Task, Reason: m.Reason}, nil
	case VerbSkipLine:
		return warehouse.SkipLine{Device: device, Task: m.Task, Reason: m.Reason}, nil
	case VerbChangeLot:
		return warehouse.ChangeLot{Device: device, Barcode: m.Barcode, Task: m.Task, Second: m.Second}, nil
	case VerbHandOver:
		return warehouse.HandOver{Device: device, Badge: m.Barcode, Task: m.Task}, nil
	case VerbEmpty, VerbLeft:
		return warehouse.ZeroCheck{Device: device, Empty: m.Verb == VerbEmpty}, nil
	default: // VerbFinish: fieldsOf knows no other
		return warehouse.FinishBatch{Device: device, Barcode: m.Barcode}, nil
	}
}

func (m *message) checkHead() *Refusal {
	switch {
	case !m.given["cmdId"]:
		return refuse(warehouse.CodeInvalid, "field cmdId is missing")
	case !validID(m.CmdID):
		return refuse(warehouse.CodeInvalid, "field cmdId: want 1 to %d printable ASCII characters", MaxID)
	case !m.given["seq"]:
		return refuse(warehouse.CodeInvalid, "field seq is missing")
	case m.Seq < 1 || m.Seq > MaxSeq:
		return refuse(warehouse.CodeInvalid, "field seq: %d is not in 1..%d", m.Seq, int64(MaxSeq))
	case !m.given["verb"]:
		return refuse(warehouse.CodeInvalid, "field verb is missing")
	case m.At < 0 || m.At > MaxSeq:
		return refuse(warehouse.CodeInvalid, "field at: %d is no time", m.At)
	}
	return nil
}

func (m *message) checkValues() *Refusal {
	for _, f := range []struct{ name, code string }{{"barcode", m.Barcode}, {"second", m.Second}} {
		if len(f.code) > MaxBarcode {
			return refuse(warehouse.CodeInvalid, "field %s: %d bytes, at most %d", f.name, len(f.code), MaxBarcode)
		}
		for _, r := range f.code {
			if r != gs && unicode.IsControl(r) {
				return refuse(warehouse.CodeInvalid, "field %s: control character %U", f.name, r)
			}
		}
	}
	if m.given["qty"] && (m.Qty < 1 || m.Qty > MaxQty) {
		return refuse(warehouse.CodeInvalid, "field qty: %d is not in 1..%d", m.Qty, MaxQty)
	}
	if m.given["qty"] && m.given["expect"] && m.Expect != ExpectItem {
		return refuse(warehouse.CodeInvalid, "field qty: only with an item")
	}
	if m.given["expect"] && !slices.Contains(Expects(), m.Expect) {
		return refuse(warehouse.CodeInvalid, "field expect: want one of %s", strings.Join(Expects(), ", "))
	}
	if m.given["task"] && !validID(m.Task) {
		return refuse(warehouse.CodeInvalid, "field task: want 1 to %d printable ASCII characters", MaxID)
	}
	if m.given["kind"] && !slices.Contains(FloorKinds(), m.Kind) {
		return refuse(warehouse.CodeInvalid, "field kind: want one of %s", strings.Join(FloorKinds(), ", "))
	}
	if m.given["pin"] && (len(m.Pin) < 4 || len(m.Pin) > 8 || strings.Trim(m.Pin, "0123456789") != "") {
		return refuse(warehouse.CodeInvalid, "field pin: want 4 to 8 digits") // never what was typed
	}
	return m.checkReason()
}

// checkReason: of a short pick the reason is a code, of a skip what a person
// says.
func (m *message) checkReason() *Refusal {
	words := m.Verb == VerbSkip || m.Verb == VerbSkipLine
	switch {
	case !m.given["reason"]:
	case words && (len(m.Reason) > MaxReason || strings.ContainsFunc(m.Reason, unicode.IsControl)):
		return refuse(warehouse.CodeInvalid, "field reason: at most %d bytes, no control characters", MaxReason)
	case !words && !slices.Contains(ShortReasons(), m.Reason):
		return refuse(warehouse.CodeInvalid, "field reason: want one of %s", strings.Join(ShortReasons(), ", "))
	}
	return nil
}

// validID allows 1 to MaxID printable ASCII characters.
func validID(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// What a message that cannot be parsed may still show.
var (
	cmdIDPattern = regexp.MustCompile(`"cmdId"\s*:\s*"([^"\\]{1,64})"`)
	seqPattern   = regexp.MustCompile(`"seq"\s*:\s*([0-9]{1,16})\s*[,}]`)
)

// findIDs fills CmdID and Seq from the bytes of a message that is not whole.
func findIDs(req *Request, payload []byte) {
	payload = payload[:min(len(payload), MaxPayload)]
	if req.CmdID == "" {
		if g := cmdIDPattern.FindSubmatch(payload); g != nil && validID(string(g[1])) {
			req.CmdID = string(g[1])
		}
	}
	if req.Seq == 0 {
		if g := seqPattern.FindSubmatch(payload); g != nil {
			if n, err := strconv.ParseUint(string(g[1]), 10, 64); err == nil && n <= MaxSeq {
				req.Seq = n
			}
		}
	}
}
