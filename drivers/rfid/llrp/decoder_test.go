package llrp

import (
	"bytes"
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The exchange with a real reader (Zebra FX9600, log in ransford/sllurp#115), the
// report of an Impinj (EdgeX testdata), and noise in between, read aloud however
// the bytes come.
func TestDecoder(t *testing.T) {
	stream := unhex(t, "0418 0000000e 00000008 00000001"+ // ENABLE_ROSPEC
		"ffff00 474554"+ // noise
		"0422 00000012 00000008 011f 0008 0000 0000"+
		"043d 00000029 00000001 00f0 001f 8d 3000abcdef00000000000003 81 0001 86 d0 82 0005a9e4bef862e0"+
		"041e 00000012 00000009 011f 0008 0065 0000"+ // refused: 101
		"043d 0000000e 00000001 00f0 ffff")
	want := []string{
		" id 8 ENABLE_ROSPEC{ROSpecID 1}",
		"DEV-513 6 bytes that are no message",
		" id 8 ENABLE_ROSPEC_RESPONSE{LLRPStatus{StatusCode 0 ErrorDescription \"\"}}",
		" id 1 RO_ACCESS_REPORT{TagReportData{EPC_96{EPC 3000ABCDEF00000000000003} AntennaID{AntennaID 1} PeakRSSI{PeakRSSI -48} FirstSeenTimestampUTC{Microseconds 1594174805140192}}}",
		"DEV-504 id 9 ADD_ROSPEC_RESPONSE{LLRPStatus{StatusCode 101 ErrorDescription \"\"}}",
		"DEV-513 RO_ACCESS_REPORT: RO_ACCESS_REPORT: llrp: a length does not fit: parameter 240 says 65535 of 4 bytes",
	}
	for _, size := range []int{1, 2, 7, 16, len(stream)} {
		d := NewDecoder(false)
		var got []string
		var wire []byte
		noise := 0
		for at := 0; at < len(stream); at += size {
			d.Push(stream[at:min(at+size, len(stream))], func(f drivers.Frame) {
				wire = append(wire, f.Wire...)
				if strings.HasSuffix(f.Text, "that are no message") {
					if noise += len(f.Wire); noise != 6 {
						return // in several pieces
					}
					f.Text = "6 bytes that are no message"
				}
				got = append(got, f.Code+" "+f.Text)
			})
		}
		if !bytes.Equal(wire, stream) {
			t.Errorf("in pieces of %d: bytes are missing: %x", size, wire)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("in pieces of %d:\n%s\nwant\n%s", size, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A length that promises megabytes is told in pieces, not waited for.
func TestDecoderIsBounded(t *testing.T) {
	d := NewDecoder(true)
	told := 0
	d.Push(unhex(t, "043d 00300000 00000001"), func(f drivers.Frame) { told += len(f.Wire) })
	for range 100 {
		d.Push(make([]byte, 8<<10), func(f drivers.Frame) { told += len(f.Wire) })
	}
	if told < 400<<10 {
		t.Errorf("%d bytes told of 800 KiB", told)
	}
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		name  string
		quirk func(*fake)
		want  drivers.Identity
		code  string
		heard []string
	}{
		{
			name: "a reader", quirk: func(*fake) {},
			want:  drivers.Identity{Maker: "Impinj", Model: "2001002", Firmware: "5.14.0.240", Serial: "001625"},
			heard: []string{"v1 GET_READER_CAPABILITIES", "v1 GET_READER_CONFIG", "v1 CLOSE_CONNECTION"},
		},
		{name: "a reader that somebody holds", quirk: func(f *fake) { f.attempt = 2 }, code: drivers.CodeLLRPHeld},
		{name: "something that waits to be spoken to", quirk: func(f *fake) { f.mute = true }, code: drivers.CodeLLRPSilent},
		{name: "something else that speaks", quirk: func(f *fake) {
			f.mute = true
			go func() {
				<-time.After(time.Second)
				f.peer.Send("220 printer ready\r\n")
			}()
		}, code: drivers.CodeLLRPBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := standard()
				c.quirk(f)
				port, err := f.opener(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer port.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				got, err := Identify(ctx, port)
				if got != c.want || drivers.CodeOf(err) != c.code {
					t.Errorf("%+v, %v", got, err)
				}
				(&bench{t: t, f: f}).heardWant(c.heard...)
			})
		})
	}
}
