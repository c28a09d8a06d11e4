package raftstore

import (
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

// TestRow11Calls: what gateways ask each other, byte by byte, every field set.
// Gateways of two versions speak with each other during an upgrade, so a number
// that was given once keeps its meaning: fields are added with a new one, and no
// line here is changed.
func TestRow11Calls(t *testing.T) {
	code := answerCode{"c", "t"}
	at := hint{Term: 1, Index: 2, IndexTerm: 3}
	for _, tc := range []struct {
		value any
		want  string
	}{
		{proposeCall{Entry: []byte{1}, WaitMs: 2}, "a20141010202"},
		{proposeAnswer{answerCode: code, Index: 3, Body: []byte{4}, Rejected: true, Duplicate: true, Hint: at}, "a7016163026174030304410405f506f507a3010102020303"},
		{readAnswer{answerCode: code, Number: 3, Hint: at}, "a4016163026174030304a3010102020303"},
		{statusCall{Short: true}, "a101f5"},
		{statusAnswer{
			Cluster: "c", Term: 2, Number: 3, Last: 4, Leader: "l", Removed: true, Seal: "s", Joined: true, Level: 9, Clock: 10,
			Mark: 11, Chain: 12, Sum: []byte{13}, SyncUs: 20, Low: true, Fault: "f",
		}, "b001616302020303040405616c06f507617308f509090a0a0b0b0c0c0d410d141415f5166166"},
		{memberCall{ID: "i", Address: "a", Cluster: "c", Seal: "s"}, "a4016169026161036163046173"},
	} {
		name := reflect.TypeOf(tc.value).Name()
		b, err := cbor.Marshal(tc.value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := hex.EncodeToString(b); got != tc.want {
			t.Errorf("%s is %s, was %s", name, got, tc.want)
		}
		back := reflect.New(reflect.TypeOf(tc.value))
		if err := cbor.Unmarshal(b, back.Interface()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(tc.value, back.Elem().Interface(), cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
