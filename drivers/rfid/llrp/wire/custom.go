package wire

import "encoding/binary"

// ReportPhase is the parameter of an ROReportSpec that asks an Impinj reader for
// the phase of each tag.
func ReportPhase() *Node {
	enable := binary.BigEndian.AppendUint16(nil, typeCustom)
	enable = binary.BigEndian.AppendUint16(enable, 14) // the parameter's length
	enable = binary.BigEndian.AppendUint32(enable, Impinj)
	enable = binary.BigEndian.AppendUint32(enable, ImpinjEnablePhase)
	enable = binary.BigEndian.AppendUint16(enable, 1)
	return New("Custom", map[string]any{"VendorIdentifier": Impinj, "ParameterSubtype": ImpinjReportSelector, "Data": enable})
}

// CustomStatus is the LLRPStatus in the answer to ImpinjEnableExtensions, nil when
// the message is another one or has none.
func CustomStatus(n *Node) *Node {
	data, _ := n.Get("Data").([]byte)
	if n.Num("VendorIdentifier") != Impinj || n.Num("MessageSubtype") != ImpinjEnableExtensions+1 {
		return nil
	}
	// An ERROR_MESSAGE is nothing but a status.
	in, err := Parse(ErrorMessage, data)
	if err != nil {
		return nil
	}
	return in.Find("LLRPStatus")
}
