package sitemodel

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"tote/warehouse"
)

// The rules of the site as YAML (JSON is YAML too), with the JSON names of
// warehouse.Site. Reading is strict and remembers where everything stands: the rules
// are checked as a whole later, and a problem shall name its line.

// rules are rules that were read, with the place of each key.
type rules struct {
	file     string
	site     *warehouse.Site
	at       map[string]*token.Position // by path, as carriers[1].first
	problems []Problem
}

// maxRules bounds the file of the rules, in bytes.
const maxRules = 1 << 20

// readRules reads site.yaml or site.json.
func readRules(file string, data []byte) *rules {
	r := &rules{file: file, at: map[string]*token.Position{}}
	if len(data) > maxRules {
		r.fail(nil, CodeRead, "", "%d bytes, at most %d", len(data), maxRules)
		return r
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		r.syntax(err)
		return r
	}
	docs := slices.DeleteFunc(slices.Clone(f.Docs), func(d *ast.DocumentNode) bool { return d.Body == nil || d.Body.Type() == ast.CommentType })
	if len(docs) != 1 {
		r.fail(nil, CodeSyntax, "", "the file has %d documents, it must have one", len(docs))
		return r
	}
	var site warehouse.Site
	r.read("", docs[0].Body, reflect.ValueOf(&site).Elem())
	if len(r.problems) == 0 {
		r.site = &site
	}
	return r
}

func (r *rules) syntax(err error) {
	var ye yaml.Error
	if !errors.As(err, &ye) || ye.GetToken() == nil {
		r.fail(nil, CodeSyntax, "", "%v", err)
		return
	}
	code, text := CodeSyntax, ye.GetMessage()
	if strings.Contains(text, "already defined") || strings.Contains(text, "duplicate") {
		code = CodeTwice
	}
	r.fail(ye.GetToken().Position, code, "", "%s", text)
}

func (r *rules) fail(at *token.Position, code, path, format string, args ...any) {
	p := Problem{Code: code, File: r.file, Field: path, Text: fmt.Sprintf(format, args...)}
	if at != nil {
		p.Line, p.Column = at.Line, at.Column
	}
	r.problems = append(r.problems, p)
}

// place is where a path stands; when it is not in the file, the nearest above it.
func (r *rules) place(path string) *token.Position {
	for {
		if at := r.at[path]; at != nil || path == "" {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// read puts a node into a value of the rules.
func (r *rules) read(path string, n ast.Node, to reflect.Value) {
	if a, ok := n.(*ast.AnchorNode); ok {
		n = a.Value
	}
	at := n.GetToken().Position
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		at = m.Values[0].Key.GetToken().Position
	}
	if r.at[path] == nil {
		r.at[path] = at
	}
	if n.Type() == ast.NullType {
		return
	}
	if n.Type() == ast.AliasType || n.Type() == ast.MergeKeyType {
		r.fail(at, CodeType, path, "anchors and aliases are not read: write the value out")
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		r.read(path, n, to.Elem())
	case reflect.Struct:
		r.readStruct(path, n, to)
	case reflect.Slice:
		r.readList(path, n, to)
	default:
		r.readScalar(path, n, to)
	}
}

func (r *rules) readStruct(path string, n ast.Node, to reflect.Value) {
	var rows []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		rows = n.Values
	case *ast.MappingValueNode:
		rows = []*ast.MappingValueNode{n}
	default:
		r.fail(n.GetToken().Position, CodeType, path, "want keys (%s), not %s", some(keysOf(to.Type())), shown(n))
		return
	}
	seen := map[string]bool{}
	for _, row := range rows {
		key := row.Key.GetToken()
		name := key.Value
		sub := join(path, name)
		i := fieldNamed(to.Type(), name)
		switch {
		case seen[name]:
			r.fail(key.Position, CodeTwice, sub, "the key stands twice")
		case i < 0:
			text := "unknown key"
			if near := nearest(name, keysOf(to.Type())); near != "" {
				text += "; did you mean " + near + "?"
			}
			r.fail(key.Position, CodeUnknown, sub, "%s", text)
		default:
			seen[name] = true
			r.at[sub] = key.Position
			r.read(sub, row.Value, to.Field(i))
		}
	}
}

func (r *rules) readList(path string, n ast.Node, to reflect.Value) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(n.GetToken().Position, CodeType, path, "want a list, not %s", shown(n))
		return
	}
	for i, v := range list.Values {
		one := reflect.New(to.Type().Elem()).Elem()
		r.read(fmt.Sprintf("%s[%d]", path, i), v, one)
		to.Set(reflect.Append(to, one))
	}
}

func (r *rules) readScalar(path string, n ast.Node, to reflect.Value) {
	tk := n.GetToken()
	bad := func(want string) {
		r.fail(tk.Position, CodeType, path, "want %s, not %s", want, shown(n))
	}
	switch to.Kind() {
	case reflect.String:
		switch n := n.(type) {
		case *ast.StringNode:
			to.SetString(n.Value)
		case *ast.LiteralNode:
			to.SetString(n.Value.Value)
		default: // 0123 would become 83
			bad("a text; put it in quotes")
		}
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			bad("true or false")
			return
		}
		to.SetBool(b.Value)
	case reflect.Int, reflect.Int64:
		v, err := strconv.ParseInt(tk.Value, 10, 64)
		if n.Type() != ast.IntegerType || err != nil || to.OverflowInt(v) {
			bad("a whole number")
			return
		}
		to.SetInt(v)
	default:
		r.fail(tk.Position, CodeType, path, "no values of %s are read", to.Type())
	}
}

// some are the first of the keys: who writes none needs no list of fifty.
func some(keys []string) string {
	if len(keys) > 8 {
		keys = append(keys[:8:8], "…")
	}
	return strings.Join(keys, ", ")
}

// shown is a node as people call it.
func shown(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "keys"
	case ast.SequenceType:
		return "a list"
	}
	s := n.GetToken().Value
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// nameOf is the JSON name of a field, "" when it has none.
func nameOf(f reflect.StructField) (name string, omit bool) {
	name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return "", false
	}
	return name, strings.Contains(rest, "omitempty")
}

func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		if name, _ := nameOf(t.Field(i)); name != "" {
			keys = append(keys, name)
		}
	}
	return keys
}

func fieldNamed(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if n, _ := nameOf(t.Field(i)); n == name && name != "" {
			return i
		}
	}
	return -1
}

// nearest is the candidate with the fewest changes to word, "" when none is close.
func nearest(word string, candidates []string) string {
	best, least := "", len(word)/2+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace.
func distance(a, b string) int {
	prev, cur := make([]int, len(b)+1), make([]int, len(b)+1)
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
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}
