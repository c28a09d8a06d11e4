package printer

import (
	"bytes"
	"fmt"

	"tote/drivers"
)

// lump bounds a frame that is no question and no answer.
const lump = 512

// Decode reads one direction of a line aloud.
func (l Language) Decode(toDevice bool) drivers.Decoder {
	if toDevice {
		return &toPrinter{language: l}
	}
	d := &fromPrinter{}
	for _, a := range l.asks {
		d.readers = append(d.readers, a.reader())
	}
	return d
}

// toPrinter tells questions from jobs.
type toPrinter struct {
	language Language
	buf      []byte
}

func (t *toPrinter) Push(p []byte, emit func(drivers.Frame)) {
	job := func(n int) {
		if n > 0 {
			emit(drivers.Frame{Wire: bytes.Clone(t.buf[:n]), Text: fmt.Sprintf("%d bytes of a job", n)})
		}
		t.buf = t.buf[n:]
	}
	for _, c := range p {
		t.buf = append(t.buf, c)
		for _, a := range t.language.asks {
			if bytes.HasSuffix(t.buf, []byte(a.question)) {
				job(len(t.buf) - len(a.question))
				emit(drivers.Frame{Wire: bytes.Clone(t.buf), Text: "asks for the status"})
				t.buf = t.buf[:0]
			}
		}
		if c == '\n' && !t.begins() || len(t.buf) >= lump {
			job(len(t.buf))
		}
	}
}

// begins tells whether what is held may be the beginning of a question.
func (t *toPrinter) begins() bool {
	for _, a := range t.language.asks {
		if len(t.buf) <= len(a.question) && bytes.HasPrefix([]byte(a.question), t.buf) {
			return true
		}
	}
	return false
}

// fromPrinter reads answers. Of a language with two questions the answer of
// either is understood.
type fromPrinter struct {
	readers []reader
	buf     []byte
}

func (f *fromPrinter) Push(p []byte, emit func(drivers.Frame)) {
	for _, c := range p {
		f.buf = append(f.buf, c)
		var frame *drivers.Frame
		framed := f.buf[0] == stx && (len(f.buf) != 2 || c != stx)
		for i, r := range f.readers {
			if i > 0 && framed {
				r.Reset() // bytes within a frame stand for nothing alone
				continue
			}
			r.Push([]byte{c}, func(got Report, err error) {
				switch {
				case err == nil:
					frame = &drivers.Frame{Text: got.String()}
				case frame == nil && len(f.readers) == 1:
					frame = &drivers.Frame{Text: err.Error(), Code: drivers.CodePrinterUnreadable}
				}
			})
		}
		if frame == nil && len(f.buf) >= lump {
			frame = &drivers.Frame{Text: "no answer to a question for the status", Code: drivers.CodePrinterUnreadable}
		}
		if frame != nil {
			frame.Wire = bytes.Clone(f.buf)
			f.buf = f.buf[:0]
			emit(*frame)
		}
	}
}
