// Package replica joins the domain and the store: it holds the table from
// command kind to the pure applier that owns it, runs as the Machine of
// raftstore, and offers the other parts of the agent one way to change
// anything ([Store.Do]) and one way to look ([Store.View]).
//
// It owns no goroutine. Machine.Apply runs on the store's apply goroutine; Do
// and View may be called from any goroutine.
package replica

// CodeSeqTooOld refuses a verb whose sequence lies before the answers kept for
// the device: it was reset, and goes on from the retained state/seq.
const CodeSeqTooOld = "SEQ_TOO_OLD"

// CodeSeqReused refuses a verb whose sequence the device has used for another
// verb: it was reset and began to count anew. Nothing was done.
const CodeSeqReused = "SEQ_REUSED"

// CodeSeqJump refuses a verb whose sequence would use up the numbers of the
// device: from the last one on nothing could be told apart any more.
const CodeSeqJump = "SEQ_JUMP"

// By says who makes a command and how a repeat of it is recognised.
type By struct {
	ID     [16]byte // a fresh id, kept for every retry; ignored when Device is set
	Device string   // device with a sequence of its own
	Seq    uint64
	Actor  string
}
