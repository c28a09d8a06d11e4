package r2000

import (
	"context"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/internal/rounds"
)

// askWait is for one answer when somebody is waiting at the screen.
const askWait = 200 * time.Millisecond

// Ask implements drivers.Identifier: it asks every reader on the line for its
// firmware.
func Ask(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	l, err := rounds.NewLine(port, packet, askWait)
	if err != nil {
		return drivers.Identity{}, err
	}
	wire, code, err := l.Ask(ctx, Frame{AddrBroadcast, CmdFirmware, nil}.Append(nil), func(wire []byte) bool {
		f := unpack(wire)
		return f.Cmd == CmdFirmware && len(f.Data) == 2
	})
	switch {
	case err != nil:
		return drivers.Identity{}, err
	case code != "":
		return drivers.Identity{}, fmt.Errorf("r2000: %w", drivers.Coded(code))
	}
	version := unpack(wire).Data
	return drivers.Identity{Model: "R2000 family", Firmware: fmt.Sprintf("%d.%d", version[0], version[1])}, nil
}

// NewDecoder implements Decode of the table of drivers.
func NewDecoder(toDevice bool) drivers.Decoder {
	return rounds.NewDecoder(packet, func(wire []byte) string { return tell(unpack(wire), toDevice) })
}

var names = map[byte]string{
	CmdReset: "reset", CmdFirmware: "firmware", CmdSetAntenna: "set work antenna", CmdSetPower: "set power", CmdGetPower: "power",
	CmdRealTime: "real-time inventory", CmdFastSwitch: "fast switch inventory", CmdSession: "session inventory",
}

// tell says in words what a packet means.
func tell(f Frame, toDevice bool) string {
	name, known := names[f.Cmd]
	if !known {
		name = fmt.Sprintf("%02X", f.Cmd)
	}
	inventory := f.Cmd == CmdRealTime || f.Cmd == CmdFastSwitch || f.Cmd == CmdSession
	switch {
	case toDevice && len(f.Data) == 0:
		return "command " + name
	case toDevice:
		return fmt.Sprintf("command %s: % X", name, f.Data)
	case f.Cmd == CmdFirmware && len(f.Data) == 2:
		return fmt.Sprintf("firmware %d.%d", f.Data[0], f.Data[1])
	case !inventory && len(f.Data) == 1 && f.Data[0] == StatusOK:
		return name + ": done"
	case !inventory:
		return fmt.Sprintf("%s: % X", name, f.Data)
	}
	switch a := Sort(f); a.Kind {
	case KindEnd:
		return fmt.Sprintf("end of the round: %d reads", a.Total)
	case KindError:
		return fmt.Sprintf("end of the round: status %02X", a.Status)
	case KindAntenna:
		return fmt.Sprintf("antenna %d: status %02X", a.Antenna, a.Status)
	}
	tag, err := ParseTag(f, DefaultPorts)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("tag %X, PC %04X, antenna %d, %d dBm", tag.EPC, tag.PC, tag.Antenna, int(tag.RSSI)+DefaultRSSIOffset)
}
