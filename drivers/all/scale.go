package all

import (
	"errors"
	"fmt"
	"strings"

	"tote/drivers"
	"tote/drivers/scale"
	"tote/drivers/scale/aandd"
	"tote/drivers/scale/hid"
	"tote/drivers/scale/kern"
	"tote/drivers/scale/nci"
	"tote/drivers/scale/ohaus"
	"tote/drivers/scale/pattern"
	"tote/drivers/scale/sics"
	"tote/drivers/scale/toledo"
	"tote/drivers/serialport"
)

// evenSeven is the line of many older scales: 7 data bits, even parity.
func evenSeven(baud int) serialport.Config {
	return serialport.Config{Baud: baud, DataBits: 7, Parity: serialport.ParityEven}
}

// anyPattern is what a scale is tried out with as long as nobody wrote a
// pattern for it: the lines of many indicators.
const anyPattern = `(?:(?P<stable>ST)|US|(?P<overload>OL)),(?:GS|(?P<net>NT)),\s*(?P<value>[-+]?\d+\.?\d*)\s*(?P<unit>[a-z]{1,3})`

func scales() []Driver {
	rows := []struct {
		p        scale.Protocol
		make     scale.Maker // nil: it wants no settings
		doc      string
		settings string // of the example, beside the line
		evidence string
		lines    []serialport.Config
	}{
		{
			sics.Protocol(), nil,
			"Scales with MT-SICS level 0 (Mettler Toledo, and A&D, OHAUS and others in MT emulation; KERN with KCP). Polls SI; books only what the scale calls stable.", "",
			"example answers of the MT-SICS reference manual (11780711)",
			[]serialport.Config{{Baud: 9600}},
		},
		{
			toledo.Protocol(), nil,
			"Indicators that send the Toledo continuous output with its checksum (Mettler Toledo, Rice Lake, Fairbanks, KERN FTC, OHAUS Defender and others). Damaged frames are dropped.", "",
			"", // five makers' manuals have tables of it, none prints a frame: ours are composed
			[]serialport.Config{evenSeven(9600), evenSeven(4800), {Baud: 9600}},
		},
		{
			toledo.Plain(), nil,
			"The same without checksum, also the short form without tare. Two equal frames make a weight; switch the checksum on where the indicator can.", "",
			"data stream of a Toledo Jaguar in the ScaleResource manual",
			[]serialport.Config{evenSeven(9600), evenSeven(4800), {Baud: 9600}},
		},
		{
			nci.SCP01(), nil,
			"Scales with the NCI protocol SCP-01, SCP-02, 3825, 3835 or ECR (Avery Weigh-Tronix, Salter Brecknell, Adam, OHAUS Aviator). Polls W.", "",
			"answers that others read from Avery-Berkel and Salter Brecknell scales, four makers' manuals",
			[]serialport.Config{evenSeven(9600), {Baud: 9600}},
		},
		{
			nci.T8213("lb"), unitMaker,
			"Scales with the Toledo 8213 demand format (also called EH-SCP). Polls W. It tells no unit: give the one the scale is set to.", "unit: lb\n",
			"", // the manuals of Transcell, Rice Lake and Brecknell describe it, none prints an answer
			[]serialport.Config{evenSeven(9600), {Baud: 9600}},
		},
		{
			nci.SMA(), nil,
			"Scales with the protocol of the Scale Manufacturers Association, level 1 or 2. Polls W.", "",
			"example replies of the Sartorius PR 5220 manual",
			[]serialport.Config{{Baud: 9600}, evenSeven(9600)},
		},
		{
			aandd.Protocol(), nil,
			"Scales with the A&D standard format (A&D, and KERN and others that answer ST,… to Q).", "",
			"output examples of the A&D EK-L and AD-4404 manuals",
			[]serialport.Config{evenSeven(2400), evenSeven(9600), {Baud: 9600}},
		},
		{
			kern.Protocol(), nil,
			"KERN balances that are asked with the letters w, s and t. Those with KCP are driven by mt-sics, those that send ST,GS by a-and-d.", "",
			"lines printed in the KERN FKB manual",
			[]serialport.Config{{Baud: 9600}},
		},
		{
			ohaus.Protocol(), nil,
			"Scales with the OHAUS command set. Polls IP. Where the scale can be set to MT-SICS, take mt-sics.", "",
			"output examples of the OHAUS RS232 manual",
			[]serialport.Config{{Baud: 9600}, {Baud: 2400, DataBits: 7}},
		},
		{
			must(patternMaker(scale.Settings{Pattern: anyPattern})), patternMaker,
			"Any scale that writes lines: a regular expression (RE2) with the groups value, unit and stable, all three mandatory (unit may be given by the key of that name), and overload, underload, net.",
			"pattern: '" + anyPattern + "'\n",
			"",
			[]serialport.Config{{Baud: 9600}},
		},
		{
			hid.Protocol(), nil,
			"USB scales of the HID class, usage page 8D (Dymo, Mettler Toledo, Fairbanks, Stamps.com). They cannot be zeroed from here.", "",
			"captured reports of sanmai/usb-scale-reader", nil,
		},
	}
	var out []Driver
	for _, r := range rows {
		d := Driver{
			Name: r.p.Name, Kind: Scale, Doc: r.doc, Evidence: r.evidence, Lines: r.lines, Scale: r.make, Ask: r.p.Identify,
			Decode: r.p.Decoder,
			Trial: func(name string, open drivers.Opener, tell func(drivers.Told)) (drivers.Device, error) {
				return scale.New(scale.Config{Name: name, Protocol: r.p, Open: open, Sink: func(w scale.Reading) { tell(toldWeight(w)) }})
			},
		}
		if len(r.lines) > 0 {
			keys := append([]string{"path: /dev/serial/by-id/usb-scale-port0"}, LineKeys(r.lines[0])...)
			d.Example = "driver: " + r.p.Name + "\n" + r.settings + "serial: {" + strings.Join(keys, ", ") + "}\n"
		}
		if d.Scale == nil {
			d.Scale = scale.Fixed(r.p)
		}
		switch r.p.Name {
		case hid.Name:
			d.Example = "driver: hid\nhid: {usb: \"0922:8003\"}\n"
			d.Ask = nil // not on a serial line
		case pattern.Name:
			d.Ask = nil // nobody knows what it is before somebody wrote its pattern
		}
		out = append(out, d)
	}
	return out
}

// unitMaker makes the protocol that does not tell its unit.
func unitMaker(s scale.Settings) (scale.Protocol, error) {
	if _, ok := scale.Milligrams(1, 0, s.Unit); !ok {
		return scale.Protocol{}, fmt.Errorf("unit %q: this scale does not tell its unit, give the one it is set to: mg, g, kg, lb or oz", s.Unit)
	}
	if s != (scale.Settings{Unit: s.Unit}) {
		return scale.Protocol{}, errors.New("pattern, ask and zero are for the driver " + pattern.Name)
	}
	return nci.T8213(s.Unit), nil
}

func patternMaker(s scale.Settings) (scale.Protocol, error) {
	return pattern.Protocol(pattern.Config{Pattern: s.Pattern, Unit: s.Unit, Ask: s.Ask, Zero: s.Zero})
}

// must is for a pattern that stands in this file.
func must(p scale.Protocol, err error) scale.Protocol {
	if err != nil {
		panic(err)
	}
	return p
}

// toldWeight is a reading of any scale.
func toldWeight(r scale.Reading) drivers.Told {
	t := drivers.Told{Text: r.Text(), Value: r.Milligrams, Settled: r.Stable && r.Weighs()}
	if r.Weighs() && !r.Stable {
		t.Text += ", moving"
	}
	return t
}
