package ziotc

import (
	"encoding/json"
	"fmt"
)

// Family is how a reader wants to be told things.
type Family string

// The families.
const (
	Fixed Family = "fixed" // FX7500, FX9600, ATR7000, FXR90
	Sled  Family = "sled"  // RFD40, RFD90
)

// MaxSled is the longest message a sled sends or takes, bytes.
const MaxSled = 6144

// Start asks the reader to read; the id comes back in the answer. Nothing of it
// outlives a restart of the reader.
func (f Family) Start(id string) []byte { return f.control("START", "start", id) }

// Stop ends it.
func (f Family) Stop(id string) []byte { return f.control("STOP", "stop", id) }

func (f Family) control(operation, command, id string) []byte {
	if f == Sled {
		return line(struct {
			Command   string `json:"command"`
			RequestID string `json:"requestId"`
			Control   any    `json:"ctrlOprPayload"`
		}{"control_operation", id, struct {
			Type      string `json:"controlType"`
			Operation string `json:"operation"`
		}{"RFID", operation}})
	}
	payload := map[string]any{}
	if command == "start" {
		payload["doNotPersistState"] = true
	}
	return line(struct {
		Command   string `json:"command"`
		CommandID string `json:"command_id"`
		Payload   any    `json:"payload"`
	}{command, id, payload})
}

// line is a message with its line end. What is given to it always encodes.
func line(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("ziotc: %v", err))
	}
	return append(b, '\n')
}
