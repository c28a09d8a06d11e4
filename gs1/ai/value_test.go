package ai

import "testing"

func TestNumber(t *testing.T) {
	for _, tc := range []struct {
		ai, value, want, unit, currency string
		ok                              bool
	}{
		{"3103", "000195", "0.195", "kg", "", true},
		{"3100", "000195", "195", "kg", "", true},
		{"3105", "000000", "0.00000", "kg", "", true},
		{"3202", "000250", "2.50", "lb", "", true},
		{"3601", "000015", "1.5", "qt (US)", "", true},
		{"3610", "000015", "15", "gal.", "", true},
		{"3162", "000015", "0.15", "m³", "", true},
		{"3371", "000015", "1.5", "kg/m²", "", true},
		{"3312", "000015", "0.15", "m", "", true},
		{"3922", "0299", "2.99", "", "", true},
		{"3929", "1", "0.000000001", "", "", true},
		{"3932", "9780299", "2.99", "", "978", true},
		{"3912", "978", "", "", "", false},
		{"3942", "0150", "1.50", "", "", true},
		{"3953", "001500", "1.500", "", "", true},
		{"30", "0012", "12", "", "", true},
		{"37", "5", "5", "", "", true},
		{"10", "5", "", "", "", false},
		{"400", "5", "", "", "", false},
		{"7001", "5", "", "", "", false},
		{"3103", "", "", "", "", false},
		{"3103", "00019x", "", "", "", false},
	} {
		d, ok := Number(Element{tc.ai, tc.value})
		if ok != tc.ok || ok && (d.String() != tc.want || d.Unit != tc.unit || d.Currency != tc.currency) {
			t.Errorf("(%s)%s = %s %s %s, %v", tc.ai, tc.value, d, d.Unit, d.Currency, ok)
		}
	}
	// Every measure has a unit.
	for ai := range all() {
		if p := ai[:2]; len(ai) == 4 && p >= "31" && p <= "36" {
			if d, ok := Number(Element{ai, "000001"}); !ok || d.Unit == "" {
				t.Errorf("AI %s: %+v, %v", ai, d, ok)
			}
		}
	}
}

func TestDate(t *testing.T) {
	for _, tc := range []struct {
		ai, value, want string
		ok              bool
	}{
		{"17", "270131", "2027-01-31", true},
		{"15", "270200", "2027-02-28", true},
		{"11", "771231", "1977-12-31", true},
		{"4326", "270131", "2027-01-31", true},
		{"17", "271331", "", false},
		{"10", "270131", "", false},
	} {
		if got, ok := Date(Element{tc.ai, tc.value}, 2026); ok != tc.ok || got != tc.want {
			t.Errorf("(%s)%s = %q, %v", tc.ai, tc.value, got, ok)
		}
	}
}
