package members

import (
	"crypto/sha256"
	"errors"
	"testing"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

func hash(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }

func TestTokenLetsOneGatewayIn(t *testing.T) {
	tx := memtx.New()
	var index uint64
	do := func(now int64, c Command, want string) {
		t.Helper()
		kind, version, body, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		index++
		before := tx.Digest()
		res, err := Apply(tx, warehouse.Meta{Index: index, Now: now}, kind, version, body)
		if err != nil || res.Code != want || res.OK != (want == warehouse.CodeOK) {
			t.Fatalf("%+v: %+v %v, want %s", c, res, err, want)
		}
		if !res.OK && tx.Digest() != before {
			t.Errorf("%+v: refused and changed the state", c)
		}
	}
	do(100, MakeToken{"t1", hash("a"), 200}, warehouse.CodeOK)
	do(100, MakeToken{"t1", hash("b"), 900}, warehouse.CodeConflict)
	do(150, UseToken{"t2", hash("a"), "gw2"}, CodeUnknown)
	do(150, UseToken{"t1", hash("b"), "gw2"}, CodeUnknown)
	do(199, UseToken{"t1", hash("a"), "gw2"}, warehouse.CodeOK)
	do(199, UseToken{"t1", hash("a"), "gw3"}, CodeUsed)
	do(999, UseToken{"t1", hash("a"), "gw2"}, warehouse.CodeOK) // the first answer was lost
	do(200, MakeToken{"t9", hash("c"), 300}, warehouse.CodeOK)
	do(300, UseToken{"t9", hash("c"), "gw3"}, CodeExpired)

	all, err := Tokens(tx)
	if err != nil || len(all) != 2 || all[0].Gateway != "gw2" || all[1].Gateway != "" {
		t.Errorf("%+v %v", all, err)
	}
}

func TestSatellite(t *testing.T) {
	tx := memtx.New()
	var index uint64
	do := func(now int64, c Command, want string) {
		t.Helper()
		kind, version, body, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		index++
		before := tx.Digest()
		res, err := Apply(tx, warehouse.Meta{Index: index, Now: now}, kind, version, body)
		if err != nil || res.Code != want || res.OK != (want == warehouse.CodeOK) {
			t.Fatalf("%+v: %+v %v, want %s", c, res, err, want)
		}
		if !res.OK && tx.Digest() != before {
			t.Errorf("%+v: refused and changed the state", c)
		}
	}
	for _, id := range []string{"t1", "t2", "t3", "t4"} {
		do(100, MakeToken{id, hash(id), 200}, warehouse.CodeOK)
	}
	do(150, Admit{"t9", hash("t9"), "sat1", hash("key")}, CodeUnknown)
	do(150, Admit{"t1", hash("t2"), "sat1", hash("key")}, CodeUnknown)
	do(150, Admit{"t1", hash("t1"), "sat1", hash("key")}, warehouse.CodeOK)
	do(999, Admit{"t1", hash("t1"), "sat1", hash("key")}, warehouse.CodeOK) // the first answer was lost
	do(150, Admit{"t1", hash("t1"), "sat2", hash("key")}, CodeUsed)
	do(150, Admit{"t2", hash("t2"), "sat1", hash("other")}, CodeTaken)
	do(200, Admit{"t3", hash("t3"), "sat3", hash("key")}, CodeExpired)
	do(150, UseToken{"t1", hash("t1"), "sat1"}, CodeTaken)
	do(150, UseToken{"t2", hash("t2"), "sat1"}, CodeTaken)
	do(200, Dismiss{"sat1"}, warehouse.CodeOK)
	do(200, Dismiss{"sat1"}, warehouse.CodeOK)
	do(150, UseToken{"t1", hash("t1"), "sat1"}, CodeUsed)
	do(150, Admit{"t1", hash("t1"), "sat1", hash("key")}, CodeUsed)
	do(150, Admit{"t1", hash("t1"), "sat1", hash("other")}, CodeUsed)
	if s, err := GetSatellite(tx, "sat1"); s != nil || err != nil {
		t.Errorf("it was dismissed: %+v %v", s, err)
	}
	do(199, Admit{"t4", hash("t4"), "sat1", hash("other")}, warehouse.CodeOK)
	all, err := Satellites(tx)
	if err != nil || len(all) != 1 || all[0].ID != "sat1" || string(all[0].Key) != string(hash("other")) || all[0].Since != 199 {
		t.Errorf("%+v %v", all, err)
	}
	for kind, want := range map[uint16]uint16{KindMakeToken: 0, KindUseToken: 0, KindAdmit: 2, KindDismiss: 2} {
		if got := Since(kind); got != want {
			t.Errorf("kind %#04x since level %d, want %d", kind, got, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	good := func(c Command) []byte {
		_, _, body, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	use := good(UseToken{"t1", hash("a"), "gw2"})
	for name, c := range map[string]struct {
		kind, version uint16
		body          []byte
	}{
		"kind":       {0x0499, Version, use},
		"version":    {KindUseToken, 2, use},
		"other kind": {KindMakeToken, Version, use},
		"trailing":   {KindUseToken, Version, append(append([]byte{}, use...), 0)},
		"cut":        {KindUseToken, Version, use[:len(use)-1]},
		"empty":      {KindUseToken, Version, nil},
	} {
		if _, err := Decode(c.kind, c.version, c.body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		tx := memtx.New()
		if res, err := Apply(tx, warehouse.Meta{}, c.kind, c.version, c.body); err != nil || res.OK || tx.Len() != 0 {
			t.Errorf("%s: %+v %v", name, res, err)
		}
	}
	for _, c := range []Command{
		MakeToken{"", hash("a"), 1},
		MakeToken{"t/1", hash("a"), 1},
		MakeToken{"t1", []byte("short"), 1},
		MakeToken{"t1", hash("a"), 0},
		UseToken{"t1", hash("a"), ""},
		UseToken{"t1", nil, "gw2"},
		Admit{"t1", hash("a"), "sat1", nil},
		Admit{"t1", hash("a"), "", hash("k")},
		Admit{"", hash("a"), "sat1", hash("k")},
		Dismiss{""},
	} {
		if _, _, _, err := Encode(c); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestCorruptRecord(t *testing.T) {
	tx := memtx.New()
	if err := tx.Set([]byte(prefix+"t1"), []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	if _, err := Get(tx, "t1"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
	if _, err := Tokens(tx); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

func FuzzDecode(f *testing.F) {
	_, _, body, err := Encode(UseToken{"t1", hash("a"), "gw2"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(KindUseToken, Version, body)
	f.Fuzz(func(t *testing.T, kind, version uint16, body []byte) {
		c, err := Decode(kind, version, body)
		if err != nil {
			return
		}
		if _, _, again, err := Encode(c); err != nil || string(again) != string(body) {
			t.Errorf("%v", err)
		}
	})
}
