// Package ai knows the GS1 application identifiers: their formats, what a value
// may be, which of them belong together, and how data is written with them, as
// an element string for machines and in brackets for people.
//
// The table is generated from the GS1 syntax dictionary (go generate); each
// check that the dictionary names is made here. How deep values are checked is
// the caller's choice, see [Depth].
//
// It is a pure library: no state, no clock, no I/O. References: GS1 General
// Specifications, sections 3 and 7; gs1/gs1-syntax-dictionary.
package ai
