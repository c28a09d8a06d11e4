// Package gs1 reads and writes GS1 data: scanner input, element strings, check
// digits, serial shipping container codes and dates.
//
// It is a pure library: no state, no clock, no I/O, and it imports nothing of
// ours, so the domain, the handhelds and the printers may all use it.
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
// [Parse] takes all three. RFID tags hold an EPC instead, in bits:
// [DecodeEPC] and [EncodeEPC].
//
// References: GS1 General Specifications, sections 3
// and 7; EPC Tag Data Standard 1.13, chapters 7, 10 and 14; ISO/IEC 15424 for the AIM identifiers; gs1/gs1-syntax-dictionary for
// the table of application identifiers (AI).
package gs1
