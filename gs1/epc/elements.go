package epc

import (
	"errors"
	"fmt"

	"tote/gs1/ai"
	"tote/gs1/fault"
	"tote/gs1/key"
)

// Elements gives the element string of an EPC, check digits computed. Errors:
// EPCNone for schemes that have none (gid, usdod, adi) and what is no EPC; those
// of [ai.Check] for an EPC that names what no barcode may, such as piece 3 of 2.
func (e EPC) Elements() ([]ai.Element, error) {
	if err := e.check(); err != nil {
		if e.Scheme == "" {
			return nil, fmt.Errorf("not decoded: %w", fault.EPCNone)
		}
		return nil, err
	}
	inner := func() string { return e.Reference[:1] + e.Prefix + e.Reference[1:] }
	var all []ai.Element
	add := func(name, value string) { all = append(all, ai.Element{AI: name, Value: value}) }
	switch e.Scheme {
	case SGTIN:
		add("01", checked(inner()))
		add("21", e.Serial)
	case ITIP:
		add("8006", checked(inner())+e.Piece+e.Total)
		add("21", e.Serial)
	case SSCC:
		add("00", checked(inner()))
	case SGLN:
		add("414", checked(e.Prefix+e.Reference))
		if e.Serial != "0" {
			add("254", e.Serial)
		}
	case GRAI:
		add("8003", "0"+checked(e.Prefix+e.Reference)+e.Serial)
	case GIAI:
		add("8004", e.Prefix+e.Reference)
	case GSRN:
		add("8018", checked(e.Prefix+e.Reference))
	case GSRNP:
		add("8017", checked(e.Prefix+e.Reference))
	case GDTI:
		add("253", checked(e.Prefix+e.Reference)+e.Serial)
	case SGCN:
		add("255", checked(e.Prefix+e.Reference)+e.Serial)
	case CPI:
		add("8010", e.Prefix+e.Reference)
		add("8011", e.Serial)
	default:
		return nil, fmt.Errorf("%s has no element string: %w", e.Scheme, fault.EPCNone)
	}
	for _, element := range all {
		if err := ai.Check(element, ai.Sound); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// checked puts the check digit behind digits.
func checked(digits string) string {
	c, err := key.CheckDigit(digits)
	if err != nil {
		panic(err) // digits and not empty: check saw to it
	}
	return digits + string(c)
}

// FromElements makes the pure identity of the first key among the elements that
// names a single object. prefixLen is the length of the company prefix, 6 to 12,
// from master data: a barcode does not say it. A GTIN or GLN that was bought
// singly has 12, a GTIN-8 has 8: 00000 and its first three digits. Errors: EPCPrefix, EPCNone, EPC of package
// fault, and those of [ai.Check].
func FromElements(elements []ai.Element, prefixLen int) (EPC, error) {
	for _, e := range elements {
		if err := ai.Check(e, ai.Sound); err != nil {
			return EPC{}, err
		}
	}
	none := fmt.Errorf("no key among %d elements: %w", len(elements), fault.EPCNone)
	for _, e := range elements {
		made, found, err := fromKey(e, elements, prefixLen)
		switch {
		case errors.Is(err, fault.EPCNone):
			none = err // the class of something; another may name a single thing
		case err != nil:
			return EPC{}, err
		case found:
			return made, made.check()
		}
	}
	return EPC{}, none
}

// keys says which AIs are keys: their scheme, and of their values where the key
// begins and how long it is with its check digit; 0 = it has none.
func keys(name string) (scheme string, from, length int) {
	switch name {
	case "00":
		return SSCC, 0, 18
	case "01":
		return SGTIN, 0, 14
	case "8006":
		return ITIP, 0, 14
	case "414":
		return SGLN, 0, 13
	case "8003":
		return GRAI, 1, 13
	case "253":
		return GDTI, 0, 13
	case "255":
		return SGCN, 0, 13
	case "8018":
		return GSRN, 0, 18
	case "8017":
		return GSRNP, 0, 18
	case "8004":
		return GIAI, 0, 0
	case "8010":
		return CPI, 0, 0
	}
	return "", 0, 0
}

// fromKey reads one element that may be a key; it has been checked.
func fromKey(e ai.Element, all []ai.Element, n int) (made EPC, found bool, err error) {
	scheme, from, length := keys(e.AI)
	switch {
	case scheme == "":
		return EPC{}, false, nil
	case n < 6 || n > 12:
		return EPC{}, false, fmt.Errorf("(%s): a company prefix of %d digits: %w", e.AI, n, fault.EPCPrefix)
	}
	made.Scheme = scheme
	value := e.Value[from:]
	switch scheme {
	case SSCC, SGTIN, ITIP:
		if scheme != SSCC && value[:6] == "000000" && (value[6] == '0' || value[6] == '2') {
			return EPC{}, false, fmt.Errorf("GTIN-8 %s was given by a shop to itself: %w", value[6:], fault.EPCNone)
		}
		made.Prefix, made.Reference = value[1:1+n], value[:1]+value[1+n:length-1]
	case GIAI, CPI:
		if len(value) <= n || !key.Digits(value[:n]) {
			return EPC{}, false, fmt.Errorf("(%s)%s: it does not begin with a company prefix of %d digits: %w", e.AI, value, n, fault.EPCPrefix)
		}
		made.Prefix, made.Reference = value[:n], value[n:]
	default:
		made.Prefix, made.Reference = value[:n], value[n:length-1]
	}
	switch scheme {
	case ITIP:
		made.Piece, made.Total = value[14:16], value[16:]
		made.Serial, _ = ai.Value(all, "21")
	case SGTIN:
		made.Serial, _ = ai.Value(all, "21")
	case CPI:
		made.Serial, _ = ai.Value(all, "8011")
	case GRAI, GDTI, SGCN:
		made.Serial = value[length:]
	case SGLN:
		made.Serial = "0"
		if extension, ok := ai.Value(all, "254"); ok {
			made.Serial = extension
		}
	}
	if made.Serial == "" && layoutOf(scheme).parts&hasSerial != 0 {
		return EPC{}, false, fmt.Errorf("(%s)%s without a serial number: %w", e.AI, e.Value, fault.EPCNone)
	}
	return made, true, nil
}
