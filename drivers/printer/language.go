package printer

import (
	"tote/drivers"
)

// Report is one answer of a printer in words that all languages share.
type Report struct {
	Fault   string // code of what keeps it from printing, the root cause first; "" = nothing
	Work    int    // jobs received and labels of a batch that are not out yet; languages that only tell that there is some say 1
	Partial bool   // it holds part of a job
	Waiting bool   // a label waits to be taken
	Refused string // code of why it could not carry out what it was sent; it may have printed all the same
	Done    string // the mark of a job that is printed; such an answer says nothing else
}

// holds reports whether the printer has work.
func (r Report) holds() bool { return r.Work > 0 }

// Language is how a printer is asked, how its answers are read, and what of
// them proves that a label is out.
type Language struct {
	Name string // as its driver in the table
	// asks are the ways to ask for the status, the best first: the next one is
	// tried when nothing at all is answered.
	asks []ask
	// mark is what is sent behind a job so that the printer tells by itself
	// when it is printed; nil = the proof is that it was seen at work and then
	// without.
	mark func(n int) (wire, id string)
}

// ask is a question and the reader of its answers.
type ask struct {
	question string
	reader   func() reader
}

// reader finds answers in what a printer sends. It is fed byte by byte or in
// lumps alike.
type reader interface {
	Push(p []byte, answer func(Report, error))
	Reset() // forgets a begun answer
}

// The languages.
var (
	ZPL    = Language{Name: DriverName, asks: []ask{{Query, func() reader { return &zplReader{} }}}}
	TSPL   = Language{Name: "tspl", asks: []ask{{askTSC, func() reader { return &tscReader{} }}, {askByte, func() reader { return &byteReader{} }}}}
	EPL2   = Language{Name: "epl2", asks: []ask{{askEE, func() reader { return &eeReader{} }}}}
	ESCPOS = Language{Name: "escpos", asks: []ask{{askDLE, func() reader { return &dleReader{} }}}, mark: processID}
)

// Languages lists them.
func Languages() []Language { return []Language{EPL2, ESCPOS, TSPL, ZPL} }

// LanguageOf returns the language of a driver.
func LanguageOf(driver string) (Language, bool) {
	for _, l := range Languages() {
		if l.Name == driver {
			return l, true
		}
	}
	return Language{}, false
}

// zplReader reads ~HS answers and the tags of RFID labels.
type zplReader struct{ framer Framer }

func (z *zplReader) Push(p []byte, answer func(Report, error)) {
	z.framer.Push(p, func(s HostStatus, err error) { answer(s.report(), err) })
}

func (z *zplReader) Reset() { z.framer.Reset() }

func (s HostStatus) report() Report {
	work := s.Formats + s.Remaining
	return Report{Fault: s.Fault(), Work: work, Partial: s.Partial, Waiting: s.LabelWaiting}
}

// first is the first code whose condition holds.
func first(list ...struct {
	on   bool
	code string
},
) string {
	for _, c := range list {
		if c.on {
			return c.code
		}
	}
	return ""
}

type cond = struct {
	on   bool
	code string
}

// unreadable is the error of an answer that is none.
var unreadable = drivers.Coded(drivers.CodePrinterUnreadable)
