// Package conveyor emulates a belt with one scanner and several lanes, and its
// controller: it scans each carton, asks over MQTT where it goes (scan, assign,
// divert), and keeps a record of what physically went where.
//
// A carton is put on at the infeed, passes the scanner, and some way behind it
// the point where the controller must know the lane. There it uses the assign
// for this scan if one came that has not expired; else its own default lane. At
// the end of its lane the carton waits until somebody takes it.
//
// It is written from the protocol (api/asyncapi.yaml) and shares no code with
// fleet/conveyor. Messages go out one after the other, each until it is
// acknowledged, from an outbox that survives a lost network but not a lost
// power; when it is full the oldest scan is dropped, which shows as a gap.
//
// Run owns the goroutine that moves the belt, the one that empties the outbox
// and, through the MQTT client, the connection. The other methods may be called
// from anywhere.
package conveyor
