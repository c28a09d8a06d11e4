package repotest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// machinePath matches paths that exist only on the machine of whoever wrote
// them. A path element before the slash (a URL, a topic) makes it another
// thing.
var machinePath = regexp.MustCompile(`(?:^|[^A-Za-z0-9_.}*)~-])(/(?:work|root|Users/[A-Za-z0-9._-]+|home/[A-Za-z0-9._-]+)/[A-Za-z0-9._/-]*)`)

// MachinePaths checks that no text names a path of one machine. Fixtures of
// this package do so on purpose.
func MachinePaths(t *Tree) (out []Finding) {
	for _, name := range slices.Sorted(maps.Keys(t.Texts)) {
		if under(name, "repotest/testdata") {
			continue
		}
		for i, line := range strings.Split(string(t.Texts[name]), "\n") {
			for _, m := range machinePath.FindAllStringSubmatch(line, -1) {
				out = append(out, Finding{fmt.Sprintf("%s:%d", name, i+1), "a path of one machine: " + m[1]})
			}
		}
	}
	return out
}

var hostName = regexp.MustCompile(`https?://[^\s"']+`)

// Hosts checks that building and testing names no host of the network: the
// clients of the package registries know theirs.
func Hosts(t *Tree) (out []Finding) {
	for _, name := range slices.Sorted(maps.Keys(t.Texts)) {
		if name != "Makefile" && !under(name, "scripts") && !under(name, ".ci") {
			continue
		}
		for i, line := range strings.Split(string(t.Texts[name]), "\n") {
			if m := hostName.FindString(line); m != "" {
				out = append(out, Finding{fmt.Sprintf("%s:%d", name, i+1), "no hosts in the build: " + m})
			}
		}
	}
	return out
}

// maxReadme is two screens.
const maxReadme = 110

// Front checks what a newcomer meets first: the README is two screens at most
// and names the commands, CI runs the README's test command, the licence is
// there, and the Makefile has the targets people expect.
func Front(t *Tree) (out []Finding) {
	readme := string(t.Texts["README.md"])
	if n := strings.Count(readme, "\n"); n > maxReadme {
		out = append(out, Finding{"README.md", fmt.Sprintf("%d lines, two screens are %d", n, maxReadme)})
	}
	for _, cmd := range []string{"make demo", "make test"} {
		if !strings.Contains(readme, cmd) {
			out = append(out, Finding{"README.md", "does not say `" + cmd + "`"})
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(string(t.Texts[".ci/run"])), "make test") {
		out = append(out, Finding{".ci/run", "does not end with the README's test command `make test`"})
	}
	if !strings.Contains(string(t.Texts["LICENSE"]), "Apache License") {
		out = append(out, Finding{"LICENSE", "is not the Apache licence"})
	}
	makefile := "\n" + string(t.Texts["Makefile"])
	for _, target := range []string{"help", "build", "test", "race", "bench", "demo", "lint", "fmt", "fuzz", "cross", "cover", "tidy", "deps"} {
		if !strings.Contains(makefile, "\n"+target+":") {
			out = append(out, Finding{"Makefile", "has no target " + target})
		}
	}
	return out
}
