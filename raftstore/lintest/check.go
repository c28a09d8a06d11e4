//go:build linux

package lintest

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkLimit bounds one check; a history that takes longer is a failure.
const checkLimit = 2 * time.Minute

// Check looks for one order that explains a history, key by key.
func check(m porcupine.Model, history []event) (porcupine.CheckResult, porcupine.LinearizationInfo, porcupine.Model) {
	m.Partition = func(all []porcupine.Operation) (parts [][]porcupine.Operation) {
		at := map[string]int{}
		for _, o := range all {
			key := o.Input.(Op).Key
			i, ok := at[key]
			if !ok {
				i = len(parts)
				at[key] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], o)
		}
		return parts
	}
	ops := make([]porcupine.Operation, len(history))
	for i, e := range history {
		ops[i] = porcupine.Operation{ClientId: e.Lane, Input: e.Op, Call: int64(e.Call), Output: e.Seen, Return: int64(e.End)}
		if e.End < 0 {
			ops[i].Return = math.MaxInt64
		}
	}
	res, info := porcupine.CheckOperationsVerbose(m, ops, checkLimit)
	return res, info, m
}

// save keeps a history that failed: as it was, and as a page that shows where
// no order fits.
func save(dir string, m porcupine.Model, info porcupine.LinearizationInfo, history []event) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(dir, "history-")
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(history)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "history.json"), b, 0o644); err != nil {
		return "", err
	}
	page := filepath.Join(dir, "history.html")
	return page, porcupine.VisualizePath(m, info, page)
}
