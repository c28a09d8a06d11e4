package agent

import (
	"context"

	"tote/agent/broker"
	"tote/agent/handheld"
	"tote/agent/replica"
	"tote/agent/topics"
	"tote/warehouse"
)

// commands takes what devices publish below up/. It returns nil only when the
// command is in the log (or was refused as not understandable), and that is
// what lets the PUBACK out: recorded, not accepted. The answer goes out on
// down/result either way.
type commands struct{ a *Agent }

// Command implements broker.Handler.
func (c commands) Command(ctx context.Context, dev broker.Device, name string, payload []byte) error {
	if dev.Class != topics.Handheld || name != topics.Cmd {
		c.a.log.Warn("nobody listens to this topic", "device", dev.String(), "name", name)
		return nil
	}
	req, refused := handheld.Decode(dev.ID, payload)
	if refused != nil {
		c.answer(dev, req.Refuse(refused, c.next(dev.ID)))
		return nil
	}
	res, err := c.a.store.Do(ctx, replica.By{Device: deviceKey(dev.ID), Seq: req.Seq, Actor: "handheld/" + dev.ID}, req.Command)
	if err != nil {
		c.a.log.Warn("verb not recorded; the handheld sends it again", "device", dev.String(), "seq", req.Seq, "err", err)
		return err
	}
	if res.Code == replica.CodeSeqTooOld || res.Code == replica.CodeSeqReused {
		c.a.projector.Connected(dev.Class, dev.ID) // tell it where to go on
	}
	if res.Next == nil {
		res.Next = c.next(dev.ID)
	}
	c.answer(dev, req.Answer(res))
	return nil
}

// next is what the device shows, for answers that carry no step of their own.
func (c commands) next(device string) *warehouse.Step {
	var step *warehouse.Step
	err := c.a.view(func(r warehouse.Reader) (err error) {
		step, err = warehouse.NextStep(r, device)
		return err
	})
	if err != nil {
		c.a.log.Error("next step cannot be read", "device", device, "err", err)
	}
	return step
}

func (c commands) answer(dev broker.Device, res handheld.Result) {
	b, err := res.Encode()
	if err == nil {
		err = c.a.broker.Publish(topics.DownResult(c.a.cfg.Site, dev.Class, dev.ID), b, false, 1)
	}
	if err != nil {
		c.a.log.Warn("answer not sent; the device asks again", "device", dev.String(), "err", err)
	}
}

// deviceKey is how the store knows a handheld's sequence.
func deviceKey(id string) string { return "handheld/" + id }
