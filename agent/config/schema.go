package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"tote/drivers/all"
	"tote/drivers/printer"
	"tote/drivers/scale"
	"tote/drivers/scale/hid"
)

// object is a part of a JSON schema; json.Marshal sorts its keys.
type object = map[string]any

// forms are the tags form as regular expressions. What a schema cannot say (an id
// used twice, a port that two devices have) only tote validate knows.
var forms = map[string]string{
	"id":       `[A-Za-z0-9_.-]{1,64}`,
	"upstream": `[a-z0-9-]{1,16}`,
	"absolute": `/.*`,
	"address":  `.*:[0-9]{1,5}`,
	"peer":     `[A-Za-z0-9_.-]{1,64}@.*:[0-9]{1,5}`,
	"usb":      `[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}`,
}

// Schema renders docs/config.schema.json, for editors: JSON Schema, draft 2020-12.
// It never refuses what [Parse] takes.
func Schema() (string, error) {
	made := parts{}
	s := made.section(reflect.TypeFor[Config]())
	s["$defs"] = map[string]object(made)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Configuration of a Tote gateway"
	s["description"] = "Generated from agent/config; do not edit. tote validate checks more than a schema can say."
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return "", fmt.Errorf("config: schema: %w", err)
	}
	return string(b) + "\n", nil
}

// parts are the sections made so far, by the name of their type.
type parts map[string]object

// of refers to the schema of a section.
func (made parts) of(t reflect.Type) object {
	if _, ok := made[t.Name()]; !ok {
		made[t.Name()] = nil // a section within itself would end here
		made[t.Name()] = made.section(t)
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}

// section is the schema of one. It may also be there with nothing below it, unless
// who refers to it says otherwise.
func (made parts) section(t reflect.Type) object {
	keys, needed := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		optional := strings.Contains(f.Tag.Get("yaml"), "omitempty") || f.Tag.Get("needed") == "no"
		keys[keyOf(f)] = made.key(f, optional)
		if !optional {
			needed = append(needed, keyOf(f))
		}
	}
	s := object{"type": kindOrNone("object", t != reflect.TypeFor[Config]()), "properties": keys, "additionalProperties": false}
	if len(needed) > 0 {
		s["required"] = needed
	}
	if rules := rulesOf(t); len(rules) > 0 {
		s["if"], s["then"] = object{"type": "object"}, object{"allOf": rules}
	}
	return s
}

func kindOrNone(kind string, none bool) any {
	if none {
		return []string{kind, "null"}
	}
	return kind
}

// key is the schema of one key.
func (made parts) key(f reflect.StructField, optional bool) object {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var s object
	switch t.Kind() {
	case reflect.Struct:
		if s = made.of(t); !optional {
			s["type"] = "object"
		}
	case reflect.Slice:
		items := made.of(t.Elem())
		items["type"] = "object"
		if words := f.Tag.Get("does"); words != "" {
			items["properties"] = object{"does": object{"enum": strings.Split(words, ",")}}
		}
		s = object{"type": kindOrNone("array", optional), "items": items}
		if !optional {
			s["minItems"] = 1
		}
	case reflect.Bool:
		s = object{"type": kindOrNone("boolean", optional)}
	case reflect.Int:
		s = numberSchema(f.Tag, optional)
	default:
		s = textSchema(f.Tag, optional)
	}
	s["description"] = describe(keyOf(f), f.Tag)
	if def, ok := f.Tag.Lookup("default"); ok {
		s["default"] = valueOf(t, def)
	}
	if ex := f.Tag.Get("example"); ex != "" && t.Kind() != reflect.Struct && t.Kind() != reflect.Slice {
		s["examples"] = []any{valueOf(t, ex)}
	}
	return s
}

// describe is the doc of a key with its unit and range.
func describe(key string, tag reflect.StructTag) string {
	text := tag.Get("doc")
	for _, u := range units {
		if strings.HasSuffix(key, u.suffix) && !strings.Contains(text, u.name) {
			text += " In " + u.name + "."
		}
	}
	if low, high, ok := bounds(tag); ok && !strings.Contains(text, strconv.Itoa(high)) {
		text += fmt.Sprintf(" %d to %d.", low, high)
	}
	return text
}

// valueOf is a value of a tag as JSON has it.
func valueOf(t reflect.Type, v string) any {
	switch t.Kind() {
	case reflect.Int:
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
	case reflect.Bool:
		return v == "true"
	}
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(v)
}

func numberSchema(tag reflect.StructTag, optional bool) object {
	s := object{"type": kindOrNone("integer", optional)}
	if words := enum(tag); words != nil {
		var allowed []any
		for _, w := range words {
			allowed = append(allowed, valueOf(reflect.TypeFor[int](), w))
		}
		if optional {
			allowed = append(allowed, 0, nil)
		}
		return object{"enum": allowed}
	}
	low, high, ok := bounds(tag)
	if !ok {
		return s
	}
	s["minimum"], s["maximum"] = low, high
	if optional { // 0 is as if it were left out
		return object{"anyOf": []object{s, {"const": 0}}}
	}
	return s
}

func textSchema(tag reflect.StructTag, optional bool) object {
	allowed := enum(tag)
	if kind, ok := kinds[tag.Get("kind")]; ok {
		allowed = all.Names(kind)
	}
	if allowed != nil {
		var out []any
		for _, w := range allowed {
			out = append(out, w)
		}
		if optional {
			out = append(out, "", nil)
		}
		return object{"enum": out}
	}
	// A text of digits alone needs no quotes.
	types := []string{"string", "integer"}
	if optional {
		types = append(types, "null")
	}
	s := object{"type": types}
	switch form := forms[tag.Get("form")]; {
	case form != "" && optional:
		s["pattern"] = "^(?:" + form + ")?$"
	case form != "":
		s["pattern"] = "^" + form + "$"
	case !optional:
		s["minLength"] = 1
	}
	return s
}

// given says that a key has something.
func given(key string) object {
	return object{"required": []string{key}, "properties": object{key: object{"not": object{"enum": []any{nil, ""}}}}}
}

func not(s object) object { return object{"not": s} }

// where makes a rule for one driver.
func where(driver string, then ...object) object {
	return object{
		"if":   object{"required": []string{"driver"}, "properties": object{"driver": object{"const": driver}}},
		"then": object{"allOf": then},
	}
}

// either serial or tcp.
func oneWay() object { return object{"oneOf": []object{given("serial"), given("tcp")}} }

// rulesOf are what the keys of a section have to do with each other, from the table
// of drivers.
func rulesOf(t reflect.Type) (rules []object) {
	switch t {
	case reflect.TypeFor[Station]():
		return []object{{"properties": object{"printer": object{"properties": object{"driver": not(object{"const": printer.ESCPOS.Name})}}}}}
	case reflect.TypeFor[TLS]():
		return []object{{"dependentRequired": object{"cert": []string{"key"}, "key": []string{"cert"}}}}
	case reflect.TypeFor[Backup]():
		return []object{{"oneOf": []object{given("folder"), given("url")}}}
	case reflect.TypeFor[Sensor]():
		return []object{oneWay()}
	case reflect.TypeFor[Serial]():
		return []object{{"oneOf": []object{given("path"), given("usb")}}}
	case reflect.TypeFor[Printer]():
		return append(printerRules(), oneWay())
	case reflect.TypeFor[Scanner]():
		for _, name := range all.Names(all.Scanner) {
			if d, _ := all.Find(name); d.Input {
				rules = append(rules, where(name, given("input"), not(given("serial"))))
			} else {
				rules = append(rules, where(name, given("serial"), not(given("input"))))
			}
		}
	case reflect.TypeFor[Scale]():
		return scaleRules()
	case reflect.TypeFor[RFID](), reflect.TypeFor[PlaceReader]():
		return readerRules()
	}
	return rules
}

func printerRules() (rules []object) {
	for _, name := range all.Names(all.Printer) {
		if name != printer.ZPL.Name {
			rules = append(rules, where(name, object{"properties": object{"rfid": object{"enum": []any{false, nil}}}}))
		}
		if name != printer.ZPL.Name && name != printer.TSPL.Name {
			rules = append(rules, where(name, object{"properties": object{"dots": object{"enum": []any{8, 0, nil}}}}))
		}
	}
	return rules
}

// scaleRules asks each driver what it takes.
func scaleRules() (rules []object) {
	for _, name := range all.Names(all.Scale) {
		if name == hid.Name {
			rules = append(rules, where(name, not(object{"allOf": []object{given("hid"), given("serial")}})))
			continue
		}
		then := []object{given("serial"), not(given("hid"))}
		d, _ := all.Find(name)
		if d.Scale != nil {
			_, bare := d.Scale(scale.Settings{})
			_, unit := d.Scale(scale.Settings{Unit: "kg"})
			if bare != nil && unit == nil {
				then = append(then, given("unit"))
			} else if bare != nil {
				then = append(then, given("pattern"))
			} else if _, err := d.Scale(scale.Settings{Pattern: `(?P<value>1)(?P<stable>S)(?P<unit>g)`}); err != nil {
				then = append(then, not(given("pattern")), not(given("ask")), not(given("zero")))
			}
		}
		rules = append(rules, where(name, then...))
	}
	return rules
}

// readerRules: what an RFID reader of each family has.
func readerRules() (rules []object) {
	for _, name := range all.Names(all.RFID) {
		d, _ := all.Find(name)
		regions, versions := []any{"keep", "", nil}, []any{"1.0.1", "", nil}
		for _, r := range d.Regions {
			regions = append(regions, r)
		}
		for _, v := range d.Versions {
			versions = append(versions, v)
		}
		then := []object{{"properties": object{
			"antennas": object{"maximum": maxAntennas(name)}, "region": object{"enum": regions}, "version": object{"enum": versions},
		}}}
		switch {
		case d.MQTT:
			then = append(then, given("mqtt"), not(given("serial")), not(given("tcp")))
		case len(d.Lines) == 0:
			then = append(then, given("tcp"), not(given("serial")), not(given("mqtt")))
		default:
			then = append(then, oneWay(), not(given("mqtt")))
		}
		rules = append(rules, where(name, then...))
	}
	return rules
}
