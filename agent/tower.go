package agent

import (
	"context"
	"sync"
	"time"

	"tote/drivers/gpio"
)

// tower joins what a station wants to show with whether anything can be
// recorded at all.
type tower struct {
	lamps *gpio.Tower

	mu    sync.Mutex
	light gpio.Light // of the station
}

func (t *tower) set(l gpio.Light, ready bool) {
	t.mu.Lock()
	t.light = l
	t.mu.Unlock()
	t.refresh(ready)
}

func (t *tower) refresh(ready bool) {
	t.mu.Lock()
	l := t.light
	t.mu.Unlock()
	if !ready {
		l = gpio.LightStop
	}
	t.lamps.Set(l)
}

// towerTick is how often the towers are told what to show. A tower that is not
// told for twenty of them shows stop by itself.
const towerTick = 250 * time.Millisecond

// startTowers: without towers nothing wakes four times a second.
func (a *Agent) startTowers(context.Context) error {
	if len(a.towers) == 0 {
		return nil
	}
	return a.sup.Go("towers", a.watchTowers)
}

// watchTowers keeps the towers at stop while nothing can be recorded.
func (a *Agent) watchTowers(ctx context.Context) error {
	tick := time.NewTicker(towerTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			ready := a.isReady() == nil
			for _, t := range a.towers {
				t.refresh(ready)
			}
		}
	}
}
