package all

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/devices.md")

// docs/devices.md is what the table says.
func TestPage(t *testing.T) {
	const file = "../../docs/devices.md"
	page := Page()
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(page, string(text)); d != "" {
		t.Errorf("docs/devices.md is not what the table says; run go test ./drivers/all -update (-table +page):\n%s", d)
	}
	for _, d := range Drivers() {
		if strings.ContainsAny(d.Doc+d.Evidence, "|\n") {
			t.Errorf("%s: a table cannot hold its documentation", d.Name)
		}
	}
	if (Driver{}).Proof() != "unproven" {
		t.Error("a driver without evidence is not marked")
	}
}

// The README names every driver that is unproven, and no other.
func TestReadmeNamesTheUnproven(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "Unproven: ")
	list, _, _ = strings.Cut(list, " |")
	for _, d := range Drivers() {
		if named := strings.Contains(list, "`"+d.Name+"`"); !ok || named != (d.Evidence == "") {
			t.Errorf("%s: unproven %v, named so in the README %v", d.Name, d.Evidence == "", named)
		}
	}
}
