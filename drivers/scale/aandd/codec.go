// Package aandd speaks the A&D standard format, which many other makers copy:
// a header for the state, the weight, the unit. Wire references: A&D EK-L and
// GX manuals (header, data, commands), AD-4404 (second header for gross and
// net), KERN GAB-N and KIB-TM (the same with G and N). 2400 7E1 from the
// factory, CR LF.
//
// It is a codec; nothing here starts a goroutine.
package aandd

import (
	"bytes"
	"fmt"

	"tote/drivers/scale"
)

// Name is this protocol's name in the table of drivers.
const Name = "a-and-d"

// Protocol returns the A&D standard format, asked with Q. The line has no
// checksum: two equal weights make a stable one.
func Protocol() scale.Protocol {
	return scale.Protocol{
		Name: Name, Ask: "Q\r\n", Framer: scale.NewLines, Parse: Parse, Window: 2,
		Zero: "Z\r\n", Tare: "T\r\n",
	}
}

// headers of the first field.
var headers = map[string]scale.Answer{
	"ST": {Kind: scale.AnswerWeight, Stable: true},
	"QT": {Kind: scale.AnswerWeight, Stable: true}, // counting: its unit is PC
	"US": {Kind: scale.AnswerWeight},
	"OL": {Kind: scale.AnswerOverload},
	"LO": {Kind: scale.AnswerOverload}, // AD-4404: out of range
}

// Parse decodes one line without its CR LF.
func Parse(line []byte) (scale.Answer, error) {
	bad := fmt.Errorf("%w: %q", scale.ErrFrame, line)
	if string(line) == "\x06" { // a command was taken
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil
	}
	word, rest, ok := bytes.Cut(line, []byte(","))
	if !ok {
		return scale.Answer{}, bad
	}
	if string(word) == "EC" { // EC,E01: a command was refused
		return scale.Answer{Kind: scale.AnswerLogic}, nil
	}
	a, ok := headers[string(word)]
	if !ok {
		return scale.Answer{}, bad
	}
	if second, data, ok := bytes.Cut(rest, []byte(",")); ok {
		rest = data
		switch string(second) {
		case "GS", "G":
		case "NT", "N":
			a.Net = true
		case "TR":
			return scale.Answer{Kind: scale.AnswerIrrelevant}, nil // the tare itself
		default:
			return scale.Answer{}, bad
		}
	}
	if a.Kind != scale.AnswerWeight {
		a.Net = false
		if bytes.HasPrefix(bytes.TrimLeft(rest, " "), []byte("-")) {
			a.Kind = scale.AnswerUnderload
		}
		return a, nil
	}
	if err := a.Weight(rest); err != nil {
		return scale.Answer{}, bad
	}
	return a, nil
}
