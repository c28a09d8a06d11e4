// Package wire holds the messages between a site and its OMS: CloudEvents
// batches upward, the inbox pages downward. It is types, names and limits
// only: no I/O, no goroutine, no import of ours, so that both sides (and a
// third party) can share it.
//
// The envelope is CloudEvents 1.0 in JSON, structured batch mode. Protocol
// rules live with the field they bind. Changing a JSON name or a constant here
// breaks every deployed peer.
package wire
