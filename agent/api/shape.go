package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tote/warehouse"
)

// Reading a command out of JSON, strictly: no unknown, repeated or missing
// field, no null, no field in another case, no fraction. encoding/json's own
// struct decoding takes fields in any case and keeps the last of two in silence.

// Field is one field of a command as its json tags name it.
type Field struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`           // string, integer, boolean, object
	List     bool    `json:"list,omitempty"` // any number of it
	Required bool    `json:"required"`
	Fields   []Field `json:"fields,omitempty"` // of an object
}

// shape is how the JSON of a command looks.
type shape struct {
	name   string
	fields []Field
}

// shapeOf reads it off the struct of a command, without the fields that fix
// sets.
func shapeOf[C warehouse.Command](fix ...func(*C)) shape {
	t := reflect.TypeFor[C]()
	var c C
	for _, f := range fix {
		f(&c)
	}
	sh := shape{name: t.Name()}
	set := reflect.ValueOf(c)
	for i, f := range fieldsOf(t) {
		if set.Field(i).IsZero() {
			sh.fields = append(sh.fields, f)
		}
	}
	return sh
}

// fieldsOf lists the fields of a struct in their order, one for each of Go's; a
// name of "" is a field that JSON does not have.
func fieldsOf(t reflect.Type) []Field {
	out := make([]Field, t.NumField())
	for i := range out {
		tag, opts, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag == "-" {
			continue
		}
		f := Field{Name: tag, Required: !slices.Contains(strings.Split(opts, ","), "omitempty")}
		ft := t.Field(i).Type
		if ft.Kind() == reflect.Slice {
			f.List, ft = true, ft.Elem()
		}
		f.Type = typeOf(ft)
		if ft.Kind() == reflect.Struct {
			f.Fields = slices.DeleteFunc(fieldsOf(ft), func(f Field) bool { return f.Name == "" })
		}
		out[i] = f
	}
	return out
}

// typeOf is the JSON type of a Go type, "" when it has none here.
func typeOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Struct:
		return "object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	}
	return ""
}

// read fills *into from one JSON object.
func (sh shape) read(raw []byte, into any) error {
	if !utf8.Valid(raw) {
		return errors.New("the body is not UTF-8")
	}
	d := reader{json.NewDecoder(bytes.NewReader(raw))}
	d.UseNumber()
	if err := d.object(reflect.ValueOf(into).Elem(), sh.fields, ""); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// reader sets values token by token. How deep it goes is bounded by the type:
// an unknown field is refused before its value is looked at.
type reader struct{ *json.Decoder }

func (d reader) next() (json.Token, error) {
	tok, err := d.Token()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("the body is cut off")
	}
	if err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	return tok, nil
}

func (d reader) object(v reflect.Value, fields []Field, at string) error {
	tok, err := d.next()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("%s must be an object", cmp.Or(at, "the body"))
	}
	seen := map[string]bool{}
	for d.More() {
		tok, err := d.next()
		if err != nil {
			return err
		}
		name, _ := tok.(string) // keys are strings, says the decoder
		where := strings.TrimPrefix(at+"."+name, ".")
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return fmt.Errorf("unknown field %.80q", where)
		}
		if seen[name] {
			return fmt.Errorf("field %s stands twice", where)
		}
		seen[name] = true
		if err := d.value(fieldNamed(v, name), fields[i], fields[i].List, where); err != nil {
			return err
		}
	}
	if _, err := d.next(); err != nil { // the closing brace
		return err
	}
	for _, f := range fields {
		if f.Required && !seen[f.Name] {
			return fmt.Errorf("field %s is missing", strings.TrimPrefix(at+"."+f.Name, "."))
		}
	}
	return nil
}

// fieldNamed is the field of a struct with a json name.
func fieldNamed(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); tag == name {
			return v.Field(i)
		}
	}
	return reflect.Value{} // not reached: the names come from this type
}

func (d reader) value(v reflect.Value, f Field, list bool, at string) error {
	switch {
	case list:
		return d.list(v, f, at)
	case f.Type == "object":
		return d.object(v, f.Fields, at)
	}
	tok, err := d.next()
	if err != nil {
		return err
	}
	switch tok := tok.(type) {
	case string:
		if f.Type == "string" {
			v.SetString(tok)
			return nil
		}
	case bool:
		if f.Type == "boolean" {
			v.SetBool(tok)
			return nil
		}
	case json.Number:
		if f.Type == "integer" && setInt(v, tok.String()) {
			return nil
		}
	}
	return fmt.Errorf("field %s must be %s", at, map[string]string{
		"string": "a text", "boolean": "true or false", "integer": "a whole number in range",
	}[f.Type])
}

// setInt takes whole numbers only: 1.0 and 1e3 are no count.
func setInt(v reflect.Value, s string) bool {
	if v.CanUint() {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || v.OverflowUint(n) {
			return false
		}
		v.SetUint(n)
		return true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

func (d reader) list(v reflect.Value, f Field, at string) error {
	tok, err := d.next()
	if err != nil {
		return err
	}
	if tok != json.Delim('[') {
		return fmt.Errorf("field %s must be a list", at)
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for d.More() {
		row := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(row, f, false, fmt.Sprintf("%s[%d]", at, v.Len())); err != nil {
			return err
		}
		v.Set(reflect.Append(v, row))
	}
	_, err = d.next() // the closing bracket
	return err
}
