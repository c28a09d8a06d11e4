package r2000

import (
	"context"
	"fmt"
	"slices"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// family is the driver as the loop of rounds sees it.
type family struct{ *Driver }

// SetUp implements rounds.Family.
func (d family) SetUp(ctx context.Context, l *rounds.Line) (code string, err error) {
	version, code, err := d.ask(ctx, l, CmdFirmware)
	if err != nil || code != "" {
		return code, err
	}
	if len(version) != 2 {
		return drivers.CodeRFIDRefuses, nil
	}
	text := fmt.Sprintf("%d.%d", version[0], version[1])
	d.firmware.Store(&text)
	if d.cfg.Power > 0 {
		// The setting is kept in flash, which wears out: it is only written
		// when it is another.
		has, code, err := d.ask(ctx, l, CmdGetPower)
		if err != nil || code != "" {
			return code, err
		}
		other := func(dBm byte) bool { return int(dBm) != d.cfg.Power } // one for all antennas, or one for each
		if len(has) == 0 || slices.ContainsFunc(has, other) {
			if code, err := d.set(ctx, l, CmdSetPower, byte(d.cfg.Power)); err != nil || code != "" {
				return code, err
			}
		}
	}
	if len(d.cfg.Antennas) == 1 {
		return d.set(ctx, l, CmdSetAntenna, byte(d.cfg.Antennas[0]-1))
	}
	return "", nil
}

// set makes a setting.
func (d family) set(ctx context.Context, l *rounds.Line, cmd byte, data ...byte) (code string, err error) {
	answer, code, err := d.ask(ctx, l, cmd, data...)
	switch {
	case err != nil || code != "":
		return code, err
	case len(answer) == 1 && answer[0] == StatusOK:
		return "", nil
	case len(answer) == 1 && answer[0] == StatusAntennaMissing:
		return drivers.CodeRFIDAntenna, nil
	}
	return drivers.CodeRFIDRefuses, nil
}

// ask puts a question and gives the data of its answer.
func (d family) ask(ctx context.Context, l *rounds.Line, cmd byte, data ...byte) (answer []byte, code string, err error) {
	wire, code, err := l.Ask(ctx, d.command(cmd, data...), func(wire []byte) bool { return unpack(wire).Cmd == cmd })
	if wire != nil {
		answer = unpack(wire).Data
	}
	return answer, code, err
}

func (d family) command(cmd byte, data ...byte) []byte {
	return Frame{byte(d.cfg.Address), cmd, data}.Append(nil)
}

// Reset implements rounds.Family.
func (d family) Reset() []byte { return d.command(CmdReset) }

// Stop implements rounds.Family: every round ends by itself.
func (d family) Stop() []byte { return nil }

// Version implements rounds.Family.
func (d family) Version() string { return "firmware " + d.Firmware() }

// Start implements rounds.Family.
func (d family) Start(bool) []byte {
	cmd, data := d.roundCommand()
	return d.command(cmd, data...)
}

// roundCommand is what starts a round.
func (d family) roundCommand() (cmd byte, data []byte) {
	if len(d.cfg.Antennas) == 1 {
		return CmdRealTime, []byte{1} // one repetition
	}
	// A slot for each port, antenna and stay; an antenna of FF is skipped.
	for i := range d.cfg.Ports {
		if i < len(d.cfg.Antennas) {
			data = append(data, byte(d.cfg.Antennas[i]-1), 1)
		} else {
			data = append(data, 0xFF, 0)
		}
	}
	return CmdFastSwitch, append(data, 0, 1) // no pause between antennas, one repetition
}

// Report implements rounds.Family.
func (d family) Report(wire []byte, r *rounds.Round) {
	f := unpack(wire)
	if cmd, _ := d.roundCommand(); f.Cmd != cmd {
		r.Ignore = true
		return
	}
	switch a := Sort(f); a.Kind {
	case KindEnd:
		r.Over = true
	case KindError:
		r.Over = true
		switch {
		case a.Status == StatusNoTag || a.Status == StatusBufferEmpty || a.Status == StatusOK:
		case a.Status == StatusAntennaMissing:
			r.Code = drivers.CodeRFIDAntenna
		case a.Status >= statusParameter && a.Status <= statusParameterLast:
			r.Code = drivers.CodeRFIDRefuses
		default:
			r.Failed = true
		}
	case KindAntenna:
		r.Missing = append(r.Missing, a.Antenna)
	case KindTag:
		tag, err := ParseTag(f, d.cfg.Ports)
		if err != nil {
			d.Contradicts()
			r.Ignore = true
			return
		}
		d.Deliver(rfid.Read{
			EPC: fmt.Sprintf("%X", tag.EPC), PC: tag.PC, Antenna: tag.Antenna,
			RSSI: int(tag.RSSI) + d.cfg.RSSIOffset, At: d.cfg.Now(),
		})
	}
}
