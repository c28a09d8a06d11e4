// Package sics speaks MT-SICS (Mettler Toledo and the many that emulate it),
// asking for the weight with SI. Wire reference: MT-SICS reference manual,
// levels 0 and 1; 9600 8N1, CR LF, case-sensitive ASCII. KERN's KCP has the
// same commands and answers.
//
// It is a codec and two short conversations; nothing here starts a goroutine.
package sics

import (
	"bytes"
	"fmt"

	"tote/drivers/scale"
)

// Name is this protocol's name in the table of drivers.
const Name = "mt-sics"

// Ask is the question for the weight as it is now, settled or not.
const Ask = "SI\r\n"

// Protocol returns MT-SICS.
func Protocol() scale.Protocol {
	return scale.Protocol{
		Name: Name, Ask: Ask, Framer: scale.NewLines, Parse: Parse, Window: 1,
		Zero: "Z\r\n", Tare: "T\r\n", Clear: "TAC\r\n", Identity: Identity,
	}
}

// Parse decodes one line without its CR LF. It takes the spacing of all known
// makers (the weight stands right-justified in 10 characters, but not
// everybody keeps to it), a sign, and weights without a decimal point. It
// refuses anything else: a damaged line must not become another weight.
func Parse(line []byte) (scale.Answer, error) {
	switch string(bytes.TrimRight(line, " ")) {
	case "ES":
		return scale.Answer{Kind: scale.AnswerSyntax}, nil
	case "ET":
		return scale.Answer{Kind: scale.AnswerTransmit}, nil
	case "EL":
		return scale.Answer{Kind: scale.AnswerLogic}, nil
	case "S I":
		return scale.Answer{Kind: scale.AnswerNotReady}, nil
	case "S +":
		return scale.Answer{Kind: scale.AnswerOverload}, nil
	case "S -":
		return scale.Answer{Kind: scale.AnswerUnderload}, nil
	}
	if len(line) > 4 && (bytes.HasPrefix(line, []byte("S S ")) || bytes.HasPrefix(line, []byte("S D "))) {
		a := scale.Answer{Kind: scale.AnswerWeight, Stable: line[2] == 'S'}
		if err := a.Weight(line[4:]); err != nil {
			return scale.Answer{}, fmt.Errorf("%w: %q", err, line)
		}
		return a, nil
	}
	if irrelevant(line) {
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil
	}
	return scale.Answer{}, fmt.Errorf("%w: %q", scale.ErrFrame, line)
}

// irrelevant reports whether a line is an answer to another command of levels
// 0 and 1. "S" is not among them: a strange weight is damage, not other news.
func irrelevant(line []byte) bool {
	word, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(rest) == 0 || len(rest) > 1 && rest[1] != ' ' {
		return false
	}
	switch string(word) {
	case "I0", "I1", "I2", "I3", "I4", "D", "DW", "K", "T", "TA", "TAC", "TI", "Z", "ZI":
		return true
	}
	return false
}
