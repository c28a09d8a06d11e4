package sitemodel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"tote/warehouse"
)

// The canonical form of the rules: every key in the order of warehouse.Site, nothing
// that is left out there, one way to quote. The same rules are the same bytes.

const rulesHead = "# The rules of the site: tote site plan shows what changing them would change.\n# Every key is explained in docs/site-model.md.\n"

func writeRules(site *warehouse.Site) []byte {
	var b bytes.Buffer
	b.WriteString(rulesHead)
	emitStruct(&b, reflect.ValueOf(site).Elem(), "", "")
	return b.Bytes()
}

// emitStruct writes the keys of a struct; first is what stands before the first of
// them, in the place of the indent.
func emitStruct(b *bytes.Buffer, v reflect.Value, indent, first string) {
	lead := first
	if lead == "" {
		lead = indent
	}
	n := 0
	for i := range v.NumField() {
		name, omit := nameOf(v.Type().Field(i))
		if f := v.Field(i); name != "" && (!omit || !empty(f)) {
			b.WriteString(lead + name + ":")
			emit(b, f, indent)
			lead, n = indent, n+1
		}
	}
	if n == 0 {
		b.WriteString(lead + "{}\n")
	}
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

// emit writes the value behind a key.
func emit(b *bytes.Buffer, v reflect.Value, indent string) {
	switch v.Kind() {
	case reflect.Pointer:
		emit(b, v.Elem(), indent)
	case reflect.Struct:
		if bare(v) {
			b.WriteString(" {}\n")
			return
		}
		b.WriteString("\n")
		emitStruct(b, v, indent+"  ", "")
	case reflect.Slice:
		emitList(b, v, indent)
	default:
		b.WriteString(" " + scalar(v) + "\n")
	}
}

// bare tells whether nothing of a struct is written.
func bare(v reflect.Value) bool {
	for i := range v.NumField() {
		if name, omit := nameOf(v.Type().Field(i)); name != "" && (!omit || !empty(v.Field(i))) {
			return false
		}
	}
	return true
}

func emitList(b *bytes.Buffer, v reflect.Value, indent string) {
	if v.Len() == 0 {
		b.WriteString(" []\n")
		return
	}
	if v.Type().Elem().Kind() != reflect.Struct {
		rows := make([]string, v.Len())
		for i := range rows {
			rows[i] = scalar(v.Index(i))
		}
		b.WriteString(" [" + strings.Join(rows, ", ") + "]\n")
		return
	}
	b.WriteString("\n")
	for i := range v.Len() {
		emitStruct(b, v.Index(i), indent+"    ", indent+"  - ")
	}
}

// plain are texts that nothing reads as anything else.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// notPlain are words that are no texts to one YAML reader or another.
var notPlain = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"}

func scalar(v reflect.Value) string {
	if v.Kind() != reflect.String {
		return fmt.Sprint(v.Interface())
	}
	s := v.String()
	if plain.MatchString(s) && !slices.Contains(notPlain, strings.ToLower(s)) {
		return s
	}
	// A JSON text is a YAML text in double quotes.
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text is always encoded
	return strings.TrimSuffix(b.String(), "\n")
}
