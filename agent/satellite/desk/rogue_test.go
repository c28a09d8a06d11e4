package desk

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/warehouse"
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

// TestQuestionsAreBounded: what waits for an answer is kept in memory, so one
// satellite has only so many bytes of it; small questions always have room, and
// what was answered counts no more.
func TestQuestionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newDesk(t)
		defer d.Close()
		release := make(chan struct{})
		d.cfg.Do = func(context.Context, replica.By, uint16, uint16, []byte) (warehouse.Result, error) {
			<-release
			return warehouse.Result{OK: true}, nil
		}
		do := func(s *session, size int) error {
			_, err := ask[satellite.DoAnswer](t.Context(), t, s, satellite.CallDo, satellite.DoCall{ID: make([]byte, 16), Body: make([]byte, size), WaitMs: 60_000})
			return err
		}
		var wg sync.WaitGroup
		wait := func(s *session, size int) {
			wg.Go(func() {
				if err := do(s, size); err != nil {
					t.Error(err)
				}
			})
		}
		for range maxAskedEach/satellite.MaxBody - 1 {
			wait(s, satellite.MaxBody)
		}
		synctest.Wait()
		wait(s, satellite.MaxBody/2)
		synctest.Wait()
		wantCode(t, do(s, satellite.MaxBody), satellite.SayAgain)
		wait(s, 100)
		wait(&session{d: d, id: "sat2"}, satellite.MaxBody)
		synctest.Wait()
		close(release)
		wg.Wait()
		if err := do(s, satellite.MaxBody); err != nil || len(d.asked) != 0 {
			t.Errorf("then %v, %v", err, d.asked)
		}
	})
}
