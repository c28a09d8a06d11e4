package main

import (
	"slices"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	rows, err := readRows(rowsFile)
	if err != nil || len(rows) != 120 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	if _, err := readRows("2\ta\tb\tc\n"); err == nil {
		t.Error("rows that begin at 2 are accepted")
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string][]int{
		"TestFloorTaskRow92OneClaim":          {92},
		"TestRow7Row93Held":                   {7, 93},
		"TestShort/row_103:_49_of_50_finish":  {103},
		"TestShort/row_7,_row_93:_held_order": {7, 93},
		"TestShort/narrow_12":                 nil,
		"TestShort":                           nil,
	} {
		if got := rowsOf(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A row counts when a test that names it passed, and only then.
func TestReport(t *testing.T) {
	events := `{"Action":"pass","Test":"TestARow1"}
{"Action":"skip","Test":"TestARow2"}
{"Action":"output","Test":"TestA/row_3:_x","Output":"a_test.go:7: 4, want 5\n"}
{"Action":"fail","Test":"TestA/row_3:_x"}
{"Action":"pass","Test":"TestA/row_4:_y"}
`
	rows := []row{{1, "edge", "a", ""}, {2, "both", "b", ""}, {3, "edge", "c", ""}, {4, "edge", "d", ""}, {5, "docs", "e", ""}}
	proofs := map[int][]proof{}
	var failed strings.Builder
	if note(strings.NewReader(events), "warehouse", proofs, &failed) != 4 {
		t.Fatal("not all events were read")
	}
	if want := "./warehouse TestA/row_3:_x\na_test.go:7: 4, want 5\n"; failed.String() != want {
		t.Errorf("what failed: %q, want %q", failed.String(), want)
	}
	note(strings.NewReader(`{"Action":"pass","Test":"TestB/row_4:_z"}`), "agent/api", proofs, &failed)
	var out strings.Builder
	if report(&out, rows, proofs) {
		t.Error("a failed test goes unnoticed")
	}
	for _, want := range []string{"  1  edge     in the domain  a\n", "  2  both     open ", "  3  edge     FAILED ", "  4  edge     end to end ", "  5  docs     open "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "\n2 covered, 3 open\n") {
		t.Errorf("ends with %q", out.String()[len(out.String())-30:])
	}
}

func TestFindTests(t *testing.T) {
	tests, err := findTests("../..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(tests["warehouse"], "TestFloorTaskRow92OneClaim") {
		t.Errorf("found %v", tests)
	}
	for dir := range tests {
		if strings.HasPrefix(dir, "raftstore") {
			t.Errorf("the failure matrix is another table: %s", dir)
		}
	}
}
