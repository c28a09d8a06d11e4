// Package dispatch hands batches to waiting workers.
//
// A [Dispatcher] runs on the leader only; agent starts and stops it with
// leadership. It reads a snapshot of the warehouse, plans one batch for the
// worker who waits longest and proposes it as warehouse.AssignBatch; apply
// decides whether the plan still holds. It keeps no state that matters: after a
// change of leader the next dispatcher plans from what is replicated, and two
// of them at once could only have one plan accepted.
//
// Run owns everything in a Dispatcher; it starts no goroutine. Which orders go
// together is decided in picking/batch, the walk in picking/route.
package dispatch
