// Package kern speaks the protocol of KERN balances that are asked with the
// single letters w, s and t. Wire reference: KERN KDE-T and FKB manuals (18
// characters a line; an unstable weight has no unit). KERN scales with KCP are
// driven by package sics, those that send ST,GS by package aandd. 9600 8N1.
//
// It is a codec; nothing here starts a goroutine.
package kern

import (
	"bytes"
	"fmt"

	"tote/drivers/scale"
)

// Name is this protocol's name in the table of drivers.
const Name = "kern"

// Protocol returns KERN's. The line has no checksum: two equal weights make a
// stable one. t is the only command: with an empty pan it zeroes.
func Protocol() scale.Protocol {
	return scale.Protocol{
		Name: Name, Ask: "w", Framer: scale.NewLines, Parse: Parse, Window: 2,
		Zero: "t", Tare: "t",
	}
}

// Parse decodes one line without its CR LF. A weight is stable when its unit
// is told; some models say S or U behind it instead.
func Parse(line []byte) (scale.Answer, error) {
	bad := fmt.Errorf("%w: %q", scale.ErrFrame, line)
	text := bytes.Trim(line, " ")
	if string(text) == "Error" {
		return scale.Answer{Kind: scale.AnswerNotReady}, nil
	}
	text = bytes.TrimPrefix(text, []byte("M")) // a value from the memory of the display
	value, decimals, rest, ok := scale.Number(text)
	if !ok {
		return scale.Answer{}, bad
	}
	a := scale.Answer{Kind: scale.AnswerWeight, Value: value, Decimals: decimals}
	words := bytes.Fields(rest)
	if len(words) == 0 {
		return a, nil
	}
	if a.Unit = scale.UnitOf(words[0]); a.Unit == "" || len(words) > 2 {
		return scale.Answer{}, bad
	}
	a.Stable = true
	if len(words) == 2 {
		switch string(words[1]) {
		case "S":
		case "U":
			a.Stable = false
		case "E":
			return scale.Answer{Kind: scale.AnswerNotReady}, nil
		default:
			return scale.Answer{}, bad
		}
	}
	return a, nil
}
