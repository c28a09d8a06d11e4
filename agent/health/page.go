package health

import (
	"fmt"
	"strings"
)

// Page renders the table for docs/faults.md.
func Page(groups []Group) string {
	var b strings.Builder
	b.WriteString("# Codes\n\n" +
		"Every refusal and fault has a code that never changes its meaning. This page is made from the tables in the\n" +
		"code by `go test ./agent/health -update`; the gateway serves the same at `GET /v1/faults`.\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Code | Cause | Action |\n|---|---|---|\n", g.Name, g.About)
		for _, f := range g.Faults {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Code, cell(f.Cause), cell(f.Action))
		}
	}
	return b.String()
}

// cell keeps a text within its cell.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
