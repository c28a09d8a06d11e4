package scan

import (
	"fmt"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/fault"
	"tote/gs1/key"
)

// Frozen reads a barcode as the state machine of a site does, at any age of its
// log: results and texts of errors never change. It knows AIM identifiers and
// the first rules; everything newer is in [Reader], whose [Scan.Canonical] it
// understands.
func Frozen(barcode string) (Scan, error) {
	if barcode == "" {
		return Scan{}, fault.Empty
	}
	if barcode[0] == ']' {
		return frozenIdentified(barcode)
	}
	if elements, ok, err := ai.ParseBracketed(barcode, ai.Frozen); ok {
		return made("", RuleBracketed, elements, err)
	}
	for _, lead := range [...]struct {
		ai   string
		n    int
		rule Rule
	}{{"00", 18, RuleSSCC}, {"01", 14, RuleGTIN}} {
		if !leads(barcode, lead.ai, lead.n) {
			continue
		}
		elements, err := frozenElements(barcode)
		if byChance(err) && !strings.Contains(barcode, ai.GS) {
			break // a good check digit by chance: what follows is no GS1 data
		}
		return made("", lead.rule, elements, err)
	}
	if key.ValidGTIN(barcode) {
		gtin, err := key.GTIN14(barcode)
		return made("", RuleDigits, []ai.Element{{AI: "01", Value: gtin}}, err)
	}
	return Scan{Text: barcode, Rule: RulePlain}, nil
}

func frozenElements(data string) ([]ai.Element, error) { return ai.Parse(data, ai.Frozen) }

func frozenIdentified(barcode string) (Scan, error) {
	if len(barcode) < 3 || !letter(barcode[1]) || !key.HexDigit(barcode[2]) {
		return Scan{}, fmt.Errorf("%q: %w", barcode, fault.Identifier)
	}
	id, data := barcode[:3], barcode[3:]
	switch kindOf(id) {
	case kindGS1:
		elements, err := frozenElements(data)
		return made(id, RuleIdentifier, elements, err)
	case kindEAN13:
		elements, err := ean(data, 13, ai.Frozen, frozenElements)
		return made(id, RuleIdentifier, elements, err)
	case kindEAN8:
		elements, err := ean(data, 8, ai.Frozen, frozenElements)
		return made(id, RuleIdentifier, elements, err)
	case kindITF:
		if len(data) == 14 && key.ValidKey(data) {
			return made(id, RuleDigits, []ai.Element{{AI: "01", Value: data}}, nil)
		}
	}
	return Scan{Symbology: id, Text: data, Rule: RulePlain}, nil
}
