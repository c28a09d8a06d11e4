// Package cloudsync keeps the site and its OMS in step: it drains the outbox
// upward and takes the inbox in, through an adapter that speaks the protocol
// of the OMS. DESIGN.md says why it is as it is; package wire holds the
// messages, package ledger the replicated records.
//
// A [Runner] runs on the leader only. Run owns two goroutines, uplink and
// downlink; all state that must outlive them is replicated through Propose.
package cloudsync
