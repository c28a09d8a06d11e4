package evdev

// gs separates the fields of a GS1 barcode.
const gs = 0x1d

// Keyboard turns the events of a scanner into what it types.
type Keyboard struct {
	board board

	shiftL, shiftR, ctrlL, ctrlR, alt, altgr, caps bool
	capsWas                                        bool // at the end of the last scan

	held [mostKeys]bool

	dead  rune // waits for the space bar
	code  int  // of Alt with the keypad
	codes int  // digits of it
}

// NewKeyboard returns a keyboard with nothing pressed.
func NewKeyboard(l Layout) (*Keyboard, error) {
	b, err := boardOf(l)
	if err != nil {
		return nil, err
	}
	return &Keyboard{board: b}, nil
}

// What a keyboard tells.
type (
	// Typed is a character. GS comes as Ctrl and ], as F8, or as 029 on the
	// keypad with Alt, whichever the scanner is set to.
	Typed func(r rune)
	// Ended is the Enter key.
	Ended func()
	// Lost is a key that stands for no character, or events that were dropped:
	// what was typed is not what was scanned.
	Lost func(dropped bool)
)

// Event takes one event. The kernel tells of each key by turns that it is pressed
// and let go, and so nothing needs a checksum to see that an event is missing or
// was changed: a key pressed twice or let go twice is one of which events were
// dropped, and so is the end of a scan that began before the device was opened.
func (k *Keyboard) Event(e Input, typed Typed, ended Ended, lost Lost) {
	switch {
	case e.Type == evSyn && e.Code == synDropped || !e.Sane():
		k.forget()
		lost(true)
	case e.Type != evKey || e.Value == 2: // a scanner repeats nothing
	default:
		down := e.Value == 1
		if k.held[e.Code] == down {
			k.forget()
			lost(true)
		}
		k.held[e.Code] = down
		k.key(e.Code, down, typed, ended, lost)
	}
}

// forget lets go of all keys: which are held is not known when events were dropped,
// and a Shift that was none must not go on into the next scan. Caps Lock is again
// what it was at the end of the last scan.
func (k *Keyboard) forget() {
	*k = Keyboard{board: k.board, caps: k.capsWas, capsWas: k.capsWas}
}

func (k *Keyboard) key(code uint16, down bool, typed Typed, ended Ended, lost Lost) {
	switch code {
	case keyShiftL:
		k.shiftL = down
	case keyShiftR:
		k.shiftR = down
	case keyCtrlL:
		k.ctrlL = down
	case keyCtrlR:
		k.ctrlR = down
	case keyAltGr:
		k.altgr = down
	case keyAltL:
		k.altKey(down, typed, lost)
	case keyCaps:
		if down { // each press turns it over
			k.caps = !k.caps
		}
	case keyNumLock:
	default:
		if down {
			k.press(code, typed, ended, lost)
		}
	}
}

// altKey: a code typed on the keypad counts when Alt is let go.
func (k *Keyboard) altKey(down bool, typed Typed, lost Lost) {
	if k.alt = down; down {
		k.code, k.codes = 0, 0
		return
	}
	if k.codes == 0 {
		return
	}
	if k.codes > 4 || k.code == 0 || k.code > 0x7F {
		lost(false) // above ASCII it depends on the host's code page
	} else {
		typed(rune(k.code))
	}
	k.codes = 0
}

func (k *Keyboard) press(code uint16, typed Typed, ended Ended, lost Lost) {
	shift := k.shiftL || k.shiftR
	dead := k.dead
	k.dead = 0
	switch r := keypad[code]; {
	case dead != 0 && code == keySpace:
		typed(dead)
		return
	case dead != 0:
		lost(false)
		return
	case k.alt && r >= '0' && r <= '9':
		if k.codes++; k.codes <= 4 {
			k.code = k.code*10 + int(r-'0')
		}
		return
	case k.alt:
		lost(false)
		return
	case code == keyEnter || code == keyKPEnter:
		// No scanner holds Shift at the end: that it was let go was dropped.
		if shift || k.ctrlL || k.ctrlR || k.altgr {
			k.forget()
			lost(true)
		}
		k.capsWas = k.caps
		ended()
		return
	case code == keyF8:
		typed(gs)
		return
	case k.ctrlL || k.ctrlR:
		k.control(code, typed, lost)
		return
	case r != 0:
		typed(r)
		return
	}
	if d, ok := k.board.dead[code]; ok && !k.altgr {
		if k.dead = d.plain; shift {
			k.dead = d.shift
		}
		if k.dead != 0 {
			return
		}
	}
	key := k.board.keys[code]
	r := key.plain
	switch {
	case k.altgr:
		r = key.altgr
	case shift != (k.caps && upper(key)):
		r = key.shift
	}
	if r == 0 {
		lost(false)
		return
	}
	typed(r)
}

// control: with Ctrl a key types a control character. ] is where it is on the US
// board whatever the layout: that is what scanners send.
func (k *Keyboard) control(code uint16, typed Typed, lost Lost) {
	r := k.board.keys[code].plain
	switch {
	case code == keyBracket:
		typed(gs)
	case r == 'm' || r == 'j':
		typed(map[rune]rune{'m': '\r', 'j': '\n'}[r])
	default:
		lost(false)
	}
}

// upper reports whether Caps Lock turns a key over.
func upper(k key) bool {
	return k.plain >= 'a' && k.plain <= 'z' || k.plain == 'ä' || k.plain == 'ö' || k.plain == 'ü'
}
