package uhf18

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// family is the driver as the loop of rounds sees it.
type family struct{ *Driver }

// SetUp implements rounds.Family.
func (d family) SetUp(ctx context.Context, l *rounds.Line) (code string, err error) {
	clear(d.missing) // they may have been mended
	if d.cfg.Address == 0 {
		d.addr = AddrBroadcast
	}
	f, code, err := d.ask(ctx, l, CmdInfo)
	if err != nil || code != "" {
		return code, err
	}
	info, ok := ParseInfo(f)
	if !ok {
		return drivers.CodeRFIDRefuses, nil
	}
	if d.cfg.Variant == UHF18 && info.Is288 {
		return drivers.CodeRFIDVariant, nil
	}
	d.addr = f.Addr
	version := info.Model() + " " + info.Version
	d.version.Store(&version)
	if d.cfg.Variant == UHF18 {
		if code, err := d.answerMode(ctx, l); err != nil || code != "" {
			return code, err
		}
	}
	// Settings are kept in flash, which wears out: they are only written when
	// they are others.
	if d.cfg.Power > 0 && info.Power != d.cfg.Power {
		if code, err := d.set(ctx, l, CmdSetPower, byte(d.cfg.Power)); err != nil || code != "" {
			return code, err
		}
	}
	return d.scanTime(ctx, l, info)
}

// answerMode makes a reader that pushes tags by itself wait for our questions.
func (d family) answerMode(ctx context.Context, l *rounds.Line) (code string, err error) {
	f, code, err := d.ask(ctx, l, CmdGetWorkMode)
	if err != nil || code != "" {
		return code, err
	}
	if f.Status != StatusOK || len(f.Data) < 10 || f.Data[4] == answerMode {
		return "", nil // it has no such modes, or is in the right one
	}
	mode := slices.Clone(f.Data[4:10])
	mode[0] = answerMode
	return d.set(ctx, l, CmdSetWorkMode, mode...)
}

// scanTime bounds an inventory: of the 18 it is a setting, of the 288 a part of
// the command. What the reader keeps to is waited for.
func (d family) scanTime(ctx context.Context, l *rounds.Line, info Info) (code string, err error) {
	scan := time.Duration(info.Scan) * scanUnit
	want := d.cfg.ScanTime
	if d.cfg.Variant == UHF18 && want > 0 && scan != want {
		f, code, err := d.ask(ctx, l, CmdSetScanTime, byte(want/scanUnit))
		if err != nil || code != "" {
			return code, err
		}
		if f.Status == StatusOK {
			scan = want
		}
	}
	if d.cfg.Variant == UHF288 && want > 0 {
		scan = want
	}
	if scan >= d.cfg.Answer {
		d.SetAnswer(scan + 2*scanUnit)
	}
	return "", nil
}

// set makes a setting.
func (d family) set(ctx context.Context, l *rounds.Line, cmd byte, data ...byte) (code string, err error) {
	f, code, err := d.ask(ctx, l, cmd, data...)
	if err == nil && code == "" && f.Status != StatusOK {
		code = drivers.CodeRFIDRefuses
	}
	return code, err
}

// ask puts a question. An unknown command is an answer too.
func (d family) ask(ctx context.Context, l *rounds.Line, cmd byte, data ...byte) (f Frame, code string, err error) {
	wire, code, err := l.Ask(ctx, Command(d.addr, cmd, data...), func(wire []byte) bool {
		return wire[2] == cmd || wire[2] == CmdUnknown
	})
	if wire != nil {
		f = unpack(wire)
	}
	return f, code, err
}

// Start implements rounds.Family.
func (d family) Start(bool) []byte {
	d.antenna = d.cfg.Antennas[d.next%len(d.cfg.Antennas)]
	d.next++
	return Command(d.addr, CmdInventory, d.inventory()...)
}

// inventory is the data of the command: Q, session 0, no mask, target A, the
// antenna, the longest time.
func (d family) inventory() []byte {
	if d.cfg.Variant == UHF18 {
		return nil
	}
	const q, session, bankEPC, targetA, antenna1 = 4, 0, 1, 0, 0x80
	scan := byte(max(d.cfg.ScanTime, DefaultScanTime) / scanUnit)
	return []byte{q, session, bankEPC, 0, 0, 0, targetA, antenna1 | byte(d.antenna-1), scan}
}

// Reset implements rounds.Family: there is no such command.
func (d family) Reset() []byte { return nil }

// Stop implements rounds.Family: an inventory ends by itself.
func (d family) Stop() []byte { return nil }

// Version implements rounds.Family.
func (d family) Version() string { return d.Firmware() }

// Report implements rounds.Family.
func (d family) Report(wire []byte, r *rounds.Round) {
	f := unpack(wire)
	if f.Cmd != CmdInventory && f.Cmd != CmdUnknown {
		r.Ignore = true
		return
	}
	r.Over = f.Status != StatusMore
	switch f.Status {
	case StatusOK, StatusDone, StatusTimeout, StatusMore, StatusFull:
		d.deliver(f)
		delete(d.missing, d.antenna)
	case StatusNoTag:
		delete(d.missing, d.antenna)
	case StatusAntenna:
		d.missing[d.antenna] = true
	case StatusLength, StatusIllegal, StatusRefused:
		r.Code = drivers.CodeRFIDRefuses
	default:
		r.Failed = true
	}
	r.Missing = slices.Sorted(maps.Keys(d.missing))
}

func (d family) deliver(f Frame) {
	tags, err := ParseTags(f.Data, d.cfg.Variant == UHF288)
	if err != nil {
		d.Contradicts()
		return
	}
	for _, t := range tags {
		d.Deliver(rfid.Read{EPC: fmt.Sprintf("%X", t.EPC), Antenna: t.Antenna, RawRSSI: t.Raw, At: d.cfg.Now()})
	}
}
