package update

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Health is how a gateway is, as far as an update could make it worse. What is down
// before an update may be down after it: an unplugged cable is no fault of a release.
type Health struct {
	Version string   `json:"version"`
	Ready   bool     `json:"ready"`         // scans are accepted
	Why     string   `json:"why,omitempty"` // why they are not
	Quorum  bool     `json:"quorum"`
	Leader  bool     `json:"leader"`
	Behind  uint64   `json:"behind"` // commands behind the site
	Rebuild bool     `json:"rebuild,omitempty"`
	Devices []string `json:"devices,omitempty"` // that are ready
	Peers   []string `json:"peers,omitempty"`   // gateways that answer
	OMS     []string `json:"oms,omitempty"`     // links that are up; only one that leads has any
	Disk    string   `json:"disk,omitempty"`    // code of what is wrong with the disk
	SyncMs  int64    `json:"syncMs"`            // of a write of the log; 0 = too few to tell
	Outbox  int64    `json:"outboxMs"`          // age of the oldest event for the OMS
	// Issues are those of GET /v1/health that are broken, "CODE about".
	Issues []string `json:"issues,omitempty"`
	// Site is the feature level the site runs at; 0 = unknown.
	Site uint16 `json:"site,omitempty"`
}

// Bounds of Worse.
const (
	mostBehind = 250             // commands, as for the vote of a newcomer
	slowSync   = 200             // ms; what is below is no cause to go back
	oldOutbox  = 2 * time.Minute // and not so before
	syncFactor = 4
)

// Worse lists in what a gateway is worse than it was; nothing when it is as well.
func Worse(before, now Health) (in []string) {
	add := func(format string, args ...any) { in = append(in, fmt.Sprintf(format, args...)) }
	switch {
	case !now.Ready:
		add("it does not accept scans: %s", now.Why)
	case before.Quorum && !now.Quorum:
		add("there is no quorum")
	}
	if now.Rebuild {
		add("its state is still built anew")
	}
	if now.Behind > mostBehind {
		add("it is %d commands behind", now.Behind)
	}
	for _, lost := range []struct {
		what        string
		before, now []string
	}{
		{"devices are not ready", before.Devices, now.Devices},
		{"gateways are not heard", before.Peers, now.Peers},
		{"new issues", now.Issues, before.Issues}, // what came is what is lost the other way round
	} {
		if gone := without(lost.before, lost.now); len(gone) > 0 {
			add("%s: %s", lost.what, strings.Join(gone, ", "))
		}
	}
	// The links are those of the gateway that leads; whether another one's are up is
	// not seen from here.
	if gone := without(before.OMS, now.OMS); before.Leader && now.Leader && len(gone) > 0 {
		add("links are down: %s", strings.Join(gone, ", "))
	}
	if before.Disk == "" && now.Disk != "" {
		add("the disk: %s", now.Disk)
	}
	if now.SyncMs > slowSync && before.SyncMs > 0 && now.SyncMs > syncFactor*before.SyncMs {
		add("a write takes %d ms, before %d", now.SyncMs, before.SyncMs)
	}
	if limit := oldOutbox.Milliseconds(); before.Outbox < limit/2 && now.Outbox >= limit && now.Leader {
		add("events wait for the OMS for %d s", now.Outbox/1000)
	}
	return in
}

// without is what of a is not in b.
func without(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
