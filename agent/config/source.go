package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// source is a parsed file with the place of every key.
type source struct {
	file  string
	lines []string
	keys  map[string]*token.Token // by path: the key, or the list item
	wrong Problems                // of the form: unknown keys, values of the wrong kind
	// guessed are the paths that unknown keys with something below them probably
	// stand for.
	guessed []string
}

// parse decodes data into cfg, strictly. The problems are those of the form of
// the file; with a source they are not all: the rest can be checked too.
func parse(file string, data []byte, cfg *Config) (*source, Problems) {
	src := &source{file: file, keys: map[string]*token.Token{}}
	data, bad := src.text(data)
	if bad != nil {
		return nil, bad
	}
	f, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, src.yamlProblem(err)
	}
	docs := f.Docs[:0:0]
	for _, d := range f.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d)
		}
	}
	switch {
	case len(docs) == 0:
		return nil, Problems{{Code: CodeMissing, File: file, Text: "the file is empty", Action: "Take config.example.yaml as a beginning."}}
	case len(docs) > 1:
		p := src.at(docs[1].Start, CodeSyntax, "", "a second document begins; the file must hold one")
		p.Action = "Remove the line with the three dashes, and what does not belong to this gateway."
		return nil, Problems{p}
	}
	src.read("", docs[0].Body, reflect.ValueOf(cfg).Elem())
	return src, src.wrong
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// problem makes a problem at a key; when the key is not in the file, at the
// nearest key above it.
func (s *source) problem(code, path, format string, args ...any) Problem {
	var tk *token.Token
	for p := path; tk == nil && p != ""; {
		tk = s.keys[p]
		p = p[:max(strings.LastIndexAny(p, ".["), 0)]
	}
	return s.at(tk, code, path, fmt.Sprintf(format, args...))
}

// at makes a problem at a token; nil = at no known place.
func (s *source) at(tk *token.Token, code, path, text string) Problem {
	p := Problem{Code: code, File: s.file, Path: path, Text: text}
	if tk == nil || tk.Position == nil || tk.Position.Line < 1 {
		return p
	}
	p.Line, p.Column = tk.Position.Line, tk.Position.Column
	if p.Line <= len(s.lines) {
		p.Excerpt = excerpt(s.lines[p.Line-1], p.Line, p.Column)
	}
	return p
}

// has reports whether a key stands in the file, whatever its value.
func (s *source) has(path string) bool {
	if s == nil {
		return false
	}
	_, there := s.keys[path]
	return there
}

func quote(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if keyOf(t.Field(i)) == key {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// keyOf is the YAML key of a field.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

func keysOf(t reflect.Type) []string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, keyOf(t.Field(i)))
	}
	return keys
}

// kindName says in words what kind of value a type takes.
func kindName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	case reflect.Struct:
		return "keys (" + strings.Join(keysOf(t), ", ") + ")"
	default:
		return "whole number"
	}
}

// nearest is the candidate with the fewest changes to word, "" when none is
// close.
func nearest(word string, candidates []string) string {
	best, dist := "", len(word)/2+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d < dist {
			best, dist = c, d
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace, or neighbours to
// swap (optimal string alignment).
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
