package repotest

import (
	"fmt"
	"slices"
	"strings"
)

// layer is what the packages below one folder may import of ours. They may
// always import each other. The rule of the longest matching folder applies.
type layer struct {
	dir  string
	own  []string // further folders; "*" = everything
	test []string // further folders for _test.go files and test helper packages
	why  string
}

// layers is section 2 of the design, word for word. A top-level folder that is
// not here is a finding: a new room needs a rule first.
var layers = []layer{
	{dir: "gs1", why: "a library of its own: it imports nothing of ours"},
	{dir: "mqtt", test: []string{"agent/broker"}, why: "a leaf: it imports nothing of ours"},
	{dir: "warehouse", own: []string{"gs1"}, why: "warehouse imports only gs1"},
	{dir: "raftstore", why: "raftstore knows nothing of warehouses and imports neither gs1 nor mqtt"},
	{dir: "drivers", own: []string{"gs1", "mqtt"}, test: []string{"firmware-tests"}, why: "drivers import none of our domain packages"},
	{dir: "fleet", own: []string{"gs1", "mqtt"}, test: []string{"agent/broker", "firmware-tests"}, why: "fleet imports none of our domain packages"},
	{dir: "picking", own: []string{"warehouse", "gs1", "mqtt"}, why: "picking imports warehouse for read views and commands"},
	{dir: "picking/route", why: "picking/route imports nothing of ours"},
	{dir: "picking/batch", test: []string{"picking/route"}, why: "picking/batch imports nothing of ours"},
	{dir: "cloudsync", own: []string{"warehouse", "gs1", "mqtt"}, test: []string{"oms"}, why: "cloudsync imports warehouse for events, views and commands"},
	{dir: "cloudsync/wire", why: "cloudsync/wire imports nothing of ours"},
	{dir: "web", own: []string{"warehouse", "gs1", "mqtt"}, why: "web imports warehouse for events, views and commands"},
	{dir: "oms", own: []string{"cloudsync/wire", "gs1", "mqtt"}, why: "oms imports cloudsync/wire only"},
	{dir: "firmware-tests", own: []string{"gs1", "mqtt"}, why: "an emulator that shares a codec with its driver proves nothing"},
	{dir: "agent", own: []string{"*"}},
	{dir: "demo", own: []string{"*"}},
	{dir: "cmd", own: []string{"*"}},
	{dir: "api", why: "api holds contracts, no code of ours"},
	{dir: "repotest", why: "repotest reads source text"},
	{dir: "scripts", why: "scripts stand alone"},
	{dir: "deploy", test: []string{"demo/handheld"}, why: "packing needs nothing of what is packed; its tests have a handheld"},
}

// owner is the one folder that may import a module, so that none of its types
// crosses a package border.
type owner struct {
	module string
	dir    string
	test   []string // further folders in _test.go files
}

var owners = []owner{
	{module: "go.bug.st/serial", dir: "drivers/serialport"},
	{module: "periph.io/x", dir: "drivers/gpio"},
	{module: "github.com/eclipse/paho.mqtt.golang", dir: "mqtt"},
	{module: "github.com/eclipse/paho.golang", dir: "mqtt"},
	{module: "github.com/mochi-mqtt/server", dir: "agent/broker", test: []string{"mqtt"}},
	{module: "github.com/hashicorp/raft", dir: "raftstore"},
	{module: "github.com/hashicorp/raft-wal", dir: "raftstore"},
	{module: "github.com/hashicorp/raft-boltdb", dir: "raftstore"},
	{module: "github.com/dgraph-io/badger", dir: "raftstore"},
	{module: "modernc.org/sqlite", dir: "oms"},
	{module: "github.com/jackc/pgx", dir: "oms"},
}

// testOnly modules never reach the binary.
var testOnly = []string{
	"github.com/anishathalye/porcupine",
	"github.com/google/go-cmp",
	"github.com/rogpeppe/go-internal",
	"go.uber.org/goleak",
	"pgregory.net/rapid",
}

// banned modules are not used at all.
var banned = map[string]string{
	"github.com/stretchr/testify": "compare with go-cmp and say in the failure what was expected",
}

// Imports checks who imports whom.
func Imports(t *Tree) (out []Finding) {
	for im := range t.imports {
		if dir, ok := t.own(im.path); ok {
			out = append(out, checkOwn(im, dir)...)
		} else if thirdParty(im.path) {
			out = append(out, checkForeign(im)...)
		}
	}
	return append(out, unruled(t)...)
}

func checkOwn(im imported, dir string) []Finding {
	l := layerOf(im.pkg.Dir)
	if l == nil || under(dir, l.dir) {
		return nil // a folder without a rule is reported once, by unruled
	}
	allowed := l.own
	if im.file.Test || helper(im.pkg.Dir) {
		allowed = append(slices.Clone(allowed), l.test...)
	}
	if slices.ContainsFunc(allowed, func(a string) bool { return a == "*" || under(dir, a) }) {
		return nil
	}
	return []Finding{{im.at, fmt.Sprintf("%s may not import %s: %s", im.pkg.Dir, dir, l.why)}}
}

func checkForeign(im imported) (out []Finding) {
	forTests := im.file.Test || helper(im.pkg.Dir)
	for _, o := range owners {
		if !under(im.path, o.module) || under(im.pkg.Dir, o.dir) {
			continue
		}
		if forTests && slices.ContainsFunc(o.test, func(d string) bool { return under(im.pkg.Dir, d) }) {
			continue
		}
		out = append(out, Finding{im.at, fmt.Sprintf("only %s imports %s", o.dir, o.module)})
	}
	for _, m := range testOnly {
		if under(im.path, m) && !forTests {
			out = append(out, Finding{im.at, m + " is for tests"})
		}
	}
	for m, why := range banned {
		if under(im.path, m) {
			out = append(out, Finding{im.at, m + " is not used here: " + why})
		}
	}
	return out
}

// unruled reports each top-level folder that has Go files and no rule.
func unruled(t *Tree) (out []Finding) {
	seen := map[string]bool{}
	for _, p := range t.Packages {
		if layerOf(p.Dir) != nil {
			continue
		}
		top, _, _ := strings.Cut(p.Dir, "/")
		if !seen[top] {
			seen[top] = true
			out = append(out, Finding{p.Dir, "no import rule for this folder: add one to the design and to repotest/imports.go"})
		}
	}
	return out
}

// layerOf is the rule of the longest folder that holds dir; nil = none.
func layerOf(dir string) *layer {
	var best *layer
	for i := range layers {
		if under(dir, layers[i].dir) && (best == nil || len(layers[i].dir) > len(best.dir)) {
			best = &layers[i]
		}
	}
	return best
}
