package llrp

import (
	"encoding/hex"
	"fmt"
	"strings"

	"tote/drivers"
	"tote/drivers/rfid/llrp/wire"
)

// capabilities is what a reader says it can do, as far as a session needs it.
type capabilities struct {
	identity drivers.Identity
	antennas int  // 0 = not told
	impinj   bool // of Impinj: it can tell the phase
	gpis     int
	gpos     int
	holding  bool // can hold events and reports for a client that comes back
	held     bool // and does
	powers   []power
	hopTable int // for RFTransmitter
	channel  int
}

// power is one entry of the table of transmit powers.
type power struct {
	index int
	cdBm  int // 0.01 dBm
}

// makers are known by their IANA private enterprise numbers.
var makers = map[int]string{161: "Zebra (Motorola)", 25882: "Impinj", 26554: "ThingMagic"}

func capabilitiesOf(a *wire.Node) capabilities {
	general := a.Find("GeneralDeviceCapabilities")
	c := capabilities{
		antennas: general.Num("MaxNumberOfAntennaSupported"),
		gpis:     min(general.Find("GPIOCapabilities").Num("NumGPIs"), maxLines),
		gpos:     general.Find("GPIOCapabilities").Num("NumGPOs"),
		holding:  a.Find("LLRPCapabilities").Num("SupportsEventAndReportHolding") == 1,
	}
	if general != nil {
		pen := general.Num("DeviceManufacturerName")
		c.impinj = pen == wire.Impinj
		maker, known := makers[pen]
		if !known {
			maker = fmt.Sprintf("maker %d", pen)
		}
		c.identity = drivers.Identity{Maker: maker, Model: fmt.Sprint(general.Num("ModelName")), Firmware: general.Text("ReaderFirmwareVersion")}
	}
	band := a.Find("RegulatoryCapabilities").Find("UHFBandCapabilities")
	for _, p := range band.All("TransmitPowerLevelTableEntry") {
		c.powers = append(c.powers, power{p.Num("Index"), p.Num("TransmitPowerValue")})
	}
	frequencies := band.Find("FrequencyInformation")
	if table := frequencies.Find("FrequencyHopTable"); table != nil && frequencies.Num("Hopping") == 1 {
		c.hopTable = table.Num("HopTableID")
	} else if frequencies.Find("FixedFrequencyTable") != nil {
		c.channel = 1
	}
	return c
}

// powerIndex is the entry with the most power that is not above dBm: what is
// allowed is never exceeded.
func (c capabilities) powerIndex(dBm int) (int, error) {
	best := power{cdBm: -1 << 30}
	for _, p := range c.powers {
		if p.cdBm <= 100*dBm && p.cdBm > best.cdBm {
			best = p
		}
	}
	switch {
	case len(c.powers) == 0:
		return 0, fmt.Errorf("the reader does not tell its powers: take power_dbm (%d) out of the configuration and set it at the reader", dBm)
	case best.index == 0 && best.cdBm == -1<<30:
		return 0, fmt.Errorf("the reader cannot send with %d dBm or less", dBm)
	}
	return best.index, nil
}

// serialOf is the identification of a reader, mostly its hardware address.
func serialOf(is *wire.Node) string {
	id, _ := is.Find("Identification").Get("ReaderID").([]byte)
	return strings.ToUpper(hex.EncodeToString(id))
}
