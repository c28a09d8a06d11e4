package broker

import (
	"log/slog"
	"time"
)

// Two devices with one id need not chase each other: connected to two gateways,
// both stay, and use up each other's sequences. That shows when a verb's sequence
// is refused; then the gateways ask each other who has the device.

// apart is a device that another gateway has too.
type apart struct {
	since, last time.Time
	other       string // gateway
}

func (a apart) text() string { return "connected here and at gateway " + a.other }

// Apart is told by gateway other that the device with a client id is connected
// there and finds its sequences used. It reports whether it is connected here
// too: then there are two.
func (b *Broker) Apart(id, other string) bool {
	now := b.cfg.Now()
	b.mu.Lock()
	if b.sessions[id] == nil {
		b.mu.Unlock()
		return false
	}
	for k, v := range b.aparts {
		if now.Sub(v.last) >= twiceWindow {
			delete(b.aparts, k)
		}
	}
	a, known := b.aparts[id]
	if !known && len(b.aparts) >= twiceIDs {
		b.mu.Unlock()
		return true
	}
	if !known || a.other != other {
		a = apart{since: now, other: other}
	}
	a.last = now
	b.aparts[id] = a
	b.mu.Unlock()
	f := Faults()[0]
	b.say("apart "+id, slog.LevelError, "two devices with one client id", "device", id, "code", f.Code, "text", a.text(), "action", f.Action)
	return true
}
