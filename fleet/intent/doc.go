// Package intent owns the replicated records of the robots: which order each one
// was given, and which nodes of the map it holds. It is a pure applier under the
// laws of package warehouse: no clock, no random, no map order, no I/O, no
// goroutine. It imports nothing of ours; the agent adapts the types.
//
// Two laws live here:
//
//   - An order is in the log before it is published, with the exact bytes of its
//     body, so that two leaders can only ever send the same content under one
//     (orderId, orderUpdateId).
//   - A node is held by at most one robot. A command takes all the nodes it asks
//     for or none.
//
// Kinds 0x0300..0x03ff. Bodies are core deterministic CBOR (RFC 8949 §4.2.1)
// with integer keys; decoding is strict.
package intent
