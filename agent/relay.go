package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/broker"
	"tote/agent/config"
	"tote/agent/topics"
	"tote/mqtt"
)

// The brokers of a site do not know each other. What must be known on all of
// them, and is in no record, goes from gateway to gateway by the calls below, at
// most once and in order. A satellite gives and takes them at the gateway it is
// attached to.
const (
	// callPublish carries what only one gateway knows (the hint of a station
	// whose devices are plugged into it, the answer to a scan): a display may
	// be connected to any broker.
	callPublish = "publish"
	// callReport carries what a robot told the broker it is connected to.
	callReport = "robot/report"
	// callCommand carries what the leader tells a robot that is connected to
	// another broker than the leader's own.
	callCommand = "robot/command"
	// callByHand carries what a person said of a robot, at any gateway, to the
	// one that leads. Topic is the act, Payload the robot.
	callByHand = "robot/by-hand"
	// callTwice asks who else has a device (Topic, its client id) whose
	// sequences another one used. Who has it says so, with Payload seenToo.
	callTwice = "device/twice"
	seenToo   = "too" // not answered again
)

// relayed is one such message.
type relayed struct {
	Topic   string `cbor:"1,keyasint"`
	Payload []byte `cbor:"2,keyasint"`
	Retain  bool   `cbor:"3,keyasint"`
}

// relay reaches the other gateways.
type relay interface {
	// send queues a message to all of them; with a full queue the oldest goes.
	send(method string, m relayed)
	// call brings a message to all of them that answer within a second.
	call(ctx context.Context, method string, m relayed)
}

// onCall takes the calls of other gateways that are not the store's.
func (a *Agent) onCall(_ context.Context, from, method string, body []byte) ([]byte, error) {
	var m relayed
	if err := cbor.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("%s by %s: %w", method, from, err)
	}
	return nil, a.handleCall(from, method, m)
}

func (a *Agent) handleCall(from, method string, m relayed) error {
	switch {
	case method == callPublish && a.relays(m) && a.told.fits(m):
		return a.broker.Publish(m.Topic, m.Payload, m.Retain, 1)
	case method == callCommand && broker.IsRobotCommand(m.Topic):
		return a.broker.Publish(m.Topic, m.Payload, false, 0)
	case method == callByHand:
		a.leadByHand(string(m.Payload), m.Topic)
		return nil
	case method == callTwice:
		if a.broker.Apart(m.Topic, from) && string(m.Payload) != seenToo && a.relay != nil {
			a.relay.send(callTwice, relayed{Topic: m.Topic, Payload: []byte(seenToo)})
		}
		return nil
	case method == callBackup && m.Topic == "":
		return a.toldOfBackups(m.Payload)
	case method == callReport && broker.IsRobotReport(m.Topic):
		a.elsewhere.heard(mqtt.Message{Topic: m.Topic, Payload: m.Payload})
		return nil
	}
	return fmt.Errorf("%s of topic %q by %s: not for relaying", method, m.Topic, from)
}

// relays: answers and hints of stations and docks. Everything else is published
// by each gateway from its own state, and nobody may say it for another. A topic
// that is none would cut every client off that it is sent to.
func (a *Agent) relays(m relayed) bool {
	t, known := topics.Parse(m.Topic)
	if !known || !mqtt.ValidTopic(m.Topic) || t.Site != a.cfg.Site || t.Class != topics.Station && t.Class != topics.Dock {
		return false
	}
	return slices.ContainsFunc(topics.Channels(), func(c topics.Channel) bool {
		return c.Class == t.Class && c.Branch == t.Branch && c.Name == t.Name && c.Retain == m.Retain &&
			c.By == topics.ByGateway && c.Name != topics.Task
	})
}

// Bounds of what other gateways have published here: a satellite that is not what
// it was must not fill the memory of all brokers with what they keep for it.
const (
	maxTold = 256      // topics with a kept message
	maxKept = 16 << 10 // bytes of one: they are hints
)

// told are the topics with a message that is kept for another gateway.
type told struct {
	mu     sync.Mutex
	topics map[string]bool
}

func (k *told) fits(m relayed) bool {
	if !m.Retain || len(m.Payload) > maxKept {
		return !m.Retain
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(m.Payload) == 0: // it is deleted
		delete(k.topics, m.Topic)
	case !k.topics[m.Topic] && len(k.topics) >= maxTold:
		return false
	case k.topics == nil:
		k.topics = map[string]bool{m.Topic: true}
	default:
		k.topics[m.Topic] = true
	}
	return true
}

// here is this gateway's own broker: what robots say on it is told to the other
// gateways too, so that each of them sees every robot and any can take them over.
type here struct {
	*broker.Link
	relay func() relay // nil = alone
}

// Subscribe implements fleet.Client.
func (c here) Subscribe(ctx context.Context, s mqtt.Subscription) error {
	handle := s.Handler
	s.Handler = func(ctx context.Context, m mqtt.Message) {
		handle(ctx, m)
		// What the broker kept may be of a connection long gone.
		if r := c.relay(); r != nil && !m.Retained {
			r.send(callReport, relayed{Topic: m.Topic, Payload: m.Payload})
		}
	}
	return c.Link.Subscribe(ctx, s)
}

// elsewhere stands for the brokers of all other gateways together. A robot is
// connected to one of them; on the others nobody listens to what is sent to it.
type elsewhere struct {
	relay func() relay // nil = alone

	mu   sync.Mutex
	subs []mqtt.Subscription
}

// Subscribe implements fleet.Client.
func (c *elsewhere) Subscribe(_ context.Context, s mqtt.Subscription) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs = append(c.subs, s)
	return nil
}

// PublishQoS0 implements fleet.Client.
func (c *elsewhere) PublishQoS0(ctx context.Context, topic string, payload []byte, _ bool) error {
	if r := c.relay(); r != nil {
		r.call(ctx, callCommand, relayed{Topic: topic, Payload: payload})
	}
	return nil
}

// heard hands a report to those who listen.
func (c *elsewhere) heard(m mqtt.Message) {
	c.mu.Lock()
	subs := slices.Clone(c.subs)
	c.mu.Unlock()
	for _, s := range subs {
		if mqtt.Match(s.Filter, m.Topic) {
			s.Handler(context.Background(), m)
		}
	}
}

// robotByHand does what a person says of a robot, here or at the gateway that
// leads; false when there is no such robot.
func (a *Agent) robotByHand(ctx context.Context, id, act string) bool {
	if a.cfg.Fleet == nil || !slices.ContainsFunc(a.cfg.Fleet.Robots, func(r config.Robot) bool { return r.ID == id }) {
		return false
	}
	a.leadByHand(id, act)
	if a.relay != nil {
		a.relay.call(ctx, callByHand, relayed{Topic: act, Payload: []byte(id)})
	}
	return true
}

// leadByHand acts only where the robots are commanded: elsewhere the word would
// wait and be obeyed at some later take-over.
func (a *Agent) leadByHand(id, act string) {
	master := a.robots.Load()
	if master == nil || !a.store.IsLeader() {
		return
	}
	do := map[string]func(string) error{api.RobotClear: master.Clear, api.RobotGone: master.Gone}[act]
	if do == nil {
		return
	}
	if err := do(id); err != nil {
		a.log.Warn("robot", "robot", id, "act", act, "err", err)
		return
	}
	a.log.Info("a person said of a robot", "robot", id, "act", act)
}
