package printer

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"tote/drivers"
)

// Questions to a printer who it is. Each is harmless to a printer of another
// language: nothing is printed or stored by it, at worst it waits in a line that
// the next question ends.

// ask1 writes a question and collects what comes until done finds an answer
// in it, at most 512 bytes.
func ask1(ctx context.Context, port drivers.Port, question string, done func([]byte) (drivers.Identity, bool)) (drivers.Identity, error) {
	if _, err := drivers.Discard(port); err != nil {
		return drivers.Identity{}, err
	}
	if _, err := port.Write(ctx, []byte(question)); err != nil {
		return drivers.Identity{}, err
	}
	var heard []byte
	var buf [256]byte
	for len(heard) < 512 {
		n, err := drivers.Receive(ctx, port, buf[:])
		if err != nil {
			return drivers.Identity{}, err
		}
		heard = append(heard, buf[:n]...)
		if id, ok := done(heard); ok {
			return id, nil
		}
	}
	return drivers.Identity{}, unreadable
}

// AskZPL asks ~HI: model, firmware, dots per millimetre, memory between STX and
// ETX, source ZPL II programming guide.
func AskZPL(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	return ask1(ctx, port, "~HI", func(heard []byte) (drivers.Identity, bool) {
		_, rest, begun := bytes.Cut(heard, []byte{stx})
		text, _, ended := bytes.Cut(rest, []byte{etx})
		f := strings.Split(string(text), ",")
		if !begun || !ended || len(f) < 3 {
			return drivers.Identity{}, false
		}
		return drivers.Identity{Model: printableID(f[0]), Firmware: printableID(f[1])}, true
	})
}

// AskESCPOS asks GS I for model (67), maker (66) and firmware (65): each 5F, text,
// 00. Source: ESC/POS command reference, GS I. Noise has that shape now and then: the
// answer must be text and all that came, and the model is asked twice.
func AskESCPOS(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	var id drivers.Identity
	var again string
	for _, q := range []struct {
		n    byte
		into *string
	}{{67, &id.Model}, {66, &id.Maker}, {65, &id.Firmware}, {67, &again}} {
		_, err := ask1(ctx, port, "\x1dI"+string(q.n), func(heard []byte) (_ drivers.Identity, ok bool) {
			*q.into, ok = told(heard)
			return id, ok
		})
		if err != nil {
			return drivers.Identity{}, err
		}
	}
	if again != id.Model {
		return drivers.Identity{}, unreadable
	}
	return id, nil
}

// maxTold bounds the text of an answer to GS I, in bytes.
const maxTold = 80

// told is the text of an answer to GS I. A status that the printer sends by itself,
// of four bytes, may be in front of it.
func told(heard []byte) (string, bool) {
	if len(heard) > 4 && heard[0]&0x93 == 0x10 {
		heard = heard[4:]
	}
	text, begun := bytes.CutPrefix(heard, []byte{0x5f})
	text, ended := bytes.CutSuffix(text, []byte{0})
	plain := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	return strings.TrimSpace(string(text)), begun && ended && plain && len(text) > 0 && len(text) <= maxTold
}

// AskStatus is for languages whose printers do not tell who they are: an answer
// to the question for the status shows that the language is right.
func AskStatus(l Language) drivers.Identifier {
	return func(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
		var err error
		for _, a := range l.asks {
			r := a.reader()
			// The last question has all the time that is left.
			_, err = ask1(ctx, port, a.question, func(heard []byte) (_ drivers.Identity, ok bool) {
				r.Reset()
				r.Push(heard, func(_ Report, err error) { ok = ok || err == nil })
				return drivers.Identity{}, ok
			})
			if err == nil {
				return drivers.Identity{Model: "a printer with " + strings.ToUpper(l.Name)}, nil
			}
		}
		return drivers.Identity{}, err
	}
}

func printableID(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s))
}

// String is a report in words.
func (r Report) String() string {
	switch {
	case r.Done != "":
		return "job " + r.Done + " is printed"
	case r.Tag != "":
		return "the tag holds " + r.Tag
	}
	parts := []string{"no work"}
	if r.Work > 0 {
		parts[0] = fmt.Sprintf("at work (%d)", r.Work)
	}
	if r.Partial {
		parts = append(parts, "holds part of a job")
	}
	if r.Waiting {
		parts = append(parts, "a label waits to be taken")
	}
	for _, code := range []string{r.Refused, r.Fault} {
		if code != "" {
			parts = append(parts, code+" "+drivers.FaultOf(code).Cause)
		}
	}
	return strings.Join(parts, ", ")
}
