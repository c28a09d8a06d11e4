package sitemodel

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tote/warehouse"
)

// The page's files are a good model, its table names every key, and the keys it names
// are there.
func TestPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/site-model.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	files := Files{}
	for _, m := range regexp.MustCompile("(?s)`([a-z]+\\.[a-z]+)`:\n\n```[a-z]+\n(.*?)```").FindAllStringSubmatch(page, -1) {
		files[m[1]] = []byte(m[2])
	}
	src, problems := Read(files)
	if len(files) != 4 || len(problems) > 0 {
		t.Fatalf("%d files: %v", len(files), problems)
	}
	if problems, warnings := src.Check(); len(problems)+len(warnings) > 0 {
		t.Errorf("%v %v", problems, warnings)
	}
	s := newSite(t)
	p := s.plan(files, false)
	s.apply("m1", p)
	if len(src.Model.Workers) != 2 || len(src.Model.Items[0].Packs) != 1 {
		t.Errorf("%+v", src.Model)
	}
	_, table, _ := strings.Cut(page, "## Every key of site.yaml")
	named := map[string]bool{}
	for _, line := range strings.Split(table, "\n") {
		first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		if !ok || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(first, -1) {
			named[m[1]] = true
			if fieldNamed(reflect.TypeFor[warehouse.Site](), m[1]) < 0 {
				t.Errorf("the page names %s, which is no key", m[1])
			}
		}
	}
	for _, key := range keysOf(reflect.TypeFor[warehouse.Site]()) {
		if !named[key] {
			t.Errorf("the page says nothing of %s", key)
		}
	}
	for _, list := range []any{warehouse.Layout{}, warehouse.Carrier{}, warehouse.Service{}, warehouse.Lane{}} {
		for _, key := range keysOf(reflect.TypeOf(list)) {
			if !strings.Contains(table, "`"+key+"`") {
				t.Errorf("the page says nothing of %s of %T", key, list)
			}
		}
	}
}
