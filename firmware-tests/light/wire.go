package light

import (
	"encoding/json"
	"errors"
	"fmt"
)

// lamp is one lit module, as state/task has it.
type lamp struct {
	Module   string `json:"module"`
	Bin      string `json:"bin"`
	Task     string `json:"task"`
	Handheld string `json:"handheld"`
	Worker   string `json:"worker"`
	Qty      int64  `json:"qty"`
	Press    bool   `json:"press"`
}

// press is one press of a button, as up/press has it.
type press struct {
	CmdID    string `json:"cmdId"`
	Seq      uint64 `json:"seq"`
	Module   string `json:"module"`
	Task     string `json:"task"`
	Handheld string `json:"handheld"`
	At       int64  `json:"at"` // ms since 1970
}

// result is what the controller needs of an answer.
type result struct {
	CmdID string `json:"cmdId"`
	OK    bool   `json:"ok"`
	Code  string `json:"code"`
}

var errMessage = errors.New("light: no such message")

// readLamps reads a state/task. A box is not strict: it needs its fields, and lets
// others be; a lamp that lacks one is none.
func readLamps(raw []byte) ([]lamp, error) {
	var task struct {
		Lamps []lamp `json:"lamps"`
	}
	if err := json.Unmarshal(raw, &task); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	for _, l := range task.Lamps {
		if l.Module == "" || l.Task == "" || l.Handheld == "" || l.Qty < 1 {
			return nil, fmt.Errorf("%w: lamp %+v", errMessage, l)
		}
	}
	return task.Lamps, nil
}

func readSeq(raw []byte) (uint64, error) {
	var seq struct {
		Last uint64 `json:"last"`
	}
	if err := json.Unmarshal(raw, &seq); err != nil {
		return 0, fmt.Errorf("%w: %w", errMessage, err)
	}
	return seq.Last, nil
}
