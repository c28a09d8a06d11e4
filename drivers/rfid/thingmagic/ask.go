package thingmagic

import (
	"context"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/internal/rounds"
)

// askWait is for one answer when somebody is waiting at the screen.
const askWait = 300 * time.Millisecond

// Ask implements drivers.Identifier.
func Ask(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	l, err := rounds.NewLine(port, packet, askWait)
	if err != nil {
		return drivers.Identity{}, err
	}
	a, code, err := ask(ctx, l, OpVersion)
	switch {
	case err != nil:
		return drivers.Identity{}, err
	case code != "":
		return drivers.Identity{}, fmt.Errorf("thingmagic: %w", drivers.Coded(code))
	}
	id, ok := identity(a)
	if !ok {
		return drivers.Identity{}, fmt.Errorf("thingmagic: %w", drivers.Coded(drivers.CodeRFIDUnreadable))
	}
	return id, nil
}

// NewDecoder implements Decode of the table of drivers.
func NewDecoder(toDevice bool) drivers.Decoder {
	if toDevice {
		return rounds.NewDecoder(order, func(wire []byte) string {
			if data := wire[3 : len(wire)-2]; len(data) > 0 {
				return fmt.Sprintf("command %s: % X", nameOf(wire[2]), data)
			}
			return "command " + nameOf(wire[2])
		})
	}
	return rounds.NewDecoder(packet, func(wire []byte) string { return tell(unpack(wire)) })
}

var names = map[byte]string{
	OpVersion: "version", OpRead: "read", OpMulti: "read without end", OpGetPower: "power", OpGetRegion: "region",
	OpSetAntennas: "set antennas", OpSetPower: "set power", OpSetProtocol: "set protocol", OpSetRegion: "set region", OpSetOption: "set option",
}

func nameOf(op byte) string {
	if n, ok := names[op]; ok {
		return n
	}
	return fmt.Sprintf("%02X", op)
}

// tell says in words what an answer means.
func tell(a Answer) string {
	if id, ok := identity(a); ok {
		return id.String()
	}
	if a.Op == OpRead {
		switch a.Status {
		case StatusAlive:
			return "it is reading"
		case StatusHot:
			return "it is too hot"
		case StatusReturn:
			return "the antenna is missing or broken"
		}
	}
	switch {
	case a.Status != StatusOK:
		return fmt.Sprintf("%s: status %04X", nameOf(a.Op), a.Status)
	case a.Op == OpRead && len(a.Data) != countData && len(a.Data) != temperatureData:
		t, err := ParseTag(a)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("tag %X, PC %04X, antenna %d, %d dBm, %d kHz, %d ms, phase %d", t.EPC, t.PC, t.Antenna, t.RSSI, t.KHz, t.Ms, t.Phase)
	case len(a.Data) == 0:
		return nameOf(a.Op) + ": done"
	}
	return fmt.Sprintf("%s: % X", nameOf(a.Op), a.Data)
}
