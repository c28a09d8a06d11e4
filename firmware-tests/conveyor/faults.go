package conveyor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"tote/firmware-tests/record"
)

// Faults lists the names of all faults.
func (c *Conveyor) Faults() []string { return slices.Sorted(maps.Keys(c.m.on)) }

// ActiveFaults lists the faults that are on.
func (c *Conveyor) ActiveFaults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(c.Faults(), func(f string) bool { return !c.m.on[f] })
}

// SetFault switches a fault on or off.
func (c *Conveyor) SetFault(name string, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, ok := c.m.on[name]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknownFault, name)
	}
	if was == on {
		return nil
	}
	now := time.Now()
	c.m.advance(now)
	c.m.on[name] = on
	c.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	c.out.gaps = c.m.on[SeqGap]
	c.m.stopped = c.m.on[Jam] || c.m.on[Power]
	if c.gone() {
		for w := range c.conns {
			w.cut()
		}
	}
	switch name {
	case Jam:
		c.jammed(now, on)
	case Power:
		c.power(now, on)
	}
	c.poke()
	return nil
}

// jammed reports a jam, and the carton that is stuck. c.mu is held.
func (c *Conveyor) jammed(now time.Time, on bool) {
	alarm := map[string]any{"alarmId": "jam-1", "code": "JAM", "section": "belt", "state": "CLEAR"}
	if on {
		alarm["state"] = "RAISE"
	}
	c.m.emit(now, "alarm", alarm)
	if i := slices.IndexFunc(c.m.cartons, func(o *carton) bool { return o.read != "" }); on && i >= 0 {
		c.m.emit(now, "divert", c.m.report(c.m.cartons[i], resultJam, ""))
	}
	c.tellState(now)
}

// power takes the memory of the controller away. c.mu is held.
func (c *Conveyor) power(now time.Time, on bool) {
	if on {
		return
	}
	c.m.forget()
	c.out = newOutbox(c.p.ID, now, c.out.wake)
	c.out.gaps = c.m.on[SeqGap]
	c.answers, c.answered, c.lastSeqDown = map[string]string{}, nil, 0
	c.tellState(now)
}

// gone: there is no network. c.mu is held.
func (c *Conveyor) gone() bool { return c.m.on[Offline] || c.m.on[Power] }
