// Package vda5050 is the codec of VDA 5050 2.0 and 2.1: bytes to structs and
// back, without I/O, clock or goroutine.
//
// It is strict where the fleet master writes (order, instantActions): required
// arrays are never null, ids and sizes are checked, the released part is one
// piece at the front. It is tolerant where the master reads (state, connection,
// factsheet): unknown fields, null for an optional field, missing arrays,
// statuses of other versions and any fraction of a second are taken.
//
// An order has two parts: the body (orderId, orderUpdateId, nodes, edges) and
// the header. The body is what is replicated before it is published; each
// publish puts a fresh header in front of the same bytes ([Frame]).
//
// Wire: VDA 5050 version 2.1.0 of 2024-08 and its JSON schemas; section numbers
// in comments are those of that document. Lengths are metres, angles radians,
// as on the wire.
package vda5050
