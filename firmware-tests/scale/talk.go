package scale

import (
	"strings"
	"time"

	"tote/firmware-tests/line"
)

// What a host can ask of a scale, whatever the protocol calls it.
const (
	askWeight = "weight"
	askStable = "stable" // the weight, as soon as it is at rest
	askStatus = "status"
	askZero   = "zero"
	askTare   = "tare"
	askClear  = "clear"
)

// language is a protocol: how commands look, and what the scale says.
type language struct {
	talks    bool              // sends its weight by itself, once each UpdateMs
	ends     string            // bytes that end a command; "" = each byte is one
	commands map[string]string // command → what it asks
	// weight is what the scale says of a reading.
	weight func(v view) string
	// done answers a command that is no question; ok is whether it was carried
	// out. nil = the scale says nothing.
	done    func(v view, ask string, ok bool) string
	unknown string // answer to what is no command
	damaged string // answer to a command that arrived damaged
	// about answers further questions; nil = there are none.
	about func(t *talk, command string) (string, bool)
}

// view is what a protocol needs to say of the scale at one moment.
type view struct {
	p     Params
	r     reading
	text  string // the number as displayed, "-0.05"
	units int64  // the number without its point
	tare  int64  // the tare the same way
	net   bool
	check bool // the checksum is to be wrong
}

// talk is one conversation in a language. Run's goroutine owns it.
type talk struct {
	*session
	l    *language
	next time.Time // of a scale that talks by itself
	wait bool      // somebody waits for rest
	told int       // lines of the about text told
}

// view looks at the scale.
func (t *talk) view() (view, int) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.read()
	per := unitMg(s.params.Unit) / pow10(*s.params.Decimals)
	return view{
		p: s.params, r: r, text: s.pan.text(r.mg), units: r.mg / per, tare: s.pan.tare / per,
		net: s.pan.tare != 0, check: s.faults.On(BadCheck),
	}, s.loads
}

func (t *talk) due() time.Duration {
	switch {
	case t.l.talks:
		return max(t.next.Sub(t.s.now()), 0)
	case t.wait:
		return 20 * time.Millisecond
	}
	return never
}

func (t *talk) tick() {
	now := t.s.now()
	switch {
	case t.l.talks && !now.Before(t.next):
		t.next = now.Add(time.Duration(t.s.params.UpdateMs) * time.Millisecond)
		t.tell(askWeight)
	case t.wait:
		if v, _ := t.view(); v.r.cond != dynamic {
			t.wait = false
			t.tell(askStable)
		}
	}
}

// tell says the weight, and records it when a stable one was heard.
func (t *talk) tell(ask string) {
	if t.s.faults.On(line.Stall) {
		return
	}
	v, load := t.view()
	if t.voice.Say([]byte(t.l.weight(v))) && v.r.cond == stable && !v.check {
		t.s.heard(load, v.r.mg, v.text+" "+v.p.Unit, ask)
	}
}

func (t *talk) feed(buf []byte) []byte {
	for len(buf) > 0 {
		n := 1
		if t.l.ends != "" {
			n = strings.IndexAny(string(buf), t.l.ends) + 1
			if n == 0 {
				if len(buf) > maxCommand {
					return nil
				}
				return buf
			}
		}
		command := strings.TrimRight(string(buf[:n]), t.l.ends)
		buf = buf[n:]
		if command != "" && !t.s.faults.On(line.Stall) {
			t.command(command)
		}
	}
	return nil
}

func (t *talk) command(command string) {
	say := func(text string) {
		if text != "" {
			t.voice.Say([]byte(text))
		}
	}
	if t.s.faults.On(LineErrors) {
		say(t.l.damaged)
		return
	}
	if t.l.about != nil {
		if text, ok := t.l.about(t, command); ok {
			say(text)
			return
		}
	}
	ask, known := t.l.commands[command]
	if !known {
		say(t.l.unknown)
		return
	}
	switch ask {
	case askWeight:
		t.tell(ask)
		return
	case askStable:
		t.wait = true
		return
	}
	ok := ask == askStatus || t.obey(ask)
	if t.l.done != nil {
		v, _ := t.view()
		say(t.l.done(v, ask, ok))
	}
}

// obey zeroes, tares or clears the tare; false when it cannot be done now.
func (t *talk) obey(ask string) bool {
	s := t.s
	v, _ := t.view()
	switch {
	case ask == askClear:
	case v.r.cond != stable:
		return false
	case ask == askZero:
		mg, limit := s.rezero()
		return mg >= -limit && mg <= limit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tare := int64(0)
	if ask == askTare {
		tare = s.pan.tare + v.r.mg
	}
	if tare < 0 {
		return false
	}
	s.pan.tare, s.told = tare, answer{}
	return true
}

// faultsOf lists the faults of a protocol. Reports of a USB scale arrive whole
// or not at all.
func faultsOf(protocol string) []string {
	list := []string{line.Stall, line.Unplug, Unstable, Overload, Underload, Drift}
	if protocol != "hid" {
		list = append(list, line.Noise, line.Split, LineErrors)
	}
	if protocol == "toledo" {
		list = append(list, BadCheck)
	}
	return list
}
