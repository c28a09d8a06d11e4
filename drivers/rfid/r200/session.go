package r200

import (
	"context"
	"fmt"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// family is the driver as the loop of rounds sees it.
type family struct{ *Driver }

// command is how a command goes over the wire. Before the module has answered
// it is sent in both spellings: a module steps over the one it does not know.
func (d *Driver) command(cmd byte, param ...byte) []byte { return command(d.lead, cmd, param...) }

func command(lead, cmd byte, param ...byte) []byte {
	f := Frame{TypeCommand, cmd, param}
	if lead == 0 {
		return f.Append(f.Append(nil, leadAA), leadBB)
	}
	return f.Append(nil, lead)
}

// answers tells whether a frame answers a command: by its own code, or with an
// error other than that of a poll, which may still be on its way.
func answers(wire []byte, cmd byte) bool {
	f := unpack(wire)
	return f.Type == TypeAnswer &&
		(f.Cmd == cmd || f.Cmd == CmdError && len(f.Param) > 0 && f.Param[0] != ErrorInventory)
}

// ask puts a question and gives the parameters of its answer; nil and a code
// when the module is silent or refuses.
func ask(ctx context.Context, l *rounds.Line, question []byte, cmd byte) (param []byte, lead byte, code string, err error) {
	wire, code, err := l.Ask(ctx, question, func(wire []byte) bool { return answers(wire, cmd) })
	if err != nil || code != "" {
		return nil, 0, code, err
	}
	f := unpack(wire)
	if f.Cmd == CmdError {
		return nil, wire[0], drivers.CodeRFIDRefuses, nil
	}
	return f.Param, wire[0], "", nil
}

// SetUp implements rounds.Family.
func (d family) SetUp(ctx context.Context, l *rounds.Line) (code string, err error) {
	// It may be polling for a program of before. Whether it was does not
	// matter, and what it says to it neither.
	if err := l.Write(ctx, d.command(CmdStop)); err != nil {
		return "", err
	}
	text, lead, code, err := ask(ctx, l, d.command(CmdInfo, InfoHardware), CmdInfo)
	if err != nil || code != "" {
		d.lead = 0 // another module may have been put in its place
		return code, err
	}
	d.lead = lead
	if model := words(text); model != "" {
		d.model.Store(&model)
	}
	if d.cfg.Power == 0 {
		return "", nil
	}
	// The setting is kept in flash, which wears out: it is only written when it
	// is another.
	has, _, code, err := ask(ctx, l, d.command(CmdGetPower), CmdGetPower)
	if err != nil || code != "" {
		return code, err
	}
	want := d.cfg.Power * 100
	if len(has) == 2 && int(has[0])<<8|int(has[1]) == want {
		return "", nil
	}
	done, _, code, err := ask(ctx, l, d.command(CmdSetPower, byte(want>>8), byte(want)), CmdSetPower)
	if err == nil && code == "" && (len(done) != 1 || done[0] != 0) {
		code = drivers.CodeRFIDRefuses
	}
	return code, err
}

// words is the text of an answer to CmdInfo.
func words(param []byte) string {
	if len(param) < 2 {
		return ""
	}
	text := []byte{}
	for _, c := range param[1:] {
		if c >= ' ' && c <= '~' {
			text = append(text, c)
		}
	}
	return string(text)
}

// Start implements rounds.Family.
func (d family) Start(lost bool) []byte {
	if !lost {
		return nil
	}
	return d.command(CmdPolls, CmdPoll, 0xFF, 0xFF)
}

// Reset implements rounds.Family: the family has no such command.
func (d family) Reset() []byte { return nil }

// Stop implements rounds.Family.
func (d family) Stop() []byte { return d.command(CmdStop) }

// Version implements rounds.Family.
func (d family) Version() string { return d.Model() }

// Report implements rounds.Family. Each report is a round: a poll's end is not
// told when it found tags.
func (d family) Report(wire []byte, r *rounds.Round) {
	f := unpack(wire)
	switch {
	case f.Type == TypeNotice && (f.Cmd == CmdPoll || f.Cmd == CmdPolls):
		tag, err := ParseTag(f)
		if err != nil {
			d.Contradicts()
			r.Ignore = true
			return
		}
		d.Deliver(rfid.Read{EPC: fmt.Sprintf("%X", tag.EPC), PC: tag.PC, Antenna: 1, RSSI: tag.RSSI, At: d.cfg.Now()})
		r.Over = true
	case f.Type == TypeAnswer && f.Cmd == CmdError && len(f.Param) > 0:
		r.Over = true
		switch f.Param[0] {
		case ErrorInventory:
		case ErrorCommand:
			r.Code = drivers.CodeRFIDRefuses
		default:
			r.Failed = true
		}
	default:
		r.Ignore = true
	}
}
