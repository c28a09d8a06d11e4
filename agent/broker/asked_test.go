package broker_test

import (
	"slices"
	"sync"
	"testing"

	"tote/agent/broker"
)

// Who subscribes to the state of a station or dock is told of before the
// subscription stands, and gets what is published because of it.
func TestAsked(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	var b *broker.Broker
	var published sync.WaitGroup
	b = start(t, accept, func(cfg *broker.Config) {
		cfg.Asked = func(class, id string) {
			mu.Lock()
			asked = append(asked, class+"/"+id)
			mu.Unlock()
			published.Go(func() { // as the projection does, from another goroutine
				if err := b.Publish("tote/v1/s1/"+class+"/"+id+"/state/task", []byte("shown"), true, 1); err != nil {
					t.Error(err)
				}
			})
		}
	})
	const base = "tote/v1/s1/"
	for _, tc := range []struct {
		id, filter, want string
	}{
		{"display:d1", base + "dock/d1/state/task", "dock/d1"},
		{"display:p1", base + "station/p1/state/+", "station/p1"},
		{"station:p2", base + "station/p2/state/#", "station/p2"},
		{"display:d1", base + "dock/d1/down/result", ""},
		{"display:d1", base + "dock/d2/state/task", ""}, // not its own: denied
		{"handheld:h1", base + "handheld/h1/state/task", ""},
		{"handheld:h1", base + "site/s1/state/quorum", ""},
		{"watch:w", base + "dock/+/state/task", ""},
	} {
		mu.Lock()
		asked = nil
		mu.Unlock()
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		c.subscribe(1, 1, tc.filter)
		if tc.want != "" {
			if _, _, p := c.want(pktPublish).message(); string(p) != "shown" {
				t.Errorf("%s got %q", tc.id, p)
			}
		}
		mu.Lock()
		if got := slices.Clone(asked); tc.want == "" && len(got) > 0 || tc.want != "" && !slices.Equal(got, []string{tc.want}) {
			t.Errorf("%s subscribes %s: asked for %v, want %q", tc.id, tc.filter, got, tc.want)
		}
		mu.Unlock()
		c.send(encode(pktDisconnect, 0))
		c.wantClosed()
	}
	published.Wait()
}
