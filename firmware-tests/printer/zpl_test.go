package printer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/firmware-tests/record"
)

// parse runs ZPL through a parser and returns formats and control commands.
func parse(chunks ...string) (formats []format, cmds []string, p *parser) {
	p = &parser{}
	p.host = func(c string) { cmds = append(cmds, c) }
	p.done = func(f format) { formats = append(formats, f) }
	for _, c := range chunks {
		p.write([]byte(c))
	}
	return formats, cmds, p
}

func TestParse(t *testing.T) {
	cases := []struct {
		name, zpl string
		texts     []string
		bars      []string // type/mode data → scan
		copies    int
	}{
		{"text", "^XA^CF0,30^FO50,50^A0N,30,30^FDHello, World^FS^XZ", []string{"Hello, World"}, nil, 1},
		{"lower case", "^xa^fo1,1^fdx^fs^pq3^xz", []string{"x"}, nil, 3},
		{"hex escapes", `^XA^FO1,1^FH^FD_5Ecaret _7E _5f _zz _4^FS^XZ`, []string{"^caret ~ _ _zz _4"}, nil, 1},
		{"hex with own indicator", `^XA^CI28^FH\^FDM\C3\BCller_5E^FS^XZ`, []string{"Müller_5E"}, nil, 1},
		{"indicator ends with the field", `^XA^FH\^FDa\41^FS^FDb\41^FS^XZ`, []string{"aA", `b\41`}, nil, 1},
		{"utf-8 without CI28", "^XA^FDü^FS^XZ", []string{"\ufffd\ufffd"}, nil, 1},
		{"broken utf-8", "^XA^CI28^FDa\xffb^FS^XZ", []string{"a\ufffdb"}, nil, 1},
		{"line ends in between", "^XA\r\n^FO1,1\r\n^FDa\r\nb^FS\r\n^XZ\r\n", []string{"ab"}, nil, 1},
		{"field without FS", "^XA^FO1,1^FDlast^XZ", []string{"last"}, nil, 1},
		{"box and comment", "^XA^FXnot printed^FS^FO1,1^GB100,100,3^FS^XZ", nil, nil, 1},
		{
			"sscc mode D", "^XA^BY4^FO1,1^BCN,200,Y,N,N,D^FD(00)106141412345678908^FS^XZ", nil,
			[]string{"BC/D (00)106141412345678908 → ]C100106141412345678908"},
			1,
		},
		{
			"sscc mode D without check digit", "^XA^BCN,200,Y,N,N,D^FD(00)10614141234567890^FS^XZ", nil,
			[]string{"BC/D (00)10614141234567890 → ]C100106141412345678908"},
			1,
		},
		{
			"mode D, two identifiers", "^XA^BCN,200,Y,N,N,D^FD(10)AB>8(21)7^FS^XZ", nil,
			[]string{"BC/D (10)AB>8(21)7 → ]C110AB\x1d217"},
			1,
		},
		{
			"mode N with FNC1", "^XA^BCN,100,N^FD>;>800106141412345678908^FS^XZ", nil,
			[]string{"BC/N >;>800106141412345678908 → ]C100106141412345678908"},
			1,
		},
		{"mode N plain", "^XA^BCN,100^FD>:TOTE-1>08^FS^XZ", nil, []string{"BC/N >:TOTE-1>08 → ]C0TOTE-1>8"}, 1},
		{
			"mode U", "^XA^BCN,100,Y,N,N,U^FD0010614141234567890^FS^XZ", nil,
			[]string{"BC/U 0010614141234567890 → ]C100106141412345678908"},
			1,
		},
		{
			"data matrix", "^XA^BXN,5,200,,,,_^FD_10100614141999996_110A^FS^XZ", nil,
			[]string{"BX/ _10100614141999996_110A → ]d20100614141999996\x1d10A"},
			1,
		},
		{"plain data matrix", "^XA^BXN,5,200^FDabc^FS^XZ", nil, []string{"BX/ abc → ]d1abc"}, 1},
		{
			"qr", "^XA^BQN,2,4^FDQA,https://id.gs1.org/01/00614141999996^FS^XZ", nil,
			[]string{"BQ/ QA,https://id.gs1.org/01/00614141999996 → ]Q1https://id.gs1.org/01/00614141999996"},
			1,
		},
		{"ean-13", "^XA^BEN,100^FD400638133393^FS^XZ", nil, []string{"BE/ 400638133393 → ]E04006381333931"}, 1},
		{"code 39", "^XA^B3N^FDABC^FS^XZ", nil, []string{"B3/ ABC → ABC"}, 1},
		{"quantity", "^XA^FDx^FS^PQ12,0,1,Y^XZ", []string{"x"}, nil, 12},
		{"silly quantity", "^XA^FDx^FS^PQ0^XZ", []string{"x"}, nil, 1},
		{"a second ^XA starts no second label", "^XA^FDx^FS^XA^FDy^FS^XZ", []string{"x", "y"}, nil, 1},
		{"a tilde ends field data", "^XA^FDa~HSb^FS^XZ", []string{"a"}, nil, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			whole, _, p := parse(c.zpl)
			if len(whole) != 1 || p.partial() {
				t.Fatalf("%d formats, partial %v", len(whole), p.partial())
			}
			bytewise, _, _ := parse(strings.Split(c.zpl, "")...)
			if d := cmp.Diff(whole, bytewise, cmp.AllowUnexported(format{})); d != "" {
				t.Errorf("byte by byte it reads otherwise:\n%s", d)
			}
			f := whole[0]
			if d := cmp.Diff(c.texts, f.texts); d != "" {
				t.Errorf("texts: -want +got\n%s", d)
			}
			if d := cmp.Diff(c.bars, bars(f.barcodes)); d != "" {
				t.Errorf("barcodes: -want +got\n%s", d)
			}
			if f.copies != c.copies {
				t.Errorf("%d copies, want %d", f.copies, c.copies)
			}
		})
	}
}

func bars(bs []record.Barcode) []string {
	var s []string
	for _, b := range bs {
		s = append(s, b.Type+"/"+b.Mode+" "+b.Data+" → "+b.Scan)
	}
	return s
}

func TestControlCommands(t *testing.T) {
	_, cmds, _ := parse("~HS~hi~HQES~HQODjunk~JA\r\n~PP~PS~WC", "^XA^FD~HS", "~XY^XZ")
	want := []string{"~HS", "~HI", "~HQES", "~HQOD", "~JA", "~PP", "~PS", "~WC", "~HS", "~XY"}
	if d := cmp.Diff(want, cmds); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	for _, half := range []string{"~", "~H", "~HQ", "~HQE"} {
		if _, cmds, _ := parse(half); cmds != nil {
			t.Errorf("%q ran %v", half, cmds)
		}
	}
}

func TestLabelLengthAndSource(t *testing.T) {
	const zpl = "^XA^LL812^FDx^FS^XZ"
	fs, _, _ := parse("junk", zpl, "^LL99^XB")
	if len(fs) != 1 || fs[0].length != 812 || string(fs[0].source) != zpl {
		t.Errorf("%+v", fs)
	}
}

// A format without an end must not eat the machine's memory.
func TestEndlessFormat(t *testing.T) {
	fs, _, p := parse("^XA^FD"+strings.Repeat("x", maxFormat+1), "^FS^XZ", "^XA^FDok^FS^XZ")
	if len(fs) != 1 || fs[0].texts[0] != "ok" || p.partial() {
		t.Errorf("%d formats, partial %v", len(fs), p.partial())
	}
	_, _, p = parse("^FD" + strings.Repeat("x", 2*maxFormat))
	if len(p.args) > maxFormat {
		t.Errorf("%d bytes of parameters outside a format", len(p.args))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{labelA, labelB, "~HS~HQES", "^XA^FH^FD_4^XZ", "^XA^BXN,5,200,,,,_^FD_1_1^FS^XZ", "^XA^BC^FD>8>^XZ", "^XA^BCN,1,Y,N,N,U^FD^XZ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		whole, cmds, p := parse(s)
		bytewise, cmds2, q := parse(strings.Split(s, "")...)
		if d := cmp.Diff(cmds, cmds2); d != "" || p.partial() != q.partial() {
			t.Errorf("byte by byte: %s", d)
		}
		if len(whole) != len(bytewise) {
			t.Errorf("%d formats, byte by byte %d", len(whole), len(bytewise))
		}
		for _, f := range whole {
			if f.copies < 1 {
				t.Errorf("%d copies", f.copies)
			}
		}
	})
}
