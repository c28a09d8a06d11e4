package r200

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/internal/rounds"
)

// Ask implements drivers.Identifier: three questions for texts, in both
// spellings until one is answered.
func Ask(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	l, err := rounds.NewLine(port, packet, askWait)
	if err != nil {
		return drivers.Identity{}, err
	}
	var texts [3]string
	lead := byte(0)
	for i, what := range []byte{InfoHardware, InfoSoftware, InfoMaker} {
		text, got, code, err := ask(ctx, l, command(lead, CmdInfo, what), CmdInfo)
		switch {
		case err != nil:
			return drivers.Identity{}, err
		case code != "" && i == 0:
			return drivers.Identity{}, fmt.Errorf("r200: %w", drivers.Coded(code))
		case code == "":
			lead, texts[i] = got, words(text)
		}
	}
	return drivers.Identity{Maker: strings.TrimSpace(texts[2]), Model: texts[0], Firmware: texts[1]}, nil
}

// askWait is for one answer when somebody is waiting at the screen.
const askWait = 200 * time.Millisecond

// NewDecoder implements Decode of the table of drivers.
func NewDecoder(bool) drivers.Decoder { return rounds.NewDecoder(packet, tell) }

// tell says in words what a frame means.
func tell(wire []byte) string {
	f := unpack(wire)
	kind := map[byte]string{TypeCommand: "command", TypeAnswer: "answer", TypeNotice: "notice"}[f.Type]
	name, known := map[byte]string{
		CmdInfo: "information", CmdPoll: "poll", CmdPolls: "polls", CmdStop: "stop", CmdSetPower: "set power",
		CmdGetPower: "power", CmdError: "error",
	}[f.Cmd]
	if !known {
		name = fmt.Sprintf("%02X", f.Cmd)
	}
	switch {
	case f.Type == TypeNotice:
		tag, err := ParseTag(f)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("tag %X, PC %04X, %d dBm", tag.EPC, tag.PC, tag.RSSI)
	case f.Cmd == CmdError && len(f.Param) > 0:
		what := map[byte]string{ErrorInventory: "no tag in this round", ErrorCommand: "command refused", ErrorHopping: "no free channel"}[f.Param[0]]
		return strings.TrimSuffix(fmt.Sprintf("error %02X: %s", f.Param[0], what), ": ")
	case f.Cmd == CmdInfo && f.Type == TypeAnswer:
		return "answer: " + words(f.Param)
	case (f.Cmd == CmdSetPower || f.Cmd == CmdGetPower) && len(f.Param) == 2:
		n := int(f.Param[0])<<8 | int(f.Param[1])
		return fmt.Sprintf("%s %s: %d.%02d dBm", kind, name, n/100, n%100)
	case len(f.Param) == 0:
		return kind + " " + name
	}
	return fmt.Sprintf("%s %s: % X", kind, name, f.Param)
}
