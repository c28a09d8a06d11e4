package repotest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	badger     = "github.com/dgraph-io/badger/v4"
	oldestSafe = "v4.9.4" // older ones lose data after a crash
)

// depsDoc is where every direct dependency is explained.
const depsDoc = "docs/dependencies.md"

// module is what the checks need of a go.mod.
type module struct {
	path     string
	require  map[string]string // module → version
	indirect map[string]bool
	replace  []int // line numbers
}

func parseModule(data []byte) module {
	m := module{require: map[string]string{}, indirect: map[string]bool{}}
	block := ""
	for i, line := range strings.Split(string(data), "\n") {
		code, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(code)
		switch {
		case len(words) == 0:
			continue
		case words[0] == ")":
			block = ""
			continue
		case len(words) == 2 && words[1] == "(":
			block = words[0]
			continue
		case block != "":
			words = append([]string{block}, words...)
		}
		switch {
		case words[0] == "module" && len(words) == 2:
			m.path = words[1]
		case words[0] == "require" && len(words) == 3:
			m.require[words[1]] = words[2]
			m.indirect[words[1]] = strings.HasPrefix(strings.TrimSpace(comment), "indirect")
		case words[0] == "replace":
			m.replace = append(m.replace, i+1)
		}
	}
	return m
}

// GoMod checks that the module builds from published modules alone and with a
// Badger that keeps what it was given.
func GoMod(t *Tree) (out []Finding) {
	m := parseModule(t.Texts["go.mod"])
	for _, line := range m.replace {
		out = append(out, Finding{fmt.Sprintf("go.mod:%d", line), "no replace: a consumer of the module would not see it"})
	}
	for name, version := range m.require {
		if strings.HasPrefix(name, "github.com/dgraph-io/badger") && (name != badger || older(version, oldestSafe)) {
			out = append(out, Finding{"go.mod", fmt.Sprintf("%s %s loses data: %s %s or newer is needed", name, version, badger, oldestSafe)})
		}
	}
	return out
}

// older compares two release versions vX.Y.Z.
func older(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) < 0
}

func numbers(v string) []int {
	v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "-")
	var out []int
	for part := range strings.SplitSeq(v, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil // not a release: older than every release
		}
		out = append(out, n)
	}
	return out
}

// depRow is one row of the table in docs/dependencies.md.
type depRow struct {
	line    int
	version string
	by      []string
}

var depLine = regexp.MustCompile("^\\| `([^`]+)` \\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")

func parseDeps(data []byte) map[string]depRow {
	rows := map[string]depRow{}
	for i, line := range strings.Split(string(data), "\n") {
		m := depLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		row := depRow{line: i + 1, version: m[2]}
		for _, w := range strings.FieldsFunc(m[4], func(r rune) bool { return r == ' ' || r == ',' }) {
			row.by = append(row.by, strings.Trim(w, "`"))
		}
		rows[m[1]] = row
	}
	return rows
}

// Dependencies checks docs/dependencies.md against go.mod and the imports:
// each module the code imports has a row with its version and with everyone
// who imports it ("tests" covers all tests), and no row tells of the past.
func Dependencies(t *Tree) (out []Finding) {
	m := parseModule(t.Texts["go.mod"])
	rows := parseDeps(t.Texts[depsDoc])
	missing := map[string]string{} // module → where
	for im := range t.imports {
		if _, own := t.own(im.path); own || !thirdParty(im.path) {
			continue
		}
		mod := m.of(im.path)
		if mod == "" {
			continue // the compiler says so
		}
		row, ok := rows[mod]
		if !ok {
			if missing[mod] == "" {
				missing[mod] = im.at
			}
			continue
		}
		tests := im.file.Test || helper(im.pkg.Dir)
		if !slices.ContainsFunc(row.by, func(b string) bool { return b == "tests" && tests || under(im.pkg.Dir, b) }) {
			out = append(out, Finding{im.at, fmt.Sprintf("%s is not among those who import %s in %s:%d", im.pkg.Dir, mod, depsDoc, row.line)})
		}
	}
	for mod := range m.require {
		if _, ok := rows[mod]; !ok && !m.indirect[mod] && missing[mod] == "" {
			missing[mod] = "go.mod"
		}
	}
	for _, mod := range slices.Sorted(maps.Keys(missing)) {
		out = append(out, Finding{missing[mod], fmt.Sprintf("%s has no row in %s", mod, depsDoc)})
	}
	for _, mod := range slices.Sorted(maps.Keys(rows)) {
		if at := fmt.Sprintf("%s:%d", depsDoc, rows[mod].line); m.require[mod] == "" {
			out = append(out, Finding{at, mod + " is not required any more"})
		} else if m.require[mod] != rows[mod].version {
			out = append(out, Finding{at, fmt.Sprintf("%s is required at %s", mod, m.require[mod])})
		}
	}
	return out
}

// of is the required module that holds an import path; "" = none.
func (m module) of(importPath string) string {
	best := ""
	for name := range m.require {
		if under(importPath, name) && len(name) > len(best) {
			best = name
		}
	}
	return best
}
