package intake

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"

	"tote/warehouse"
)

// ModelKinds are the kinds of files that a site model is made of, beside its rules.
var ModelKinds = []string{"items", "bins", "workers"}

// ReadModel reads a file of a model into m. lines are where its rows begin, in
// their order; with problems they and m are not to be used.
func ReadModel(kind string, data []byte, m *warehouse.Model) (lines []int, problems []Problem, err error) {
	if !slices.Contains(ModelKinds, kind) {
		return nil, nil, fmt.Errorf("%w: %q is no part of a model", ErrKind, kind)
	}
	t := open(bytes.NewReader(data), columns[kind])
	var pins []string
	switch kind {
	case "items":
		m.Items = t.items()
	case "bins":
		m.Bins = t.bins()
	case "workers":
		m.Workers, pins = t.workers()
	}
	if len(t.problems) > 0 {
		return nil, t.problems, nil
	}
	for i, hash := range pins {
		if hash != "" {
			t.fail(t.lines[i], "pin_hash", CodeValue, "PINs are no part of a site model: `tote worker pin` and `tote import` bring them in")
		}
	}
	return t.lines, t.problems, nil
}

// WriteModel writes a file of a model, with all columns, in the order of m.
func WriteModel(w io.Writer, kind string, m *warehouse.Model) error {
	out, all := csv.NewWriter(w), Columns(kind)
	write := func(row map[string]string) error {
		cells := make([]string, len(all))
		for i, c := range all {
			cells[i] = guard(row[c])
		}
		return out.Write(cells)
	}
	err := out.Write(all)
	if err != nil {
		return err
	}
	switch kind {
	case "items":
		err = each(write, itemRow)(m.Items, nil)
	case "bins":
		err = each(write, binRow)(m.Bins, nil)
	case "workers":
		err = each(write, workerRow)(m.Workers, nil)
	default:
		err = fmt.Errorf("%w: %q is no part of a model", ErrKind, kind)
	}
	out.Flush()
	return cmp.Or(err, out.Error())
}

// ItemCells are the cells of an item by column, as WriteModel writes them.
func ItemCells(it warehouse.Item) map[string]string { return itemRow(it) }

// BinCells are the cells of a bin.
func BinCells(b warehouse.Bin) map[string]string { return binRow(b) }

// WorkerCells are the cells of a worker.
func WorkerCells(w warehouse.Worker) map[string]string { return workerRow(w) }
