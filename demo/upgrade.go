package demo

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tote/agent"
)

// step is one step of a rolling upgrade: the gateway becomes this version, or
// the older one again, when that share of the orders is picked.
type step struct {
	at      float64
	gateway int
	older   bool
}

// upgradeSteps is the way of a site that is upgraded while it works, thinks
// better of it, and is upgraded after all. The way back ends with the last
// gateway: from then on the cluster may use what the older version does not know.
func (s *shift) upgradeSteps() []step {
	if s.opt.Older == "" {
		return nil
	}
	last := len(s.nodes) - 1
	var list []step
	for i := range last {
		list = append(list, step{0.1, i, false})
	}
	for i := range last {
		list = append(list, step{0.35, i, true})
	}
	for i := range s.nodes {
		list = append(list, step{0.6, i, false})
	}
	return list
}

// upgrade stops a gateway as systemd does and starts it as the other version.
// The next one is not touched before all are well again.
func (s *shift) upgrade(ctx context.Context, st step) error {
	n := s.nodes[st.gateway]
	n.older = st.older
	what := "becomes this version"
	if st.older {
		what = "goes back to the older version"
	}
	at := time.Now()
	n.proc.stop()
	n.client.forget()
	s.gateway.forget()
	if err := s.startNode(ctx, n); err != nil {
		return err
	}
	if err := s.wholeCluster(ctx); err != nil {
		return err
	}
	s.ui.say("upgrade: %s %s, %.1f s", n.id, what, time.Since(at).Seconds())
	s.lastMoved, s.upgraded = time.Now(), true
	return nil
}

// sameState compares the states of all gateways, by their backups: what one has
// made of the log as one version the others have made of it as another.
func (s *shift) sameState(ctx context.Context) error {
	var was string
	for try := 0; ; try++ {
		states := map[string]bool{}
		for _, n := range s.nodes {
			file := filepath.Join(s.dir, fmt.Sprintf("%s-%d.backup", n.id, try))
			if err := s.procs.runOnce(ctx, "backup-"+n.id, nil, "backup", "create", "--api", "http://"+n.http, file); err != nil {
				return err
			}
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			info, err := agent.VerifyBackup(f, siteID)
			_ = f.Close()
			if err != nil {
				return err
			}
			was = fmt.Sprintf("%d commands, SHA-256 %s", info.Number, hex.EncodeToString(info.Digest)[:16])
			states[was] = true
		}
		if len(states) == 1 {
			s.ui.say("the state of all gateways: %s", was)
			return nil
		}
		if try == 20 { // it moves on between two backups, but not for ever
			return fmt.Errorf("the gateways have different states: %v", states)
		}
	}
}
