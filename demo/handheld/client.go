// Package handheld is the reference client of the handheld protocol
// (api/asyncapi.yaml): a picker's scanner that speaks to the gateway over MQTT
// only. It shares no types with the gateway; what it knows is what is written
// down in the contract.
//
// A verb is written to the outbox first, published second, and stays in the
// outbox until its result came. After a reconnect, or when the result is late,
// the same bytes are sent again: the site tells copies apart by (device, seq).
//
// Run owns the connection. Do is called from the one goroutine that plays the
// worker; a handheld shows one task at a time, so verbs go one by one.
package handheld

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tote/mqtt"
)

// Step is what the handheld shows: the "next" of a result and the retained
// state/task.
type Step struct {
	Do     string `json:"do"`
	Batch  string `json:"batch"`
	Task   string `json:"task"`
	Order  string `json:"order"`
	Bin    string `json:"bin"`
	SKU    string `json:"sku"`
	Name   string `json:"name"`
	GTIN   string `json:"gtin"`
	Lot    string `json:"lot"`
	Expiry string `json:"expiry"`
	Qty    int64  `json:"qty"`
	Held   int64  `json:"held"`
	Slot   int    `json:"slot"`
	Tote   string `json:"tote"`
	Left   int    `json:"left"`
	Kind   string `json:"kind"` // of a floor task
}

// Result answers one verb.
type Result struct {
	CmdID string `json:"cmdId"`
	Seq   uint64 `json:"seq"`
	OK    bool   `json:"ok"`
	Code  string `json:"code"`
	Text  string `json:"text"`
	Next  *Step  `json:"next"`
}

// Verb is one act of the worker, as it goes over the wire.
type Verb struct {
	CmdID   string `json:"cmdId"`
	Seq     uint64 `json:"seq"`
	Verb    string `json:"verb"`
	Barcode string `json:"barcode,omitempty"`
	Qty     int64  `json:"qty,omitempty"`
	Expect  string `json:"expect,omitempty"`
	Task    string `json:"task,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Kind    string `json:"kind,omitempty"` // of floor task to claim
	At      int64  `json:"at"`             // milliseconds since 1970 UTC, the handheld's clock
}

// Config says who the handheld is.
type Config struct {
	Site    string
	Device  string
	Brokers []string
	Outbox  string        // file that survives a flat battery; "" = memory only
	Resend  time.Duration // how long a result may take before the verb is sent again; 0 = 2 s
	// Twice: every so many verbs the same bytes go out twice, as when an
	// acknowledgement was lost on its way; 0 = never.
	Twice uint64
	Log   *slog.Logger
}

// Client is one handheld.
type Client struct {
	cfg     Config
	topic   string
	mq      *mqtt.Client
	results chan Result
	outbox  *outbox
	again   atomic.Int64 // verbs sent again for want of an answer
	doubled atomic.Int64 // verbs sent twice on purpose
	torn    atomic.Int64 // of those, how many got two different answers

	mu   sync.Mutex
	task Step
	news chan struct{} // closed and replaced when task changes
	site uint64        // newest sequence the site has of this device
	told chan struct{} // closed when the site has told its newest sequence
	last Result        // newest answer
	none NoQuorum      // zero while work can be recorded
}

// NoQuorum is what the screen says while nothing can be recorded.
type NoQuorum struct {
	Text   string `json:"text"`   // "NO QUORUM since …"
	Action string `json:"action"` // what a person does about it
}

// New opens the outbox; it does not connect.
func New(cfg Config) (*Client, error) {
	if cfg.Resend == 0 {
		cfg.Resend = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	box, err := openOutbox(cfg.Outbox)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg:     cfg,
		topic:   "tote/v1/" + cfg.Site + "/handheld/" + cfg.Device,
		results: make(chan Result, 64),
		outbox:  box,
		news:    make(chan struct{}),
		told:    make(chan struct{}),
	}
	conn := func(state string) *mqtt.Message {
		return &mqtt.Message{Topic: c.topic + "/state/conn", Payload: fmt.Appendf(nil, `{"state":%q}`, state), QoS: 1, Retained: true}
	}
	c.mq, err = mqtt.New(mqtt.Config{
		Brokers: cfg.Brokers, ClientID: "handheld:" + cfg.Device, Will: conn("offline"),
		KeepAlive: 5 * time.Second, PingTimeout: 2 * time.Second, MaxReconnect: time.Second, Logger: cfg.Log,
		OnConnect: func(ctx context.Context, _ string) {
			on := conn("online")
			if err := c.mq.Publish(ctx, on.Topic, on.Payload, true); err != nil {
				cfg.Log.Debug("online not told", "err", err)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	subs := []mqtt.Subscription{
		{Filter: c.topic + "/down/result", QoS: 1, Handler: c.onResult},
		{Filter: c.topic + "/state/task", QoS: 1, Handler: c.onTask},
		{Filter: c.topic + "/state/seq", QoS: 1, Handler: c.onSeq},
		{Filter: "tote/v1/" + cfg.Site + "/site/" + cfg.Site + "/state/quorum", QoS: 1, Handler: c.onQuorum},
	}
	for _, s := range subs {
		if err := c.mq.Subscribe(context.Background(), s); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Run stays connected until ctx ends.
func (c *Client) Run(ctx context.Context) error { return c.mq.Run(ctx) }

// ErrInterrupted: ctx ended before the result came. The verb stays in the
// outbox; the next Do or Flush sends it again.
var ErrInterrupted = errors.New("handheld: no result yet")

// Do performs one verb and returns its result. It blocks, through any number of
// lost connections and gateway restarts, until the result comes or ctx ends.
// CmdID, Seq and At are filled in.
func (c *Client) Do(ctx context.Context, v Verb) (Result, error) {
	if err := c.Flush(ctx); err != nil {
		return Result{}, err
	}
	site, err := c.siteSeq(ctx)
	if err != nil {
		return Result{}, err
	}
	v.At = time.Now().UnixMilli()
	v, err = c.outbox.add(v, site, c.cfg.Device)
	if err != nil {
		return Result{}, err
	}
	return c.settle(ctx, v)
}

// siteSeq is the newest sequence the site has of this device. A handheld that
// remembers none of its own was new or reset: it waits until the site has told,
// or its first verbs would carry sequences that were used before.
func (c *Client) siteSeq(ctx context.Context) (uint64, error) {
	if c.outbox.newest() == 0 {
		select {
		case <-c.told:
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", ErrInterrupted, ctx.Err())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.site, nil
}

// Flush sends what an earlier run left in the outbox and drops each verb when
// its result came.
func (c *Client) Flush(ctx context.Context) error {
	for {
		v, ok := c.outbox.first()
		if !ok {
			return nil
		}
		if _, err := c.settle(ctx, v); err != nil {
			return err
		}
	}
}

// settle sends v until its result came, then takes it out of the outbox.
func (c *Client) settle(ctx context.Context, v Verb) (Result, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return Result{}, err
	}
	for {
		if err := c.mq.WaitConnected(ctx); err != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrInterrupted, err)
		}
		// A lost connection or a late acknowledgement is answered by
		// sending again, so the error itself decides nothing here.
		pubCtx, cancel := context.WithTimeout(ctx, 2*c.cfg.Resend)
		pubErr := c.mq.Publish(pubCtx, c.topic+"/up/cmd", payload, false)
		if pubErr == nil && c.cfg.Twice > 0 && v.Seq%c.cfg.Twice == 0 {
			c.doubled.Add(1)
			pubErr = c.mq.Publish(pubCtx, c.topic+"/up/cmd", payload, false)
		}
		cancel()
		if pubErr != nil {
			c.cfg.Log.Debug("verb not acknowledged", "seq", v.Seq, "err", pubErr)
		}
		if res, ok := c.await(ctx, v.Seq, pubErr); ok {
			return res, c.outbox.remove(v.Seq)
		}
		if ctx.Err() != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrInterrupted, ctx.Err())
		}
		if !errors.Is(pubErr, mqtt.ErrNotConnected) {
			c.again.Add(1) // it was on the wire, and nobody answered
		}
	}
}

// Resent counts the verbs that went out and got no answer the first time.
func (c *Client) Resent() int64 { return c.again.Load() }

// Doubled counts the verbs that were sent twice on purpose, and those of them
// whose second answer was not the first.
func (c *Client) Doubled() (sent, torn int64) { return c.doubled.Load(), c.torn.Load() }

// await waits for the result of seq. After a failed publish it only looks
// whether the result is there and gives the connection a moment to come back.
func (c *Client) await(ctx context.Context, seq uint64, pubErr error) (Result, bool) {
	wait := c.cfg.Resend
	if pubErr != nil {
		wait = 20 * time.Millisecond
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case r := <-c.results:
			if r.Seq == seq {
				return r, true
			}
		case <-timer.C:
			return Result{}, false
		case <-ctx.Done():
			return Result{}, false
		}
	}
}

// Task is what state/task shows now.
func (c *Client) Task() Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.task
}

// WaitTask returns the first task for which ok holds.
func (c *Client) WaitTask(ctx context.Context, ok func(Step) bool) (Step, error) {
	for {
		c.mu.Lock()
		task, news := c.task, c.news
		c.mu.Unlock()
		if ok(task) {
			return task, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Step{}, ctx.Err()
		}
	}
}

// Pending is how many verbs wait for their result.
func (c *Client) Pending() int { return c.outbox.len() }

func (c *Client) onResult(_ context.Context, m mqtt.Message) {
	var r Result
	if err := json.Unmarshal(m.Payload, &r); err != nil {
		c.cfg.Log.Warn("result not understood", "err", err)
		return
	}
	c.mu.Lock()
	if c.last.Seq == r.Seq && (c.last.OK != r.OK || c.last.Code != r.Code) {
		c.torn.Add(1)
	}
	c.last = r
	c.mu.Unlock()
	select {
	case c.results <- r:
	default: // nobody waits for so many: old copies
	}
}

func (c *Client) onTask(_ context.Context, m mqtt.Message) {
	var s Step
	if err := json.Unmarshal(m.Payload, &s); err != nil {
		c.cfg.Log.Warn("task not understood", "err", err)
		return
	}
	c.mu.Lock()
	c.task = s
	close(c.news)
	c.news = make(chan struct{})
	c.mu.Unlock()
}

// NoQuorum is what to show instead of the task while the site cannot record
// anything; zero when it can. The verb at hand stays in the outbox meanwhile.
func (c *Client) NoQuorum() NoQuorum {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.none
}

func (c *Client) onQuorum(_ context.Context, m mqtt.Message) {
	var q struct {
		OK bool `json:"ok"`
		NoQuorum
	}
	if err := json.Unmarshal(m.Payload, &q); err != nil {
		c.cfg.Log.Warn("quorum not understood", "err", err)
		return
	}
	if q.OK {
		q.NoQuorum = NoQuorum{}
	}
	c.mu.Lock()
	was := c.none
	c.none = q.NoQuorum
	c.mu.Unlock()
	if was != q.NoQuorum {
		c.cfg.Log.Info("the screen shows", "text", q.Text, "action", q.Action)
	}
}

func (c *Client) onSeq(_ context.Context, m mqtt.Message) {
	var s struct {
		Last uint64 `json:"last"`
	}
	if err := json.Unmarshal(m.Payload, &s); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.site = max(c.site, s.Last)
	select {
	case <-c.told:
	default:
		close(c.told)
	}
}
