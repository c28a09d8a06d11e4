package intake

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// endless is a file of any length; it knows how much of it was asked for and
// what the heap held then.
type endless struct {
	row  func(i int) string
	rows int // how many there are
	i    int
	rest []byte
	live uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.i%50_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			e.live = max(e.live, m.HeapAlloc)
		}
		if e.i == e.rows {
			return 0, io.EOF
		}
		e.rest = append(e.rest, e.row(e.i)...)
		e.i++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// A file with too many rows is refused at the first one too many, and what was
// read of it until then does not need much memory.
func TestTooManyRows(t *testing.T) {
	files := map[string]func(i int) string{
		"bins":   func(i int) string { return fmt.Sprintf("A-%06d-L,0,1\n", i) },
		"orders": func(i int) string { return fmt.Sprintf("O%06d,1,A1,2,Eve,Road 1,1000,Town,DE,std,3,web,settled,\n", i) },
	}
	heads := map[string]string{"bins": "bin,aisle,cell\n", "orders": orderHead}
	for kind, row := range files {
		f := &endless{row: row, rows: 600_000, rest: []byte(heads[kind])}
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		cmds, problems, err := Read(kind, f)
		if err != nil || cmds != nil || len(problems) != 1 || problems[0].Code != CodeTooLong ||
			!strings.Contains(problems[0].Text, "more than 100000 rows: split the file") || problems[0].Line != maxRows+2 {
			t.Errorf("%s: %d commands, %v, %v", kind, len(cmds), problems, err)
		}
		if f.i > maxRows+1000 {
			t.Errorf("%s: %d rows were read", kind, f.i)
		}
		if used := (f.live - min(f.live, before.HeapAlloc)) >> 20; used > 64 {
			t.Errorf("%s: %d MiB in use", kind, used)
		}
	}
}

// Of too many bad rows a hundred are named, and the others are counted.
func TestTooManyBadRows(t *testing.T) {
	f := &endless{row: func(int) string { return "A,x,1\n" }, rows: 600_000, rest: []byte("bin,aisle,cell\n")}
	file, err := Parse("bins", f)
	problems := file.Problems
	if err != nil || len(problems) != maxProblems || file.More < maxRows-maxProblems || f.i > maxRows+1000 {
		t.Errorf("%d problems and %d more, %d rows read, %v", len(problems), file.More, f.i, err)
	}
	if !slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Line - b.Line }) {
		t.Error("not in their order")
	}
}
