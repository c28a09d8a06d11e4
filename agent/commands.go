package agent

import (
	"context"
	"fmt"

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
	if dev.Class == topics.Conveyor {
		return c.a.conveyors.Handle(ctx, dev.ID, name, payload)
	}
	var res handheld.Result
	var err error
	switch {
	case dev.Class == topics.Handheld && name == topics.Cmd:
		res, err = c.a.verb(ctx, dev.Class, dev.ID, payload)
	case dev.Class == topics.Light && name == topics.Press:
		res, err = c.a.press(ctx, dev.ID, payload)
	default:
		c.answer(dev, handheld.Result{Code: warehouse.CodeUnknownKind, Text: "nobody listens to up/" + name})
		return nil
	}
	if err != nil {
		c.a.log.Warn("verb not recorded; the device sends it again", "device", dev.String(), "err", err)
		return err
	}
	c.answer(dev, res)
	return nil
}

// verb performs one message of a handheld, whichever way it came. The error is
// non-nil only when nothing was recorded.
func (a *Agent) verb(ctx context.Context, class, device string, payload []byte) (handheld.Result, error) {
	req, refused := handheld.Decode(device, payload)
	if refused != nil {
		return req.Refuse(refused, a.next(device)), nil
	}
	if refused, err := a.withPin(ctx, class+"/"+device, device, &req); err != nil || refused != nil {
		if err == nil {
			return req.Refuse(refused, a.next(device)), nil
		}
		return handheld.Result{}, err
	}
	res, err := a.record(ctx, class, device, req)
	if err != nil {
		return handheld.Result{}, err
	}
	if res.Next == nil {
		res.Next = a.next(device)
	}
	return req.Answer(res), nil
}

// record proposes what a device that counts its messages asked for.
func (a *Agent) record(ctx context.Context, class, device string, req handheld.Request) (warehouse.Result, error) {
	key := class + "/" + device
	last, err := a.store.LastSeq(key)
	if err != nil {
		return warehouse.Result{}, fmt.Errorf("seq %d: %w", req.Seq, err)
	}
	res := seqJump(last, req.Seq)
	if !handheld.Jumps(last, req.Seq) {
		res, err = a.store.Do(ctx, replica.By{Device: key, Seq: req.Seq, Actor: key}, req.Command)
	}
	if err != nil {
		return warehouse.Result{}, fmt.Errorf("seq %d: %w", req.Seq, err)
	}
	if seqTold[res.Code] {
		a.projector.Connected(class, device) // tell it where to go on
		if a.relay != nil && res.Code != replica.CodeSeqJump {
			a.relay.send(callTwice, relayed{Topic: broker.Device{Class: class, ID: device}.String()})
		}
	}
	return res, nil
}

// next is what the device shows, for answers that carry no step of their own.
func (a *Agent) next(device string) *warehouse.Step {
	var step *warehouse.Step
	err := a.again(func(r warehouse.Reader) (err error) {
		step, err = warehouse.NextStep(r, device)
		return err
	})
	if err != nil {
		a.log.Error("next step cannot be read", "device", device, "err", err)
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

// seqJump is the answer to a sequence behind which a device could not go on.
func seqJump(last, seq uint64) warehouse.Result {
	return warehouse.Result{Code: replica.CodeSeqJump, Text: fmt.Sprintf("sequence %d after %d: go on from state/seq, nothing was done", seq, last)}
}
