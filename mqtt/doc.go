// Package mqtt is the one MQTT client of Tote: a wrapper of the paho client
// that keeps its traps away from everybody else. It is a leaf, it knows nothing
// of warehouses or topics.
//
// What it promises:
//
//   - [Client.Publish] returns nil only after the broker's PUBACK for this very
//     message on this very connection. paho completes a token without an error
//     when it resends the message on a new connection; therefore one paho client
//     lives for exactly one connection here, never reconnects by itself and
//     keeps nothing to resend. Whoever publishes owns the resending.
//   - Nothing is published while there is no connection: [ErrNotConnected]
//     instead of the silent loss paho has at QoS 0.
//   - A message is handed to a bounded queue per subscription with its own
//     goroutine. Handlers may block and publish; they never hold up the pings.
//   - After each connect all subscriptions are made again before the client
//     counts as connected, so an answer to a command cannot be missed.
//   - A list of brokers is tried in turn, without a pause as long as there is
//     one not tried yet.
//   - MQTT 3.1.1, clean session, QoS 0 and 1, never 2.
//
// Goroutines: Run owns the connection, each subscription has one for its
// handler, a publish has one until it is settled. All end before Run returns.
//
// Wire: MQTT 3.1.1 (OASIS standard, 29 October 2014).
package mqtt
