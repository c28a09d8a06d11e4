package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// source is a parsed file with the place of every key.
type source struct {
	file  string
	lines []string
	keys  map[string]*token.Token // by path: the key, or the list item
	wrong Problems                // values of the wrong kind
}

// parse decodes data into cfg, strictly.
func parse(file string, data []byte, cfg *Config) (*source, error) {
	src := &source{file: file, lines: strings.Split(string(data), "\n"), keys: map[string]*token.Token{}}
	f, err := parser.ParseBytes(data, 0)
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
		return nil, Problems{{Code: CodeMissing, File: file, Text: "the file is empty"}}
	case len(docs) > 1:
		return nil, Problems{src.at(docs[1].Start, CodeSyntax, "", "a second document begins; the file must hold one")}
	}
	src.index("", docs[0].Body)
	if err := yaml.UnmarshalWithOptions(data, cfg, yaml.Strict()); err != nil {
		return nil, src.yamlProblem(err)
	}
	if len(src.wrong) > 0 {
		return nil, inOrder(src.wrong)
	}
	return src, nil
}

// scalarKind checks what the library would bend to fit: it takes 1.5 for a
// whole number and "9600" too, and true for a text.
func (s *source) scalarKind(path string, key *token.Token, n ast.Node) {
	t := typeAt(path)
	if t == nil || n == nil || n.Type() == ast.NullType {
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var ok bool
	switch t.Kind() {
	case reflect.Int:
		ok = n.Type() == ast.IntegerType
	case reflect.Bool:
		ok = n.Type() == ast.BoolType
	case reflect.String:
		switch n.Type() {
		case ast.BoolType, ast.FloatType, ast.InfinityType, ast.NanType:
		case ast.IntegerType: // 00123 would become 83
			v, err := strconv.ParseUint(n.GetToken().Value, 10, 64)
			ok = err == nil && strconv.FormatUint(v, 10) == n.GetToken().Value
		default:
			ok = true
		}
	default:
		return
	}
	if ok {
		return
	}
	p := s.at(key, CodeType, path, "want "+kindName(t)+", not "+quote(n.GetToken().Value))
	if t.Kind() == reflect.String {
		p.Text += "; put it in quotes"
	}
	s.wrong = append(s.wrong, p)
}

// index notes where each key and list item stands, and checks the values.
func (s *source) index(path string, n ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			s.index(path, v)
		}
	case *ast.MappingValueNode:
		key := n.Key.GetToken()
		sub := join(path, key.Value)
		s.keys[sub] = key
		s.scalarKind(sub, key, n.Value)
		s.index(sub, n.Value)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			sub := path + "[" + strconv.Itoa(i) + "]"
			s.keys[sub] = v.GetToken()
			if m, ok := v.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
				s.keys[sub] = m.Values[0].Key.GetToken()
			}
			s.index(sub, v)
		}
	}
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
		line := strings.TrimRight(s.lines[p.Line-1], "\r")
		if r := []rune(line); len(r) > 120 {
			line = string(r[:120]) + "…"
		}
		mark := strings.Repeat(" ", max(min(p.Column, 120)-1, 0)) + "^"
		p.Excerpt = fmt.Sprintf("%5d | %s\n      | %s", p.Line, line, mark)
	}
	return p
}

// yamlProblem turns the library's error into a problem.
func (s *source) yamlProblem(err error) Problems {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return Problems{{Code: CodeSyntax, File: s.file, Text: err.Error()}}
	}
	tk := ye.GetToken()
	path := s.pathOf(tk)
	var unknown *yaml.UnknownFieldError
	var dup *yaml.DuplicateKeyError
	var typ *yaml.TypeError
	var over *yaml.OverflowError
	var node *yaml.UnexpectedNodeTypeError
	switch {
	case errors.As(err, &unknown):
		parent := path[:max(strings.LastIndex(path, "."), 0)]
		p := s.at(tk, CodeUnknownKey, path, "there is no such key")
		p.Near = nearest(tk.Value, keysOf(typeAt(parent)))
		return Problems{p}
	case errors.As(err, &dup):
		return Problems{s.at(tk, CodeTwice, tk.Value, "the key is there twice")}
	case errors.As(err, &typ):
		return Problems{s.at(tk, CodeType, path, "want "+kindName(typ.DstType)+", not "+quote(tk.Value))}
	case errors.As(err, &over):
		return Problems{s.at(tk, CodeType, path, "the number "+quote(tk.Value)+" is too large")}
	case errors.As(err, &node):
		want := "another kind of value"
		if t := typeAt(path); t != nil {
			want = kindName(t)
		}
		return Problems{s.at(tk, CodeType, path, "want "+want)}
	}
	if strings.Contains(ye.GetMessage(), "already defined") { // the parser has no error of its own for it
		return Problems{s.at(tk, CodeTwice, tk.Value, "the key is there twice")}
	}
	return Problems{s.at(tk, CodeSyntax, "", ye.GetMessage())}
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

// pathOf finds the key a token belongs to: the last one at or before it.
func (s *source) pathOf(tk *token.Token) string {
	best, pos := "", token.Position{}
	if tk == nil || tk.Position == nil {
		return ""
	}
	after := func(a, b *token.Position) bool {
		return a.Line > b.Line || a.Line == b.Line && a.Column > b.Column
	}
	for path, k := range s.keys {
		if k.Position == nil || after(k.Position, tk.Position) {
			continue
		}
		if best == "" || after(k.Position, &pos) || *k.Position == pos && len(path) > len(best) {
			best, pos = path, *k.Position
		}
	}
	return best
}

// typeAt is the type a path names, nil when there is none.
func typeAt(path string) reflect.Type {
	t := reflect.TypeFor[Config]()
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' }) {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if strings.HasSuffix(part, "]") {
			if t.Kind() != reflect.Slice {
				return nil
			}
			t = t.Elem()
			continue
		}
		if t.Kind() != reflect.Struct {
			return nil
		}
		f, ok := fieldOf(t, part)
		if !ok {
			return nil
		}
		t = f.Type
	}
	return t
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
