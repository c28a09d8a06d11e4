package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// captured is where the recorded bodies are: messages of an Impinj reader,
// recorded by the EdgeX device service (Apache-2.0).
const captured = "../../../../../shared/data/llrp_frames"

// types are the messages of the recorded bodies, by the name of the file.
var types = map[string]Type{
	"CloseConnectionResponse": CloseResponse, "GetAccessSpecsResponse": 54, "GetROSpecsResponse": 36,
	"GetReaderCapabilitiesResponse": 11, "GetReaderConfigResponse": 12, "ROAccessReport": ROAccessReport, "ReaderEventNotification": ReaderEvent,
}

// theirs are the names of EdgeX where they are not those of the standard.
// "Parent.Name" goes before "Name"; "" is a value that we have another way.
var theirs = map[string]string{
	"LLRPStatus.Status": "StatusCode",
	"GeneralDeviceCapabilities.MaxSupportedAntennas":  "MaxNumberOfAntennaSupported",
	"GeneralDeviceCapabilities.HasUTCClock":           "HasUTCClockCapability",
	"GeneralDeviceCapabilities.DeviceManufacturer":    "DeviceManufacturerName",
	"GeneralDeviceCapabilities.Model":                 "ModelName",
	"GeneralDeviceCapabilities.FirmwareVersion":       "ReaderFirmwareVersion",
	"ReceiveSensitivities":                            "ReceiveSensitivityTableEntry",
	"PerAntennaReceiveSensitivityRanges":              "PerAntennaReceiveSensitivityRange",
	"PerAntennaAirProtocols":                          "PerAntennaAirProtocol",
	"ReceiveSensitivityTableEntry.ReceiveSensitivity": "ReceiveSensitivityValue",
	"AirProtocolIDs":                                  "ProtocolID",
	"SupportsEventsAndReportHolding":                  "SupportsEventAndReportHolding",
	"MaxPriorityLevelSupported":                       "MaxNumPriorityLevelsSupported",
	"ClientRequestedOpSpecTimeout":                    "ClientRequestOpSpecTimeout",
	"MaxROSpecs":                                      "MaxNumROSpecs",
	"MaxSpecsPerROSpec":                               "MaxNumSpecsPerROSpec",
	"MaxInventoryParameterSpecsPerAISpec":             "MaxNumInventoryParameterSpecsPerAISpec",
	"MaxAccessSpecs":                                  "MaxNumAccessSpecs",
	"MaxOpSpecsPerAccessSpec":                         "MaxNumOpSpecsPerAccessSpec",
	"TransmitPowerLevels":                             "TransmitPowerLevelTableEntry",
	"FrequencyHopTables":                              "FrequencyHopTable",
	"Frequencies":                                     "Frequency",
	"C1G2RFModes":                                     "C1G2UHFRFModeTable",
	"UHFC1G2RFModeTableEntries":                       "C1G2UHFRFModeTableEntry",
	"ModeID":                                          "ModeIdentifier",
	"DivideRatio":                                     "DRValue",
	"IsEPCHagConformant":                              "EPCHAGTCConformance",
	"Modulation":                                      "MValue",
	"SpectralMask":                                    "SpectralMaskIndicator",
	"BackscatterDataRate":                             "BDRValue",
	"PIERatio":                                        "PIEValue",
	"MinTariTime":                                     "MinTariValue",
	"MaxTariTime":                                     "MaxTariValue",
	"StepTariTime":                                    "StepTariValue",
	"SupportsBlockErase":                              "CanSupportBlockErase",
	"SupportsBlockWrite":                              "CanSupportBlockWrite",
	"SupportsBlockPermalock":                          "CanSupportBlockPermalock",
	"SupportsTagRecommissioning":                      "CanSupportTagRecommissioning",
	"SupportsUMIMethod2":                              "CanSupportUMIMethod2",
	"SupportsXPC":                                     "CanSupportXPC",
	"MaxSelectFiltersPerQuery":                        "MaxNumSelectFiltersPerQuery",
	"AntennaConfigurations":                           "AntennaConfiguration",
	"TransmitPowerIndex":                              "TransmitPower",
	"RFControl":                                       "C1G2RFControl",
	"RFModeID":                                        "ModeIndex",
	"SingulationControl":                              "C1G2SingulationControl",
	"Filters":                                         "C1G2Filter",
	"InvAwareAction":                                  "C1G2TagInventoryStateAwareSingulationAction",
	"EventNotificationStates":                         "EventNotificationState",
	"ReaderEventType":                                 "EventType",
	"NotificationEnabled":                             "NotificationState",
	"ROReportSpec.Trigger":                            "ROReportTrigger",
	"EnableInventoryParamSpecID":                      "EnableInventoryParameterSpecID",
	"CRCEnabled":                                      "EnableCRC",
	"PCBitsEnabled":                                   "EnablePCBits",
	"XPCBitsEnabled":                                  "EnableXPCBits",
	"KeepAliveSpec":                                   "KeepaliveSpec",
	"KeepaliveSpec.Trigger":                           "KeepaliveTriggerType",
	"Interval":                                        "PeriodicTriggerValue",
	"GPIPortCurrentStates":                            "GPIPortCurrentState",
	"GPIPortCurrentState.Port":                        "GPIPortNum",
	"GPIPortCurrentState.Enabled":                     "Config",
	"GPOWriteData.Port":                               "GPOPortNumber",
	"GPOWriteData.Data":                               "GPOData",
	"EPC96":                                           "EPC_96",
	"FirstSeenUTC":                                    "FirstSeenTimestampUTC",
}

// same compares a value of theirs with what we have under that name: a field, or
// parameters. used gets what was compared.
func same(n *Node, theirName string, want any, used map[string]bool) error {
	name := theirName
	if other, ok := theirs[n.Name()+"."+theirName]; ok {
		name = other
	} else if other, ok := theirs[theirName]; ok {
		name = other
	}
	used[name] = true
	if got := n.Get(name); got != nil {
		return sameField(got, want)
	}
	params := n.All(name)
	list, isList := want.([]any)
	if !isList && !absent(want) {
		list = []any{want}
	}
	if len(params) != len(list) {
		return fmt.Errorf("%d of %s, want %v", len(params), name, want)
	}
	for i, p := range params {
		object, ok := list[i].(map[string]any)
		if !ok { // a parameter of one field is that field with them
			if len(p.Fields) != 1 || len(p.Params) != 0 {
				return fmt.Errorf("%s: not one field", p)
			}
			if err := sameField(p.Fields[0].Value, list[i]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		if err := sameNode(p, object); err != nil {
			return fmt.Errorf("%s %d: %w", name, i, err)
		}
	}
	return nil
}

// absent is what they write for a parameter that was not there.
func absent(want any) bool {
	switch w := want.(type) {
	case nil:
		return true
	case json.Number: // a bare value cannot be null with them: "Uptime": 0
		return w == "0"
	case map[string]any: // nor can EPCData
		return len(w) == 2 && w["EPC"] == nil && w["EPCNumBits"] == json.Number("0")
	}
	return false
}

func sameNode(n *Node, want map[string]any) error {
	used := map[string]bool{}
	for name, w := range want {
		if err := same(n, name, w, used); err != nil {
			return err
		}
	}
	if len(n.Rest) > 0 {
		return fmt.Errorf("%s: %d bytes unread", n.Name(), len(n.Rest))
	}
	for _, f := range n.Fields {
		if !used[f.Name] {
			return fmt.Errorf("%s has %s, they have not", n.Name(), f.Name)
		}
	}
	for _, p := range n.Params {
		if !used[p.Name()] {
			return fmt.Errorf("%s has %s, they have not", n.Name(), p.Name())
		}
	}
	return nil
}

func sameField(got, want any) error {
	switch g := got.(type) {
	case bool: // one bit may be a choice of two with them
		if _, isNumber := want.(json.Number); isNumber {
			got = map[bool]int{true: 1}[g]
		}
	case []byte:
		got = base64.StdEncoding.EncodeToString(g)
	case []uint64:
		if list, ok := want.([]any); ok {
			want = fmt.Sprint(list)
			break
		}
		octets := make([]byte, len(g)) // a list of bytes is base64 with them
		for i, u := range g {
			octets[i] = byte(u)
		}
		got = base64.StdEncoding.EncodeToString(octets)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%v, want %v", got, want)
	}
	return nil
}

// bodies reads the recorded bodies; without them the test is skipped.
func bodies(t testing.TB) map[string][]byte {
	files, err := filepath.Glob(filepath.Join(captured, "*.bytes"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED, NOT PROVEN: no recorded messages in %s: %v", captured, err)
	}
	out := map[string][]byte{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".bytes")] = body
	}
	return out
}

// typeOf is the type of a recorded body.
func typeOf(t testing.TB, name string) Type {
	kind, _, _ := strings.Cut(name, "-")
	typ, ok := types[kind]
	if !ok {
		t.Fatalf("what is %s?", name)
	}
	return typ
}

// Every body recorded from a real reader means what its JSON says, field by
// field and nothing more, and is written back byte for byte.
func TestRecordedMessages(t *testing.T) {
	all := bodies(t)
	if len(all) != 15 {
		t.Errorf("%d recorded messages, 15 are known", len(all))
	}
	for name, body := range all {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(captured, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.UseNumber()
			var want map[string]any
			if err := dec.Decode(&want); err != nil {
				t.Fatal(err)
			}
			n, err := Parse(typeOf(t, name), body)
			if err != nil {
				t.Fatal(err)
			}
			if err := sameNode(n, want); err != nil {
				t.Error(err)
			}
			again, err := n.Body()
			if err != nil || !bytes.Equal(again, body) {
				t.Errorf("written back as %x (%v), want %x", again, err, body)
			}
			for cut := range body { // and no beginning of it is a panic
				if _, err := Parse(typeOf(t, name), body[:cut]); err != nil && len(err.Error()) == 0 {
					t.Error("an error without words")
				}
			}
		})
	}
}
