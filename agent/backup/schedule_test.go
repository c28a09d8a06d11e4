package backup

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDue(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("SKIPPED: no time zones here: %v", err)
	}
	six, night := Schedule{Every: 6 * time.Hour, At: -1}, Schedule{Every: 24 * time.Hour, At: 150, Zone: berlin}
	for name, c := range map[string]struct {
		s         Schedule
		last, now string
		since     string // "" = not due
	}{
		"not yet":                  {six, "2026-03-02 01:00", "2026-03-02 06:59", ""},
		"every six hours":          {six, "2026-03-02 01:00", "2026-03-02 07:00", "2026-03-02 07:00"},
		"off for a week":           {six, "2026-03-02 01:00", "2026-03-09 07:00", "2026-03-02 07:00"},
		"of the future":            {six, "2031-03-02 01:00", "2026-03-09 07:00", "2026-03-09 07:00"},
		"before the hour":          {night, "2026-03-01 01:31", "2026-03-02 01:29", ""},
		"at the hour":              {night, "2026-03-01 01:31", "2026-03-02 01:30", "2026-03-02 01:30"},
		"made by day":              {night, "2026-03-01 12:00", "2026-03-02 01:30", "2026-03-02 01:30"},
		"missed in the night":      {night, "2026-03-01 01:30", "2026-03-02 09:00", "2026-03-02 01:30"},
		"made, the same day":       {night, "2026-03-02 01:30", "2026-03-02 22:00", ""},
		"clocks go forward":        {night, "2026-03-28 01:30", "2026-03-29 01:30", "2026-03-29 01:30"}, // 02:30 is not there, 03:30 is
		"summer":                   {night, "2026-06-01 00:31", "2026-06-02 00:30", "2026-06-02 00:30"},
		"clocks go back, once":     {night, "2026-10-25 01:31", "2026-10-25 23:00", ""},
		"the day of New Year":      {night, "2026-12-31 01:30", "2027-01-01 01:30", "2027-01-01 01:30"},
		"early on the 1st":         {night, "2026-12-30 01:30", "2027-01-01 00:10", "2026-12-31 01:30"},
		"a copy is a minute early": {night, "2026-03-02 01:29", "2026-03-02 01:31", "2026-03-02 01:30"},
	} {
		since, due := c.s.Due(at(c.last), at(c.now))
		if due != (c.since != "") || due && !since.Equal(at(c.since)) {
			t.Errorf("%s: %v since %v, want %q", name, due, since.UTC(), c.since)
		}
	}
}

func TestParseAt(t *testing.T) {
	for text, want := range map[string]int{"02:30": 150, "00:00": 0, "23:59": 1439} {
		if got, err := ParseAt(text); got != want || err != nil {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "24:00", "2h", "02:30:00", "-1:00"} {
		if got, err := ParseAt(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestSurplus: the newest of so many days and weeks stay, and the last two; what is
// not ours is never named.
func TestSurplus(t *testing.T) {
	stays := func(k Keep, names ...string) []string {
		out := slices.Clone(names)
		for _, n := range k.Surplus("hamburg", names) {
			out = slices.DeleteFunc(out, func(o string) bool { return o == n })
		}
		return out
	}
	name := func(text string) string { return Name("hamburg", at(text)) }
	var month []string // one a day, at noon; 2026-03-01 is a Sunday
	for d := range 31 {
		month = append(month, Name("hamburg", at("2026-03-01 12:00").AddDate(0, 0, d)))
	}
	if d := cmp.Diff([]string{month[14], month[21], month[28], month[29], month[30]}, stays(Keep{2, 4}, month...)); d != "" {
		t.Error("a month:", d)
	}
	for about, c := range map[string]struct {
		k           Keep
		names, want []string
	}{
		"the newest of a day": {
			Keep{2, 1},
			[]string{name("2026-03-03 01:00"), name("2026-03-03 02:00"), name("2026-03-04 01:00"), name("2026-03-04 02:00"), name("2026-03-04 03:00")},
			[]string{name("2026-03-03 02:00"), name("2026-03-04 02:00"), name("2026-03-04 03:00")},
		},
		"others":    {Keep{1, 1}, []string{"hamburg-old.backup", "photo.jpg", Name("bremen", at("2020-01-01 00:00")), Name("hamburg-2", at("2020-01-01 00:00")), name("2026-03-03 01:00")}, nil},
		"long gone": {Keep{1, 1}, []string{name("2020-01-01 00:00"), name("2021-01-01 00:00"), name("2022-01-01 00:00")}, []string{name("2021-01-01 00:00"), name("2022-01-01 00:00")}},
	} {
		if c.want == nil {
			c.want = c.names
		}
		if d := cmp.Diff(c.want, stays(c.k, c.names...)); d != "" {
			t.Errorf("%s: %s", about, d)
		}
	}
}
