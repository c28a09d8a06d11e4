package cloudsync

import "testing"

// TestDigestOf: terms written otherwise are the same terms, and none are none.
func TestDigestOf(t *testing.T) {
	terms := digestOf([]byte(`{"terms":"net 30","promo":["X1"]}`))
	if len(terms) != 64 {
		t.Fatalf("%q", terms)
	}
	for in, same := range map[string]bool{
		"{ \"terms\": \"net 30\",\n\t\"promo\": [ \"X1\" ] }": true,
		`{"terms":"net 60","promo":["X1"]}`:                   false,
	} {
		if got := digestOf([]byte(in)); len(got) != 64 || (got == terms) != same {
			t.Errorf("%s: %s, and %s before", in, got, terms)
		}
	}
	for _, in := range []string{"", "null", " null "} {
		if got := digestOf([]byte(in)); got != "" {
			t.Errorf("%q: %s", in, got)
		}
	}
}
