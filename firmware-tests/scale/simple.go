package scale

import (
	"fmt"
	"slices"
	"strings"
)

// levels lists the commands by MT-SICS level, in the order of I0.
var levels = [2][]string{
	{"@", "I0", "I1", "I2", "I3", "I4", "S", "SI", "SIR", "Z", "ZI"},
	{"D", "DW", "K", "SR", "T", "TA", "TAC", "TI"},
}

// list answers I0: one line for each command, the last one marked A.
func (c *session) list() {
	for level, cmds := range levels {
		for i, cmd := range cmds {
			more := "B"
			if level == len(levels)-1 && i == len(cmds)-1 {
				more = "A"
			}
			c.say(fmt.Sprintf(`I0 %s %d "%s"`, more, level, cmd))
		}
	}
}

// display answers D "text": R instead of A when the text does not fit.
func (c *session) display(arg string) {
	const width = 20
	if len(arg) < 2 || arg[0] != '"' || arg[len(arg)-1] != '"' {
		c.say("D L")
		return
	}
	text, answer := arg[1:len(arg)-1], "D A"
	if len(text) > width {
		text, answer = text[:width], "D R"
	}
	c.s.mu.Lock()
	c.s.text = text
	c.s.mu.Unlock()
	c.say(answer)
}

// presetTare answers TA with a value.
func (c *session) presetTare(arg string) {
	value, unit, _ := strings.Cut(arg, " ")
	s := c.s
	s.mu.Lock()
	mg, ok := s.pan.parse(value, unit)
	if ok = ok && mg <= s.params.CapacityMg; ok {
		s.pan.tare, s.told = mg, answer{}
	}
	text := s.quantity(mg)
	s.mu.Unlock()
	if !ok {
		c.say("TA L")
		return
	}
	c.say("TA A " + text)
}

func known(verb string) bool {
	return slices.Contains(levels[0], verb) || slices.Contains(levels[1], verb)
}
