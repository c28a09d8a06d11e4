package thingmagic

import (
	"context"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// warnFor is how long a complaint of the module stands after it was last heard:
// it comes among reports that all is well.
const warnFor = 3 * time.Second

// family is the driver as the loop of rounds sees it.
type family struct{ *Driver }

// SetUp implements rounds.Family.
func (d family) SetUp(ctx context.Context, l *rounds.Line) (code string, err error) {
	d.warning, d.alive = "", time.Time{}
	// It may be reading for a program of before; whether it was does not matter.
	if err := l.Write(ctx, d.Stop()); err != nil {
		return "", err
	}
	a, code, err := ask(ctx, l, OpVersion)
	if err != nil || code != "" {
		return code, err
	}
	id, ok := identity(a)
	if !ok {
		return drivers.CodeRFIDRefuses, nil
	}
	d.version.Store(&id.Firmware)
	if code, err := d.region(ctx, l); err != nil || code != "" {
		return code, err
	}
	antennas := []byte{2}
	for _, port := range d.cfg.Antennas {
		antennas = append(antennas, byte(port), byte(port))
	}
	for _, s := range []struct {
		op   byte
		data []byte
	}{
		{OpSetProtocol, []byte{0, protocolGen2}},
		{OpSetAntennas, antennas},
		{OpSetOption, []byte{1, optionFilter, 0}}, // every read is told, not only the first of a tag
	} {
		if _, code, err := ask(ctx, l, s.op, s.data...); err != nil || code != "" {
			return code, err
		}
	}
	if d.cfg.Power == 0 {
		return "", nil
	}
	want := d.cfg.Power * 100
	a, code, err = ask(ctx, l, OpGetPower, 0)
	if err != nil || code != "" || len(a.Data) == 3 && int(be(a.Data[1:])) == want {
		return code, err
	}
	_, code, err = ask(ctx, l, OpSetPower, byte(want>>8), byte(want))
	return code, err
}

// region sets the region when it is another, and wants one.
func (d family) region(ctx context.Context, l *rounds.Line) (code string, err error) {
	a, code, err := ask(ctx, l, OpGetRegion)
	switch {
	case err != nil || code != "":
		return code, err
	case len(a.Data) == 0:
		return drivers.CodeRFIDRefuses, nil
	case d.cfg.Region == "" && a.Data[0] == 0:
		return drivers.CodeRFIDRegion, nil
	case d.cfg.Region == "" || a.Data[0] == regions[d.cfg.Region]:
		return "", nil
	}
	_, code, err = ask(ctx, l, OpSetRegion, regions[d.cfg.Region])
	return code, err
}

// ask puts a question; a status other than 0 is a refusal.
func ask(ctx context.Context, l *rounds.Line, op byte, data ...byte) (a Answer, code string, err error) {
	wire, code, err := l.Ask(ctx, Command(op, data...), func(wire []byte) bool { return wire[2] == op })
	if err != nil || code != "" {
		return Answer{}, code, err
	}
	if a = unpack(wire); a.Status != StatusOK {
		return a, drivers.CodeRFIDRefuses, nil
	}
	return a, "", nil
}

// identity reads the answer to OpVersion.
func identity(a Answer) (drivers.Identity, bool) {
	if a.Op != OpVersion || a.Status != StatusOK || len(a.Data) < 16 {
		return drivers.Identity{}, false
	}
	dotted := func(p []byte) string { return fmt.Sprintf("%02X.%02X.%02X.%02X", p[0], p[1], p[2], p[3]) }
	return drivers.Identity{Model: "Mercury hardware " + dotted(a.Data[4:]), Firmware: dotted(a.Data[12:])}, true
}

// Start implements rounds.Family.
func (d family) Start(lost bool) []byte {
	if !lost {
		return nil
	}
	return Command(OpMulti, startReading...)
}

// Reset implements rounds.Family: the settings are made anew, which is all a
// reset would do.
func (d family) Reset() []byte { return nil }

// Stop implements rounds.Family.
func (d family) Stop() []byte { return Command(OpMulti, stopReading...) }

// Version implements rounds.Family.
func (d family) Version() string { return "firmware " + d.Firmware() }

// Report implements rounds.Family. Each report is a round: the module goes on by
// itself.
func (d family) Report(wire []byte, r *rounds.Round) {
	a := unpack(wire)
	switch {
	case a.Op == OpMulti && a.Status != StatusOK:
		r.Over, r.Code = true, drivers.CodeRFIDRefuses
		if a.Status == StatusNoRegion {
			r.Code = drivers.CodeRFIDRegion
		}
		return
	case a.Op != OpRead:
		r.Ignore = true
		return
	}
	r.Over = true
	switch {
	case len(a.Data) == 0 && a.Status == StatusAlive:
		d.alive = d.cfg.Now()
	case a.Status == StatusHot:
		d.warning, d.warned = drivers.CodeRFIDHot, time.Now()
	case a.Status == StatusReturn:
		d.warning, d.warned = drivers.CodeRFIDAntenna, time.Now()
	case a.Status != StatusOK:
		r.Failed = true
	case len(a.Data) == countData || len(a.Data) == temperatureData:
	default:
		d.tag(a, r)
	}
	if d.warning != "" && time.Since(d.warned) < warnFor {
		r.Warning = d.warning
	}
}

// tag tells of a tag.
func (d family) tag(a Answer, r *rounds.Round) {
	t, err := ParseTag(a)
	if err != nil {
		d.Contradicts()
		r.Over, r.Ignore = false, true
		return
	}
	read := rfid.Read{EPC: fmt.Sprintf("%X", t.EPC), PC: t.PC, Antenna: t.Antenna, RSSI: t.RSSI, Phase: t.Phase * 100, HasPhase: true, At: d.cfg.Now()}
	if !d.alive.IsZero() {
		read.ReaderTime = d.alive.Add(time.Duration(t.Ms) * time.Millisecond)
	}
	d.Deliver(read)
}
