package fleet

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// traffic is the queue of robots that wait for nodes: who came first goes first.
// Without it a long way could be starved by many short ones. It is a leaf lock.
type traffic struct {
	mu    sync.Mutex
	waits map[string]wait
}

type wait struct {
	robot string
	since time.Time
	nodes []string // rising
	// stuck: it waits for a robot that will not move by itself. It keeps no
	// others from going.
	stuck bool
}

// ahead is the robot whose turn is before, "" when there is none that wants one
// of the nodes.
func (t *traffic) ahead(robot string, since time.Time, nodes []string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w, ok := t.waits[robot]; ok {
		since = w.since
	}
	var first *wait
	for _, w := range t.waits {
		if w.robot == robot || w.stuck || !before(w, wait{robot: robot, since: since}) || !overlap(w.nodes, nodes) {
			continue
		}
		if first == nil || before(w, *first) {
			first = &w
		}
	}
	if first == nil {
		return ""
	}
	return first.robot
}

func before(a, b wait) bool {
	return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.robot, b.robot)) < 0
}

// overlap: both rise.
func overlap(a, b []string) bool {
	for _, n := range a {
		if _, ok := slices.BinarySearch(b, n); ok {
			return true
		}
	}
	return false
}

// waiting puts a robot into the queue, or keeps its place there.
func (t *traffic) waiting(robot string, since time.Time, nodes []string, stuck bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w, ok := t.waits[robot]; ok {
		since = w.since
	}
	t.waits[robot] = wait{robot, since, nodes, stuck}
}

// leave takes a robot out of the queue.
func (t *traffic) leave(robot string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waits, robot)
}

// wanted: somebody else waits for one of the nodes.
func (t *traffic) wanted(robot string, nodes []string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waits {
		if w.robot != robot && overlap(w.nodes, nodes) {
			return true
		}
	}
	return false
}
