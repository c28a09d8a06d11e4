package fleet

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The laws, looked at in many small worlds: messages are lost, repeated and
// overtaken, the master dies at any command and at any message, and another one
// goes on from the record. world.check and world.enters watch all the time that
// no update id has two contents and that no robot drives onto another; in the end
// every job was done, each of its actions once.
func TestLawsInSmallWorldsRow67(t *testing.T) {
	seeds := 40
	if s := os.Getenv("TOTE_SEEDS"); s != "" {
		seeds, _ = strconv.Atoi(s)
	}
	schema := orderSchema(t)
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { explore(t, seed, schema) })
		})
	}
}

func explore(t *testing.T, seed uint64, schema *jsonschema.Schema) {
	w := newWorld(t, seed, 3)
	w.schema = schema
	w.loss = []int{0, 5, 20, 40}[seed%4]
	w.jitter = seed%3 > 0
	crashes := int(seed % 5)
	withdraws := seed%7 == 6
	const nodes = "ABCDEF"
	const jobs = 8
	for i := range jobs {
		a := w.rng.IntN(len(nodes))
		b := (a + w.rng.IntN(len(nodes))) % len(nodes) // the same node, too
		w.jobs.add(transport(fmt.Sprint("J", i), nodes[a:a+1], nodes[b:b+1]))
	}
	w.crashAt = crashPoint(w, &crashes)
	w.start()
	w.until(30*time.Minute, "all jobs over", func() bool {
		w.revive(&crashes)
		if withdraws && w.roll(200) == 0 {
			id := fmt.Sprint("J", w.roll(jobs))
			if w.jobs.leg(id+"/pick") == "" {
				w.master.Withdraw(id, "CARRIED")
			}
		}
		return w.jobs.over() == jobs
	})
	w.until(10*time.Minute, "all robots home", func() bool {
		w.revive(&crashes)
		for _, b := range w.bots {
			if b.busy() || b.node != "P"+b.id[1:] || len(w.store.robot(b.id).Nodes) != 1 {
				return false
			}
		}
		return true
	})
	w.stop()
	for i := range jobs {
		id := fmt.Sprint("J", i)
		got, once := w.jobs.of(id), 1
		if withdraws && got == "JOB_FAILED/CARRIED" {
			once = 0
		} else if got != JobDone {
			t.Errorf("%s: %s", id, got)
		}
		for _, leg := range []string{"/pick", "/drop"} {
			if n := w.effects[id+leg]; n != once {
				t.Errorf("%s%s was done %d times, want %d: %s", id, leg, n, once, got)
			}
		}
	}
}

// roll throws a die of n sides.
func (w *world) roll(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// revive starts the next master when one has died.
func (w *world) revive(crashes *int) {
	w.mu.Lock()
	crashed, fainted, ended := w.crashed, !w.leading, w.ended
	w.mu.Unlock()
	if fainted && !crashed {
		w.run(time.Duration(w.roll(5000)) * time.Millisecond)
		w.mu.Lock()
		w.crashAt, w.leading = crashPoint(w, crashes), true
		w.mu.Unlock()
	}
	if !crashed {
		return
	}
	<-ended
	w.run(time.Duration(300+w.roll(3000)) * time.Millisecond) // the election
	w.mu.Lock()
	w.crashed, w.crashAt = false, crashPoint(w, crashes)
	w.mu.Unlock()
	w.start()
}

// crashPoint says after how many messages and commands the master dies.
func crashPoint(w *world, left *int) int {
	if *left == 0 {
		return 0
	}
	*left--
	w.faint = w.rng.IntN(3) == 0
	return 1 + w.rng.IntN(120)
}
