package robot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"tote/mqtt"
)

// errGone: the robot has no network.
var errGone = errors.New("robot: no network")

// goodbyeTime bounds the last messages.
const goodbyeTime = time.Second

// connect makes the client with its last will and subscriptions.
func (r *Robot) connect() (*mqtt.Client, error) {
	will, err := r.connection("CONNECTIONBROKEN")
	if err != nil {
		return nil, err
	}
	id := "robot:" + r.p.Serial
	c, err := mqtt.New(mqtt.Config{
		Brokers: r.p.Brokers, ClientID: id, Username: id, Password: r.p.Token,
		Will: &mqtt.Message{Topic: r.p.topic("connection"), Payload: will, QoS: 1, Retained: true},
		Dial: r.dial, MaxReconnect: time.Second,
		OnConnect: func(ctx context.Context, _ string) {
			online, err := r.connection("ONLINE")
			if err == nil {
				err = r.client.Publish(ctx, r.p.topic("connection"), online, true)
			}
			if err != nil {
				return // the connection is gone again
			}
			r.mu.Lock()
			r.sheet, r.due = true, true
			r.mu.Unlock()
			r.poke()
		},
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.client = c
	r.mu.Unlock()
	for _, topic := range []string{"order", "instantActions"} {
		err := c.Subscribe(context.Background(), mqtt.Subscription{Filter: r.p.topic(topic), Handler: func(_ context.Context, m mqtt.Message) {
			select {
			case r.in <- message{m.Topic, m.Payload}:
			default: // a robot that cannot keep up loses messages, as QoS 0 does
			}
		}})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// dial opens connections that a fault can cut.
func (r *Robot) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	gone := r.gone()
	r.mu.Unlock()
	if gone {
		return nil, errGone
	}
	conn, err := r.dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn = &cable{Conn: conn}
	return r.conn, nil
}

// cable is a connection a fault can cut. The client then sees the end of the
// stream, not a connection it closed itself.
type cable struct {
	net.Conn
	gone atomic.Bool
}

func (c *cable) cut() {
	c.gone.Store(true)
	_ = c.Conn.Close()
}

func (c *cable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.gone.Load() {
		err = io.EOF
	}
	return n, err
}

func (c *cable) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.gone.Load() {
		err = io.ErrClosedPipe
	}
	return n, err
}

// header counts the messages of a topic from 0. r.mu is held.
func (r *Robot) header(topic string) header {
	n := r.headers[topic]
	r.headers[topic] = n + 1
	v := r.p.Version
	if r.on[WrongVersion] {
		v = "9.9.9"
	}
	return header{n, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), v, r.p.Manufacturer, r.p.Serial}
}

func (r *Robot) connection(state string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return json.Marshal(connectionMsg{r.header("connection"), state})
}

// sendState sends the state, and the factsheet when it is due.
func (r *Robot) sendState(ctx context.Context) {
	r.mu.Lock()
	r.due = false
	sheet := r.sheet
	r.sheet = false
	quiet := r.on[Silent] || r.gone()
	now := time.Now()
	msg := r.m.snapshot(now)
	if quiet {
		r.mu.Unlock()
		return
	}
	msg.header = r.header("state")
	if r.on[ImpossiblePlace] {
		msg.LastNodeID, msg.Position.X, msg.Position.Y = "nowhere", 1e6, -1e6
	}
	raw, err := json.Marshal(msg)
	if r.on[Garbage] {
		if r.garbled++; r.garbled%2 == 1 {
			raw = []byte("\x00\xff{{garbage")
		}
	}
	var fact []byte
	if sheet && err == nil {
		fact, err = factsheet(r.header("factsheet"), r.p)
	}
	r.mu.Unlock()
	if err != nil {
		return // only numbers that are no numbers fail to encode
	}
	// Lost messages are lost: the next state tells the same.
	_ = r.client.PublishQoS0(ctx, r.p.topic("state"), raw, false)
	if fact != nil {
		_ = r.client.PublishQoS0(ctx, r.p.topic("factsheet"), fact, true)
	}
}

// goodbye says OFFLINE.
func (r *Robot) goodbye() {
	raw, err := r.connection("OFFLINE")
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	_ = r.client.Publish(ctx, r.p.topic("connection"), raw, true) // else the will says it
}
