package ziotc

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/drivers/drivertest"
)

// The messages of others: see line 1 of each file.
func TestGoldenMessages(t *testing.T) {
	drivertest.Golden(t, "testdata/messages", func(wire []byte) any {
		events, err := Decode(wire)
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, e := range events {
			line := fmt.Sprintf("%s at %s", e.Kind, e.At.UTC().Format(time.RFC3339Nano))
			for _, t := range e.Tags {
				line += fmt.Sprintf(", tag %+v", t)
			}
			switch e.Kind {
			case Alert:
				line += fmt.Sprintf(", %+v", e.Alert)
			case Conn:
				line += fmt.Sprintf(", up %v", e.Up)
			}
			out = append(out, line)
		}
		return out
	})
}

func TestDecodeRefuses(t *testing.T) {
	for in, want := range map[string]error{
		``:                                     ErrJSON,
		`{`:                                    ErrJSON,
		`null`:                                 ErrJSON,
		`"tag"`:                                ErrJSON,
		`{}`:                                   ErrJSON,
		`[{}]`:                                 ErrJSON,
		`[`:                                    ErrJSON,
		`{"type":"SIMPLE","data":7}`:           ErrJSON,
		`{"type":"SIMPLE","data":{}}`:          ErrJSON,
		`{"type":7,"data":{"idHex":"00"}}`:     ErrJSON,
		`{"type":"SIMPLE","data":{"idHex":7}}`: ErrJSON,
		`{"type":"SIMPLE","data":{"idHex":"30"}}`:                                                  ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"112233445566778899001134_2"}}`:                          ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"` + strings.Repeat("AB", 64) + `"}}`:                    ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"3000","antenna":-1}}`:                                   ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"3000","antenna":1e9}}`:                                  ErrJSON,
		`{"type":"SIMPLE","data":{"idHex":"3000","peakRssi":-9000}}`:                               ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"3000","phase":361}}`:                                    ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"3000","PC":"3000F"}}`:                                   ErrTag,
		`{"type":"SIMPLE","data":{"idHex":"3000","EPCid":"3000"}}`:                                 ErrTag,
		`{"type":"X","data":{"tagData":[{"EPCid":"zz"}]}}`:                                         ErrTag,
		`{"type":"X","data":{"tagData":[]}}`:                                                       nil,
		`{"type":"X","data":{"barcodeData":[{"symbology":"CODE_39","decodedBarcode":"TOTE-17"}]}}`: nil,
	} {
		_, err := Decode([]byte(in))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", in, err, want)
		}
	}
	// One tag that cannot be read costs the others nothing.
	events, err := Decode([]byte(`{"type":"X","data":{"tagData":[{"EPCid":"zz"},{"EPCid":"3000"}]}}`))
	if !errors.Is(err, ErrTag) || len(events) != 1 || len(events[0].Tags) != 1 || events[0].Tags[0].EPC != "3000" {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestAnswers(t *testing.T) {
	for in, want := range map[string]Answer{
		// Zebra IoT Connector, command envelope, and its failure.
		`{"command":"start","command_id":"7","payload":{},"response":"success"}`:                                              {"start", "7", true, false, ""},
		`{"command":"start","command_id":"7","payload":{"message":"start currently ongoing"},"response":"failure"}`:           {"start", "7", false, true, `{"message":"start currently ongoing"}`},
		`{"command":"start","command_id":"7","payload":{"message":"no region"},"response":"failure"}`:                         {"start", "7", false, false, `{"message":"no region"}`},
		`{"command":"control_operation","requestId":"app-start-001","response":{"code":0}}`:                                   {"control_operation", "app-start-001", true, false, ""},
		`{"command":"control_operation","requestId":"9","response":{"code":11,"description":"inventory is already running"}}`: {"control_operation", "9", false, true, "code 11 inventory is already running"},
		`{"command":"control_operation","requestId":"9","response":{"code":5}}`:                                               {"control_operation", "9", false, false, "code 5 "},
		`{"command":"control_operation","requestId":"9","response":[]}`:                                                       {"control_operation", "9", false, false, "[]"},
	} {
		events, err := Decode([]byte(in))
		if err != nil || len(events) != 1 || events[0].Kind != Response || events[0].Answer != want {
			t.Errorf("%s: %+v, %v, want %+v", in, events, err, want)
		}
	}
}

// What others send is what is sent here: Zebra's dock door consumer and the
// tutorial of the handheld readers.
func TestCommands(t *testing.T) {
	for got, want := range map[string]string{
		string(Fixed.Start("1")):            `{"command":"start","command_id":"1","payload":{"doNotPersistState":true}}`,
		string(Fixed.Stop("2")):             `{"command":"stop","command_id":"2","payload":{}}`,
		string(Sled.Start("app-start-001")): `{"command":"control_operation","requestId":"app-start-001","ctrlOprPayload":{"controlType":"RFID","operation":"START"}}`,
		string(Sled.Stop("app-stop-001")):   `{"command":"control_operation","requestId":"app-stop-001","ctrlOprPayload":{"controlType":"RFID","operation":"STOP"}}`,
	} {
		if got != want+"\n" {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/messages/*.hex")
	for _, file := range files {
		if wire, err := drivertest.ReadHex(file); err == nil {
			f.Add(wire)
		}
	}
	f.Add([]byte(`{"command":"start","command_id":"7","payload":{},"response":"success"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		events, err := Decode(in)
		if errors.Is(err, ErrJSON) && events != nil {
			t.Fatalf("%v beside %v", events, err)
		}
		for _, e := range events {
			for _, tag := range e.Tags {
				if tag.EPC == "" || len(tag.EPC)%4 != 0 || strings.Trim(tag.EPC, "0123456789ABCDEF") != "" {
					t.Fatalf("tag %+v", tag)
				}
			}
			if e.Kind == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}
