package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The JSON of a batch is the contract with every OMS: it is compared by byte.
func TestEventJSON(t *testing.T) {
	e := Event{
		SpecVersion: SpecVersion, ID: "dc1/1/control/7", Source: Source("dc1"), Type: Type("order.shipped"),
		Subject: "O-1", Time: Time(1764000000123), DataContentType: "application/json",
		Sequence: "7", Epoch: 1, Stream: "control", PartitionKey: "O-1", CausationID: "hh1/42",
		Data: json.RawMessage(`{"state":"SHIPPED"}`),
	}
	got, err := json.Marshal([]Event{e})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"specversion":"1.0","id":"dc1/1/control/7","source":"/sites/dc1","type":"wms.order.shipped.v1",` +
		`"subject":"O-1","time":"2025-11-24T16:00:00.123Z","datacontenttype":"application/json","sequence":"7",` +
		`"epoch":1,"stream":"control","partitionkey":"O-1","causationid":"hh1/42","data":{"state":"SHIPPED"}}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	var back []Event
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Event{e}, back); diff != "" {
		t.Error(diff)
	}
}

// CloudEvents allows lower-case letters and digits only in attribute names.
func TestAttributeNames(t *testing.T) {
	var m map[string]any
	full := Event{
		SpecVersion: "1.0", ID: "a/1/b/1", Source: "s", Type: "t", Subject: "s", Time: "t", DataContentType: "c", Sequence: "1",
		Epoch: 1, Stream: "b", PartitionKey: "p", CausationID: "c", Supersedes: "x", Data: json.RawMessage("{}"),
	}
	raw, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	for name := range m {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || len(name) > 20 {
			t.Errorf("attribute %q is not allowed by CloudEvents", name)
		}
	}
}

func TestParseEventID(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want EventID
		bad  bool
	}{
		{in: "dc1/1/control/7", want: EventID{"dc1", 1, "control", 7}},
		{in: "dc1/4294967295/s/18446744073709551615", want: EventID{"dc1", 1<<32 - 1, "s", 1<<64 - 1}},
		{in: "", bad: true},
		{in: "dc1/1/control", bad: true},
		{in: "dc1/1/control/7/8", bad: true},
		{in: "/1/control/7", bad: true},
		{in: "dc1/1//7", bad: true},
		{in: "dc1/1/control/0", bad: true},
		{in: "dc1/1/control/-1", bad: true},
		{in: "dc1/1/control/07", bad: true},
		{in: "dc1/+1/control/7", bad: true},
		{in: "dc1/4294967296/control/7", bad: true},
		{in: "dc1/x/control/7", bad: true},
	} {
		got, err := ParseEventID(tc.in)
		if tc.bad {
			if !errors.Is(err, ErrEventID) {
				t.Errorf("%q: got %v, %v, want ErrEventID", tc.in, got, err)
			}
			continue
		}
		if err != nil || got != tc.want {
			t.Errorf("%q: got %v, %v", tc.in, got, err)
		}
	}
}

func TestParseBatchKey(t *testing.T) {
	good := BatchKey{"dc1", 2, "control", 5, 9}
	for _, in := range []string{good.String(), "dc1/2/control/5-9"} {
		if got, err := ParseBatchKey(in); err != nil || got != good {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	if got := good.String(); got != `"dc1/2/control/5-9"` {
		t.Errorf("key is %s, a structured-field string is quoted", got)
	}
	for _, in := range []string{"", `"`, `""`, "dc1/2/control/5", "dc1/2/control/9-5", "dc1/2/control/0-5", "dc1/2/control/5-x", "dc1/2/5-9"} {
		if got, err := ParseBatchKey(in); !errors.Is(err, ErrKey) {
			t.Errorf("%q: got %v, %v, want ErrKey", in, got, err)
		}
	}
}

func TestKeysRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := EventID{
			Site: rapid.StringMatching(`[a-z0-9-]{1,12}`).Draw(t, "site"), Epoch: rapid.Uint32().Draw(t, "epoch"),
			Stream: rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "stream"), Seq: rapid.Uint64Range(1, 1<<63).Draw(t, "seq"),
		}
		if got, err := ParseEventID(id.String()); err != nil || got != id {
			t.Fatalf("id %v: %v, %v", id, got, err)
		}
		k := BatchKey{id.Site, id.Epoch, id.Stream, id.Seq, id.Seq + rapid.Uint64Range(0, 499).Draw(t, "n")}
		if got, err := ParseBatchKey(k.String()); err != nil || got != k {
			t.Fatalf("key %v: %v, %v", k, got, err)
		}
	})
}

func TestEventParse(t *testing.T) {
	good := Event{
		SpecVersion: "1.0", ID: "dc1/1/control/7", Source: "/sites/dc1", Type: "wms.order.picked.v1",
		Time: "2025-11-24T16:00:00.123Z", Sequence: "7", Epoch: 1, Stream: "control",
	}
	if id, err := good.Parse("dc1"); err != nil || id != (EventID{"dc1", 1, "control", 7}) {
		t.Fatalf("got %v, %v", id, err)
	}
	for name, breakIt := range map[string]func(*Event){
		"version":  func(e *Event) { e.SpecVersion = "0.3" },
		"id":       func(e *Event) { e.ID = "7" },
		"site":     func(e *Event) { e.ID = "dc2/1/control/7" },
		"source":   func(e *Event) { e.Source = "/sites/dc2" },
		"sequence": func(e *Event) { e.Sequence = "8" },
		"epoch":    func(e *Event) { e.Epoch = 2 },
		"stream":   func(e *Event) { e.Stream = "stock" },
		"type":     func(e *Event) { e.Type = "" },
		"time":     func(e *Event) { e.Time = "yesterday" },
		"held":     func(e *Event) { e.Type, e.Data = TypeHeld, json.RawMessage("{}") },
	} {
		e := good
		breakIt(&e)
		if _, err := e.Parse("dc1"); !errors.Is(err, ErrEnvelope) && !errors.Is(err, ErrEventID) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTypeNames(t *testing.T) {
	if got, ok := EventName(Type("order.shipped")); !ok || got != "order.shipped" {
		t.Errorf("got %q, %v", got, ok)
	}
	for _, in := range []string{"", "wms.v1", "order.shipped", "wms.order.shipped", "epcis.order.v1", "wms..v1"} {
		if got, ok := EventName(in); ok && got != "." {
			t.Errorf("%q taken as %q", in, got)
		}
	}
}

func TestDigest(t *testing.T) {
	// The empty body's digest is the example value every RFC 9530
	// implementation agrees on.
	if got, want := Digest(nil), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"; got != want {
		t.Errorf("got %s", got)
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{"dc1/1/control/7", `"dc1/2/control/5-9"`, "a/0/b/1-1", `"`, "////", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseEventID(s); err == nil && id.String() != s {
			t.Errorf("%q parsed as %v", s, id)
		}
		if k, err := ParseBatchKey(s); err == nil {
			if again, err := ParseBatchKey(k.String()); err != nil || again != k {
				t.Errorf("%q: %v does not survive: %v, %v", s, k, again, err)
			}
		}
	})
}

func FuzzEventJSON(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"dc1/1/control/7","source":"/sites/dc1","type":"wms.order.picked.v1","time":"2025-11-24T16:00:00.123Z","sequence":"7","epoch":1,"stream":"control"}`))
	f.Add([]byte(`{"data":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e Event
		if json.Unmarshal(raw, &e) != nil {
			return
		}
		if id, err := e.Parse("dc1"); err == nil && (id.Site != "dc1" || id.Seq == 0) {
			t.Errorf("accepted %v", id)
		}
	})
}
