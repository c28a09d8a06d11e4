package ai

import (
	"strings"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// check is one named content check of the dictionary. ok gets a component whose
// length and characters are right already.
type check struct {
	name  string
	depth Depth
	fault *fault.Error
	ok    func(string) bool
}

// checks holds every check the dictionary names.
var checks = func() map[string]*check {
	all := make(map[string]*check)
	for _, c := range []check{
		{"csum", Frozen, fault.CheckDigit, key.ValidKey},
		{"gcppos1", Frozen, fault.Content, func(v string) bool { return len(v) >= 4 && key.Digits(v[:4]) }},
		{"gcppos2", Frozen, fault.Content, func(v string) bool { return len(v) >= 5 && key.Digits(v[1:5]) }},
		{"yymmd0", Frozen, fault.Date, func(v string) bool { return key.PossibleDate(v, true) }},
		{"yymmdd", Frozen, fault.Date, func(v string) bool { return key.PossibleDate(v, false) }},
		{"yyyymmdd", Frozen, fault.Date, wholeDate},
		{"hh", Frozen, fault.Content, func(v string) bool { return key.Two(v) < 24 }},
		{"mi", Frozen, fault.Content, func(v string) bool { return key.Two(v) < 60 }},
		{"ss", Frozen, fault.Content, func(v string) bool { return key.Two(v) < 60 }},
		{"hhmi", Frozen, fault.Content, func(v string) bool { return key.Two(v) < 24 && key.Two(v[2:]) < 60 }},
		{"zero", Frozen, fault.Content, func(v string) bool { return strings.Trim(v, "0") == "" }},
		{"nonzero", Frozen, fault.Content, func(v string) bool { return strings.Trim(v, "0") != "" }},
		{"nozeroprefix", Frozen, fault.Content, func(v string) bool { return v == "0" || v[0] != '0' }},
		{"hasnondigit", Frozen, fault.Content, func(v string) bool { return !key.Digits(v) }},
		{"hyphen", Frozen, fault.Content, func(v string) bool { return strings.Trim(v, "-") == "" }},
		{"yesno", Frozen, fault.Content, func(v string) bool { return v == "0" || v == "1" }},
		{"winding", Frozen, fault.Content, func(v string) bool { return v == "0" || v == "1" || v == "9" }},
		{"iso5218", Frozen, fault.Content, func(v string) bool { return strings.Contains("0129", v) }},
		{"pieceoftotal", Frozen, fault.Content, func(v string) bool { return key.Two(v) >= 1 && key.Two(v) <= key.Two(v[2:]) }},
		{"posinseqslash", Frozen, fault.Content, func(v string) bool { return v[1] == '/' && v[0] >= '1' && v[0] <= v[2] && v[2] <= '9' }},
		{"latitude", Frozen, fault.Content, func(v string) bool { return v <= "1800000000" }},
		{"longitude", Frozen, fault.Content, func(v string) bool { return v <= "3600000000" }},
		{"pcenc", Frozen, fault.Content, percentEncoded},

		{"csumalpha", Sound, fault.CheckDigit, key.ValidCheckCharacters},
		{"iban", Sound, fault.CheckDigit, key.ValidIBAN},
		{"importeridx", Sound, fault.Content, func(v string) bool { return v[0] != '=' && key.InSet('Z', v[0]) }},
		{"couponcode", Sound, fault.Content, coupon},
		{"couponposoffer", Sound, fault.Content, offerCoupon},

		{"iso3166", Listed, fault.Code, func(v string) bool { return listed(countryNumbers, v) }},
		{"iso3166999", Listed, fault.Code, func(v string) bool { return v == "999" || listed(countryNumbers, v) }},
		{"iso3166alpha2", Listed, fault.Code, func(v string) bool { return listed(countries, v) }},
		{"iso4217", Listed, fault.Code, func(v string) bool { return listed(currencies, v) }},
		{"mediatype", Listed, fault.Code, func(v string) bool { return v >= "01" && v <= "10" || v >= "80" }},
		{"packagetype", Listed, fault.Code, func(v string) bool { return listed(packages, v) }},
	} {
		all[c.name] = &c
	}
	return all
}()

func wholeDate(v string) bool {
	year, month, day := key.Two(v)*100+key.Two(v[2:]), key.Two(v[4:]), key.Two(v[6:])
	return month >= 1 && month <= 12 && day >= 1 && day <= key.DaysIn(month, year)
}

func percentEncoded(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] != '%' {
			continue
		}
		if i+2 >= len(v) || !key.HexDigit(v[i+1]) || !key.HexDigit(v[i+2]) {
			return false
		}
		i += 2
	}
	return true
}
