package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tote/fleet/vda5050"
	"tote/mqtt"
)

// Master commands the robots of a site. Use [New].
type Master struct {
	cfg     Config
	graph   *graph
	traffic traffic
	began   time.Time
	units   []*unit // in the order of the configuration
	byTopic map[string]*unit

	subscribed sync.Once
	subErr     error
	mu         sync.Mutex
	strangers  map[string]bool // topics of robots nobody configured, warned of once
}

// maxStrangers bounds the list of strangers.
const maxStrangers = 100

// New checks the configuration. It does not touch the network.
func New(cfg Config) (*Master, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Master{cfg: cfg, began: cfg.Now(), traffic: traffic{waits: map[string]wait{}}, byTopic: map[string]*unit{}, strangers: map[string]bool{}}
	if m.graph, err = newGraph(cfg.Map, cfg.Robots); err != nil {
		return nil, err
	}
	for _, r := range cfg.Robots {
		u := newUnit(m, r)
		m.units = append(m.units, u)
		for _, name := range []string{vda5050.TopicState, vda5050.TopicConnection, vda5050.TopicFactsheet} {
			m.byTopic[r.topic(name)] = u
		}
	}
	return m, nil
}

// Run listens to the robots and drives them while this gateway leads, until ctx
// ends. It may be run again after it has returned.
func (m *Master) Run(ctx context.Context) error {
	m.subscribed.Do(func() { m.subErr = m.subscribe(ctx) })
	if m.subErr != nil {
		return m.subErr
	}
	var wg sync.WaitGroup
	for _, u := range m.units {
		wg.Go(func() { u.run(ctx) })
	}
	wg.Wait()
	return nil
}

// subscribe makes the subscriptions on every broker, for the life of the
// clients.
func (m *Master) subscribe(ctx context.Context) error {
	seen := map[string]bool{}
	for _, r := range m.cfg.Robots {
		for _, s := range []struct {
			name string
			qos  byte
		}{{vda5050.TopicState, 0}, {vda5050.TopicConnection, 1}, {vda5050.TopicFactsheet, 0}} {
			filter := r.Interface + "/" + r.Major + "/+/+/" + s.name
			if seen[filter] {
				continue
			}
			seen[filter] = true
			for i, c := range m.cfg.Clients {
				err := c.Subscribe(ctx, mqtt.Subscription{Filter: filter, QoS: s.qos, Queue: 1024, Handler: func(_ context.Context, msg mqtt.Message) {
					m.receive(i, s.name, msg)
				}})
				if err != nil {
					return fmt.Errorf("fleet: %w", err)
				}
			}
		}
	}
	return nil
}

// receive hands a message to its robot.
func (m *Master) receive(broker int, name string, msg mqtt.Message) {
	u := m.byTopic[msg.Topic]
	if u != nil {
		u.receive(broker, name, msg.Payload)
		return
	}
	m.mu.Lock()
	known := m.strangers[msg.Topic] || len(m.strangers) >= maxStrangers
	if !known {
		m.strangers[msg.Topic] = true
	}
	m.mu.Unlock()
	if !known {
		m.cfg.Log.Warn("a robot nobody configured", slog.String("topic", fmt.Sprintf("%.120q", msg.Topic)))
	}
}

// Kick says that there may be new jobs.
func (m *Master) Kick() {
	for _, u := range m.units {
		u.mu.Lock()
		u.askNow = true
		u.mu.Unlock()
		u.poke()
	}
}

// Withdraw says that a job is no longer wanted. Before the action of its leg has
// begun it is cancelled and reported as JobFailed with the code: true. Later, or
// when no robot has it, nothing happens: false. A robot that did the action before
// the cancel reached it is reported as LegDone all the same.
func (m *Master) Withdraw(job, code string) bool {
	for _, u := range m.units {
		if u.withdraw(job, code) {
			return true
		}
	}
	return false
}

// Gone says, by order of a person, that a robot was taken off the floor: what it
// holds is freed and its job has failed.
func (m *Master) Gone(robot string) error {
	return m.tell(robot, func(u *unit) { u.gone = true })
}

// Clear says, by order of a person, that a robot may be tried again.
func (m *Master) Clear(robot string) error {
	return m.tell(robot, func(u *unit) { u.cleared = true })
}

func (m *Master) tell(robot string, set func(*unit)) error {
	for _, u := range m.units {
		if u.cfg.ID == robot {
			u.mu.Lock()
			set(u)
			u.mu.Unlock()
			u.poke()
			return nil
		}
	}
	return fmt.Errorf("%w: %.80q", ErrUnknownRobot, robot)
}

// freed wakes every robot: a node was given back.
func (m *Master) freed() {
	for _, u := range m.units {
		u.poke()
	}
}

// stuck says whether a robot will not move by itself.
func (m *Master) stuck(robot string) bool {
	for _, u := range m.units {
		if u.cfg.ID == robot {
			u.mu.Lock()
			defer u.mu.Unlock()
			return u.bad
		}
	}
	return true // its configuration is gone, its record is not
}

// publish sends to the broker the robot was last heard on; a broker of -1 is all
// of them. Nobody says whether it arrived, so errors are like a lost message.
func (m *Master) publish(ctx context.Context, broker int, topic string, payload []byte) bool {
	if !m.cfg.Leading() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	for i, c := range m.cfg.Clients {
		if broker >= 0 && i != broker {
			continue
		}
		if err := c.PublishQoS0(ctx, topic, payload, false); err != nil {
			m.cfg.Log.Debug("not published", slog.String("topic", topic), slog.Any("error", err))
		}
	}
	return true
}

const (
	publishTime = 2 * time.Second
	proposeTime = 10 * time.Second
)
