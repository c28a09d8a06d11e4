// Package ohaus speaks the OHAUS command set. Wire reference: OHAUS RS232
// interface manual and Explorer manual (output, examples), Defender 3000 and
// Ranger manuals (legends), Discovery service manual (commands). 9600 8N1,
// CR LF.
//
// It is a codec; nothing here starts a goroutine.
package ohaus

import (
	"bytes"
	"fmt"

	"tote/drivers/scale"
)

// Name is this protocol's name in the table of drivers.
const Name = "ohaus"

// Protocol returns OHAUS's. The line has no checksum, and a stable weight
// differs from an unstable one by a question mark only: two equal weights make
// a stable one.
func Protocol() scale.Protocol {
	return scale.Protocol{
		Name: Name, Ask: "IP\r\n", Framer: scale.NewLines, Parse: Parse, Window: 2,
		Zero: "Z\r\n", Tare: "T\r\n", Clear: "0T\r\n",
	}
}

// Parse decodes one line without its CR LF: the weight, its unit, a question
// mark while it is unstable, and a legend.
func Parse(line []byte) (scale.Answer, error) {
	bad := fmt.Errorf("%w: %q", scale.ErrFrame, line)
	switch text := bytes.TrimRight(line, " "); {
	case string(text) == "ES":
		return scale.Answer{Kind: scale.AnswerSyntax}, nil
	case string(text) == "OK!":
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil
	case bytes.HasPrefix(text, []byte("Err ")):
		return scale.Answer{Kind: scale.AnswerNotReady}, nil
	}
	value, decimals, rest, ok := scale.Number(line)
	words := bytes.Fields(rest)
	if !ok || len(words) == 0 {
		return scale.Answer{}, bad
	}
	a := scale.Answer{Kind: scale.AnswerWeight, Stable: true, Value: value, Decimals: decimals, Unit: scale.UnitOf(words[0])}
	if a.Unit == "" {
		return scale.Answer{}, bad
	}
	words = words[1:]
	if len(words) > 0 && string(words[0]) == "?" {
		a.Stable, words = false, words[1:]
	}
	if len(words) > 1 {
		return scale.Answer{}, bad
	}
	if len(words) == 1 {
		switch w := string(words[0]); {
		case w == "G" || w == "B/G" || clock(w):
		case w == "NET" || w == "N":
			a.Net = true
		case w == "T" || w == "TOTAL": // a tare or a sum is not what lies there
			return scale.Answer{Kind: scale.AnswerIrrelevant}, nil
		default:
			return scale.Answer{}, bad
		}
	}
	return a, nil
}

// clock tells whether w is hh:mm:ss, which interval printing adds.
func clock(w string) bool {
	if len(w) != 8 {
		return false
	}
	for i, c := range []byte(w) {
		if (i%3 == 2) != (c == ':') || i%3 != 2 && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
