// Package satellite is the store of a gateway that keeps none: a 32-bit machine,
// or one that is a satellite by choice. Everything it proposes, reads and is told
// goes over the mutual TLS port of a gateway with a store; package desk answers
// there. It imports nothing of raftstore but its port, so that it builds on
// 32-bit machines.
//
// Rules:
//   - It is attached to one gateway at a time: the one that answered last, as long
//     as that one sees a quorum; otherwise the next of the list. The list is what
//     the configuration and the token gave, and every gateway it was told of since.
//   - A command keeps its id, or its device and sequence, through every fail-over,
//     so it is applied once and answered with the answer of that one time. An
//     answer means committed, on whichever gateway it was asked for.
//   - One view is one state: the gateway keeps a snapshot open for it, for a
//     limited time. With the connection, the attachment or the time the view ends
//     in [ErrViewLost]; a function that ran once is never run again.
//   - What it has seen it sees again: each view, on any gateway, waits until that
//     gateway has applied what this one was told of before.
//   - What changed is asked for by number, from where it was told last. Where a
//     gateway cannot tell that any more, the answer is "everything".
//   - It never leads and holds no authority of the site. It proposes commands of the
//     warehouse only: not tokens, members, robots' intents or what the OMS was told.
//
// One goroutine attaches and listens; it is owned by the Store and ends with
// Close. All methods may be called from any goroutine.
package satellite

import "errors"

// Fault codes of this package; never reuse one.
const (
	CodeNoGateway = "SAT-101"
	CodeViewLost  = "SAT-102"
	CodeBusy      = "SAT-103"
	CodeNoStore   = "SAT-104"
	CodeMalformed = "SAT-105"
	CodeForbidden = "SAT-106"
)

// Errors of this package. Their codes are in [Faults].
var (
	// ErrNoGateway: no gateway of the site answers. Nothing was done.
	ErrNoGateway = errors.New(CodeNoGateway + ": no gateway of the site answers this satellite")
	// ErrViewLost: the state that was being read is gone.
	ErrViewLost = errors.New(CodeViewLost + ": the gateway that was read from does not answer any more")
	// ErrBusy: the gateway serves as many as it can.
	ErrBusy = errors.New(CodeBusy + ": the gateway has too many questions of satellites open")
	// ErrNoStore: only a gateway with a store can do that.
	ErrNoStore = errors.New(CodeNoStore + ": this is a satellite and keeps no store")
	// ErrMalformed: a question or an answer is none of this version.
	ErrMalformed = errors.New(CodeMalformed + ": a message between satellite and gateway does not decode")
	// ErrForbidden: a satellite may not do that.
	ErrForbidden = errors.New(CodeForbidden + ": a satellite may only propose work of the warehouse")
	// ErrClosed: the gateway stops.
	ErrClosed = errors.New("satellite: closed")
)

// Fault is one row of the table of codes.
type Fault struct{ Code, Cause, Action string }

// Faults lists the codes of this package.
func Faults() []Fault {
	return []Fault{
		{CodeNoGateway, "No gateway of the site answers this satellite, so it can neither record nor show anything.", "Check the network to the gateways and that they run; their addresses are in cluster.gateways of the configuration and those the site told. Work goes on by itself."},
		{CodeViewLost, "The gateway a satellite was reading from is gone, or the reading took too long.", "Read again; the satellite has gone to another gateway meanwhile."},
		{CodeBusy, "A gateway has as many questions of satellites open as it takes.", "It passes by itself. When it lasts, look for a satellite that hangs, and spread them over the gateways."},
		{CodeNoStore, "A satellite was asked for what only a gateway with a store can do.", "Ask a gateway that keeps a store; `tote cluster status` lists them."},
		{CodeMalformed, "A satellite and a gateway do not understand each other.", "Run the same version of tote on all gateways and satellites."},
		{CodeForbidden, "A satellite asked for what only a gateway that leads or holds the authority of the site may do. Nothing was done.", "Run the same version of tote on all gateways and satellites. When it happens again, take the satellite out with `tote cluster remove NAME` and look at who has been at that machine."},
	}
}
