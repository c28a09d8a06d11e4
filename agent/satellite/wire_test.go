package satellite

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// messages are all that travel, with something in each.
func messages() []interface{ Check() error } {
	id := make([]byte, 16)
	return []interface{ Check() error }{
		&DoCall{ID: id, Actor: "a", Kind: 0x0101, Version: 1, Body: []byte("b"), WaitMs: 5},
		&DoCall{Device: "handheld/h1", Seq: 3, Actor: "a", Kind: 0x0101, Version: 1, Body: []byte("b"), WaitMs: 5},
		&DoAnswer{Result: []byte("r"), At: 7},
		&ReadCall{View: 3, Key: []byte("k"), Range: true, After: []byte("k1"), Most: 9},
		&ReadAnswer{View: 3, Rows: []Row{{Key: []byte("a"), Value: []byte{}}, {Key: []byte("b"), Value: []byte("x")}}, More: true},
		&CloseCall{View: 3},
		&PollCall{Cluster: "c", At: 3, WaitMs: 9, Attach: true, Quorum: true},
		&PollAnswer{State: State{Cluster: "c", Members: []Member{{ID: "gw1", Address: "gw1@h:1"}}}, At: 4, Touched: []string{"k"}, Mail: []Mail{{Method: "m", Body: []byte("b")}}},
		&SeqCall{Device: "d", Min: 4}, &SeqAnswer{Last: 4}, &AboutAnswer{Epoch: 2, Formed: []byte("[]")},
		&Mail{Method: "m", Body: []byte("b")}, &RenewCall{CSR: []byte("c")}, &RenewAnswer{Cert: []byte("c")},
	}
}

func TestMessages(t *testing.T) {
	for _, m := range messages() {
		b, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		into := reflect.New(reflect.TypeOf(m).Elem()).Interface().(interface{ Check() error })
		if err := Decode(b, into); err != nil || !reflect.DeepEqual(m, into) {
			t.Errorf("%T: %+v became %+v, %v", m, m, into, err)
		}
		if err := Decode(b[:len(b)-1], into); !errors.Is(err, ErrMalformed) {
			t.Errorf("%T cut off: %v", m, err)
		}
	}
}

func TestBounds(t *testing.T) {
	id, long := make([]byte, 16), strings.Repeat("x", 256)
	for name, m := range map[string]interface{ Check() error }{
		"neither id nor device": &DoCall{WaitMs: 1},
		"both":                  &DoCall{ID: id, Device: "d", WaitMs: 1},
		"half an id":            &DoCall{ID: id[:8], WaitMs: 1},
		"a long actor":          &DoCall{ID: id, Actor: long, WaitMs: 1},
		"a long device":         &DoCall{Device: long, WaitMs: 1},
		"a long body":           &DoCall{ID: id, Body: make([]byte, MaxBody+1), WaitMs: 1},
		"no wait":               &DoCall{ID: id},
		"waits for ever":        &DoCall{ID: id, WaitMs: 1 << 40},
		"no rows":               &ReadCall{Key: []byte("k")},
		"too many rows":         &ReadCall{Key: []byte("k"), Most: MaxRows + 1},
		"a long key":            &ReadCall{Key: make([]byte, maxKey+1), Most: 1},
		"after what is no range": &ReadCall{
			Key: []byte("k"), After: []byte("k1"), Most: 1,
		},
		"after another range":  &ReadCall{Key: []byte("k"), Range: true, After: []byte("j1"), Most: 1},
		"rows out of order":    &ReadAnswer{View: 1, Rows: []Row{{Key: []byte("b")}, {Key: []byte("a")}}},
		"a row twice":          &ReadAnswer{View: 1, Rows: []Row{{Key: []byte("b")}, {Key: []byte("b")}}},
		"more of nothing":      &ReadAnswer{View: 1, More: true},
		"rows of no view":      &ReadAnswer{},
		"a long poll":          &PollCall{WaitMs: maxWait + 1},
		"too much touched":     &PollAnswer{Touched: make([]string, MaxTouched+1)},
		"too much mail":        &PollAnswer{Mail: make([]Mail, MaxMail+1)},
		"too many gateways":    &PollAnswer{State: State{Members: make([]Member, 65)}},
		"no device":            &SeqCall{},
		"a message of nothing": &Mail{},
		"a long message":       &Mail{Method: "m", Body: make([]byte, MaxMailed+1)},
		"no request":           &RenewCall{},
		"no certificate":       &RenewAnswer{},
	} {
		if m.Check() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// FuzzDecode: whatever comes over the wire is a message within its bounds, or an
// error.
func FuzzDecode(f *testing.F) {
	for i, m := range messages() {
		b, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		all := messages()
		m := reflect.New(reflect.TypeOf(all[int(which)%len(all)]).Elem()).Interface().(interface{ Check() error })
		if err := Decode(b, m); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		other := reflect.New(reflect.TypeOf(m).Elem()).Interface().(interface{ Check() error })
		if err := Decode(again, other); err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		if b2, err := Encode(other); err != nil || !bytes.Equal(again, b2) {
			t.Errorf("%+v became %+v, %v", m, other, err)
		}
	})
}
