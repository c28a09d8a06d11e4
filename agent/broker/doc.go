// Package broker is the MQTT broker inside each gateway: the only importer of
// the embedded broker library (mochi). It carries the device protocol of
// api/asyncapi.yaml: tote/v1/{site}/{class}/{id}/{up|down|state}/{name}.
//
// The promise of the package: the PUBACK for a QoS 1 message on an up topic
// goes out only after [Handler.Command] has returned nil, which is after the
// command is on the disks of a majority. When Command fails there is no PUBACK
// and the connection is closed, so that the device comes back and sends again
// (a client that is left connected would wait for ever). PUBACK means recorded,
// not accepted.
//
// What it keeps from the outside:
//
//   - A client is who its client id says, "{class}:{id}", optionally proven by a
//     token; it speaks only for itself (see device.go for the rights, robot.go
//     for the VDA 5050 topics of robots). The gateway itself is no client: it
//     hears and commands its robots by a [Link], whatever tokens, TLS and limits
//     say.
//
//   - Sessions are always clean. Retained messages live in the state branch
//     only and are a projection that the gateway can publish again at any time.
//
//   - A client that reads too slowly is disconnected, never silently skipped
//     (law 11): when it comes back it gets the retained state.
//
//   - QoS 2 does not exist, QoS 0 commands are refused by disconnecting: both
//     would be lost or doubled without anybody knowing.
//
//   - Without a quorum, and for a moment after it came, new connections are
//     paced (gate.go): the devices of a dead gateway do not all hit the one that
//     just began to lead.
//
// Where the library is guarded, and why:
//
//   - It runs a take-over while the old connection is still ending, and that
//     end then removes the new connection. Here the old one has ended first
//     ([Broker.claim]), and its last will is not sent: the device is there.
//   - It writes to sockets under a lock that publishers need. Connections here
//     buffer writes (conn.go), so one stalled client holds up nobody.
//   - It deletes retained messages after a day, drops QoS 1 messages without a
//     word when the in-flight window is full, refuses a SUBSCRIBE whose packet
//     id equals that of a delivery on its way, and stops listening for ever
//     after one failed accept. See hook.go and listener.go.
//
// Goroutines: one per listener, two per connection (reader, which also runs the
// hooks and the Handler, and writer) besides the library's own. All end before
// Close returns. The Run of a Link belongs to whoever called it.
//
// Wire: MQTT 3.1.1; MQTT 5 clients are served as well.
package broker
