// Package warehouse is the domain: items, bins, the double-entry ledger,
// orders, batches, pick tasks, logistic units, shipments and fallout, as a pure
// and deterministic state machine.
//
// [Apply] runs one [Command] against a [Tx]. It has no clock, no randomness, no
// I/O, no goroutine and never ranges over a map: the same commands give the
// same bytes of state on every gateway and architecture. Time comes in through
// [Meta].Now, ids come in through the command. A refused command answers with a
// code of the table in codes.go and leaves the state as it was.
//
// Nobody owns a goroutine here; the caller (agent/replica, run by raftstore)
// calls Apply from one goroutine in log order. Views read from a [Reader] and
// may run on any goroutine, each on its own snapshot.
//
// The rules come from the order-management checklist of the project: states
// and points of no return in order.go, the ledger in ledger.go.
package warehouse

//go:generate go test -run TestOrderStatesPage -update .
