package scale

import (
	"fmt"
	"time"

	"tote/drivers"
)

// What an answer of a scale is.
const (
	AnswerWeight     AnswerKind = iota // a weight, settled or not
	AnswerNotReady                     // it cannot weigh now
	AnswerOverload                     // more than it can weigh
	AnswerUnderload                    // less than its range
	AnswerSyntax                       // it does not know the question
	AnswerTransmit                     // the question came damaged (parity, baud rate)
	AnswerLogic                        // the question cannot be carried out as asked
	AnswerIrrelevant                   // well formed, but no news of a weight
	AnswerMoving                       // it weighs, but tells no weight before it has settled
	AnswerFault                        // it says what is wrong with it: see Code
)

// AnswerKind says what a frame of the scale means.
type AnswerKind int

// Answer is one decoded frame. All but Kind and Code belong to AnswerWeight.
type Answer struct {
	Kind     AnswerKind
	Stable   bool
	Value    int64  // without the decimal point
	Decimals int    // 0..9
	Unit     string // g, kg, mg, lb, oz; "" = the frame does not tell, which only an unstable one may

	Net  bool   `json:",omitempty"` // a tare is taken off
	Tare int64  `json:",omitempty"` // the tare, with the same decimals and unit; 0 = none or not told
	Code string `json:",omitempty"` // of AnswerFault
}

// Protocol is how one family of scales talks. It is data but for Framer and
// Parse; one Driver runs them all.
type Protocol struct {
	Name string // as in the table of drivers

	// Ask is the question for the weight as it is now; "" = the scale talks by
	// itself.
	Ask string
	// Framer makes what cuts the stream into frames.
	Framer func() Framer
	// Parse reads one frame. It repairs nothing: what is not exactly a frame is
	// an error, since a damaged one must not become another weight.
	Parse func(frame []byte) (Answer, error)
	// Window is how many equal readings in a row make a stable one. One is for
	// wires that check themselves, and for MT-SICS, whose digits stand in a
	// fixed frame; two for wires on which one flipped bit is another digit.
	Window int
	// Stale is how many frames after the open may be older than it and are
	// dropped.
	Stale int

	// What zeroes, tares, and clears the tare; "" = this cannot be asked for.
	// Answers to it, if any, are AnswerIrrelevant: whether it was done is seen
	// in the weights that follow.
	Zero, Tare, Clear string

	// Identity asks who the scale is, nil when there is no question for it.
	Identity drivers.Identifier
}

// Polled tells whether the scale has to be asked.
func (p Protocol) Polled() bool { return p.Ask != "" }

// timeout is how long an answer may take, or a talking scale be silent.
func (p Protocol) timeout() time.Duration {
	if p.Polled() {
		return DefaultTimeout
	}
	return DefaultSilence
}

// Framer cuts a byte stream into frames. It is fed byte by byte or in lumps
// alike, and bounded.
type Framer interface {
	// Push takes received bytes and calls frame for each whole frame, or with
	// an error for what can be none. The slice is valid during the call only.
	Push(p []byte, frame func([]byte, error))
	// Reset forgets what has begun.
	Reset()
}

// Settings are what a configuration says of how a scale talks. Most protocols
// want none of them.
type Settings struct {
	Pattern string // of the driver regex
	Ask     string // of the driver regex: the question for a weight
	Zero    string // of the driver regex: the command that zeroes
	Unit    string // for scales that do not tell theirs
}

// Maker makes a protocol, or says what is wrong with its settings.
type Maker func(Settings) (Protocol, error)

// Fixed is the Maker of a protocol that wants no settings.
func Fixed(p Protocol) Maker {
	return func(s Settings) (Protocol, error) {
		if s != (Settings{}) {
			return Protocol{}, fmt.Errorf("pattern, ask, zero and unit are for other drivers than %s", p.Name)
		}
		return p, nil
	}
}
