package conveyor

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the want files of testdata/cases")

const (
	id1 = "01JQ000000000000000000000A"
	id2 = "01JQ000000000000000000000B"
)

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func head(seq uint32) Header { return Header{id1, seq, "b1", t0, "cv1"} }

// samples has one message of each name with every field set.
func samples() []Message {
	return []Message{
		&ScanMessage{head(1), "S1", "17", []string{"]C100340123450000000017", "A\x1dB"}, Good, 400, 720, 1_250_000, 1500 * time.Millisecond},
		&DivertMessage{head(2), "17", id2, []string{"]C100340123450000000017"}, "L1", "L2", Full},
		&AlarmMessage{head(3), "7", "E-104 belt", Raise, "infeed"},
		&AckMessage{head(4), id2, Rejected, "EXPIRED"},
		&ResultMessage{head(5), id2, true, "DONE"},
		&AssignMessage{head(6), "17", id2, "L1", []string{"L2"}, t0.Add(1500 * time.Millisecond), 1500 * time.Millisecond, "OK"},
		&SyncMessage{head(1<<32 - 1)},
		&MainMessage{
			head(7), ModeAuto,
			[]Section{{"infeed", SectionSlow}},
			[]Lane{{"L1", true, 50, 6}, {"L2", false, 0, 0}},
			[]Alarm{{"7", "E-104 belt", "infeed"}, {"8", "x", ""}},
			9,
		},
	}
}

func TestRoundTrip(t *testing.T) {
	var names []string
	for _, m := range samples() {
		names = append(names, Name(m))
		b, err := Encode(m)
		if err != nil {
			t.Errorf("%s: %v", Name(m), err)
			continue
		}
		back, err := Decode(Name(m), b)
		if err != nil {
			t.Errorf("%s: %v", Name(m), err)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%s:\n%s", Name(m), diff)
		}
		if h, err := DecodeHeader(b); err != nil || h != *m.head() {
			t.Errorf("%s: header %+v, %v", Name(m), h, err)
		}
	}
	all := slices.Concat(Ups(), Downs(), States())
	slices.Sort(all)
	slices.Sort(names)
	if diff := cmp.Diff(all, names); diff != "" {
		t.Errorf("names without a sample:\n%s", diff)
	}
}

// Lists that are required are never null, and empty texts stay away.
func TestEncodeWritesNoNull(t *testing.T) {
	for _, m := range []Message{
		&ScanMessage{Header: head(1), Point: "S1", Track: "1", Quality: NoRead, Deadline: time.Second},
		&DivertMessage{Header: head(1), Track: "1", Result: Lost},
		&AlarmMessage{Header: head(1), AlarmID: "1", Code: "c", State: Clear},
		&AckMessage{Header: head(1), For: id2, Status: Accepted},
		&ResultMessage{Header: head(1), For: id2},
		&AssignMessage{Header: head(1), Track: "1", ScanID: id2, Lane: "L1", Expires: t0, ValidFor: time.Second, Reason: "OK"},
		&MainMessage{Header: head(1), Mode: ModeStopped},
	} {
		b, err := Encode(m)
		if err != nil {
			t.Errorf("%s: %v", Name(m), err)
		}
		if bytes.Contains(b, []byte("null")) {
			t.Errorf("%s", b)
		}
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for _, m := range []Message{
		&SyncMessage{},
		&SyncMessage{Header{"not a ulid", 1, "b", t0, "cv1"}},
		&AssignMessage{head(1), "1", id2, "no lane", nil, t0, time.Second, "OK"},
		&AssignMessage{head(1), "1", id2, "L1", nil, t0, time.Microsecond, "OK"},
		&ScanMessage{Header: head(1), Point: "S1", Track: "1", Quality: Good, Deadline: time.Second},
	} {
		if b, err := Encode(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %s, %v", m, b, err)
		}
	}
}

// The cases are named {message}-{what}.json, with the message as it is read or
// the error beside it.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.json")
	if err != nil || len(files) < 30 {
		t.Fatal("cases are missing", len(files), err)
	}
	for _, f := range files {
		in, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(f), "-")
		m, err := Decode(name, bytes.TrimSpace(in))
		got := ""
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", f, err)
			}
			got = "error: " + err.Error() + "\n"
		} else {
			b, err := json.MarshalIndent(m, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = string(b) + "\n"
		}
		want := strings.TrimSuffix(f, ".json") + ".want"
		if *update {
			if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(b), got); diff != "" {
			t.Errorf("%s:\n%s", f, diff)
		}
		if bad := strings.Contains(filepath.Base(f), "-bad-"); bad != strings.HasPrefix(got, "error:") {
			t.Errorf("%s: %s", f, got)
		}
	}
}

// Every field of every message: missing, null, twice, of another type.
func TestStrict(t *testing.T) {
	for _, m := range samples() {
		b, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		try := func(what string, change func(map[string]json.RawMessage), ok bool) {
			f := map[string]json.RawMessage{}
			for k, v := range fields {
				f[k] = v
			}
			change(f)
			raw, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(Name(m), raw); (err == nil) != ok {
				t.Errorf("%s, %s: %v\n%s", Name(m), what, err, raw)
			}
		}
		optional := []string{"weightMg", "scanMsgId", "barcodes", "section", "code"}
		for key := range fields {
			may := slices.Contains(optional, key)
			switch {
			case Name(m) == NameScan && key == "barcodes", Name(m) == NameAssign && key == "scanMsgId",
				(Name(m) == NameAck || Name(m) == NameAlarm) && key == "code":
				may = false
			}
			try("without "+key, func(f map[string]json.RawMessage) { delete(f, key) }, may)
			try(key+" null", func(f map[string]json.RawMessage) { f[key] = []byte("null") }, false)
			try(key+" an object", func(f map[string]json.RawMessage) { f[key] = []byte("{}") }, false)
			try(key+" in capitals", func(f map[string]json.RawMessage) {
				f[strings.ToUpper(key)] = f[key]
				delete(f, key)
			}, false)
			twice := bytes.Replace(b, []byte("{"), append([]byte("{"), []byte(`"`+key+`":`+string(fields[key])+`,`)...), 1)
			if _, err := Decode(Name(m), twice); err == nil {
				t.Errorf("%s: %s twice", Name(m), key)
			}
		}
		try("unknown field", func(f map[string]json.RawMessage) { f["x"] = []byte("1") }, false)
		for _, raw := range [][]byte{append(b, '1'), append([]byte(" x"), b...), b[:len(b)-1], []byte("[]"), nil, []byte("null"), []byte("\xff")} {
			if _, err := Decode(Name(m), raw); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %q: %v", Name(m), raw, err)
			}
		}
	}
	if _, err := Decode("nothing", []byte("{}")); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestHugeMessage(t *testing.T) {
	b, err := Encode(samples()[0])
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, bytes.Repeat([]byte(" "), MaxPayload-len(b))...)
	if _, err := Decode(NameScan, b); err != nil {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	if _, err := Decode(NameScan, append(b, ' ')); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes: %v", len(b)+1, err)
	}
	deep := []byte(strings.Repeat("[", MaxPayload))
	if _, err := Decode(NameScan, deep); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// FuzzDecode: what is taken is written back as it was read, whatever the name.
func FuzzDecode(f *testing.F) {
	for i, m := range samples() {
		b, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	files, _ := filepath.Glob("testdata/cases/*.json")
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	names := slices.Concat(Ups(), Downs(), States())
	f.Fuzz(func(t *testing.T, pick byte, raw []byte) {
		name := names[int(pick)%len(names)]
		m, err := Decode(name, raw)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if h, err := DecodeHeader(raw); err != nil || h != *m.head() {
			t.Fatalf("header %+v, %v", h, err)
		}
		b, err := Encode(m)
		if err != nil {
			t.Fatalf("%s is read, but not written: %v\n%s", name, err, raw)
		}
		again, err := Decode(name, b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestULID(t *testing.T) {
	// Example of the ULID specification: the time part of 1469918176385.
	if got := ulidAt(time.UnixMilli(1469918176385), [10]byte{}); got != "01ARYZ6S410000000000000000" {
		t.Error(got)
	}
	if got := ulidAt(time.UnixMilli(1<<48-1), [10]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255}); got != "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" {
		t.Error(got)
	}
	fresh, shape, seen := newULID(time.Now), regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`), map[string]bool{}
	for range 1000 {
		s := fresh()
		if !shape.MatchString(s) || !ulid(s) || seen[s] {
			t.Fatalf("%q", s)
		}
		seen[s] = true
	}
	for _, bad := range []string{"", id1[1:], id1 + "0", "8" + id1[1:], strings.ToLower(id1), "0I" + id1[2:]} {
		if ulid(bad) {
			t.Errorf("%q", bad)
		}
	}
}

// What a scanner read makes one code or none.
func TestReading(t *testing.T) {
	const a, b = "]C100340123450000000017", "]C100340123450000000024"
	for _, tc := range []struct {
		quality   string
		codes     []string
		code, why string
	}{
		{Good, []string{a}, a, Good},
		{Good, []string{"340123450000000017"}, "340123450000000017", Good},
		{Good, []string{a, "(00)340123450000000017"}, a, Good},
		{Good, []string{"1Z999AA10123456784", a}, a, Good},
		{Good, []string{a, b}, "", Multi},
		{Good, []string{"1Z999AA10123456784"}, "1Z999AA10123456784", Good},
		{Good, []string{"X", "X"}, "X", Good},
		{Good, []string{"X", "Y"}, "", Multi},
		{Multi, []string{a}, "", Multi},
		{Conflict, []string{a, a}, "", Conflict},
		{NoRead, nil, "", NoRead},
	} {
		if code, why := reading(tc.codes, tc.quality); code != tc.code || why != tc.why {
			t.Errorf("%v %s: %q %s, want %q %s", tc.codes, tc.quality, code, why, tc.code, tc.why)
		}
	}
}

func TestFaultsTable(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		if seen[f.Code] || !strings.HasPrefix(f.Code, "CNV-") || !strings.HasSuffix(f.Cause, ".") || len(f.Action) < 10 {
			t.Errorf("%+v", f)
		}
		seen[f.Code] = true
	}
	src, err := os.ReadFile("faults.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`(?m)^\tCode\w+\s*= "([^"]+)"`).FindAllSubmatch(src, -1)
	for _, c := range codes {
		if !seen[string(c[1])] {
			t.Errorf("%s is in no row", c[1])
		}
	}
	if len(codes) != len(seen) {
		t.Errorf("%d codes, %d rows", len(codes), len(seen))
	}
}
