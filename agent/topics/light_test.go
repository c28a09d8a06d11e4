package topics_test

import (
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/agent/handheld"
	"tote/agent/projection"
)

// The lamps of the contract are those of the code.
func TestLampFields(t *testing.T) {
	var code, contract, must []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[projection.Lamp]()) {
		code = append(code, f.Tag.Get("json"))
	}
	for p := range dig(t, "light-task.json", "properties", "lamps", "items", "properties").(map[string]any) {
		contract = append(contract, p)
	}
	for _, r := range dig(t, "light-task.json", "properties", "lamps", "items", "required").([]any) {
		must = append(must, r.(string))
	}
	sort.Strings(code)
	if d := cmp.Diff(code, sorted(contract)) + cmp.Diff(code, sorted(must)); d != "" {
		t.Errorf("code (-) and contract (+):\n%s", d)
	}
}

// The schema of a press and the decoder agree on what is one; which modules there
// are only the configuration knows.
func TestPressSchemaAgreesWithTheDecoder(t *testing.T) {
	s := schema(t, "light-press.json")
	bins := map[string]string{"0107": "A-01-02"}
	const whole = `{"cmdId":"c","seq":1,"module":"0107","task":"T","handheld":"h1","at":5}`
	cases := []string{whole, `[]`, `{}`, `{"cmdId":"c","seq":9007199254740992,"module":"0107","task":"T","handheld":"h1"}`}
	for _, field := range []string{`"cmdId":"c"`, `"seq":1`, `"module":"0107"`, `"task":"T"`, `"handheld":"h1"`, `"at":5`} {
		key, _, _ := strings.Cut(field, ":")
		for _, v := range []string{`""`, `"0107"`, `0`, `7`, `-1`, `1.5`, `null`, `"a\u001db"`, `"` + strings.Repeat("x", 65) + `"`} {
			if key == `"module"` && (v == `"0107"` || v[0] == '"' && v != `""` && len(v) < 12) {
				continue // that is for the configuration to say
			}
			cases = append(cases, strings.Replace(whole, field, key+":"+v, 1))
		}
		cases = append(cases, strings.Replace(strings.Replace(whole, field+",", "", 1), ","+field, "", 1))
		cases = append(cases, strings.Replace(whole, field, field+`,"x":1`, 1), strings.Replace(whole, field, field+`,"verb":"scan"`, 1))
	}
	taken := 0
	for _, c := range cases {
		_, ref := handheld.DecodePress(bins, []byte(c))
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(c))
		if err == nil {
			err = s.Validate(v)
		}
		if (err == nil) != (ref == nil) {
			t.Errorf("%s\nschema: %v\ndecoder: %v", c, err, ref)
		}
		if ref == nil {
			taken++
		}
	}
	if taken < 5 || taken > len(cases)-20 {
		t.Errorf("%d of %d cases are presses: the table shows little", taken, len(cases))
	}
}
