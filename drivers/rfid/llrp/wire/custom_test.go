package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"tote/drivers/drivertest"
)

// The phase is read where it is told, by whom it is told, and when it is one.
func TestPhase(t *testing.T) {
	frame, err := drivertest.ReadHex("testdata/impinj_phase.hex")
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	emit := func(t *Tag) {
		if t.Has&HasPhase == 0 {
			got = append(got, -1)
			return
		}
		got = append(got, t.Phase)
	}
	if _, err := Report(frame[HeaderSize:], new(Tag), emit); err != nil || len(got) != 3 || got[0] != 2624 || got[1] != 2592 || got[2] != -1 {
		t.Errorf("%v, %v", got, err)
	}
	for name, c := range map[string]struct {
		custom string
		want   int
	}{
		"nothing":             {"0000651a 00000038 0000", 0},
		"the last of a turn":  {"0000651a 00000038 0fff", 4095},
		"more than a turn":    {"0000651a 00000038 1000", -1},
		"of another maker":    {"000000a1 00000038 0001", -1},
		"another parameter":   {"0000651a 00000039 0001", -1},
		"too short":           {"0000651a 00000038 01", -1},
		"too long":            {"0000651a 00000038 0001 00", -1},
		"without a parameter": {"0000651a", -1},
		"empty":               {"", -1},
	} {
		got = nil
		body := unhex(t, c.custom)
		p := append(unhex(t, "00f0 0000 8d 303435fc8803d056d15b963f 03ff 0000"), body...)
		p[3], p[20] = byte(len(p)), byte(4+len(body))
		if _, err := Report(p, new(Tag), emit); err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %v, %v, want %d", name, got, err, c.want)
		}
	}
}

// What asks for it is written as a Speedway R420 writes what it is set to (its
// GET_READER_CONFIG_RESPONSE in the tests of sllurp), but for the mode: it had none on.
func TestReportPhase(t *testing.T) {
	report := New("ROReportSpec", map[string]any{"ROReportTrigger": 2, "N": 1}, ReportPhase())
	m := Message(AddROSpec, nil, report)
	body, err := m.Body()
	if err != nil {
		t.Fatal(err)
	}
	// 50 in the reader's message holds 51, 52, 53, 54, 65 and 67.
	const reader = "03ff00600000651a0000003203ff000e0000651a00000033000003ff000e0000651a000000340000"
	selector, phase := reader[8:24], strings.TrimSuffix(reader[len(reader)-28:], "0000")+"0001"
	if got, want := hex.EncodeToString(body), "00ed0021020001"+"03ff001a"+selector+phase; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for name, c := range map[string]struct {
		data string
		code int
	}{
		"on":           {"0000651a 16 011f 0008 0000 0000", 0},
		"refused":      {"0000651a 16 011f 0008 006d 0000", 109},
		"another":      {"0000651a 17 011f 0008 0000 0000", -1},
		"not Impinj":   {"000000a1 16 011f 0008 0000 0000", -1},
		"no status":    {"0000651a 16", -1},
		"a bad length": {"0000651a 16 011f 00ff 0000 0000", -1},
	} {
		n, err := Parse(Custom, unhex(t, c.data))
		if err != nil {
			t.Fatal(err)
		}
		status := CustomStatus(n)
		if (status == nil) != (c.code < 0) || status != nil && status.Num("StatusCode") != c.code {
			t.Errorf("%s: %v", name, status)
		}
	}
}
