package handheld

import "tote/warehouse"

// pressFields are those of an up/press message.
var pressFields = []string{"cmdId", "seq", "module", "task", "handheld", "at"}

// DecodePress reads one up/press message of a pick-to-light controller: a press
// is the scan of the bin the module hangs at, by the handheld and for the task
// that state/task showed at the module. bins are the bins of its modules.
//
// The command is made of the message and the configuration alone: what the
// controller sends again is the same command, whatever has happened meanwhile.
// What the light showed may be over by then; the task says so, as it does for a
// scan that comes late.
func DecodePress(bins map[string]string, payload []byte) (Request, *Refusal) {
	m, ref := parse(payload, pressFields)
	m.Verb, m.given["verb"] = "press", true
	req, ref := m.request(payload, ref)
	if ref == nil {
		ref = m.checkHead()
	}
	if ref != nil {
		return req, ref
	}
	for _, f := range []struct{ name, v string }{{"module", m.Module}, {"task", m.Task}, {"handheld", m.Handheld}} {
		switch {
		case f.v == "":
			return req, refuse(warehouse.CodeInvalid, "field %s is missing", f.name)
		case !validID(f.v):
			return req, refuse(warehouse.CodeInvalid, "field %s: want 1 to %d printable ASCII characters", f.name, MaxID)
		}
	}
	bin, ok := bins[m.Module]
	if !ok {
		return req, refuse(warehouse.CodeInvalid, "field module: %s is not in the configuration of this gateway", m.Module)
	}
	req.Command = warehouse.Scan{Device: m.Handheld, Verb: ExpectBin, Barcode: bin, Task: m.Task}
	return req, nil
}
