// Package epc reads and writes the EPCs of RFID tags: all schemes of the EPC Tag
// Data Standard 1.13, in their four forms:
//
//   - binary, as on the tag: 3074257BF7194E4000001A85 ([Decode], [EPC.Encode])
//   - tag URI: urn:epc:tag:sgtin-96:3.0614141.812345.6789 ([EPC.TagURI])
//   - pure identity: urn:epc:id:sgtin:0614141.812345.6789 ([EPC.URI])
//   - element string: (01)80614141123458(21)6789 ([EPC.Elements], [FromElements])
//
// A tag that holds something else is no error: its hexadecimal digits are kept
// ([EPC.RawURI]), and what its first byte says is named. The newer schemes of TDS
// 2.x (sgtin+ and so on) are recognised and not decoded.
//
// It is a pure library: no state, no clock, no I/O. References: EPC Tag Data
// Standard 1.13, chapters 7, 10, 14 and 15.
package epc
