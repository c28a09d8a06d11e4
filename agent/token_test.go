//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"testing"
	"time"

	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// TestTokenEndsByTheTimeOfTheSite: what lets a newcomer in compares with the
// time of the cluster, so a gateway whose clock is days off makes tokens that
// are good for as long as was asked.
func TestTokenEndsByTheTimeOfTheSite(t *testing.T) {
	const behind = 100 * time.Hour
	s, err := replica.Open(raftstore.Config{
		Dir: t.TempDir(), NodeID: "gw1", MinFree: 1 << 20,
		Now: func() time.Time { return time.Now().Add(-behind) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.WaitLeader(t.Context()); err != nil {
		t.Fatal(err)
	}
	ca, err := identity.NewAuthority("s1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tok, err := clusterStore{s}.newToken(t.Context(), ca, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(func(r warehouse.Reader) error {
		got, err := members.Get(r, tok.ID)
		if err == nil {
			if left := time.UnixMilli(got.Expires).Sub(s.Now()); left < 50*time.Minute || left > time.Hour {
				t.Errorf("it is good for %v", left)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
