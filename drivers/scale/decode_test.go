package scale_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/scale/sics"
	"tote/drivers/scale/toledo"
)

func TestDecoder(t *testing.T) {
	for _, c := range []struct {
		name     string
		dec      drivers.Decoder
		in       string
		want     []string
		trailing string // bytes that are still waited upon
	}{
		{"answers", sics.Protocol().Decoder(false), "\xffS S  1.0 g\r\nS S     100.00 g\r\nS D  1 g\r\nS I\r\nS +\r\nI4 A \"1\"\r\nS S", []string{
			`"\xffS S  1.0 g\r\n" ` + "scale: not an answer of this protocol: \"\\xffS S  1.0 g\" DEV-205",
			`"S S     100.00 g\r\n" 100.00 g, stable `, `"S D  1 g\r\n" 1 g, in motion `,
			`"S I\r\n" ` + drivers.FaultOf("DEV-202").Cause + " DEV-202", `"S +\r\n" overload DEV-206`, `"I4 A \"1\"\r\n" an answer to something else `,
		}, "S S"},
		{"net with a tare", toledo.Plain().Decoder(false), "\x02\x2d\x31\x20  1250   250\r", []string{`"\x02-1   1250   250\r" 1.250 kg, stable, net, tare 0.250 kg `}, ""},
		{"questions", sics.Protocol().Decoder(true), "SI\r\nZ\r\nT\r\nTAC\r\n??SI\r\nS", []string{
			`"SI\r\n" asks for the weight `, `"Z\r\n" zero `, `"T\r\n" tare `, `"TAC\r\n" clear the tare `, `"??" nothing the driver says DEV-205`, `"SI\r\n" asks for the weight `,
		}, "S"},
		{"noise without end", sics.Protocol().Decoder(false), strings.Repeat("x", 600), []string{
			fmt.Sprintf("%q scale: line too long DEV-205", strings.Repeat("x", 65)),
			fmt.Sprintf("%q no frame of a scale DEV-205", strings.Repeat("x", 256)),
			fmt.Sprintf("%q no frame of a scale DEV-205", strings.Repeat("x", 256)),
		}, strings.Repeat("x", 23)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			wire := ""
			for _, b := range []byte(c.in) { // as a line is heard: in pieces
				c.dec.Push([]byte{b}, func(f drivers.Frame) {
					got = append(got, fmt.Sprintf("%q %s %s", f.Wire, f.Text, f.Code))
					wire += string(f.Wire)
				})
			}
			if wire+c.trailing != c.in {
				t.Errorf("bytes left out: %q", wire)
			}
			if d := cmp.Diff(merge(c.want), merge(got)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// merge joins foreign bytes that came one by one.
func merge(in []string) (out []string) {
	for _, s := range in {
		s = strings.ReplaceAll(s, `"?" `, `"??" `)
		if len(out) == 0 || out[len(out)-1] != s || !strings.HasPrefix(s, `"??"`) {
			out = append(out, s)
		}
	}
	return out
}
