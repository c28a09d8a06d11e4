package ai

import (
	"errors"
	"strings"
	"testing"

	"tote/gs1/fault"
)

func TestContentChecks(t *testing.T) {
	for _, tc := range []struct {
		ai, value string
		ok        bool
	}{
		{"7003", "2612312359", true},
		{"7003", "2612312460", false},
		{"7003", "2612002359", false},
		{"7250", "20240229", true},
		{"7250", "20230229", false},
		{"7250", "20230010", false},
		{"8001", "00010000100120", false},
		{"8001", "00010000100112", true},
		{"8001", "00000000100112", false},
		{"8003", "00614141123452", true},
		{"8003", "10614141123452", false},
		{"8003", "00614141123452ABC", true},
		{"8006", "806141411234580102", true},
		{"8006", "806141411234580201", false},
		{"8006", "806141411234580002", false},
		{"8008", "26123123", true},
		{"8008", "2612312359", true},
		{"8008", "261231235959", true},
		{"8008", "2612312360", false},
		{"8008", "2612312", false},
		{"8008", "26123124", false},
		{"8011", "0", true},
		{"8011", "01", false},
		{"8011", "10", true},
		{"4321", "1", true},
		{"4321", "2", false},
		{"4300", "A%2FB", true},
		{"4300", "A%2", false},
		{"4300", "A%ZZ", false},
		{"4309", "02790858483015297971", true},
		{"4309", "99999999993015297971", false},
		{"4309", "02790858489999999999", false},
		{"4330", "001234", true},
		{"4330", "001234-", true},
		{"4330", "001234+", false},
		{"7252", "9", true},
		{"7252", "3", false},
		{"7258", "1/2", true},
		{"7258", "2/1", false},
		{"7258", "112", false},
		{"8014", "12345AB", true},
		{"8014", "1234567", false},
		{"423", "276", true},
		{"423", "276040", true},
		{"423", "27604", false},
		{"8010", "1234-/#A", true},
		{"8010", "1234a", false},
		{"8030", "ab-_=", true},
		{"8030", "ab+", false},
		{"255", "0614141123452", true},
		{"255", "06141411234521234567890123", false},
	} {
		err := Check(Element{tc.ai, tc.value}, Frozen)
		if (err == nil) != tc.ok {
			t.Errorf("(%s)%s: %v, want ok = %v", tc.ai, tc.value, err, tc.ok)
		}
	}
}

// What the state machine never checked is checked from Sound or Listed on, and
// not before.
func TestDeeperChecks(t *testing.T) {
	for _, tc := range []struct {
		ai, value string
		from      Depth // the first depth that refuses it
		want      error
	}{
		{"8013", "1987654Ad4X4bL5ttr2310c2K", never, nil},
		{"8013", "1987654Ad4X4bL5ttr2310cXK", Sound, fault.CheckDigit},
		{"8007", "BE71096123456769", never, nil},
		{"8007", "BE71096123456760", Sound, fault.CheckDigit},
		{"7040", "1ABC", never, nil},
		{"7040", "1AB-", never, nil},
		{"7040", "1AB!", Sound, fault.Content},
		{"7040", "1AB=", Sound, fault.Content},
		// The examples of the coupon linters.
		{"8110", "012345612345611110123", never, nil},
		{"8110", "01234561234561111012", Sound, fault.Content},                // family code cut
		{"8110", "71234567890123", Sound, fault.Content},                      // company prefix of 13
		{"8110", "01234561234560", Sound, fault.Content},                      // saving of 0 digits
		{"8110", "012345612345611115123", Sound, fault.Content},               // requirement code 5
		{"8110", "01234561234561111012a", Sound, fault.Content},               // a letter
		{"8110", "012345612345611110123" + "10" + "110123" + "9", never, nil}, // second purchase, no prefix of its own
		{"8110", "012345612345611110123" + "14" + "110123" + "9", Sound, fault.Content},
		{"8110", "0123456123456111101232" + "11" + "0123" + "0123456", never, nil},
		{"8110", "0123456123456111101232" + "11" + "0123" + "7123456", Sound, fault.Content},
		{"8110", "0123456123456111101233261231", never, nil},
		{"8110", "0123456123456111101233261301", Sound, fault.Content},
		{"8110", "01234561234561111012332612314261230", never, nil},
		{"8110", "01234561234561111012332612304261231", Sound, fault.Content}, // ends before it begins
		{"8110", "01234561234561111012350123456", never, nil},
		{"8110", "01234561234561111012361" + "1234567", never, nil},
		{"8110", "01234561234561111012360" + "123456", Sound, fault.Content},
		{"8110", "0123456123456111101239" + "0" + "0" + "0" + "0", never, nil},
		{"8110", "0123456123456111101239" + "3" + "0" + "0" + "0", Sound, fault.Content},
		{"8110", "0123456123456111101239" + "0" + "3" + "0" + "0", Sound, fault.Content},
		{"8110", "0123456123456111101239" + "0" + "0" + "0" + "2", Sound, fault.Content},
		{"8110", "0123456123456111101238", Sound, fault.Content}, // a field there is not
		{"8112", "001234561234560123456", never, nil},
		{"8112", "201234561234560123456", Sound, fault.Content},
		{"8112", "07", Sound, fault.Content},
		{"8112", "0012345612345601234567", Sound, fault.Content},
		{"8112", "00123456123456012345", Sound, fault.Content},
		{"8112", "00123456123456012345a", Sound, fault.Content},
		{"422", "276", never, nil},
		{"422", "999", Listed, fault.Code},
		{"7030", "276X", never, nil},
		{"7030", "999X", never, nil},
		{"7030", "001X", Listed, fault.Code},
		{"4307", "DE", never, nil},
		{"4307", "XX", Listed, fault.Code},
		{"4307", "D ", Frozen, fault.Charset},
		{"3910", "978100", never, nil},
		{"3910", "000100", Listed, fault.Code},
		{"7241", "10", never, nil},
		{"7241", "80", never, nil},
		{"7241", "00", Listed, fault.Code},
		{"7241", "11", Listed, fault.Code},
		{"7041", "PX", never, nil},
		{"7041", "201", never, nil},
		{"7041", "QQQ", Listed, fault.Code},
		{"7041", "P", Listed, fault.Code},
	} {
		for _, depth := range []Depth{Frozen, Sound, Listed} {
			err := Check(Element{tc.ai, tc.value}, depth)
			want := tc.want
			if depth < tc.from {
				want = nil
			}
			if !errors.Is(err, want) {
				t.Errorf("(%s)%s at depth %d: %v, want %v", tc.ai, tc.value, depth, err, want)
			}
		}
	}
}

const never = Listed + 1

func TestCheckRefuses(t *testing.T) {
	for _, tc := range []struct {
		e    Element
		want error
	}{
		{Element{"05", "1"}, fault.UnknownAI},
		{Element{"", "1"}, fault.UnknownAI},
		{Element{"010", "1"}, fault.UnknownAI},
		{Element{strings.Repeat("9", 5000), "1"}, fault.UnknownAI},
		{Element{"10", ""}, fault.EmptyValue},
		{Element{"10", strings.Repeat("A", 1<<20)}, fault.Length},
		{Element{"10", "A\x00"}, fault.Charset},
		{Element{"01", "0950600013435"}, fault.Length},
	} {
		err := Check(tc.e, Listed)
		if !errors.Is(err, tc.want) {
			t.Errorf("(%.10s)%.10s: %v, want %v", tc.e.AI, tc.e.Value, err, tc.want)
		}
		if len(err.Error()) > 400 {
			t.Errorf("the error is %d characters long", len(err.Error()))
		}
	}
}
