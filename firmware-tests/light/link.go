package light

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"tote/mqtt"
)

var errGone = errors.New("light: no network")

// retryPause is the time between two tries to send a press.
const retryPause = 20 * time.Millisecond

// Run keeps the connection and sends the presses until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	client, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = client.Run(ctx) })
	c.send(ctx, func(payload []byte) error {
		return client.Publish(ctx, c.p.topic("up", "press"), payload, false)
	})
	return nil
}

// Serve is Run with a line instead of a broker, for cases: "task {…}", "seq {…}" and
// "result {…}" come in and "press {…}" goes out, each ended by a line feed.
func (c *Controller) Serve(ctx context.Context, port io.ReadWriter) error {
	c.mu.Lock()
	c.found()
	c.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		c.send(ctx, func(payload []byte) error {
			c.mu.Lock()
			gone := c.gone()
			c.mu.Unlock()
			if gone {
				return errGone
			}
			_, err := fmt.Fprintf(port, "press %s\n", payload)
			return err
		})
	})
	lines := bufio.NewScanner(port)
	for lines.Scan() && ctx.Err() == nil {
		name, payload, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if string(name) == "connect" { // the network is there again
			c.mu.Lock()
			if !c.gone() {
				c.found()
			}
			c.mu.Unlock()
			continue
		}
		c.hear(string(name), payload)
	}
	return nil
}

// send sends one press after the other, each until it is acknowledged.
func (c *Controller) send(ctx context.Context, publish func(payload []byte) error) {
	for ctx.Err() == nil {
		p, payload, start, ok := c.next()
		if !ok {
			select {
			case <-ctx.Done():
			case <-c.wake:
			}
			continue
		}
		err := publish(payload)
		if err == nil && c.faults.On(Duplicate) {
			_ = publish(payload) // the first was enough
		}
		if err == nil {
			c.acknowledged(p, start)
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

// connect makes the client with its last will and subscriptions.
func (c *Controller) connect() (*mqtt.Client, error) {
	id := "light:" + c.p.ID
	conn := c.p.topic("state", "conn")
	var client *mqtt.Client
	client, err := mqtt.New(mqtt.Config{
		Brokers: c.p.Brokers, ClientID: id, Username: id, Password: c.p.Token, Dial: c.dial,
		Will: &mqtt.Message{Topic: conn, Payload: []byte(`{"state":"offline"}`), QoS: 1, Retained: true},
		OnConnect: func(ctx context.Context, _ string) {
			if client.Publish(ctx, conn, []byte(`{"state":"online"}`), true) != nil {
				return // the connection is gone again
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.found()
			c.show()
		},
	})
	if err != nil {
		return nil, err
	}
	for _, topic := range []string{c.p.topic("down", "result"), c.p.topic("state", "task"), c.p.topic("state", "seq")} {
		err := client.Subscribe(context.Background(), mqtt.Subscription{
			Filter: topic, QoS: 1,
			Handler: func(_ context.Context, m mqtt.Message) { c.hear(path.Base(m.Topic), m.Payload) },
		})
		if err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client = client
	return client, nil
}

// wire is a connection that a fault can cut. The client takes an end that it sees as
// an error for a lost network, but a closed connection for its own doing.
type wire struct {
	net.Conn
	c     *Controller
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
		err = errGone
	}
	if err != nil {
		w.c.mu.Lock()
		if _, ours := w.c.conns[w]; ours {
			w.c.lost()
		}
		w.c.mu.Unlock()
		return 0, err
	}
	return n, nil
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

func (c *Controller) dial(ctx context.Context, network, address string) (net.Conn, error) {
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
	clear(c.conns) // one connection at a time: what an old one says is nothing
	c.conns[w] = struct{}{}
	if c.gone() {
		w.cut()
	}
	return w, nil
}
