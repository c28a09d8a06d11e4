package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// editors is the line by which those that know YAML find the schema.
const editors = "# yaml-language-server: $schema=docs/config.schema.json\n"

// Example renders the example file. Keys that may be left out and have a
// default are commented out.
func Example() string {
	var b strings.Builder
	b.WriteString(editors + "# Example configuration of a Tote gateway. Generated from agent/config; check your own\n" +
		"# file with \"tote validate FILE\". Keys with a # in front show the default.\n\n")
	exampleStruct(&b, reflect.TypeFor[Config](), "", "", "")
	return b.String()
}

// exampleStruct writes the keys of t. first, when not empty, is the indentation
// of the first key: the dash of a list item. device is what a serial line of t
// would be plugged into.
func exampleStruct(b *strings.Builder, t reflect.Type, indent, first, device string) {
	for i := range t.NumField() {
		f := t.Field(i)
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		lead := indent
		if i == 0 && first != "" {
			lead = first
		} else {
			for _, line := range wrap(f.Tag.Get("doc"), 92-len(indent)) {
				fmt.Fprintf(b, "%s# %s\n", indent, line)
			}
		}
		key := keyOf(f)
		switch {
		case leftOut(t, f):
			fmt.Fprintf(b, "%s# %s: %s\n", lead, key, scalar(ft, f.Tag))
		case ft.Kind() == reflect.Struct:
			fmt.Fprintf(b, "%s%s:\n", lead, key)
			exampleStruct(b, ft, indent+"  ", "", deviceOf(device, ft, key))
		case ft.Kind() == reflect.Slice:
			fmt.Fprintf(b, "%s%s:\n", lead, key)
			exampleStruct(b, ft.Elem(), indent+"    ", indent+"  - ", deviceOf(device, ft.Elem(), key))
		default:
			v := scalar(ft, f.Tag)
			if t == reflect.TypeFor[Serial]() && key == "path" {
				v = "/dev/serial/by-id/usb-" + device + "-if00" // each device its own
			}
			fmt.Fprintf(b, "%s%s: %s\n", lead, key, v)
		}
		if indent == "" {
			b.WriteString("\n")
		}
	}
}

// deviceOf names the device of the example that a key leads to.
func deviceOf(device string, t reflect.Type, key string) string {
	switch {
	case t == reflect.TypeFor[Station](), t == reflect.TypeFor[Dock](), t == reflect.TypeFor[Sensor]():
		f, _ := fieldOf(t, "id")
		return f.Tag.Get("example")
	case device != "" && key != "serial":
		return device + "-" + key
	}
	return device
}

// leftOut says which keys the example shows as a comment: those with a default,
// and those that exclude what is shown.
func leftOut(t reflect.Type, f reflect.StructField) bool {
	if _, ok := f.Tag.Lookup("default"); ok {
		return true
	}
	key := keyOf(f)
	switch t.Name() {
	case "Printer", "Sensor":
		return key == "tcp"
	case "RFID":
		return slices.Contains([]string{"tcp", "mqtt", "reader_of", "beside", "door_ports", "only_tags"}, key)
	case "PlaceReader":
		return key == "serial" || key == "mqtt"
	case "Scanner":
		return key == "input"
	case "Dock":
		return key == "buttons" || key == "buzzer"
	case "Serial":
		return key == "usb" || key == "serial_number" || key == "interface"
	case "Scale":
		return slices.Contains([]string{"unit", "pattern", "ask", "zero", "hid", "zero_drift_g"}, key)
	case "MQTT":
		return key == "tokens_file"
	case "Backup":
		return key == "url" || key == "secret_file"
	case "OMS", "Upstream":
		return key == "token_file" || key == "dir"
	}
	return false
}

func scalar(t reflect.Type, tag reflect.StructTag) string {
	v := tag.Get("example")
	if v == "" {
		v = tag.Get("default")
	}
	if strings.Contains(v, `\`) { // written as it is in double quotes
		return `"` + v + `"`
	}
	if t.Kind() == reflect.String && (strings.ContainsAny(v, ": ~{") || len(v) > 1 && v[0] == '0') {
		return fmt.Sprintf("%q", v)
	}
	return v
}

// Docs renders docs/config.md.
func Docs() string {
	var b strings.Builder
	b.WriteString("# Configuration of a gateway\n\nGenerated from `agent/config`; do not edit.\n\n" +
		"One YAML file per gateway. A key that is not listed here is an error. `tote validate FILE` checks a file without starting anything. " +
		"A complete example is `config.example.yaml`.\n\n" +
		"Editors that know YAML check while you type and show the meaning of each key when the first line of the file names the schema: " +
		"`# yaml-language-server: $schema=/usr/share/doc/tote/config.schema.json` (in this repository `docs/config.schema.json`). " +
		"What a schema cannot say, as that a port is used twice, `tote validate` knows.\n\n" +
		"Secrets are given by file (`*_file`, `tls.key`), never in this file; `tote validate` warns of one that every user can read. Files of tokens are taken anew within seconds when they change, without a restart; who came with a token that is gone is cut off, and a damaged file leaves the old tokens in force and is an issue of the gateway. " +
		"Anchors, aliases and tags of YAML are refused.\n\n")
	seen := map[reflect.Type]bool{}
	docsStruct(&b, reflect.TypeFor[Config](), "", seen)
	b.WriteString("## Faults\n\n| code | cause | what to do |\n|---|---|---|\n")
	for _, f := range Faults() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Code, f.Cause, f.Action)
	}
	return b.String()
}

func docsStruct(b *strings.Builder, t reflect.Type, path string, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	title := path
	if title == "" {
		title = "Top level"
	} else {
		title = "`" + title + "`"
	}
	fmt.Fprintf(b, "## %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title)
	type sub struct {
		t    reflect.Type
		path string
	}
	var subs []sub
	for i := range t.NumField() {
		f := t.Field(i)
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		kind, p := kindName(ft), join(path, keyOf(f))
		switch ft.Kind() {
		case reflect.Slice:
			kind = "list"
			subs = append(subs, sub{ft.Elem(), p + "[]"})
		case reflect.Struct:
			kind = "keys"
			subs = append(subs, sub{ft, p})
		}
		def := f.Tag.Get("default")
		switch {
		case def != "":
			def = "`" + def + "`"
		case !strings.Contains(f.Tag.Get("yaml"), "omitempty"):
			def = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", keyOf(f), kind, def, strings.ReplaceAll(f.Tag.Get("doc"), "|", "\\|"))
	}
	b.WriteString("\n")
	for _, s := range subs {
		docsStruct(b, s.t, s.path, seen)
	}
}

// wrap breaks a text into lines.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
