package broker

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// CodeTwice is the code of two devices with one client id.
const CodeTwice = "DEVICE_TWICE"

// Fault is one row of the table of faults.
type Fault struct{ Code, Cause, Action string }

// Faults is what can be wrong with those who connect.
func Faults() []Fault {
	return []Fault{
		{CodeTwice, "Two devices use one client id: at one gateway each new connection ends the other one's, so neither works for long; at two gateways they use up each other's sequences. Nothing that was acknowledged is lost.", "Find both by the addresses or gateways in the text and give each its own id. When there is only one, its network breaks all the time. The fault ends a minute after the last sign of it."},
	}
}

// A device that comes back before its old connection is seen to be dead takes
// over from itself, once. Two devices take over from each other again and again.
const (
	twiceCount  = 3           // take-overs within twiceWindow are no accident
	twiceWindow = time.Minute // a minute without one ends the fault
	twiceIDs    = 512         // client ids watched at a time
	twiceHosts  = 4           // addresses remembered of each
)

// Twice is a client id that more than one device uses.
type Twice struct {
	Device    string    `json:"device"` // the client id, "handheld:h1"
	Code      string    `json:"code"`
	Text      string    `json:"text"`
	Since     time.Time `json:"since"` // the first take-over, or sign of the other
	Last      time.Time `json:"last"`
	TakeOvers uint64    `json:"takeOvers"` // since Since; 0 when they are at two gateways
}

// chase is the take-overs of one client id that followed each other closely.
type chase struct {
	since, last time.Time
	n           uint64
	hosts       []string // of the connections that came and went
}

// chased counts a take-over; it says so when it made two devices certain. b.mu
// is not held.
func (b *Broker) chased(id string, old, came *conn) {
	now := b.cfg.Now()
	b.mu.Lock()
	c := b.chases[id]
	if c == nil || now.Sub(c.last) >= twiceWindow {
		for k, v := range b.chases {
			if now.Sub(v.last) >= twiceWindow {
				delete(b.chases, k)
			}
		}
		if len(b.chases) >= twiceIDs {
			b.mu.Unlock()
			return // a flood of ids is another trouble; it shows in the counters
		}
		c = &chase{since: now}
		b.chases[id] = c
	}
	c.last = now
	c.n++
	for _, h := range []string{host(old), host(came)} {
		if !slices.Contains(c.hosts, h) && len(c.hosts) < twiceHosts {
			c.hosts = append(c.hosts, h)
		}
	}
	certain, text := c.n == twiceCount, c.text()
	b.mu.Unlock()
	if certain {
		f := Faults()[0]
		b.say("twice "+id, slog.LevelError, "two devices with one client id", "device", id, "code", f.Code, "text", text, "action", f.Action)
	}
}

func (c *chase) text() string {
	from := "from " + strings.Join(c.hosts, " and ")
	if len(c.hosts) == 1 {
		from = "all from " + c.hosts[0]
	}
	return fmt.Sprintf("%d take-overs, %s", c.n, from)
}

// twice lists the client ids that more than one device uses now. b.mu is held.
func (b *Broker) twice() []Twice {
	now := b.cfg.Now()
	var out []Twice
	for id, c := range b.chases {
		if c.n >= twiceCount && now.Sub(c.last) < twiceWindow {
			out = append(out, Twice{id, CodeTwice, c.text(), c.since, c.last, c.n})
		}
	}
	for id, a := range b.aparts {
		if now.Sub(a.last) < twiceWindow {
			out = append(out, Twice{id, CodeTwice, a.text(), a.since, a.last, 0})
		}
	}
	slices.SortFunc(out, func(a, b Twice) int { return cmp.Compare(a.Device, b.Device) })
	return out
}
