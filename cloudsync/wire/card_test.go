package wire

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestCardNumberRow57(t *testing.T) {
	for text, want := range map[string]bool{
		"4111111111111111":                   true,
		"pay with 4111 1111 1111 1111 today": true,
		"5555-5555-5555-4444":                true,
		"378282246310005":                    true,
		"6011111111111117":                   true,
		"2223003122003222":                   true,
		"4111111111111112":                   false, // check digit
		"41111111111111111":                  false, // another length
		"x4111111111111111y":                 true,
		"4111  1111 1111 1111":               false, // two numbers
		"":                                   false,
		"C-17":                               false,
		"4012345678901":                      false, // a GTIN
		"106141412345678908":                 false, // an SSCC
		"340123450000000017":                 false,
		"JD014600000000000001":               false,
		"+49 30 1234567":                     false,
	} {
		if got := CardNumber(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if o := (&Order{Refs: []Ref{{Name: "note", Value: "4111111111111111"}}}); o.CardData() != "refs" {
		t.Errorf("%q", o.CardData())
	}
	if o := (&Order{ID: "4111111111111111", ShipTo: Address{Street: "Way 4111111111111111"}}); o.CardData() != "shipTo.street" {
		t.Errorf("%q", o.CardData())
	}
}

// Ids of orders and parcels are not looked at; other numbers of goods and parcels
// pass wherever they stand.
func TestOtherNumbersAreNoCards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := fmt.Sprintf("%0*d", rapid.SampledFrom([]int{8, 12, 13, 14, 17, 18}).Draw(t, "digits"), rapid.Int64Range(0, 99_999_999).Draw(t, "n"))
		if CardNumber(n) {
			t.Fatal(n)
		}
	})
}
