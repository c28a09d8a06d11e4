// An LLRP reader made of npm llrpjs, for TestPeer of package drivers/rfid/llrp.
// Each message it decodes is told on stdout as a line of JSON; lines on stdin
// make it say something. It shares no code with the driver.
const { LLRPCore, LLRPServer } = require("llrpjs");

const srv = new LLRPServer({ host: "127.0.0.1", port: 0 });
const tell = o => console.log(JSON.stringify(o, (_, v) => (typeof v === "bigint" ? Number(v) : v)));
const send = (name, id, data) => srv.send(new LLRPCore[name]({ id, data }));
const LLRPStatus = { StatusCode: "M_Success", ErrorDescription: "" };
const now = () => ({ Microseconds: new Date() });
const event = e => send("READER_EVENT_NOTIFICATION", 0, { ReaderEventNotificationData: { UTCTimestamp: now(), ...e } });

const capabilities = {
  LLRPStatus,
  GeneralDeviceCapabilities: {
    MaxNumberOfAntennaSupported: 2, CanSetAntennaProperties: false, HasUTCClockCapability: true,
    DeviceManufacturerName: 161, ModelName: 9600, ReaderFirmwareVersion: "3.0.35",
    ReceiveSensitivityTableEntry: [{ Index: 1, ReceiveSensitivityValue: 0 }],
    GPIOCapabilities: { NumGPIs: 2, NumGPOs: 2 },
    PerAntennaAirProtocol: [1, 2].map(a => ({ AntennaID: a, ProtocolID: ["EPCGlobalClass1Gen2"] })),
  },
  LLRPCapabilities: {
    CanDoRFSurvey: false, CanReportBufferFillWarning: true, SupportsClientRequestOpSpec: false,
    CanDoTagInventoryStateAwareSingulation: false, SupportsEventAndReportHolding: true, MaxNumPriorityLevelsSupported: 1,
    ClientRequestOpSpecTimeout: 0, MaxNumROSpecs: 1, MaxNumSpecsPerROSpec: 1, MaxNumInventoryParameterSpecsPerAISpec: 1,
    MaxNumAccessSpecs: 1, MaxNumOpSpecsPerAccessSpec: 1,
  },
  RegulatoryCapabilities: {
    CountryCode: 276, CommunicationsStandard: "ETSI_302_208",
    UHFBandCapabilities: {
      TransmitPowerLevelTableEntry: [[1, 1000], [2, 2690], [3, 2710]].map(([Index, TransmitPowerValue]) => ({ Index, TransmitPowerValue })),
      FrequencyInformation: { Hopping: false, FixedFrequencyTable: { Frequency: [865700, 866300] } },
      C1G2UHFRFModeTable: { C1G2UHFRFModeTableEntry: [{
        ModeIdentifier: 1, DRValue: "DRV_64_3", EPCHAGTCConformance: false, MValue: "MV_4", ForwardLinkModulation: "PR_ASK", SpectralMaskIndicator: "DI",
        BDRValue: 320000, PIEValue: 2000, MinTariValue: 12500, MaxTariValue: 25000, StepTariValue: 2100 }] },
    },
  },
};
const config = {
  LLRPStatus,
  Identification: { IDType: "MAC_Address", ReaderID: "84248dfffe010203" },
  AntennaProperties: [{ AntennaConnected: true, AntennaID: 1, AntennaGain: 0 }, { AntennaConnected: true, AntennaID: 2, AntennaGain: 0 }],
  GPIPortCurrentState: [{ GPIPortNum: 1, Config: true, State: "Low" }],
  EventsAndReports: { HoldEventsAndReportsUponReconnect: true },
};

srv._server.on("listening", () => tell({ port: srv._server.address().port }));
srv.on("connection", () => event({ ConnectionAttemptEvent: { Status: "Success" } }));
srv.on("error", e => tell({ error: String(e && e.message) }));

const answers = { GET_READER_CAPABILITIES: capabilities, GET_READER_CONFIG: config };
for (const name of ["GET_READER_CAPABILITIES", "GET_READER_CONFIG", "SET_READER_CONFIG", "ADD_ROSPEC", "DELETE_ROSPEC", "ENABLE_ROSPEC", "START_ROSPEC",
  "STOP_ROSPEC", "CLOSE_CONNECTION", "KEEPALIVE_ACK", "ENABLE_EVENTS_AND_REPORTS"])
  srv.on(name, async m => {
    tell({ name, id: m.getMessageId(), data: m.toLLRPData().data });
    if (LLRPCore[name + "_RESPONSE"]) await send(name + "_RESPONSE", m.getMessageId(), answers[name] || { LLRPStatus });
  });

const says = {
  report: () => send("RO_ACCESS_REPORT", 1000, { TagReportData: [
    { EPC_96: { EPC: "3074257bf7194e4000001a85" }, AntennaID: { AntennaID: 2 }, PeakRSSI: { PeakRSSI: -51 },
      FirstSeenTimestampUTC: now(), LastSeenTimestampUTC: now(), TagSeenCount: { TagCount: 1 } },
    { EPCData: { EPC: [0xe2, 0, 0x34, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }, AntennaID: { AntennaID: 1 }, PeakRSSI: { PeakRSSI: -61 } },
  ] }),
  keepalive: () => send("KEEPALIVE", 1001, {}),
  antenna: () => event({ AntennaEvent: { EventType: "Antenna_Disconnected", AntennaID: 2 } }),
  gpi: () => event({ GPIEvent: { GPIPortNumber: 1, GPIEvent: true } }),
  exception: () => event({ ReaderExceptionEvent: { Message: "over temperature" } }),
};
let left = "";
process.stdin.on("data", d => {
  const lines = (left + d).split("\n");
  left = lines.pop();
  for (const l of lines) says[l]();
});
process.stdin.on("end", () => process.exit(0));
srv.listen();
