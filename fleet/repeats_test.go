package fleet

import (
	"testing"
	"time"

	"tote/fleet/vda5050"
)

// again gives the job to R1 once more, as its owner does when the end of it
// changed nothing.
func (w *world) again(job Job) {
	w.jobs.mu.Lock()
	defer w.jobs.mu.Unlock()
	delete(w.jobs.outcome, job.ID)
	for _, l := range job.Legs {
		delete(w.jobs.legs, job.ID+"/"+l.ID)
	}
	w.jobs.open = append(w.jobs.open, job)
}

// What a robot is to do last (put the totes of its walk down) keeps failing: it
// is tried three times, and then a person is asked.
func TestJobThatNeverComesAbout(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.with(func() { w.bots[0].pick = func(vda5050.Action) bool { return false } })
		fin := Job{ID: "FIN-B1", Kind: "pick", Legs: []Leg{{ID: "finish", Node: "C", Action: "count", Params: []Param{{"job", "FIN-B1"}, {"leg", "finish"}}}}}
		failed := func() bool { return w.jobs.of("FIN-B1") == "JOB_FAILED/"+CodeAction }
		for range maxEnds {
			w.again(fin)
			w.until(2*time.Minute, "it fails", failed)
		}
		s := w.shows("R1", CodeRepeats, time.Minute)
		if want := "job FIN-B1 ended 3 times, at last with " + CodeAction; s.Text != want {
			t.Errorf("%q, want %q", s.Text, want)
		}
		w.again(fin)
		w.until(3*time.Minute, "it is home", func() bool { return w.bots[0].node == "P1" })
		sent := w.orders()
		w.run(time.Hour)
		if w.orders() != sent || w.jobs.of("FIN-B1") != "" || w.status("R1").Code != CodeRepeats {
			t.Errorf("%d orders more, job %q, code %q", w.orders()-sent, w.jobs.of("FIN-B1"), w.status("R1").Code)
		}
		// Put right, and told so.
		w.with(func() { w.bots[0].pick = nil })
		if err := w.master.Clear("R1"); err != nil {
			t.Fatal(err)
		}
		w.until(2*time.Minute, "it is done", func() bool { return w.jobs.of("FIN-B1") == JobDone })
		w.jobs.add(transport("J2", "C", "B"))
		w.until(2*time.Minute, "it works on", func() bool { return w.jobs.of("J2") == JobDone })
	})
}
