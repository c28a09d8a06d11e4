package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// What a person at a terminal sees: JSON, or an error with its code and what to
// do, and an exit status. No gateway runs.
func TestGS1(t *testing.T) {
	for name, tc := range map[string]struct {
		args      []string
		status    int
		out, errs string
	}{
		"a barcode":              {[]string{"decode", "]C10109506000134352" + "10ABC{GS}17270131"}, 0, `"bracketed": "(01)09506000134352(10)ABC(17)270131"`, ""},
		"another separator":      {[]string{"decode", "--gs", "~", "]C110ABC~17270131"}, 0, `"(10)ABC(17)270131"`, ""},
		"a tag":                  {[]string{"decode", "3074257BF7194E4000001A85"}, 0, `"uri": "urn:epc:id:sgtin:0614141.812345.6789"`, ""},
		"a tag not of GS1":       {[]string{"decode", "--pc", "31A1", "3074257BF7194E4000001A85"}, 0, `"afi": "A1"`, ""},
		"two codes":              {[]string{"decode", "A-01", "B-02"}, 0, `"text": "B-02"`, ""},
		"an EPC of a barcode":    {[]string{"decode", "--prefix", "7", "--filter", "3", "(01)80614141123458(21)6789"}, 0, `"hex": "3074257BF7194E4000001A85"`, ""},
		"a link":                 {[]string{"encode", "--stem", "https://id.example.com", "(01)09520123456788(17)270131(3103)000195"}, 0, `"link": "https://id.example.com/01/09520123456788?17=270131&3103=000195"`, ""},
		"a tag to write":         {[]string{"encode", "--prefix", "7", "--tag", "sgtin-198", "--filter", "1", "(01)80614141123458(21)6789"}, 0, `"pc": "6800"`, ""},
		"a wrong check digit":    {[]string{"decode", "]C10109506000134353"}, 1, "", "GS1_CHECK_DIGIT: (01)09506000134353"},
		"and what to do":         {[]string{"decode", "]C10109506000134353"}, 1, "", "type the number only with its check digit"},
		"an identifier wanted":   {[]string{"decode", "--identifier", "require", "A-01"}, 1, "", "GS1_NO_IDENTIFIER"},
		"separators dropped":     {[]string{"decode", "--separator", "dropped", "]C110ABC17270131"}, 1, "", "GS1_SEPARATOR_LOST"},
		"a broken tag":           {[]string{"decode", "307C257BF7194E4000001A85"}, 1, "", "GS1_EPC:"},
		"a lot alone":            {[]string{"encode", "(10)ABC"}, 1, "", "GS1_MISSING_AI"},
		"no prefix length":       {[]string{"encode", "--tag", "sgtin-96", "(01)80614141123458(21)6789"}, 1, "", "GS1_EPC_PREFIX"},
		"a PC that is none":      {[]string{"decode", "--pc", "xyz", "AB"}, 1, "", "four hexadecimal digits"},
		"a substitute of digits": {[]string{"decode", "--gs", "8", "AB"}, 1, "", "no value can hold"},
		"no code":                {[]string{"decode"}, 80, "", "<code>"},
		"help":                   {[]string{"decode", "--help"}, 0, "--identifier=\"auto\"", ""},
		"help of both":           {[]string{"--help"}, 0, "encode", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := tote(t, nil, append([]string{"gs1"}, tc.args...)...)
			r.want(t, tc.status, tc.out, tc.errs)
			if tc.status != 0 && r.out != "" && !strings.Contains(name, "code") {
				t.Errorf("standard output beside an error: %s", r.out)
			}
			if tc.status == 0 && tc.args[len(tc.args)-1] != "--help" {
				var v map[string]any
				if err := json.NewDecoder(strings.NewReader(r.out)).Decode(&v); err != nil {
					t.Errorf("no JSON: %v\n%s", err, r.out)
				}
			}
		})
	}
}

// A file of scans is gone through; what is wrong in it is told by line.
func TestGS1Lines(t *testing.T) {
	r := toteWith(t, strings.NewReader("A-01\n]C10109506000134353\n3074257BF7194E4000001A85\n"), nil, "gs1", "decode", "-")
	r.want(t, 1, `"urn:epc:id:sgtin:0614141.812345.6789"`, "line 2: GS1_CHECK_DIGIT")
}
