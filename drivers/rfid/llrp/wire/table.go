package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is how a field lies in the bytes.
type kind byte

const (
	kindUint  kind = iota // width bits, big-endian; 1 bit is a flag
	kindInt               // width bits, two's complement
	kindPad               // width reserved bits
	kindText              // u16 count, UTF-8
	kindBytes             // u16 count, bytes
	kindBits              // u16 count of bits, bytes rounded up
	kindRaw               // width bits as they are
	kindList              // u16 count, numbers of width bits
	kindRest              // all that is left
)

// fieldDef is one field of a message or parameter.
type fieldDef struct {
	name  string
	kind  kind
	width int // bits
}

// def is the layout of a message or parameter: its fields, then parameters.
type def struct {
	name   string
	fields []fieldDef
}

// words are the field types of the table below.
var words = map[string]kind{
	"u": kindUint, "s": kindInt, "-": kindPad, "text": kindText, "bytes": kindBytes, "bits": kindBits, "raw": kindRaw, "list": kindList, "rest": kindRest,
}

// table reads layouts: "NUMBER Name type:Field type:Field …", where a type is a
// word with a number of bits. A broken line is a mistake in this file.
func table(text string) map[uint16]*def {
	out := map[uint16]*def{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		number, err := strconv.ParseUint(f[0], 10, 16)
		if err != nil || out[uint16(number)] != nil {
			panic(fmt.Sprintf("llrp table: %q", line))
		}
		d := &def{name: f[1]}
		for _, field := range f[2:] {
			typ, name, _ := strings.Cut(field, ":")
			word := strings.TrimRight(typ, "0123456789")
			k, known := words[word]
			width, err := strconv.Atoi("0" + typ[len(word):])
			if !known || err != nil {
				panic(fmt.Sprintf("llrp table: %q of %q", field, line))
			}
			d.fields = append(d.fields, fieldDef{name, k, width})
		}
		out[uint16(number)] = d
	}
	return out
}

// messages are the layouts of message bodies, by type.
var messages = table(`
1   GET_READER_CAPABILITIES            u8:RequestedData
2   GET_READER_CONFIG                  u16:AntennaID u8:RequestedData u16:GPIPortNum u16:GPOPortNum
3   SET_READER_CONFIG                  u1:ResetToFactoryDefault -7
4   CLOSE_CONNECTION_RESPONSE
11  GET_READER_CAPABILITIES_RESPONSE
12  GET_READER_CONFIG_RESPONSE
13  SET_READER_CONFIG_RESPONSE
14  CLOSE_CONNECTION
20  ADD_ROSPEC
21  DELETE_ROSPEC                      u32:ROSpecID
22  START_ROSPEC                       u32:ROSpecID
23  STOP_ROSPEC                        u32:ROSpecID
24  ENABLE_ROSPEC                      u32:ROSpecID
25  DISABLE_ROSPEC                     u32:ROSpecID
26  GET_ROSPECS
30  ADD_ROSPEC_RESPONSE
31  DELETE_ROSPEC_RESPONSE
32  START_ROSPEC_RESPONSE
33  STOP_ROSPEC_RESPONSE
34  ENABLE_ROSPEC_RESPONSE
35  DISABLE_ROSPEC_RESPONSE
36  GET_ROSPECS_RESPONSE
40  ADD_ACCESSSPEC
41  DELETE_ACCESSSPEC                  u32:AccessSpecID
42  ENABLE_ACCESSSPEC                  u32:AccessSpecID
43  DISABLE_ACCESSSPEC                 u32:AccessSpecID
44  GET_ACCESSSPECS
45  CLIENT_REQUEST_OP
46  GET_SUPPORTED_VERSION
47  SET_PROTOCOL_VERSION               u8:ProtocolVersion
50  ADD_ACCESSSPEC_RESPONSE
51  DELETE_ACCESSSPEC_RESPONSE
52  ENABLE_ACCESSSPEC_RESPONSE
53  DISABLE_ACCESSSPEC_RESPONSE
54  GET_ACCESSSPECS_RESPONSE
55  CLIENT_REQUEST_OP_RESPONSE
56  GET_SUPPORTED_VERSION_RESPONSE     u8:CurrentVersion u8:SupportedVersion
57  SET_PROTOCOL_VERSION_RESPONSE
60  GET_REPORT
61  RO_ACCESS_REPORT
62  KEEPALIVE
63  READER_EVENT_NOTIFICATION
64  ENABLE_EVENTS_AND_REPORTS
72  KEEPALIVE_ACK
100 ERROR_MESSAGE
1023 CUSTOM_MESSAGE                    u32:VendorIdentifier u8:MessageSubtype rest:Data
`)

// tvs are the layouts of parameters without a length, by type. What is not here
// cannot be stepped over.
var tvs = table(`
1  AntennaID                  u16:AntennaID
2  FirstSeenTimestampUTC      u64:Microseconds
3  FirstSeenTimestampUptime   u64:Microseconds
4  LastSeenTimestampUTC       u64:Microseconds
5  LastSeenTimestampUptime    u64:Microseconds
6  PeakRSSI                   s8:PeakRSSI
7  ChannelIndex               u16:ChannelIndex
8  TagSeenCount               u16:TagCount
9  ROSpecID                   u32:ROSpecID
10 InventoryParameterSpecID   u16:InventoryParameterSpecID
11 C1G2CRC                    u16:CRC
12 C1G2PC                     u16:PC_Bits
13 EPC_96                     raw96:EPC
14 SpecIndex                  u16:SpecIndex
15 ClientRequestOpSpecResult  u16:OpSpecID
16 AccessSpecID               u32:AccessSpecID
17 OpSpecID                   u16:OpSpecID
18 C1G2SingulationDetails     u16:NumCollisionSlots u16:NumEmptySlots
19 C1G2XPCW1                  u16:XPC_W1
20 C1G2XPCW2                  u16:XPC_W2
`)

// tlvs are the layouts of parameters with a length, by type.
var tlvs = table(`
128 UTCTimestamp                   u64:Microseconds
129 Uptime                         u64:Microseconds
137 GeneralDeviceCapabilities      u16:MaxNumberOfAntennaSupported u1:CanSetAntennaProperties u1:HasUTCClockCapability -6 -8 u32:DeviceManufacturerName u32:ModelName text:ReaderFirmwareVersion
139 ReceiveSensitivityTableEntry   u16:Index s16:ReceiveSensitivityValue
140 PerAntennaAirProtocol          u16:AntennaID list8:ProtocolID
141 GPIOCapabilities               u16:NumGPIs u16:NumGPOs
142 LLRPCapabilities               u1:CanDoRFSurvey u1:CanReportBufferFillWarning u1:SupportsClientRequestOpSpec u1:CanDoTagInventoryStateAwareSingulation u1:SupportsEventAndReportHolding -3 u8:MaxNumPriorityLevelsSupported u16:ClientRequestOpSpecTimeout u32:MaxNumROSpecs u32:MaxNumSpecsPerROSpec u32:MaxNumInventoryParameterSpecsPerAISpec u32:MaxNumAccessSpecs u32:MaxNumOpSpecsPerAccessSpec
143 RegulatoryCapabilities         u16:CountryCode u16:CommunicationsStandard
144 UHFBandCapabilities
145 TransmitPowerLevelTableEntry   u16:Index s16:TransmitPowerValue
146 FrequencyInformation           u1:Hopping -7
147 FrequencyHopTable              u8:HopTableID -8 list32:Frequency
148 FixedFrequencyTable            list32:Frequency
149 PerAntennaReceiveSensitivityRange u16:AntennaID u16:ReceiveSensitivityIndexMin u16:ReceiveSensitivityIndexMax
177 ROSpec                         u32:ROSpecID u8:Priority u8:CurrentState
178 ROBoundarySpec
179 ROSpecStartTrigger             u8:ROSpecStartTriggerType
180 PeriodicTriggerValue           u32:Offset u32:Period
181 GPITriggerValue                u16:GPIPortNum u1:GPIEvent -7 u32:Timeout
182 ROSpecStopTrigger              u8:ROSpecStopTriggerType u32:DurationTriggerValue
183 AISpec                         list16:AntennaIDs
184 AISpecStopTrigger              u8:AISpecStopTriggerType u32:DurationTrigger
185 TagObservationTrigger          u8:TriggerType -8 u16:NumberOfTags u16:NumberOfAttempts u16:T u32:Timeout
186 InventoryParameterSpec         u16:InventoryParameterSpecID u8:ProtocolID
217 LLRPConfigurationStateValue    u32:LLRPConfigurationStateValue
218 Identification                 u8:IDType bytes:ReaderID
219 GPOWriteData                   u16:GPOPortNumber u1:GPOData -7
220 KeepaliveSpec                  u8:KeepaliveTriggerType u32:PeriodicTriggerValue
221 AntennaProperties              u1:AntennaConnected -7 u16:AntennaID s16:AntennaGain
222 AntennaConfiguration           u16:AntennaID
223 RFReceiver                     u16:ReceiverSensitivity
224 RFTransmitter                  u16:HopTableID u16:ChannelIndex u16:TransmitPower
225 GPIPortCurrentState            u16:GPIPortNum u1:Config -7 u8:State
226 EventsAndReports               u1:HoldEventsAndReportsUponReconnect -7
237 ROReportSpec                   u8:ROReportTrigger u16:N
238 TagReportContentSelector       u1:EnableROSpecID u1:EnableSpecIndex u1:EnableInventoryParameterSpecID u1:EnableAntennaID u1:EnableChannelIndex u1:EnablePeakRSSI u1:EnableFirstSeenTimestamp u1:EnableLastSeenTimestamp u1:EnableTagSeenCount u1:EnableAccessSpecID -6
239 AccessReportSpec               u8:AccessReportTrigger
240 TagReportData
241 EPCData                        bits:EPC
242 RFSurveyReportData
244 ReaderEventNotificationSpec
245 EventNotificationState         u16:EventType u1:NotificationState -7
246 ReaderEventNotificationData
247 HoppingEvent                   u16:HopTableID u16:NextChannelIndex
248 GPIEvent                       u16:GPIPortNumber u1:GPIEvent -7
249 ROSpecEvent                    u8:EventType u32:ROSpecID u32:PreemptingROSpecID
250 ReportBufferLevelWarningEvent  u8:ReportBufferPercentageFull
251 ReportBufferOverflowErrorEvent
252 ReaderExceptionEvent           text:Message
253 RFSurveyEvent                  u8:EventType u32:ROSpecID u16:SpecIndex
254 AISpecEvent                    u8:EventType u32:ROSpecID u16:SpecIndex
255 AntennaEvent                   u8:EventType u16:AntennaID
256 ConnectionAttemptEvent         u16:Status
257 ConnectionCloseEvent
287 LLRPStatus                     u16:StatusCode text:ErrorDescription
288 FieldError                     u16:FieldNum u16:ErrorCode
289 ParameterError                 u16:ParameterType u16:ErrorCode
327 C1G2LLRPCapabilities           u1:CanSupportBlockErase u1:CanSupportBlockWrite u1:CanSupportBlockPermalock u1:CanSupportTagRecommissioning u1:CanSupportUMIMethod2 u1:CanSupportXPC -2 u16:MaxNumSelectFiltersPerQuery
328 C1G2UHFRFModeTable
329 C1G2UHFRFModeTableEntry        u32:ModeIdentifier u1:DRValue u1:EPCHAGTCConformance -6 u8:MValue u8:ForwardLinkModulation u8:SpectralMaskIndicator u32:BDRValue u32:PIEValue u32:MinTariValue u32:MaxTariValue u32:StepTariValue
330 C1G2InventoryCommand           u1:TagInventoryStateAware -7
331 C1G2Filter                     u2:T -6
332 C1G2TagInventoryMask           u2:MB -6 u16:Pointer bits:TagMask
335 C1G2RFControl                  u16:ModeIndex u16:Tari
336 C1G2SingulationControl         u2:Session -6 u16:TagPopulation u32:TagTransitTime
337 C1G2TagInventoryStateAwareSingulationAction u1:I u1:S -6
348 C1G2EPCMemorySelector          u1:EnableCRC u1:EnablePCBits u1:EnableXPCBits -5
363 MaximumReceiveSensitivity      s16:MaximumSensitivityValue
1023 Custom                        u32:VendorIdentifier u32:ParameterSubtype rest:Data
`)
