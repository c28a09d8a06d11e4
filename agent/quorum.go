package agent

import (
	"context"
	"time"

	"tote/agent/api"
	"tote/agent/health"
	"tote/agent/projection"
	"tote/agent/station"
	"tote/agent/topics"
)

// noQuorum is what people do when nothing can be recorded.
const noQuorum = "nothing can be recorded; start the other gateways or mend the network between them, work goes on by itself"

// quorum tells whether anything can be recorded, and since when that is so. A
// gateway that never had a quorum has had none since it started.
func (a *Agent) quorum() (ok bool, since time.Time) {
	if ok, since = a.store.Quorum(); since.IsZero() {
		since = a.start
	}
	return ok, since
}

// lost is what stations and docks show and answer while there is no quorum.
func (a *Agent) lost() station.Hint {
	ok, since := a.quorum()
	if ok {
		return station.Hint{}
	}
	return station.Hint{Code: station.HintNoQuorum, Text: noQuorumSince(since)}
}

func noQuorumSince(since time.Time) string {
	return "NO QUORUM since " + since.Format(time.TimeOnly) + ": " + noQuorum
}

// tellQuorum keeps the retained state/quorum of the site on this broker equal to
// what this gateway itself sees. It goes around the replicated state, which is
// just what does not change while there is no quorum.
func (a *Agent) tellQuorum(ctx context.Context) error {
	// The event can come before the store is there; the tick also finds out
	// when a publish failed.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told projection.Quorum
	for {
		ok, since := a.quorum()
		now := projection.Quorum{OK: ok, Since: since.UTC().Format(time.RFC3339)}
		if !ok {
			fault, _ := health.Find(station.HintNoQuorum)
			now.Code, now.Text, now.Action = fault.Code, noQuorumSince(since), fault.Action
			if a.store.Rebuilding() != nil {
				// Not how far it is: that would be a message a second.
				fault, _ = health.Find(api.CodeRebuilding)
				now.Code, now.Text, now.Action = fault.Code, "the gateway is starting, its state is rebuilt since "+since.Format(time.TimeOnly), fault.Action
			}
		}
		if now != told {
			if err := a.publishHere(topics.SiteQuorum(a.cfg.Site), now); err != nil {
				a.log.Warn("not published", "topic", topics.SiteQuorum(a.cfg.Site), "err", err)
			} else {
				told = now
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.kickQuorum:
		case <-tick.C:
		}
	}
}
