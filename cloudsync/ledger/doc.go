// Package ledger owns the replicated records of the OMS link: inbox cursor and
// dedupe, acknowledged cursors, held subjects. It is a pure applier under the
// laws of package warehouse: no clock, no random, no map order, no I/O, no
// goroutine. Orders it takes from the inbox go through warehouse.Apply in the
// same transaction.
//
// Kinds 0x0200..0x02ff. Bodies are core deterministic CBOR (RFC 8949 §4.2.1)
// with integer keys; decoding is strict.
package ledger
