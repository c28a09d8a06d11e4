package agent

import (
	"flag"
	"os"
	"strings"
	"testing"

	"tote/agent/access"
)

var updateSecurity = flag.Bool("update-security", false, "write the tables of docs/security.md")

// TestListenersPage: the page says what the tables say.
func TestListenersPage(t *testing.T) {
	const file = "../docs/security.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := section(t, section(t, string(raw), "listeners", listenersPage()), "roles", access.RolesPage())
	if *updateSecurity {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(raw) {
		t.Error("docs/security.md is not what the program does: go test ./agent -run ListenersPage -update-security")
	}
}

// section puts the table between its marks.
func section(t *testing.T, page, name, table string) string {
	t.Helper()
	begin, end := strings.Index(page, "<!-- "+name+":"), strings.Index(page, "<!-- end of "+name+" -->")
	if begin < 0 || end < begin {
		t.Fatalf("the page has no marks of %s", name)
	}
	line := strings.IndexByte(page[begin:], '\n') + begin + 1
	return page[:line] + table + page[end:]
}
