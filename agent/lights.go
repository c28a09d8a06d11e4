package agent

import (
	"context"
	"encoding/json"

	"tote/agent/config"
	"tote/agent/handheld"
	"tote/agent/topics"
	"tote/drivers"
)

// press performs one press at a pick-to-light controller. The error is non-nil
// only when nothing was recorded. The answer goes to the controller, and names no
// next step: what is lit now stands in its state/task.
func (a *Agent) press(ctx context.Context, id string, payload []byte) (handheld.Result, error) {
	var bins map[string]string
	for _, l := range a.cfg.Lights {
		if l.ID == id {
			bins = l.Bins()
		}
	}
	req, refused := handheld.DecodePress(bins, payload)
	if refused != nil {
		return req.Refuse(refused, nil), nil
	}
	res, err := a.record(ctx, topics.Light, id, req)
	if err != nil {
		return handheld.Result{}, err
	}
	a.projector.Connected(topics.Light, id) // its state/seq goes on
	res.Next = nil
	return req.Answer(res), nil
}

// lightOf shows a pick-to-light controller among the devices of this gateway.
type lightOf struct {
	id    string
	track *drivers.Tracker
}

// newLights makes what shows the lights, before the broker listens.
func (a *Agent) newLights(lights []config.Light) (out []lightOf) {
	for _, l := range lights {
		track := drivers.NewTracker("light/"+l.ID, "mqtt-light", a.log, func(drivers.Status) { a.changes.kick() })
		a.lightGone(track)
		out = append(out, lightOf{l.ID, track})
	}
	return out
}

// lightGone shows a controller that is not connected here. With other gateways it
// may be connected to one of them, which this one cannot know.
func (a *Agent) lightGone(track *drivers.Tracker) {
	if a.cfg.Alone() {
		track.Set(drivers.Absent, drivers.CodeLightGone, "")
	} else {
		track.Set(drivers.Degraded, "", "not connected to this gateway")
	}
}

// startLights lists them. They connect by themselves: there is nothing to run.
func (a *Agent) startLights(context.Context) error {
	for _, l := range a.lights {
		run := func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}
		if err := a.startDevice("light/"+l.id, run, l.track.Status); err != nil {
			return err
		}
	}
	return nil
}

// lightConn hears what a controller, or its last will, says of its connection.
func (a *Agent) lightConn(id string, payload []byte) {
	var c handheld.Conn
	if err := json.Unmarshal(payload, &c); err != nil {
		a.log.Warn("state/conn of a light is not understood", "device", "light:"+id, "err", err)
		return
	}
	for _, l := range a.lights {
		switch {
		case l.id != id:
		case c.State == handheld.StateOnline:
			l.track.Set(drivers.Ready, "", "connected")
		default:
			a.lightGone(l.track)
		}
	}
}
