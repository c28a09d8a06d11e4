package conveyor

import (
	"fmt"
	"slices"
	"time"
)

// place puts a message into the sequence of its sender: which start of the
// conveyor, and whether something is missing before it. main is the message
// when it is a state. stale: the message is of an older start.
func (c *Controller) place(d *device, h Header, main *MainMessage) (stale bool) {
	d.mu.Lock()
	old := slices.Contains(d.older, h.BootID)
	twin, gap := false, ""
	switch {
	case h.BootID == d.boot:
		if d.counted && newer(h.Seq, d.seq+1) {
			d.synced = false
			if d.gapMsg != h.MsgID {
				gap, d.gapMsg = fmt.Sprintf("seq %d came behind %d", h.Seq, d.seq), h.MsgID
			}
		}
	case !old:
		d.adopt(h.BootID)
	case main != nil:
		// It is alive now, so it counts; but a start does not come back.
		d.adopt(h.BootID)
		twin = true
	default:
		stale = true
	}
	current := main != nil && (!d.counted || newer(h.Seq, d.seq))
	if current {
		d.advance(h.Seq)
		d.synced, d.asks, d.asked = true, 0, time.Time{}
		d.counts.Synced++
	}
	ask := !stale && !d.synced && main == nil
	d.mu.Unlock()

	if twin {
		c.fault(d, CodeTwin, "start "+h.BootID+" speaks again behind a later one")
	}
	if gap != "" {
		c.fault(d, CodeSeq, gap)
	}
	if ask {
		c.askState(d)
	}
	if current {
		c.state(d, main)
		c.resend(d)
	}
	return stale
}

// askState sends sync, not too often.
func (c *Controller) askState(d *device) {
	now := c.cfg.Now()
	d.mu.Lock()
	if !d.asked.IsZero() && now.Sub(d.asked) < syncPause {
		d.mu.Unlock()
		return
	}
	d.asked = now
	d.asks++
	d.counts.Syncs++
	silent := d.asks > syncPatience
	m := &SyncMessage{c.down(d)}
	d.mu.Unlock()
	if silent {
		c.fault(d, CodeSilent, "no state/main came")
	}
	b, err := Encode(m)
	if err == nil {
		err = c.cfg.Publish(d.id, NameSync, b)
	}
	if err != nil {
		c.unsent(d, NameSync, err)
	}
}

// down is the header of the next message to a conveyor. d.mu is held.
func (c *Controller) down(d *device) Header {
	d.downSeq++
	return Header{MsgID: c.cfg.NewID(), Seq: d.downSeq, BootID: c.bootID, At: c.cfg.Now(), Device: d.id}
}

func (c *Controller) unsent(d *device, name string, err error) {
	d.count(func(n *Counts) { n.Unsent++ })
	c.cfg.Log.Warn("not sent; the conveyor goes on by itself", "device", d.id, "name", name, "err", err)
}
