package scanner

import (
	"fmt"

	"tote/drivers"
	"tote/drivers/scanner/ssi"
)

// DecodeSSI reads one direction of the line of an SSI scanner aloud.
func DecodeSSI(bool) drivers.Decoder { return &ssiTrace{} }

type ssiTrace struct{ in ssi.Splitter }

// Push cuts p into packets; what is in none is a frame with a code.
func (t *ssiTrace) Push(p []byte, emit func(drivers.Frame)) {
	t.in.Packet = func(p ssi.Packet) { emit(drivers.Frame{Wire: p.Append(nil), Text: ssiText(p)}) }
	t.in.Noise = func(b []byte) {
		emit(drivers.Frame{Wire: append([]byte(nil), b...), Text: "no packet", Code: drivers.CodeScannerUnreadable})
	}
	t.in.Push(p)
}

// ssiNames are the operations in words.
var ssiNames = map[byte]string{
	ssi.OpSegmentAck: "segment taken", ssi.OpRequestRevision: "what are you?", ssi.OpReplyRevision: "I am",
	ssi.OpParamSend: "parameters", ssi.OpAck: "taken", ssi.OpNak: "not taken", ssi.OpEvent: "event",
	ssi.OpBarcodeSegment: "segment of a scan",
}

var ssiCauses = map[byte]string{
	ssi.NakResend: "send again", ssi.NakBadContext: "not understood", ssi.NakDenied: "not allowed", ssi.NakCancel: "cancelled",
}

func ssiText(p ssi.Packet) string {
	name, ok := ssiNames[p.Op]
	again := ""
	if p.Source == ssi.FromScanner && p.Status&ssi.Retransmit != 0 {
		again = ", sent again"
	}
	switch {
	case p.Op == ssi.OpDecodeData && len(p.Data) > 0:
		more := ""
		if p.Status&ssi.Continued != 0 {
			more = ", more follows"
		}
		return fmt.Sprintf("scan, %s: %q%s%s", ssi.SymbologyName(p.Data[0]), p.Data[1:], more, again)
	case p.Op == ssi.OpReplyRevision:
		return fmt.Sprintf("%s %q", name, p.Data)
	case p.Op == ssi.OpNak && len(p.Data) > 0:
		return fmt.Sprintf("%s: %s", name, ssiCauses[p.Data[0]])
	case !ok:
		name = fmt.Sprintf("operation %02X", p.Op)
	}
	if len(p.Data) > 0 {
		name += fmt.Sprintf(" % X", p.Data)
	}
	return name + again
}
