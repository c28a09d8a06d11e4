package handheld

import (
	"encoding/json"
	"fmt"

	"tote/warehouse"
)

// Result answers one command on down/result.
type Result struct {
	CmdID string          `json:"cmdId"` // "" when the message did not show one
	Seq   uint64          `json:"seq"`   // 0 when the message did not show one
	OK    bool            `json:"ok"`
	Code  string          `json:"code"`
	Text  string          `json:"text,omitempty"`
	Next  *warehouse.Step `json:"next,omitempty"` // what the handheld shows now
}

// Answer is the result of a command that was recorded.
func (r Request) Answer(res warehouse.Result) Result {
	return Result{CmdID: r.CmdID, Seq: r.Seq, OK: res.OK, Code: res.Code, Text: res.Text, Next: res.Next}
}

// Refuse is the result of a message that is no command. next is what the
// handheld shows all the same.
func (r Request) Refuse(ref *Refusal, next *warehouse.Step) Result {
	return Result{CmdID: r.CmdID, Seq: r.Seq, Code: ref.Code, Text: ref.Text, Next: next}
}

// Encode is the JSON of a result.
func (r Result) Encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("handheld: result: %w", err)
	}
	return b, nil
}

// Seq is the payload of state/seq: the newest sequence the site knows of the
// device. A handheld that was reset goes on behind it.
type Seq struct {
	Last uint64 `json:"last"`
}

// Conn is the payload of state/conn.
type Conn struct {
	State string `json:"state"` // StateOnline or StateOffline
}

// States of Conn.
const (
	StateOnline  = "online"
	StateOffline = "offline"
)
