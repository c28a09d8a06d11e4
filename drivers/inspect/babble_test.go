package inspect

import (
	"strings"
	"testing"
	"testing/synctest"

	"tote/drivers/all"
)

// TestWhatTalksIsNoPrinter: a printer says nothing unless it is asked. Its answers
// have little shape, so that its driver reads something into any noise.
func TestWhatTalksIsNoPrinter(t *testing.T) {
	for name, talks := range map[string]string{
		"zeros":            strings.Repeat("\x00", 600),
		"text without end": strings.Repeat("A", 600),
		"lines":            strings.Repeat("hello world 123\r\n", 40),
		"a scan":           "4006381333931\r\n",
		"status bytes":     "\x12\x12",
		"a wrong speed":    strings.Repeat("\x00\xf8\x80\x78\xe6", 30),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &device{line: "9600 8N1", talks: talks}
				got := Probe(t.Context(), d.target("/dev/x"), all.Drivers())
				if row, _ := all.Find(got.Driver); row.Kind == all.Printer {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// TestDigitsAreNoWeight: what was scanned while a port is probed is no scale, though
// balances say a weight that moves in digits alone: what says only numbers is known to nobody.
func TestDigitsAreNoWeight(t *testing.T) {
	for name, c := range map[string]struct {
		talks string
		kind  all.Kind
	}{
		"a scan":               {"4006381333931\r\n", ""},
		"a scan of a weight":   {"  12.50\r\n", ""},
		"many":                 {strings.Repeat("4006381333931\r\n", 20), ""},
		"a balance in motion":  {strings.Repeat("     123.45    \r\n", 5), ""},
		"a balance that rests": {strings.Repeat("     123.45 g  \r\n", 5), all.Scale},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &device{line: "9600 8N1", talks: c.talks}
				got := Probe(t.Context(), d.target("/dev/x"), all.Drivers())
				if row, _ := all.Find(got.Driver); row.Kind != c.kind {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}
