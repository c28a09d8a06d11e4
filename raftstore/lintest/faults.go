//go:build linux

package lintest

import "time"

// Mixed plays one random fault after the other until the time is over: every
// kind in turn before the first comes again, so that a long run has all.
func Mixed(f *Faults) {
	kinds := []func(*Faults){KillOne, PauseOne, Partition, Clocks, SlowDisk, KillAll, OneWay, Lagging, Replacing, Flapping}
	f.Rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for n := 0; f.Wait(500 * time.Millisecond); n++ {
		kinds[n%len(kinds)](f)
		f.Acknowledged(20)
	}
}

func (f *Faults) for1(least, most time.Duration) bool {
	return f.Wait(least + time.Duration(f.Rand.Int64N(int64(most-least))))
}

// KillOne kills a gateway, the leader half of the time, and starts it again.
func KillOne(f *Faults) {
	id := f.Any()
	if f.Rand.IntN(2) == 0 {
		id = f.LeaderOrAny()
	}
	f.Kill(id)
	f.for1(300*time.Millisecond, 1500*time.Millisecond)
	f.Start(id)
}

// KillAll kills all gateways at once.
func KillAll(f *Faults) {
	for _, id := range ids {
		f.Kill(id)
	}
	for _, id := range ids {
		f.Start(id)
	}
}

// PauseOne stops the leader or another gateway and lets it go on.
func PauseOne(f *Faults) {
	id := f.LeaderOrAny()
	f.Stop(id)
	f.for1(500*time.Millisecond, 2500*time.Millisecond)
	f.Continue(id)
}

// Partition cuts one gateway off from the others, the leader half of the time.
func Partition(f *Faults) {
	id := f.Any()
	if f.Rand.IntN(2) == 0 {
		id = f.LeaderOrAny()
	}
	f.Isolate(id)
	f.for1(500*time.Millisecond, 2500*time.Millisecond)
	f.Heal()
}

// OneWay drops what goes in one direction only.
func OneWay(f *Faults) {
	id := f.LeaderOrAny()
	if f.Rand.IntN(2) == 0 {
		f.Cut([]string{id}, f.Others(id))
	} else {
		f.Cut(f.Others(id), []string{id})
	}
	f.for1(500*time.Millisecond, 2500*time.Millisecond)
	f.Heal()
}

// Flapping cuts the leader off for moments, again and again.
func Flapping(f *Faults) {
	for range 6 {
		f.Isolate(f.LeaderOrAny())
		f.for1(50*time.Millisecond, 400*time.Millisecond)
		f.Heal()
		f.for1(50*time.Millisecond, 400*time.Millisecond)
	}
}

// Clocks sets one clock a year ahead and another one a year back.
func Clocks(f *Faults) {
	const year = 365 * 24 * time.Hour
	a := f.Any()
	f.Clock(a, year)
	f.Clock(f.Others(a)[0], -year)
	f.for1(500*time.Millisecond, 1500*time.Millisecond)
	f.Clock(a, 0)
	f.Clock(f.Others(a)[0], 0)
}

// SlowDisk makes the syncs of the leader, or of another gateway, slow.
func SlowDisk(f *Faults) {
	id := f.Any()
	if f.Rand.IntN(2) == 0 {
		id = f.LeaderOrAny()
	}
	f.Slow(id, time.Duration(50+f.Rand.IntN(350))*time.Millisecond)
	f.for1(time.Second, 2500*time.Millisecond)
	f.Slow(id, 0)
}

// Lagging keeps a follower away until the log does not reach back to it any
// more, then kills it while it is given the whole state.
func Lagging(f *Faults) {
	id := f.Others(f.LeaderOrAny())[f.Rand.IntN(2)]
	f.Kill(id)
	f.Acknowledged(2000)
	f.Start(id)
	f.for1(50*time.Millisecond, 300*time.Millisecond)
	f.Kill(id)
	f.Start(id)
}

// Replacing removes a gateway, wipes its disk and lets it come again, while
// another one is killed and the leader is cut off.
func Replacing(f *Faults) {
	id := f.Others(f.LeaderOrAny())[f.Rand.IntN(2)]
	if !f.Replace(id) {
		return
	}
	f.for1(50*time.Millisecond, 300*time.Millisecond)
	lead := f.LeaderOrAny()
	f.Isolate(lead)
	f.for1(200*time.Millisecond, time.Second)
	f.Heal()
	other := f.Others(id)[f.Rand.IntN(2)]
	f.Kill(other)
	f.for1(100*time.Millisecond, 500*time.Millisecond)
	f.Start(other)
	f.awaitVoter(id)
}

// KillEvery kills a random gateway again and again and starts it again after a
// fifth of that time.
func KillEvery(f *Faults, every time.Duration) {
	for f.Wait(every * 4 / 5) {
		id := f.Any()
		f.Kill(id)
		f.Wait(every / 5)
		f.Start(id)
	}
}
