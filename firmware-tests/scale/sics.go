package scale

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// never is how far away a tick lies when nothing is due.
const never = time.Hour

// session is one conversation over the line: what is being waited for and what
// is repeated. Run's goroutine owns it.
type session struct {
	s     *Scale
	voice *line.Voice

	waits    string // S, Z or T: waiting for stability
	deadline time.Time

	repeats string // SIR or SR
	next    time.Time
	last    *reading // SR: last stable reading sent
	moving  bool     // SR: the change has been announced
}

// due is how long until tick has something to do.
func (c *session) due() time.Duration {
	now := c.s.now()
	at := now.Add(never)
	if c.waits != "" {
		at = c.deadline
		c.s.mu.Lock()
		if t := c.s.pan.stableAt(); t.After(now) && t.Before(at) {
			at = t
		}
		c.s.mu.Unlock()
	}
	if c.repeats != "" && c.next.Before(at) {
		at = c.next
	}
	return max(at.Sub(now), 0)
}

// tick does what is due: it answers waiting commands and repeats weights.
func (c *session) tick() {
	now := c.s.now()
	if c.waits != "" {
		verb, expired := c.waits, !now.Before(c.deadline)
		if r := c.read(); r.cond != dynamic || expired {
			c.waits = ""
			c.settle(verb, r)
		}
	}
	if c.repeats != "" && !now.Before(c.next) {
		c.next = now.Add(time.Duration(c.s.params.UpdateMs) * time.Millisecond)
		c.repeat()
	}
}

// command answers one line from the host.
func (c *session) command(cmd string) {
	if c.s.faults.On(line.Stall) {
		return
	}
	if c.s.faults.On(LineErrors) {
		c.say("ET")
		return
	}
	verb, arg, hasArg := strings.Cut(cmd, " ")
	if slices.Contains([]string{"@", "S", "SI", "SIR", "SR"}, verb) && !hasArg {
		c.repeats = ""
	}
	switch {
	case verb == "D" && hasArg:
		c.display(arg)
	case verb == "TA" && hasArg:
		c.presetTare(arg)
	case verb == "K" && hasArg:
		if len(arg) == 1 && arg[0] >= '1' && arg[0] <= '4' {
			c.say("K A")
		} else {
			c.say("K L")
		}
	case hasArg && known(verb):
		c.say(verb + " L")
	case hasArg:
		c.say("ES")
	default:
		c.plain(verb)
	}
}

// plain answers a command without parameters.
func (c *session) plain(verb string) {
	s := c.s
	switch verb {
	case "@":
		s.mu.Lock()
		s.pan.tare, s.text, s.told = 0, "", answer{}
		s.mu.Unlock()
		c.waits = ""
		c.say(`I4 A "` + s.params.Serial + `"`)
	case "I0":
		c.list()
	case "I1":
		c.say(`I1 A "01" "2.20" "2.20" "" ""`)
	case "I2":
		c.say(fmt.Sprintf(`I2 A "%s %s %s"`, s.params.Model, s.pan.text(s.params.CapacityMg), s.params.Unit))
	case "I3":
		c.say(`I3 A "1.00 TOTE.EMULATOR"`)
	case "I4":
		c.say(`I4 A "` + s.params.Serial + `"`)
	case "S", "Z", "T":
		c.await(verb)
	case "SI":
		c.weight("S", "SI", c.read())
	case "ZI", "TI":
		c.settle(verb, c.read())
	case "SIR", "SR":
		c.repeats, c.next, c.last, c.moving = verb, s.now(), nil, false
	case "TA":
		s.mu.Lock()
		text := s.quantity(s.pan.tare)
		s.mu.Unlock()
		c.say("TA A " + text)
	case "TAC":
		s.mu.Lock()
		s.pan.tare, s.told = 0, answer{}
		s.mu.Unlock()
		c.say("TAC A")
	case "DW":
		s.mu.Lock()
		s.text = ""
		s.mu.Unlock()
		c.say("DW A")
	case "D", "K":
		c.say(verb + " L")
	default:
		c.say("ES")
	}
}

// await starts a command that needs a stable weight. Only one can be under way.
func (c *session) await(verb string) {
	if c.waits != "" {
		c.say(verb + " I")
		return
	}
	c.waits = verb
	c.deadline = c.s.now().Add(time.Duration(c.s.params.StableTimeoutMs) * time.Millisecond)
	c.tick()
}

// settle ends S, Z, ZI, T and TI with the reading they got.
func (c *session) settle(verb string, r reading) {
	if r.cond == over || r.cond == under {
		c.say(verb + " " + string(r.cond))
		return
	}
	if r.cond == dynamic && !strings.HasSuffix(verb, "I") {
		c.say(verb + " I")
		return
	}
	switch verb {
	case "S":
		c.weight("S", "S", r)
	case "Z", "ZI":
		c.zero(verb, r)
	case "T", "TI":
		s := c.s
		s.mu.Lock()
		tare := s.pan.tare + r.mg
		if tare >= 0 {
			s.pan.tare, s.told = tare, answer{}
		}
		text := s.quantity(tare)
		s.mu.Unlock()
		if tare < 0 {
			c.say(verb + " -")
			return
		}
		c.say(fmt.Sprintf("%s %c %s", verb, r.cond, text))
	}
}

// zero makes the load on the pan the new zero, if it is near the old one.
func (c *session) zero(verb string, r reading) {
	mg, limit := c.s.rezero()
	switch {
	case mg > limit:
		c.say(verb + " +")
	case mg < -limit:
		c.say(verb + " -")
	case verb == "ZI":
		c.say("ZI " + string(r.cond))
	default:
		c.say("Z A")
	}
}

// rezero makes the load the new zero if it is near enough to the old one, and
// tells both.
func (s *Scale) rezero() (mg, limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mg, _ = s.pan.load(s.now())
	limit = s.pan.zeroRange()
	if mg >= -limit && mg <= limit {
		s.pan.zero, s.pan.tare, s.told = mg, 0, answer{}
	}
	return mg, limit
}

// repeat sends the next line of SIR or SR.
func (c *session) repeat() {
	if c.s.faults.On(line.Stall) {
		return
	}
	r := c.read()
	if c.repeats == "SIR" {
		c.weight("S", "SIR", r)
		return
	}
	switch {
	case r.cond == stable && (c.last == nil || r.mg != c.last.mg || c.moving):
		c.last, c.moving = &r, false
		c.weight("S", "SR", r)
	case r.cond == stable, c.last == nil, c.moving:
	case r.cond != dynamic, abs(r.mg-c.last.mg) >= max(abs(c.last.mg)/8, 30*c.s.pan.increment()):
		// A change of 12.5 %, at least 30 increments, is announced once.
		c.moving = true
		c.weight("S", "SR", r)
	}
}

// weight sends a reading and records it when a stable one was heard.
func (c *session) weight(id, command string, r reading) {
	if r.cond == over || r.cond == under {
		c.say(id + " " + string(r.cond))
		return
	}
	s := c.s
	s.mu.Lock()
	q, text, load := s.quantity(r.mg), s.pan.text(r.mg)+" "+s.params.Unit, s.loads
	s.mu.Unlock()
	// Not under the lock: a split frame takes its time.
	if c.say(fmt.Sprintf("%s %c %s", id, r.cond, q)) && r.cond == stable {
		s.heard(load, r.mg, text, command)
	}
}

// heard records a stable weight that somebody heard.
func (s *Scale) heard(load int, mg int64, text, command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := (answer{load, text}); s.told != now {
		s.told = now
		s.book.Add(record.Entry{Kind: record.Answered, Weight: &record.Weight{Mg: mg, Text: text, Command: command}})
	}
}

// quantity is a weight in the fixed columns of MT-SICS: ten characters, right
// justified, a space and the unit. The caller holds mu.
func (s *Scale) quantity(mg int64) string {
	return fmt.Sprintf("%10s %s", s.pan.text(mg), s.params.Unit)
}

func (c *session) read() reading {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.read()
}

func (c *session) say(text string) bool {
	return c.voice.Say([]byte(text + "\r\n"))
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}
