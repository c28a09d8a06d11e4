package uhf18

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/internal/rounds"
)

// askWait is for one answer when somebody is waiting at the screen.
const askWait = 200 * time.Millisecond

// errOther: a reader of the other variant answers.
var errOther = errors.New("the reader is of the other variant")

// Ask implements drivers.Identifier for the UHFReader18.
func Ask(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	return ask(ctx, port, UHF18)
}

// Ask288 implements drivers.Identifier for the UHFReader288.
func Ask288(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	return ask(ctx, port, UHF288)
}

func ask(ctx context.Context, port drivers.Port, v Variant) (drivers.Identity, error) {
	l, err := rounds.NewLine(port, fromAny, askWait)
	if err != nil {
		return drivers.Identity{}, err
	}
	wire, code, err := l.Ask(ctx, Command(AddrBroadcast, CmdInfo), func(wire []byte) bool {
		_, ok := ParseInfo(unpack(wire))
		return ok
	})
	switch {
	case err != nil:
		return drivers.Identity{}, err
	case code != "":
		return drivers.Identity{}, fmt.Errorf("%s: %w", v.name(), drivers.Coded(code))
	}
	info, _ := ParseInfo(unpack(wire))
	if info.Is288 != (v == UHF288) {
		return drivers.Identity{}, fmt.Errorf("%s: %w: %s", v.name(), errOther, info.Model())
	}
	return drivers.Identity{Model: info.Model(), Firmware: info.Version}, nil
}

// NewDecoder implements Decode of the table of drivers for the UHFReader18.
func NewDecoder(toDevice bool) drivers.Decoder { return decoder(toDevice, UHF18) }

// NewDecoder288 implements Decode of the table of drivers for the UHFReader288.
func NewDecoder288(toDevice bool) drivers.Decoder { return decoder(toDevice, UHF288) }

func decoder(toDevice bool, v Variant) drivers.Decoder {
	if toDevice {
		return rounds.NewDecoder(order, tellOrder)
	}
	return rounds.NewDecoder(fromAny, func(wire []byte) string { return tell(unpack(wire), v) })
}

// fromAny takes answers of any address.
func fromAny(p []byte) (n int, whole bool) { return packet(p, AddrBroadcast) }

var names = map[byte]string{
	CmdInventory: "inventory", CmdInfo: "information", CmdSetScanTime: "set scan time", CmdSetPower: "set power",
	CmdSetWorkMode: "set work mode", CmdGetWorkMode: "work mode", CmdPushed: "pushed tag", CmdUnknown: "unknown command",
}

func nameOf(cmd byte) string {
	if n, ok := names[cmd]; ok {
		return n
	}
	return fmt.Sprintf("%02X", cmd)
}

// tellOrder says in words what a command means.
func tellOrder(wire []byte) string {
	data := wire[3 : len(wire)-2]
	if len(data) == 0 {
		return "command " + nameOf(wire[2])
	}
	return fmt.Sprintf("command %s: % X", nameOf(wire[2]), data)
}

var statuses = map[byte]string{
	StatusOK: "done", StatusDone: "over", StatusTimeout: "over by scan time", StatusMore: "more follows", StatusFull: "memory full",
	StatusAntenna: "antenna missing or broken", StatusNoTag: "no tag", StatusLength: "wrong length", StatusIllegal: "unknown command",
	StatusRefused: "wrong parameter",
}

// tell says in words what an answer means.
func tell(f Frame, v Variant) string {
	status, known := statuses[f.Status]
	if !known {
		status = fmt.Sprintf("status %02X", f.Status)
	}
	if info, ok := ParseInfo(f); ok {
		return fmt.Sprintf("%s %s, %d dBm, scan time %v", info.Model(), info.Version, info.Power, time.Duration(info.Scan)*scanUnit)
	}
	if f.Cmd != CmdInventory {
		if len(f.Data) == 0 {
			return nameOf(f.Cmd) + ": " + status
		}
		return fmt.Sprintf("%s: %s, % X", nameOf(f.Cmd), status, f.Data)
	}
	text := "inventory " + status
	tags, err := ParseTags(f.Data, v == UHF288)
	if err != nil {
		return text + ": " + err.Error()
	}
	for _, t := range tags {
		text += fmt.Sprintf(", tag %X", t.EPC)
		if v == UHF288 {
			text += fmt.Sprintf(" antenna %d strength %d", t.Antenna, t.Raw)
		}
	}
	return text
}
