// Package conveyor tells conveyors and sorters where each carton goes, and
// takes their word for where it went. The wire is JSON over MQTT QoS 1,
// tote/v1/{site}/conveyor/{id}/{up|down|state}/{name}, written down in
// api/asyncapi.yaml: scan, then assign with an expiry, then divert.
//
// The package owns no goroutine and no timer. A [Controller] works only when a
// message comes; messages of one conveyor come one after the other, of
// different ones at the same time. What it must know of goods it asks through
// the functions of its [Config]; what it remembers it may forget at any time,
// since the decision for a scan is replicated and the confirm names the carton.
//
// Rules:
//
//   - Silence is safe. A conveyor without a valid assign uses its own default
//     lane, so nothing is sent that comes too late, that belongs to an older
//     start of the conveyor, or that is not sure.
//   - Stock moves on the confirm (divert), never on the command. A confirm is
//     recorded whenever it comes: late, of an older start, of a carton nobody
//     decided on. What it says of the place is true, whatever was planned.
//   - A carton is (conveyor, bootId, trackId, generation): track ids are used
//     again. A new scan of a track that has ended, or at the same scan point,
//     begins a new generation.
//   - A scan that is no clean reading of one carton (NOREAD, MULTI, CONFLICT,
//     several carton labels) is decided without any barcode, so it can never get
//     the lane of another carton.
//   - Each message has an effect once. Its msgId is remembered for 10 minutes
//     and 10,000 messages; the same again is answered with the same bytes. Past
//     that, and after a restart, [Scan.ID] and [Divert.ID] carry the promise:
//     the log answers the same id the same way.
//   - seq counts the messages of a conveyor. After a gap, a boot, or the first
//     message this gateway gets, the conveyor is asked for its state (sync), and
//     no assign goes out before it came. Decisions made meanwhile are sent then
//     if there is still time.
//   - expiresAt is on the conveyor's own clock (time of the scan plus what the
//     decision allows), so clocks need not agree; validForMs says the same
//     without any clock.
//   - An acknowledged message is recorded: [Controller.Handle] returns an error
//     when a decision or a confirm is not in the log, and the conveyor sends it
//     again. A message that cannot be understood changes nothing and is
//     acknowledged, with a fault.
//
// A conveyor is never started, stopped or slowed from here: safety is wired.
package conveyor
