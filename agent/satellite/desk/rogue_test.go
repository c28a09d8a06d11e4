package desk

import (
	"sync"
	"testing"
	"testing/synctest"

	"tote/agent/satellite"
)

// TestPollsAreBounded: every command wakes all who wait, so one satellite has only
// a few of them waiting; another one notices nothing of it.
func TestPollsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newDesk(t)
		defer d.Close()
		poll := satellite.PollCall{Cluster: "c1", At: 10, WaitMs: 60_000, Quorum: true}
		var wg sync.WaitGroup
		for range maxPollsEach {
			wg.Go(func() {
				if a, err := ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, poll); err != nil || len(a.Touched) != 1 {
					t.Errorf("%+v %v", a, err)
				}
			})
		}
		synctest.Wait()
		_, err := ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, poll)
		wantCode(t, err, satellite.CodeBusy)
		look := satellite.PollCall{}
		if _, err := ask[satellite.PollAnswer](t.Context(), t, &session{d: d, id: "sat2"}, satellite.CallPoll, look); err != nil {
			t.Errorf("another satellite: %v", err)
		}
		d.Touch(11, []string{"k"})
		wg.Wait()
		if _, err := ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, look); err != nil {
			t.Errorf("then: %v", err)
		}
	})
}
