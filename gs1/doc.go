// Package gs1 reads and writes GS1 data: scanner input, element strings, check
// digits, serial shipping container codes, dates, and the EPCs of RFID tags.
//
// It is a pure library: no state, no clock, no I/O, and it imports nothing of
// ours but the packages below it, so the domain, the handhelds and the printers
// may all use it.
//
// This package is what the state machine of a site reads with. A log of any age
// must lead to the same state, so what [Parse], [DecodeEPC] and [ParseEPCURI]
// give for an input never changes, texts of errors included (TestFrozen). What
// they do not know is in the packages below, for everything that happens before
// a fact is proposed or after it was applied:
//
//   - gs1/key: check digits, check characters, dates, character sets
//   - gs1/ai: the application identifiers, element strings, what belongs together
//   - gs1/scan: what scanners send, by the configuration of the scanner
//   - gs1/link: GS1 Digital Links
//   - gs1/epc: all schemes of EPC, both ways
//   - gs1/report: one code in every form, as JSON, for people
//   - gs1/fault: what can be wrong, with codes
//
// Three spellings of the same data occur:
//
//   - scanned: "]C1" + "0109506000134352" + "10ABC" + GS + "17270131". The AIM
//     identifier in front names the symbology, the first FNC1 is implied by it
//     and every later FNC1 arrives as GS (1D hex).
//   - element string: the same without the identifier ([ElementString]).
//   - bracketed, for people: "(01)09506000134352(10)ABC(17)270131"
//     ([Bracketed]).
//
// References: GS1 General Specifications, sections 3 and 7; EPC Tag Data Standard
// 1.13; ISO/IEC 15424 for the AIM identifiers.
package gs1
