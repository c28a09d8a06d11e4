package sitemodel

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzReadRules: whatever stands in site.yaml is read or named, and what is read is
// written and read again as the same rules.
func FuzzReadRules(f *testing.F) {
	f.Add([]byte(small["site.yaml"]))
	for _, s := range []string{
		"", "-", "? a\n: b", "id: !!str 3", "id: &a x\nprofile: *a", "<<: {id: s1}", "id: |\n  s1\n", "id: >-\n  s1\n  s2\n", "carriers: [1, [2]]", "layout: ~", "{", "\x00", "id: \"\\u0000\"",
		"layout:\n  aisles: 0x10", "id: s1 # c\n# c", "%YAML 1.2\n---\nid: s1", "id: 'it''s'", "carriers:\n- code: a\n  first: -0\n", "changes: {}", "intake: null", "a: b: c", "[]", "3", "id:", "!!map {id: x}", "portals: [!!int a]", "? [a]\n: b",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readRules(fileRules, data)
		if (r.site == nil) == (len(r.problems) == 0) {
			t.Fatalf("%v and %v", r.site, r.problems)
		}
		if r.site == nil {
			return
		}
		out := writeRules(r.site)
		again := readRules(fileRules, out)
		if len(again.problems) > 0 {
			t.Fatalf("%v of\n%s", again.problems, out)
		}
		if d := cmp.Diff(r.site, again.site, cmpopts.EquateEmpty()); d != "" || !bytes.Equal(writeRules(again.site), out) {
			t.Fatalf("%s of\n%s", d, out)
		}
	})
}
