package intake

import (
	"slices"
	"strings"

	"tote/warehouse"
)

// What a row of master data is beside what the site has.
const (
	RowNew     = "new"
	RowChanged = "changed"
	RowSame    = "same" // as it is, or an older revision of it
)

// Change is a row of a file that is new or not as the site has it.
type Change struct {
	Line    int           `json:"line"`
	Key     string        `json:"key"`  // sku, bin or id
	What    string        `json:"what"` // RowNew or RowChanged
	Columns []ColumnValue `json:"columns,omitempty"`
}

// ColumnValue is one column of a row that changes.
type ColumnValue struct {
	Column string `json:"column"`
	Was    string `json:"was"`
	Is     string `json:"is"`
}

// Difference is a file of master data beside what the site has.
type Difference struct {
	New     int      `json:"new"`
	Changed int      `json:"changed"`
	Same    int      `json:"same"`
	Changes []Change `json:"changes"`
}

// masterData is a kind of file whose rows are records that replace one another.
type masterData struct {
	key  func(f *File, i int) string
	row  func(f *File, i int) map[string]string
	had  func(f *File, i int, r warehouse.Reader) (row map[string]string, older bool, err error)
	part func(f *File, rows []int) warehouse.Command
}

var masters = map[string]masterData{
	"items": {
		key: func(f *File, i int) string { return f.items[i].SKU },
		row: func(f *File, i int) map[string]string { return itemRow(f.items[i]) },
		had: func(f *File, i int, r warehouse.Reader) (map[string]string, bool, error) {
			it, err := warehouse.GetItem(r, f.items[i].SKU)
			if it == nil || err != nil {
				return nil, false, err
			}
			row := itemRow(*it)
			if f.items[i].Revision == 0 {
				row["revision"] = "" // who says none keeps the one that is here
			}
			return row, f.items[i].Revision != 0 && f.items[i].Revision < it.Revision, nil
		},
		part: func(f *File, rows []int) warehouse.Command { return warehouse.PutItems{Items: pick(f.items, rows)} },
	},
	"bins": {
		key: func(f *File, i int) string { return f.bins[i].Code },
		row: func(f *File, i int) map[string]string { return binRow(f.bins[i]) },
		had: func(f *File, i int, r warehouse.Reader) (map[string]string, bool, error) {
			b, err := warehouse.GetBin(r, f.bins[i].Code)
			if b == nil || err != nil {
				return nil, false, err
			}
			return binRow(*b), false, nil
		},
		part: func(f *File, rows []int) warehouse.Command { return warehouse.PutBins{Bins: pick(f.bins, rows)} },
	},
	"workers": {
		key: func(f *File, i int) string { return f.workers[i].ID },
		row: func(f *File, i int) map[string]string { return workerRow(f.workers[i]) },
		had: func(f *File, i int, r warehouse.Reader) (map[string]string, bool, error) {
			w, err := warehouse.GetWorker(r, f.workers[i].ID)
			if w == nil || err != nil {
				return nil, false, err
			}
			return workerRow(*w), false, nil
		},
		part: func(f *File, rows []int) warehouse.Command {
			return warehouse.PutWorkers{Workers: pick(f.workers, rows)}
		},
	},
}

func pick[T any](all []T, rows []int) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = all[r]
	}
	return out
}

// Compare tells what a file of items, bins or workers would change, and returns the
// commands that do so: none when the site has all of it. What the site would refuse
// becomes a problem of the file, each row with its own. ok is false for other kinds.
func (f *File) Compare(r warehouse.Reader, m warehouse.Meta) (d Difference, cmds []warehouse.Command, ok bool, err error) {
	kind, ok := masters[f.Kind]
	if !ok {
		return d, nil, false, nil
	}
	d.Changes = []Change{}
	var todo []int
	for i := range f.lines {
		c, err := f.compareRow(kind, i, r)
		if err != nil {
			return d, nil, true, err
		}
		switch c.What {
		case RowSame:
			d.Same++
			continue
		case RowNew:
			d.New++
		default:
			d.Changed++
		}
		d.Changes, todo = append(d.Changes, c), append(todo, i)
	}
	for part := range chunks(todo) {
		if err := f.try(kind, part, r, m); err != nil {
			return d, nil, true, err
		}
		cmds = append(cmds, kind.part(f, part))
	}
	for _, i := range todo {
		if f.newPin(i, r) {
			cmds = append(cmds, warehouse.SetPin{Worker: f.workers[i].ID, Hash: f.hashes[i]})
		}
	}
	return d, cmds, true, nil
}

func (f *File) compareRow(kind masterData, i int, r warehouse.Reader) (Change, error) {
	c := Change{Line: f.lines[i], Key: kind.key(f, i), What: RowSame}
	had, older, err := kind.had(f, i, r)
	switch {
	case err != nil || older:
		return c, err
	case had == nil:
		c.What = RowNew
		return c, nil
	}
	is := kind.row(f, i)
	for _, column := range Columns(f.Kind) {
		if had[column] != is[column] {
			c.What = RowChanged
			c.Columns = append(c.Columns, ColumnValue{column, had[column], is[column]})
		}
	}
	if f.newPin(i, r) {
		c.What = RowChanged
		c.Columns = append(c.Columns, ColumnValue{"pin_hash", "", "another PIN"})
	}
	return c, nil
}

// newPin tells whether a row of workers brings another PIN than the worker has.
func (f *File) newPin(i int, r warehouse.Reader) bool {
	if i >= len(f.hashes) || f.hashes[i] == "" {
		return false
	}
	p, err := warehouse.GetPin(r, f.workers[i].ID)
	return err == nil && (p == nil || p.Hash != f.hashes[i])
}

// try asks the site what it would say to a part of the file. When it refuses, each
// row is asked for, so that all bad ones are named.
func (f *File) try(kind masterData, part []int, r warehouse.Reader, m warehouse.Meta) error {
	res, err := warehouse.Try(r, m, kind.part(f, part))
	if err != nil || res.OK {
		return err
	}
	named := false
	for _, i := range part {
		one, err := warehouse.Try(r, m, kind.part(f, []int{i}))
		if err != nil {
			return err
		}
		if !one.OK {
			named = true
			f.fault(Problem{Line: f.lines[i], Code: one.Code, Text: strings.TrimPrefix(one.Text, "row 1: ")})
		}
	}
	if !named {
		f.fault(Problem{Line: f.lines[part[0]], Code: res.Code, Text: res.Text + " (rows are counted from this line)"})
	}
	return nil
}

// fault adds a problem that only the site knows of.
func (f *File) fault(p Problem) {
	switch {
	case slices.Contains(f.Problems, p):
	case len(f.Problems) < maxProblems:
		f.Problems = append(f.Problems, p)
	default:
		f.More++
	}
}
