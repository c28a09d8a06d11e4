package r2000

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/drivertest"
)

func TestAsk(t *testing.T) {
	for _, tc := range []struct {
		says string
		want drivers.Identity
		code string
	}{
		{"\xa0\x05\x01\x72\x01\x09\xde", drivers.Identity{Model: "R2000 family", Firmware: "1.9"}, ""}, // captured
		{"ES\r\n", drivers.Identity{}, drivers.CodeRFIDUnreadable},
		{"", drivers.Identity{}, drivers.CodeRFIDSilent},
	} {
		synctest.Test(t, func(t *testing.T) {
			peer := &drivertest.Peer{}
			peer.OnWrite = func(p []byte) (int, error) {
				if string(p) != "\xa0\x03\xff\x72\xec" {
					t.Errorf("asked % X", p)
				}
				peer.Send(tc.says)
				return len(p), nil
			}
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := Ask(t.Context(), port)
			if got != tc.want || drivers.CodeOf(err) != tc.code {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// The captured packets read aloud, both directions.
func TestDecoder(t *testing.T) {
	for text, tc := range map[string]struct {
		toDevice bool
		wire     string
	}{
		"tag 300833B2DDD9014000000001, PC 3000, antenna 1, -74 dBm": {false, tagFrame},
		"end of the round: 5 reads":                                 {false, endFrame},
		"firmware 1.9":                                              {false, "\xa0\x05\x01\x72\x01\x09\xde"},
		"set work antenna: done":                                    {false, "\xa0\x04\x01\x74\x10\xd7"},
		"command set work antenna: 00":                              {true, "\xa0\x04\x01\x74\x00\xe7"},
		"command real-time inventory: 01":                           {true, "\xa0\x04\x01\x89\x01\xd1"},
		"end of the round: status 22":                               {false, pack(CmdRealTime, StatusAntennaMissing)},
		"antenna 2: status 22":                                      {false, pack(CmdFastSwitch, 1, StatusAntennaMissing)},
		"62: 0A":                                                    {false, pack(0x62, 10)},
	} {
		var got []string
		NewDecoder(tc.toDevice).Push([]byte("\x00"+tc.wire), func(f drivers.Frame) { got = append(got, strings.TrimSpace(f.Code+" "+f.Text)) })
		if d := cmp.Diff([]string{"DEV-502 1 bytes that are no packet", text}, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	}
}
