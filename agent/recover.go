package agent

import "time"

// Held is what the store of a gateway that does not run holds.
type Held struct {
	Gateway string
	Cluster string
	Voter   bool     // the gateway itself has a vote
	Others  []string // id@host:port of the others that have one
	Answer  []string // ids of those that answer
	Term    uint64
	Last    uint64 // last log entry
	Unsure  uint64 // entries not known to be on a majority
}

// Formed tells how a site was formed anew.
type Formed struct {
	Epoch   uint32
	Cluster string
	Number  uint64    // of the last command
	Last    time.Time // when it was made
	Unsure  uint64
	Old     string // where the old store is now, "" when there was none
}

// BackedUp is what a backup is of.
type BackedUp struct {
	Site, Gateway, Cluster string
	Epoch                  uint32
	Number                 uint64    // of the last command
	Last                   time.Time // when it was made
	Made                   time.Time
	Digest                 []byte // SHA-256 of the state: the same at every gateway after the same command
}
