package llrp

import (
	"encoding/binary"
	"fmt"
	"time"

	"tote/firmware-tests/record"
)

// obey carries out one request and answers it. False ends the connection.
func (c *conn) obey(m message) bool {
	r := c.r
	r.notice(m.typ)
	answer := func(code int, text string, more ...[]byte) {
		c.say(m.typ+responseDistance, m.id, append([][]byte{status(code, text)}, more...)...)
	}
	most := byte(1)
	if r.params.V11 {
		most = 2
	}
	if m.version > most {
		c.say(errorMessage, m.id, status(unsupportedVersion, "unsupported version"))
		return true
	}
	switch m.typ {
	case getCapabilities:
		answer(success, "", r.capabilities()...)
	case getConfig:
		answer(success, "", r.config()...)
	case setConfig:
		code, text := r.set(c, m.body)
		answer(code, text)
	case addROSpec, deleteROSpec, enableROSpec, disableROSpec, startROSpec, stopROSpec:
		code, text := r.roSpecs(m)
		answer(code, text)
	case getROSpecs:
		answer(success, "")
	case getVersion:
		c.say(getVersion+responseDistance, m.id, []byte{c.version, most}, status(success, ""))
	case setVersion:
		if len(m.body) != 1 || m.body[0] < 1 || m.body[0] > most {
			answer(unsupportedVersion, "unsupported version")
			break
		}
		c.mu.Lock()
		c.version = m.body[0]
		c.mu.Unlock()
		answer(success, "")
	case keepaliveAck:
		r.mu.Lock()
		r.acks++
		r.mu.Unlock()
	case enableEvents:
		r.mu.Lock()
		r.hold = false
		r.mu.Unlock()
	case customMessage:
		b := m.body
		if r.params.Maker != impinj || r.params.Plain || len(b) != 9 || binary.BigEndian.Uint32(b) != impinj || b[4] != extensions {
			c.say(errorMessage, m.id, status(unsupportedMessage, "custom message is not supported"))
			break
		}
		r.mu.Lock()
		r.extended = true
		r.mu.Unlock()
		c.say(customMessage, m.id, u32(impinj), []byte{extensions + 1}, status(success, ""))
	case getReport:
		c.say(report, m.id)
	case closeConnection:
		c.say(closeResponse, m.id, status(success, ""))
		return false
	default:
		c.say(errorMessage, m.id, status(unsupportedMessage, fmt.Sprintf("message %d is not supported", m.typ)))
	}
	return true
}

// capabilities is what the reader can do, in the order of the recorded message.
func (r *Reader) capabilities() [][]byte {
	p := r.params
	general := [][]byte{u16(uint16(p.Antennas)), flag(!p.Uptime, 0x40), {0}, u32(p.Maker), u32(p.Model), str(p.Firmware), tlv(139, u16(1), u16(0)), tlv(141, u16(uint16(p.Inputs)), u16(uint16(p.Inputs)))}
	for i := range p.Antennas {
		general = append(general, tlv(140, u16(uint16(i+1)), u16(1), []byte{1}))
	}
	band := [][]byte{}
	for i := 1; i <= powers; i++ {
		band = append(band, tlv(145, u16(uint16(i)), u16(uint16(powerOf(i)))))
	}
	band = append(band, tlv(146, []byte{0x80}, tlv(147, []byte{1, 0}, u16(2), u32(902750), u32(903250))),
		tlv(328, tlv(329, u32(1000), []byte{0, 0, 0, 0}, u32(40000), u32(1500), u32(6250), u32(6250), u32(0))))
	return [][]byte{
		tlv(137, general...),
		tlv(142, []byte{0x48}, []byte{1}, u16(0), u32(1), u32(32), u32(1), u32(0), u32(8)),
		tlv(143, u16(840), u16(1), tlv(144, band...)),
		tlv(327, []byte{0x40}, u16(2)),
	}
}

// config is how the reader stands.
func (r *Reader) config() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := [][]byte{tlv(218, []byte{0}, u16(8), []byte{0, 0x16, 0x25, 0xFF, 0xFE, 0, 0, 1})}
	for i := range r.params.Antennas {
		out = append(out, tlv(221, flag(!r.faults.On(AntennaBroken(i+1)), 0x80), u16(uint16(i+1)), u16(0)))
	}
	for i := range r.params.Antennas {
		out = append(out, tlv(222, u16(uint16(i+1)), tlv(223, u16(1)), tlv(224, u16(1), u16(0), u16(uint16(r.power)))))
	}
	out = append(out, tlv(220, flag(r.keep > 0, 1), u32(uint32(r.keep.Milliseconds()))))
	for i, high := range r.inputs {
		out = append(out, tlv(225, u16(uint16(i+1)), []byte{0x80}, flag(high, 1)))
	}
	for i, high := range r.outputs {
		out = append(out, tlv(219, u16(uint16(i+1)), flag(high, 0x80)))
	}
	return append(out, tlv(226, flag(r.params.Holding, 0x80)))
}

// set carries out a SET_READER_CONFIG, whole or not at all.
func (r *Reader) set(c *conn, body []byte) (code int, text string) {
	if r.faults.On(Refuse) {
		return fieldInvalid, "refused"
	}
	if len(body) < 1 {
		return missingParam, "too short"
	}
	ps, ok := params(body[1:])
	if !ok {
		return paramError, "a length does not fit"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	power, keep, events := r.power, r.keep, r.events
	outputs := append([]bool(nil), r.outputs...)
	for _, p := range ps {
		b := p.body
		switch p.typ {
		case 244:
			states, ok := params(b)
			if !ok {
				return paramError, "ReaderEventNotificationSpec"
			}
			events = map[int]bool{}
			for _, s := range states {
				if s.typ != 245 || len(s.body) != 3 || s.body[0] != 0 || s.body[1] > 8 {
					return fieldRange, "EventNotificationState"
				}
				events[int(s.body[1])] = s.body[2]&0x80 != 0
			}
		case 222:
			if len(b) < 2 || int(binary.BigEndian.Uint16(b)) > r.params.Antennas {
				return fieldRange, "AntennaConfiguration"
			}
			in, ok := params(b[2:])
			if !ok {
				return paramError, "AntennaConfiguration"
			}
			if tx, has := find(in, 224, 6); has {
				power = int(binary.BigEndian.Uint16(tx[4:]))
				if power < 1 || power > powers || binary.BigEndian.Uint16(tx) != 1 {
					return fieldRange, "RFTransmitter"
				}
			}
		case 220:
			if len(b) != 5 || b[0] > 1 {
				return fieldError, "KeepaliveSpec"
			}
			keep = time.Duration(b[0]) * time.Duration(binary.BigEndian.Uint32(b[1:])) * time.Millisecond
		case 219:
			if len(b) != 3 || binary.BigEndian.Uint16(b) < 1 || int(binary.BigEndian.Uint16(b)) > len(outputs) {
				return fieldRange, "GPOWriteData"
			}
			outputs[binary.BigEndian.Uint16(b)-1] = b[2]&0x80 != 0
		case 225:
			if len(b) != 4 || binary.BigEndian.Uint16(b) < 1 || int(binary.BigEndian.Uint16(b)) > len(r.inputs) {
				return fieldRange, "GPIPortCurrentState"
			}
		case 226:
			if len(b) != 1 {
				return fieldError, "EventsAndReports"
			}
		case 237, 239, 221, 1023:
		default:
			return paramError, fmt.Sprintf("parameter %d", p.typ)
		}
	}
	for i, high := range outputs {
		if high != r.outputs[i] {
			r.book.Add(record.Entry{Kind: record.Output, Level: &record.Level{Line: fmt.Sprintf("GPO%d", i+1), High: high}})
		}
	}
	if keep != r.keep {
		c.kept = time.Now()
	}
	r.power, r.keep, r.events, r.outputs = power, keep, events, outputs
	return success, ""
}

// roSpecs carries out a request about ROSpecs. There may be one.
func (r *Reader) roSpecs(m message) (code int, text string) {
	if r.faults.On(Refuse) {
		return fieldInvalid, "refused"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.typ == addROSpec {
		spec, code, text := parseROSpec(m.body, r.params.Antennas)
		switch {
		case code != success:
			return code, text
		case spec.phase && (!r.extended || r.faults.On(NoPhase)):
			return paramError, "Custom"
		case r.spec != nil:
			return overflowParam, "there is room for one ROSpec"
		}
		r.spec = spec
		return success, ""
	}
	if len(m.body) != 4 {
		return fieldError, "ROSpecID"
	}
	id := binary.BigEndian.Uint32(m.body)
	if m.typ == deleteROSpec && id == 0 {
		r.spec = nil
		return success, ""
	}
	if r.spec == nil || r.spec.id != id {
		return fieldInvalid, fmt.Sprintf("no ROSpec %d", id)
	}
	next := map[int]map[string]string{ // from a state to the next
		enableROSpec:  {"disabled": "inactive", "inactive": "inactive"},
		disableROSpec: {"disabled": "disabled", "inactive": "disabled", "active": "disabled"},
		startROSpec:   {"inactive": "active"},
		stopROSpec:    {"active": "inactive"},
		deleteROSpec:  {"disabled": "gone", "inactive": "gone", "active": "gone"},
	}[m.typ][r.spec.state]
	switch next {
	case "":
		return fieldInvalid, "the ROSpec is " + r.spec.state
	case "gone":
		r.spec = nil
	default:
		changed := *r.spec // those who read hold the old one
		changed.state = next
		r.spec = &changed
	}
	return success, ""
}

// parseROSpec reads an ADD_ROSPEC.
func parseROSpec(body []byte, most int) (*roSpec, int, string) {
	top, ok := params(body)
	b, has := find(top, 177, 6)
	if !ok || !has {
		return nil, missingParam, "ROSpec"
	}
	s := &roSpec{id: binary.BigEndian.Uint32(b), state: "disabled"}
	if s.id == 0 || b[5] != 0 {
		return nil, fieldError, "a ROSpec has an id above 0 and is added disabled"
	}
	in, ok := params(b[6:])
	boundary, hasBoundary := find(in, 178, 0)
	ai, hasAI := find(in, 183, 2)
	if !ok || !hasBoundary || !hasAI {
		return nil, missingParam, "ROBoundarySpec and AISpec"
	}
	triggers, ok := params(boundary)
	_, start := find(triggers, 179, 1)
	_, stop := find(triggers, 182, 5)
	if !ok || !start || !stop {
		return nil, missingParam, "start and stop trigger"
	}
	n := int(binary.BigEndian.Uint16(ai))
	if len(ai) < 2+2*n || n == 0 {
		return nil, fieldError, "AntennaIDs"
	}
	for i := range n {
		a := int(binary.BigEndian.Uint16(ai[2+2*i:]))
		if a > most {
			return nil, fieldRange, "AntennaIDs"
		}
		s.antennas = append(s.antennas, a)
	}
	inventory, ok := params(ai[2+2*n:])
	if _, has := find(inventory, 186, 3); !ok || !has {
		return nil, missingParam, "InventoryParameterSpec"
	}
	if rep, has := find(in, 237, 3); has {
		selectors, _ := params(rep[3:])
		if sel, has := find(selectors, 238, 2); has {
			s.flags = binary.BigEndian.Uint16(sel)
			memory, _ := params(sel[2:])
			m, has := find(memory, 348, 1)
			s.pc = has && m[0]&0x40 != 0
		}
		if content, has := extension(selectors, selectContent); has {
			in, _ := params(content)
			mode, has := extension(in, selectPhase)
			s.phase = has && len(mode) == 2 && mode[1] == 1
		}
	}
	return s, success, ""
}
