package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// read fills v from a node and notes everything that does not fit, each at its
// place; it goes on behind a mistake, so that all of a file are told at once. What
// does not fit stays as it was.
func (s *source) read(path string, n ast.Node, v reflect.Value) {
	n = s.plain(path, n)
	if n == nil || n.Type() == ast.NullType {
		return // as if it were left out
	}
	if v.Kind() == reflect.Pointer {
		made := reflect.New(v.Type().Elem())
		before := len(s.wrong)
		s.read(path, n, made.Elem())
		if len(s.wrong) == before || made.Elem().Kind() == reflect.Struct && values(n) != nil {
			v.Set(made)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		s.readKeys(path, n, v)
	case reflect.Slice:
		s.readList(path, n, v)
	default:
		s.readScalar(path, n, v)
	}
}

// plain is a node without what YAML can wrap around it. None of that is taken: a
// reader of the file would have to look elsewhere for what a key has, and a few
// lines of it can stand for more than fits into memory.
func (s *source) plain(path string, n ast.Node) ast.Node {
	what := ""
	switch n.(type) {
	case *ast.AnchorNode:
		what = "an anchor (&)"
	case *ast.AliasNode:
		what = "an alias (*)"
	case *ast.TagNode:
		what = "a tag (!)"
	case *ast.MergeKeyNode:
		what = "a merge key (<<)"
	default:
		return n
	}
	s.wrong = append(s.wrong, s.at(n.GetToken(), CodeAnchor, path, what+" stands here"))
	return nil
}

// values are the keys of a node with their values, nil when it has none.
func values(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		if n.Values == nil {
			return []*ast.MappingValueNode{} // {}
		}
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func (s *source) readKeys(path string, n ast.Node, v reflect.Value) {
	list := values(n)
	if list == nil {
		s.mismatch(path, n, v.Type())
		return
	}
	first := map[string]*token.Token{}
	for _, kv := range list {
		key := kv.Key.GetToken()
		if s.plain(path, kv.Key) == nil {
			continue
		}
		sub := join(path, key.Value)
		if was := first[key.Value]; was != nil {
			p := s.at(key, CodeTwice, sub, fmt.Sprintf("the key is there twice, first in line %d", was.Position.Line))
			p.Action = "Keep one of the two."
			s.wrong = append(s.wrong, p)
			continue
		}
		first[key.Value] = key
		s.keys[sub] = key
		f, ok := fieldOf(v.Type(), key.Value)
		if !ok {
			s.wrong = append(s.wrong, s.unknown(path, key, kv.Value, v.Type()))
			continue
		}
		s.read(sub, kv.Value, v.FieldByIndex(f.Index))
	}
}

func (s *source) readList(path string, n ast.Node, v reflect.Value) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		s.mismatch(path, n, v.Type())
		return
	}
	for i, item := range list.Values {
		sub := path + "[" + strconv.Itoa(i) + "]"
		s.keys[sub] = item.GetToken()
		if m, ok := item.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
			s.keys[sub] = m.Values[0].Key.GetToken()
		}
		made := reflect.New(v.Type().Elem()).Elem()
		s.read(sub, item, made)
		v.Set(reflect.Append(v, made))
	}
}

// readScalar is strict where YAML libraries bend values: 1.5 and "9600" are no
// whole numbers, true is no text, and neither is 00123, which would become 83.
func (s *source) readScalar(path string, n ast.Node, v reflect.Value) {
	written := n.GetToken().Value
	switch v.Kind() {
	case reflect.Int:
		if n, ok := n.(*ast.IntegerNode); ok && !octal(written) {
			if i, err := strconv.ParseInt(fmt.Sprint(n.Value), 10, strconv.IntSize); err == nil {
				v.SetInt(i)
				return
			}
			p := s.at(n.GetToken(), CodeType, path, "the number "+quote(written)+" is too large")
			s.wrong = append(s.wrong, p)
			return
		}
	case reflect.Bool:
		if n, ok := n.(*ast.BoolNode); ok {
			v.SetBool(n.Value)
			return
		}
	case reflect.String:
		switch n := n.(type) {
		case *ast.StringNode:
			v.SetString(n.Value)
			return
		case *ast.LiteralNode:
			v.SetString(n.Value.Value)
			return
		case *ast.IntegerNode:
			if u, err := strconv.ParseUint(written, 10, 64); err == nil && strconv.FormatUint(u, 10) == written {
				v.SetString(written)
				return
			}
		}
	}
	s.mismatch(path, n, v.Type())
}

// octal: YAML takes a number with a 0 in front for one of base 8.
func octal(written string) bool {
	digits := strings.TrimLeft(written, "+-")
	return len(digits) > 1 && digits[0] == '0'
}

// unknown is a key that nobody knows.
func (s *source) unknown(parent string, key *token.Token, value ast.Node, t reflect.Type) Problem {
	p := s.at(key, CodeUnknownKey, join(parent, key.Value), "there is no such key")
	known := keysOf(t)
	if len(s.wrong) > maxProblems {
		return p // it is not shown
	}
	p.Near = nearest(key.Value, known)
	odd := strings.IndexFunc(key.Value, strange)
	if odd >= 0 {
		clean := strings.TrimSpace(strings.Map(func(r rune) rune {
			if strange(r) {
				return -1
			}
			return r
		}, key.Value))
		p.Path, p.Near = join(parent, clean), ""
		if slices.Contains(known, clean) {
			p.Near = clean
		}
	}
	switch secret := secretFor(key.Value, known); {
	case secret != "":
		p.Near = secret
		p.Text = "a secret is given by file, never in the configuration"
		p.Action = "Write it into a file that only the user tote can read, name the file here as " + secret + ", and change the secret: it stood in this file."
	case odd >= 0:
		p.Text = fmt.Sprintf("there is no such key; it has a character that does not belong there: U+%04X", []rune(key.Value[odd:])[0])
		p.Action = "Type the line anew; such characters come with text copied from a web page or a word processor."
	case p.Near != "":
		p.Action = "Write " + p.Near + ", or remove the line."
	default:
		if owners := whereIs(key.Value); len(owners) > 0 {
			p.Action = "It belongs below " + strings.Join(owners[:min(3, len(owners))], " or ") + ": look at the indentation of the line."
		} else {
			p.Action = "Remove it. Here can stand: " + strings.Join(known, ", ") + "."
		}
	}
	if values(value) != nil && p.Near != "" {
		s.guessed = append(s.guessed, join(parent, p.Near))
	}
	return p
}

// strange: no key has such a character.
func strange(r rune) bool { return r > '~' || r < ' ' }

// whereIs are the sections that have a key.
func whereIs(key string) (out []string) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, t reflect.Type)
	walk = func(path string, t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			if t.Kind() == reflect.Slice {
				path += "[]"
			}
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		if _, ok := fieldOf(t, key); ok {
			name := path
			if name == "" {
				name = "nothing (the left margin)"
			}
			out = append(out, name)
		}
		for i := range t.NumField() {
			walk(join(path, keyOf(t.Field(i))), t.Field(i).Type)
		}
	}
	walk("", reflect.TypeFor[Config]())
	return out
}

// mismatch notes a value of the wrong kind and how the right one is written.
func (s *source) mismatch(path string, n ast.Node, t reflect.Type) {
	if path == "" {
		p := s.at(n.GetToken(), CodeType, "", "want keys at the left margin, not "+shown(n))
		p.Action = "Take config.example.yaml as a beginning: config_version, site and gateway come first."
		s.wrong = append(s.wrong, p)
		return
	}
	p := s.at(n.GetToken(), CodeType, path, "want "+kindName(t)+", not "+shown(n))
	key := path[strings.LastIndexByte(path, '.')+1:]
	if k, ok := s.keys[path]; ok && k.Position.Line != p.Line {
		p = s.at(k, CodeType, path, p.Text) // the block below a key: people look at the key
	}
	written := n.GetToken().Value
	switch t.Kind() {
	case reflect.String:
		p.Action = "Put it in quotes: " + key + `: "` + written + `".`
		if values(n) != nil || n.Type() == ast.SequenceType {
			p.Action = "Write one value behind " + key + ":, on the same line."
		}
	case reflect.Bool:
		p.Action = "Write true or false, without quotes; yes, no, on and off are words here."
		if is, ok := truths[strings.ToLower(written)]; ok {
			p.Action = fmt.Sprintf("Write %s: %t, without quotes.", key, is)
		}
	case reflect.Int:
		p.Action = numberAction(key, written, n)
	case reflect.Slice:
		p.Action = "Write one line for each, with a dash in front" + dashed(t) + "."
		if list := values(n); len(list) > 0 && strings.HasPrefix(list[0].Key.GetToken().Value, "-") {
			p.Action = "Put a space behind the dash."
		}
	case reflect.Struct:
		p.Action = "Write the keys below it, each on a line of its own and indented by two spaces: " + strings.Join(keysOf(t), ", ") + "."
		if n.Type() == ast.SequenceType {
			p.Action = "Leave the dashes out: there is only one " + key + ". Its keys: " + strings.Join(keysOf(t), ", ") + "."
		}
	}
	s.wrong = append(s.wrong, p)
}

// truths are words people write for true and false.
var truths = map[string]bool{"yes": true, "on": true, "y": true, "true": true, "1": true, "no": false, "off": false, "n": false, "false": false, "0": false}

// dashed is how an item of a list begins.
func dashed(t reflect.Type) string {
	if keys := keysOf(t.Elem()); len(keys) > 0 {
		return ", as \"- " + keys[0] + ": …\""
	}
	return ""
}

// shown is a value as it is told in a sentence.
func shown(n ast.Node) string {
	switch {
	case values(n) != nil:
		return "keys"
	case n.Type() == ast.SequenceType:
		return "a list"
	}
	return quote(n.GetToken().Value)
}

// units are those that keys of whole numbers end in, with what people write for
// them and how many of the key's unit that is.
var units = []struct {
	suffix, name string
	written      map[string]int64
}{
	{"_ms", "milliseconds", map[string]int64{"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}},
	{"_s", "seconds", map[string]int64{"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}},
	{"_h", "hours", map[string]int64{"h": 1, "hours": 1, "d": 24, "days": 24}},
	{"_g", "grams", map[string]int64{"g": 1, "kg": 1000}},
	{"_dbm", "dBm", map[string]int64{"dbm": 1}},
	{"baud", "bits per second", map[string]int64{"baud": 1, "bd": 1, "bps": 1}},
}

// numberAction says how a number is written that was not.
func numberAction(key, written string, n ast.Node) string {
	digits := strings.TrimLeft(written, "0")
	if octal(written) && digits != "" && strings.Trim(digits, "0123456789") == "" {
		return "Write it without the 0 in front: " + key + ": " + digits + "."
	}
	if _, err := strconv.ParseInt(written, 10, 64); err == nil && n.Type() == ast.StringType {
		return "Write it without quotes: " + key + ": " + written + "."
	}
	for _, u := range units {
		if !strings.HasSuffix(key, u.suffix) {
			continue
		}
		at := strings.IndexFunc(written, func(r rune) bool { return r != '-' && (r < '0' || r > '9') })
		if at > 0 {
			count, err := strconv.ParseInt(written[:at], 10, 32)
			times, ok := u.written[strings.ToLower(strings.TrimSpace(written[at:]))]
			if err == nil && ok {
				return fmt.Sprintf("It is in %s, and no unit is written: %s: %d.", u.name, key, count*times)
			}
		}
		return "Write a whole number, in " + u.name + "."
	}
	return "Write a whole number, without quotes, unit or fraction."
}
