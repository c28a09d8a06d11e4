package nci

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/scale"
)

// NameSMA is the protocol of the Scale Manufacturers Association in the table
// of drivers.
const NameSMA = "sma"

// SMA returns the SMA protocol, level 2. Its line has no checksum: two equal
// weights make a stable one.
func SMA() scale.Protocol {
	return scale.Protocol{
		Name: NameSMA, Ask: "\nW\r", Window: 2, Parse: ParseSMA,
		Framer: func() scale.Framer { return &scale.Lines{CR: true} },
		Zero:   "\nZ\r", Tare: "\nT\r", Clear: "\nC\r",
		Identity: identitySMA,
	}
}

// smaLen is s, r, n, m, f, ten characters of weight and three of unit.
const smaLen = 18

// ParseSMA reads a frame without LF and CR.
func ParseSMA(p []byte) (scale.Answer, error) {
	bad := fmt.Errorf("%w: %q", scale.ErrFrame, p)
	switch {
	case string(p) == "?":
		return scale.Answer{Kind: scale.AnswerSyntax}, nil
	case string(p) == "!":
		return scale.Answer{Kind: scale.AnswerTransmit}, nil
	case len(p) >= 4 && p[3] == ':': // about and information lines; END: has nothing behind it
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil
	case len(p) != smaLen || bytes.IndexByte([]byte("123456789"), p[1]) < 0 || p[3] != ' ' && p[3] != 'M':
		return scale.Answer{}, bad
	}
	switch p[0] {
	case 'O':
		return scale.Answer{Kind: scale.AnswerOverload}, nil
	case 'U':
		return scale.Answer{Kind: scale.AnswerUnderload}, nil
	case 'E', 'I': // no zero point: neither now nor since it was switched on
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleUnzeroed}, nil
	case 'T':
		return scale.Answer{Kind: scale.AnswerLogic}, nil
	case 'Z', ' ':
	default:
		return scale.Answer{}, bad
	}
	a := scale.Answer{Kind: scale.AnswerWeight, Stable: p[3] == ' '}
	switch p[2] {
	case 'G':
	case 'N':
		a.Net = true
	case 'T':
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil // the tare itself
	case 'g', 'n':
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleExpanded}, nil
	default:
		return scale.Answer{}, bad
	}
	value, decimals, rest, ok := scale.Number(p[5:15])
	unit := scale.UnitOf(bytes.TrimRight(p[15:], " "))
	if !ok || len(rest) > 0 || unit == "" {
		return scale.Answer{}, bad
	}
	a.Value, a.Decimals, a.Unit = value, decimals, fold(unit)
	return a, nil
}

// aboutTime is how long one line of the about text may take.
const aboutTime = 500 * time.Millisecond

// identitySMA asks A once and B until the about text ends: fields SMA, MFG,
// MOD, REV.
func identitySMA(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	var id drivers.Identity
	into := map[string]*string{"MFG": &id.Maker, "MOD": &id.Model, "REV": &id.Firmware, "SN ": &id.Serial}
	for ask, left := "\nA\r", 8; left > 0; ask, left = "\nB\r", left-1 {
		more := false
		err := scale.Exchange(ctx, port, &scale.Lines{CR: true}, ask, aboutTime, func(p []byte) bool {
			if len(p) >= 4 && p[3] == ':' {
				if field := into[string(p[:3])]; field != nil {
					*field = printable(p[4:])
				}
				more = string(p[:3]) != "END"
			}
			return true
		})
		if err != nil && drivers.CodeOf(err) != drivers.CodeScaleSilent {
			return id, err
		}
		if !more {
			break
		}
	}
	return id, ctx.Err()
}

// printable is text as people may read it; "" when it is none.
func printable(p []byte) string {
	for _, c := range p {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return strings.TrimSpace(string(p))
}
