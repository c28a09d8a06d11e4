// Package raftstore is a replicated, crash-safe key-value state. A command
// that Propose answered is on the synced Raft log of a majority; a Machine
// applies it to a transaction on every gateway in the same order. The package
// knows nothing of warehouses. DESIGN.md beside this file says why it is built
// the way it is.
//
// The truth is the log (seglog) and the snapshots. The applied state lies in
// Badger and is disposable: after an unclean stop it is built anew.
//
// # Goroutines
//
// The apply goroutine (raft's) owns the applied state; Machine.Apply and
// Config.OnApply run on it. The batcher goroutine owns the queue of Propose.
// One goroutine each watches leadership, the quorum, hung calls of the disk, its
// space, its speed, the size of the log and the state (feature level, comparison,
// checksums), and with a Peer one looks at the other gateways and one moves raft's
// messages. Calls of other gateways run on the port's goroutines. Close ends them
// all but those.
// All methods of a Store may be called from any goroutine.
//
// # Numbers
//
// Several commands share one log entry, so the index seen outside is not
// raft's: it is the number of the command, 1 for the first one ever applied,
// rising by one. Meta.Index, Result.Index, Applied, View and OnApply all speak
// of it.
package raftstore
