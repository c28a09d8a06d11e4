package scale

import (
	"fmt"
	"strings"
)

// languages are the protocols beside MT-SICS; where each comes from stands in
// firmware-tests/cases/scale/README.md.
var languages = map[string]*language{
	"toledo": {
		talks: true, ends: "\r\n", commands: map[string]string{"P": askStatus, "Z": askZero, "T": askTare, "C": askClear},
		weight: func(v view) string { return toledo(v, true) },
	},
	"toledo-plain": {
		talks: true, ends: "\r\n", commands: map[string]string{"P": askStatus, "Z": askZero, "T": askTare, "C": askClear},
		weight: func(v view) string { return toledo(v, false) },
	},
	"nci": {
		ends: "\r", commands: map[string]string{"W": askWeight, "S": askStatus, "Z": askZero, "T": askTare},
		weight:  nciWeight,
		done:    func(v view, _ string, _ bool) string { return "\n" + nciStatus(v) + "\r\x03" },
		unknown: "\n?\r\x03", damaged: "\n?\r\x03",
	},
	"toledo-8213": {
		commands: map[string]string{"W": askWeight, "Z": askZero},
		weight:   demand,
		done:     func(v view, _ string, _ bool) string { return "\x02?" + string(rune(demandStatus(v))) + "\r" },
		unknown:  "\x02?`\r", damaged: "\x02?`\r",
	},
	"sma": {
		ends: "\r\n", commands: map[string]string{"W": askWeight, "Z": askZero, "T": askTare, "C": askClear},
		weight: sma, done: func(v view, ask string, ok bool) string {
			if !ok {
				return smaError(v, map[string]string{askZero: "E", askTare: "T"}[ask])
			}
			return sma(v)
		},
		unknown: "\n?\r", damaged: "\n!\r", about: smaAbout,
	},
	"a-and-d": {
		ends: "\r\n", commands: map[string]string{"Q": askWeight, "S": askStable, "Z": askZero, "R": askZero, "T": askTare},
		weight: aandd, done: func(_ view, _ string, ok bool) string {
			if !ok {
				return "EC,E02\r\n"
			}
			return "\x06\r\n"
		},
		unknown: "EC,E01\r\n", damaged: "EC,E00\r\n",
	},
	"kern": {
		commands: map[string]string{"w": askWeight, "s": askStable, "t": askTare},
		weight:   kern,
	},
	"ohaus": {
		ends: "\r\n", commands: map[string]string{"IP": askWeight, "P": askWeight, "SP": askStable, "Z": askZero, "T": askTare, "0T": askClear},
		weight: ohaus, unknown: "ES\r\n", damaged: "ES\r\n",
	},
	"hid": {talks: true, weight: report},
}

// toledo is a frame of the continuous output, 18 bytes with its checksum.
func toledo(v view, check bool) string {
	a := byte(0x20) | byte(*v.p.Decimals+2) | map[int64]byte{1: 0x08, 2: 0x10, 5: 0x18}[v.p.Step]
	b, c := byte(0x20), byte(0x20)
	if v.p.Unit == "kg" {
		b |= 0x10
	} else {
		c |= 0x01
	}
	units := v.units
	switch v.r.cond {
	case over:
		b, units = b|0x04, 999_999
	case under:
		b, units = b|0x06, 0
	case dynamic:
		b |= 0x08
	}
	if v.net {
		b |= 0x01
	}
	if units < 0 {
		b, units = b|0x02, -units
	}
	frame := fmt.Sprintf("\x02%c%c%c%6d%6d\r", a, b, c, units, v.tare)
	if !check {
		return frame
	}
	sum := byte(0)
	for i := range len(frame) {
		sum += frame[i]
	}
	chk := -sum & 0x7f
	if v.check {
		chk ^= 0x01
	}
	return frame + string(rune(chk))
}

// padded is a number of a width, filled with zeros behind its sign.
func padded(text string, width int) string {
	digits, negative := strings.CutPrefix(text, "-")
	if negative {
		return "-" + strings.Repeat("0", max(width-1-len(digits), 0)) + digits
	}
	return strings.Repeat("0", max(width-len(digits), 0)) + digits
}

// nciStatus is two status bytes, three when a tare is taken off.
func nciStatus(v view) string {
	one, two := byte(0x30), byte(0x30)
	switch {
	case v.r.cond == dynamic:
		one |= 0x01
	case v.r.cond == under:
		two |= 0x01
	case v.r.cond == over:
		two |= 0x02
	case v.units == 0:
		one |= 0x02
	}
	if v.net {
		return string([]byte{one, two | 0x40, 0x34})
	}
	return string([]byte{one, two})
}

// nciWeight leaves the weight out when the scale is out of its range.
func nciWeight(v view) string {
	if v.r.cond == over || v.r.cond == under {
		return "\n" + nciStatus(v) + "\r\x03"
	}
	return "\n" + padded(v.text, 7) + v.p.Unit + "\r\n" + nciStatus(v) + "\r\x03"
}

func demandStatus(v view) byte {
	s := byte(0x60)
	switch {
	case v.r.cond == dynamic:
		s |= 0x01
	case v.r.cond == over:
		s |= 0x02
	case v.r.cond == under || v.units < 0:
		s |= 0x04
	case v.units == 0:
		s |= 0x10
	}
	return s
}

// demand tells a weight only at rest, in range and not below zero.
func demand(v view) string {
	if v.r.cond != stable || v.units < 0 {
		return "\x02?" + string(rune(demandStatus(v))) + "\r"
	}
	return "\x02" + padded(v.text, 6) + "\r"
}

func sma(v view) string {
	s, n, m, text := " ", "G", " ", v.text
	switch {
	case v.r.cond == over:
		s, text = "O", fmt.Sprint(v.p.CapacityMg/unitMg(v.p.Unit))
	case v.r.cond == under:
		s, text = "U", "-0"
	case v.r.cond == dynamic:
		m = "M"
	case v.units == 0:
		s = "Z"
	}
	if v.net {
		n = "N"
	}
	return fmt.Sprintf("\n%s1%s%s %10s%-3s\r", s, n, m, text, v.p.Unit)
}

func smaError(v view, s string) string {
	return fmt.Sprintf("\n%s1G  %10s%-3s\r", s, "----------", v.p.Unit)
}

// smaAbout answers A with the first line of the about text and each B with the
// next one.
func smaAbout(t *talk, command string) (string, bool) {
	p := t.s.params
	switch command {
	case "A":
		t.told = 0
		return "\nSMA:2/1.0\r", true
	case "B":
		lines := []string{"MFG:TOTE", "MOD:" + p.Model, "REV:1.00", "SN :" + p.Serial, "END:"}
		if t.told < len(lines) {
			t.told++
			return "\n" + lines[t.told-1] + "\r", true
		}
	}
	return "", false
}

func aandd(v view) string {
	header := "ST"
	switch v.r.cond {
	case over:
		return "OL,+9999999E+19\r\n"
	case under:
		return "OL,-9999999E+19\r\n"
	case dynamic:
		header = "US"
	}
	sign, digits := "+", v.text
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	return fmt.Sprintf("%s,%s%s%3s\r\n", header, sign, padded(digits, 8), v.p.Unit)
}

// kern is a line of 16 columns; a weight that moves has no unit.
func kern(v view) string {
	if v.r.cond == over || v.r.cond == under {
		return fmt.Sprintf("%16s\r\n", "Error")
	}
	sign, digits, unit := " ", v.text, v.p.Unit
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if v.r.cond == dynamic {
		unit = ""
	}
	return fmt.Sprintf(" %s%10s %-3s\r\n", sign, digits, unit)
}

func ohaus(v view) string {
	switch {
	case v.r.cond == over:
		return "Err 8.3\r\n"
	case v.r.cond == under:
		return "Err 8.4\r\n"
	}
	text := fmt.Sprintf("%10s %s", v.text, v.p.Unit)
	if v.r.cond == dynamic {
		text += " ?"
	}
	if v.net {
		text += " NET"
	}
	return text + "\r\n"
}

// report is a data report of a USB scale.
func report(v view) string {
	status, units := byte(4), v.units
	switch {
	case v.r.cond == over || units > 0xffff:
		status, units = 6, 0
	case v.r.cond == under || units < 0:
		status, units = 5, 0
	case v.r.cond == dynamic:
		status = 3
	case units == 0:
		status = 2
	}
	unit := map[string]byte{"g": 2, "kg": 3}[v.p.Unit]
	return string([]byte{3, status, unit, byte(-*v.p.Decimals), byte(units), byte(units >> 8)})
}
