package repotest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxText is the size in bytes above which a file is no text worth reading.
const maxText = 1 << 20

// Tree is a repository read into memory.
type Tree struct {
	Module   string // module path of go.mod; "tote" when there is none
	Packages []*Package
	Texts    map[string][]byte // every text file by slash path, Go files too
	fset     *token.FileSet
}

// Package is the Go files of one folder, external tests included.
type Package struct {
	Dir   string // slash path below the root
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Path string
	Test bool // *_test.go
	AST  *ast.File
}

// Finding is one broken rule at one place.
type Finding struct {
	At   string // path or path:line
	Text string
}

func (f Finding) String() string { return f.At + ": " + f.Text }

// Load reads a repository. Only files keep accepts are looked at (nil = all).
// Folders named testdata hold fixtures that are wrong on purpose: their Go
// files are not parsed.
func Load(root fs.FS, keep func(name string) bool) (*Tree, error) {
	t := &Tree{Module: "tote", Texts: map[string][]byte{}, fset: token.NewFileSet()}
	byDir := map[string]*Package{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipDir(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || (keep != nil && !keep(name)) {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > maxText {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(data, 0) >= 0 {
			return nil
		}
		t.Texts[name] = data
		if path.Ext(name) != ".go" || slices.Contains(strings.Split(name, "/"), "testdata") {
			return nil
		}
		file, err := parser.ParseFile(t.fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("repotest: parse: %w", err)
		}
		dir := path.Dir(name)
		p := byDir[dir]
		if p == nil {
			p = &Package{Dir: dir}
			byDir[dir] = p
			t.Packages = append(t.Packages, p)
		}
		p.Files = append(p.Files, &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), AST: file})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(t.Packages, func(a, b *Package) int { return strings.Compare(a.Dir, b.Dir) })
	if m := parseModule(t.Texts["go.mod"]).path; m != "" {
		t.Module = m
	}
	return t, nil
}

// skipDir names the folders that are never part of the repository. tools is a
// module of its own and holds no code.
func skipDir(name string) bool {
	switch path.Base(name) {
	case ".git", "node_modules":
		return true
	}
	return name == "bin" || name == "dist" || strings.HasPrefix(name, "demo-run")
}

// imported is one import of one file.
type imported struct {
	pkg  *Package
	file *File
	path string
	at   string
}

// imports yields every import of the tree in the order of the files.
func (t *Tree) imports(yield func(imported) bool) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			for _, spec := range f.AST.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					continue // the parser has accepted it; cannot happen
				}
				if !yield(imported{p, f, name, t.at(spec.Pos())}) {
					return
				}
			}
		}
	}
}

// own cuts the module path from an import; ok is false for foreign packages.
func (t *Tree) own(importPath string) (dir string, ok bool) {
	return strings.CutPrefix(importPath, t.Module+"/")
}

func (t *Tree) at(pos token.Pos) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// thirdParty: the first path element of a published module has a dot.
func thirdParty(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}

// under reports whether name is prefix or below it, by whole path elements.
func under(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

// helper reports whether a folder is code for tests: drivertest, storetest.
func helper(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }
