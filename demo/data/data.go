// Package data carries the files of the simulated shift inside the binary, so
// that the demo runs from anywhere. The files are made by demo/gen.
package data

import (
	"embed"
	"os"
	"path/filepath"
)

// Orders is how many orders the shift has.
const Orders = 60

//go:embed site.json items.csv bins.csv stock.csv workers.csv orders.csv
var files embed.FS

// Write copies the files into dir, which it makes when it is not there.
func Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
