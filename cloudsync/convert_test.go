package cloudsync

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
)

// row 52: of terms, billing, discounts and promo codes the site gets a hash.
// Nothing of the content is in what the cluster stores.
func TestCommercialPartIsHashedRow52(t *testing.T) {
	data := []byte(`{"id":"O1","revision":1,"shipTo":{"name":"n","street":"s","postcode":"1","city":"c","country":"DE"},` +
		`"lines":[{"line":1,"sku":"A","qty":1}],"commercial": {"terms": "net 30", "promo":["SPRINGTIME"]}}`)
	it := item(wire.InboxItem{MsgID: "m1", Type: wire.TypeRelease, OrderID: "O1", Revision: 1, Data: data})
	if it.Bad != "" || it.Release == nil {
		t.Fatalf("%+v", it)
	}
	sum := sha256.Sum256([]byte(`{"terms":"net 30","promo":["SPRINGTIME"]}`))
	if it.Release.Commercial != hex.EncodeToString(sum[:]) {
		t.Errorf("commercial %q", it.Release.Commercial)
	}
	_, _, body, err := ledger.Encode(ledger.InboxStore{Source: "oms/main", Items: []ledger.Item{it}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"SPRINGTIME", "net 30"} {
		if strings.Contains(string(body), s) {
			t.Errorf("%s is in the log", s)
		}
	}
}

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
