package conveyor

import (
	"context"
	"net"
	"path"
	"sync/atomic"
	"time"

	"tote/mqtt"
)

// connect makes the client with its last will and subscription.
func (c *Conveyor) connect() (*mqtt.Client, error) {
	id := "conveyor:" + c.p.ID
	client, err := mqtt.New(mqtt.Config{
		Brokers: c.p.Brokers, ClientID: id, Username: id, Password: c.p.Token, Dial: c.dial,
		Will: &mqtt.Message{Topic: c.p.topic("state", "conn"), Payload: []byte(`{"state":"offline"}`), QoS: 1, Retained: true},
		OnConnect: func(ctx context.Context, _ string) {
			if c.client.Publish(ctx, c.p.topic("state", "conn"), []byte(`{"state":"online"}`), true) != nil {
				return // the connection is gone again
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.tellState(time.Now())
		},
	})
	if err != nil {
		return nil, err
	}
	err = client.Subscribe(context.Background(), mqtt.Subscription{
		Filter: c.p.topic("down", "+"), QoS: 1,
		Handler: func(_ context.Context, m mqtt.Message) { c.down(path.Base(m.Topic), m.Payload) },
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client = client
	return client, nil
}

// wire is a connection that a fault can cut. The client takes an end that it
// sees as an error for a lost network, but a closed connection for its own doing.
type wire struct {
	net.Conn
	c     *Conveyor
	isCut atomic.Bool
}

// cut makes the next read and write fail.
func (w *wire) cut() {
	w.isCut.Store(true)
	_ = w.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.isCut.Load() {
		return 0, errGone
	}
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	if w.isCut.Load() {
		return 0, errGone
	}
	return w.Conn.Write(b)
}

func (w *wire) Close() error {
	w.c.mu.Lock()
	delete(w.c.conns, w)
	w.c.mu.Unlock()
	return w.Conn.Close()
}

func (c *Conveyor) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	gone := c.gone()
	c.mu.Unlock()
	if gone {
		return nil, errGone
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, c: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[w] = struct{}{}
	if c.gone() {
		w.cut()
	}
	return w, nil
}

// publish sends one message of the outbox; an error means: again.
func (c *Conveyor) publish(ctx context.Context, m outgoing) error {
	c.mu.Lock()
	gone, twice := c.gone(), c.m.on[Duplicate]
	payload := m.payload
	if c.m.on[Garbage] {
		if c.garbled++; c.garbled%2 == 1 {
			payload = []byte("\x00\xff{{garbage")
		}
	}
	c.mu.Unlock()
	if gone {
		return errGone
	}
	branch := "up"
	if m.retain {
		branch = "state"
	}
	topic := c.p.topic(branch, m.name)
	if err := c.client.Publish(ctx, topic, payload, m.retain); err != nil {
		return err
	}
	if twice {
		_ = c.client.Publish(ctx, topic, payload, m.retain) // the first was enough
	}
	return nil
}
