package sitemodel

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tote/agent/intake"
	"tote/warehouse"
)

// Files is a model as files: name and content. A file that is not there says nothing
// of its things: they stay as they are.
type Files map[string][]byte

// Names of the files of a model. The rules may be JSON as well.
const (
	fileRules     = "site.yaml"
	fileRulesJSON = "site.json"
	ext           = ".csv"
)

// MaxFiles bounds the files of a model together, in bytes.
const MaxFiles = 64 << 20

// names are the files of a model in their order.
func names() []string {
	out := []string{fileRules, fileRulesJSON}
	for _, kind := range intake.ModelKinds {
		out = append(out, kind+ext)
	}
	return out
}

// ReadDir reads the files of a model from a folder, and leaves others alone.
func ReadDir(dir string) (Files, error) {
	files, size := Files{}, 0
	for _, name := range names() {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, Problem{Code: CodeRead, File: filepath.Join(dir, name), Text: err.Error()}
		}
		if size += len(b); size > MaxFiles {
			return nil, Problem{Code: CodeRead, File: dir, Text: fmt.Sprintf("more than %d MiB", MaxFiles>>20)}
		}
		files[name] = b
	}
	if len(files) == 0 {
		return nil, Problem{Code: CodeRead, File: dir, Text: "no file of a site model is in this folder: " + strings.Join(names(), ", ")}
	}
	return files, nil
}

// WriteDir writes a model into a folder. Files that are there are replaced only when
// over is set; the others in the folder stay.
func (f Files) WriteDir(dir string, over bool) error {
	fail := func(name string, err error) error {
		return Problem{Code: CodeRead, File: name, Text: err.Error()}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(dir, err)
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil && !over {
			return fail(path, errors.New("the file is there already; --force replaces it"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, f[name]) {
			continue
		}
		// A write that is cut off leaves the old file.
		tmp := path + ".new"
		if err := os.WriteFile(tmp, f[name], 0o644); err != nil {
			return fail(path, errors.Join(err, os.Remove(tmp)))
		}
		if err := os.Rename(tmp, path); err != nil {
			return fail(path, err)
		}
	}
	return nil
}

// Error implements error.
func (p Problem) Error() string { return p.String() }

// Source is a model that was read from files, with where everything stands.
type Source struct {
	Model warehouse.Model
	Has   map[string]bool // "site" and the kinds of CSV files that were there
	rules *rules
	lines map[[2]string]int // by kind and id
}

// Read reads a model. With problems there is none.
func Read(files Files) (*Source, []Problem) {
	s := &Source{Has: map[string]bool{}, lines: map[[2]string]int{}}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !slices.Contains(names(), name) {
			problems = append(problems, Problem{Code: CodeRead, File: name, Text: "no file of a site model: " + strings.Join(names(), ", ")})
		}
	}
	if files[fileRules] != nil && files[fileRulesJSON] != nil {
		problems = append(problems, Problem{Code: CodeRead, File: fileRulesJSON, Text: "the rules are in site.yaml already: remove one of the two"})
	}
	for _, name := range []string{fileRules, fileRulesJSON} {
		if data, ok := files[name]; ok && s.rules == nil {
			s.rules = readRules(name, data)
			problems = append(problems, s.rules.problems...)
			s.Model.Site, s.Has[warehouse.ModelSite] = s.rules.site, true
		}
	}
	for _, kind := range intake.ModelKinds {
		if data, ok := files[kind+ext]; ok {
			s.Has[kind] = true
			problems = append(problems, s.readRows(kind, data)...)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	sortModel(&s.Model)
	return s, nil
}

func (s *Source) readRows(kind string, data []byte) (problems []Problem) {
	file := kind + ext
	lines, bad, err := intake.ReadModel(kind, data, &s.Model)
	if err != nil {
		return []Problem{{Code: CodeRead, File: file, Text: err.Error()}}
	}
	for _, p := range bad {
		problems = append(problems, Problem{Code: p.Code, File: file, Line: p.Line, Field: p.Column, Text: p.Text})
	}
	if len(problems) > 0 {
		return problems
	}
	note := func(kind, id string, i int) {
		if i < len(lines) {
			s.lines[[2]string{kind, id}] = lines[i]
		}
	}
	switch kind {
	case "items":
		for i, it := range s.Model.Items {
			note(warehouse.UseItem, it.SKU, i)
		}
	case "bins":
		for i, b := range s.Model.Bins {
			note(warehouse.UseBin, b.Code, i)
		}
	case "workers":
		for i, w := range s.Model.Workers {
			note(warehouse.UseWorker, w.ID, i)
		}
	}
	return nil
}

// fileOf is the file of a kind of things.
var fileOf = map[string]string{warehouse.UseItem: "items", warehouse.UseBin: "bins", warehouse.UseWorker: "workers"}

// at puts a problem of the model at its line.
func (s *Source) at(p warehouse.ModelProblem) Problem {
	out := Problem{Code: CodeRule, Field: p.Field, Text: strings.TrimPrefix(p.Text, p.Field+": ")}
	if p.Kind == warehouse.ModelSite {
		if s != nil && s.rules != nil {
			out.File = s.rules.file
			if at := s.rules.place(p.Field); at != nil {
				out.Line, out.Column = at.Line, at.Column
			}
		}
		return out
	}
	out.ID = p.Kind + " " + p.ID
	if s != nil && s.lines[[2]string{p.Kind, p.ID}] != 0 {
		out.File, out.Line = fileOf[p.Kind]+ext, s.lines[[2]string{p.Kind, p.ID}]
	}
	return out
}

// Check lists what is wrong with a model as its files have it, without a site.
func (s *Source) Check() (problems, warnings []Problem) {
	for _, p := range warehouse.CheckModel(&s.Model) {
		if p.Warning {
			warnings = append(warnings, s.at(p))
		} else {
			problems = append(problems, s.at(p))
		}
	}
	return problems, warnings
}

// Write makes the files of a model in their canonical form.
func Write(m *warehouse.Model) (Files, error) {
	sortModel(m)
	files := Files{}
	if m.Site != nil {
		files[fileRules] = writeRules(m.Site)
	}
	for _, kind := range intake.ModelKinds {
		var b bytes.Buffer
		if err := intake.WriteModel(&b, kind, m); err != nil {
			return nil, err
		}
		files[kind+ext] = b.Bytes()
	}
	return files, nil
}

// Hash names the content of a model: the same site, the same name.
func Hash(files Files) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Current is the model of a site.
func Current(r warehouse.Reader) (m warehouse.Model, err error) {
	if m.Site, err = warehouse.GetSite(r); err != nil {
		return m, err
	}
	if m.Items, err = warehouse.Items(r); err != nil {
		return m, err
	}
	if m.Bins, err = warehouse.Bins(r); err != nil {
		return m, err
	}
	m.Workers, err = warehouse.Workers(r)
	return m, err
}

func sortModel(m *warehouse.Model) {
	slices.SortStableFunc(m.Items, func(a, b warehouse.Item) int { return cmp.Compare(a.SKU, b.SKU) })
	slices.SortStableFunc(m.Bins, func(a, b warehouse.Bin) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortStableFunc(m.Workers, func(a, b warehouse.Worker) int { return cmp.Compare(a.ID, b.ID) })
}
