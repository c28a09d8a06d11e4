package demo

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"tote/mqtt"
)

// display is the screen at a station or dock: it shows the retained task and
// hint and the answer to the last scan. The packer and the dock worker look at
// nothing else.
type display struct {
	mq *mqtt.Client

	mu     sync.Mutex
	task   stationTask
	hint   hint
	answer scanAnswer
	n      int // answers so far
	news   chan struct{}
}

type stationTask struct {
	Do     string   `json:"do"`
	Order  string   `json:"order"`
	Tote   string   `json:"tote"`
	SSCC   string   `json:"sscc"`
	Code   string   `json:"code"`
	Loaded []string `json:"loaded"` // docks only
	// Of an order in several parcels: which one it is, what goes in, and
	// whether something is left for the next.
	No       int      `json:"no"`
	Contents []inPart `json:"contents"`
	More     bool     `json:"more"`
	Scanned  bool     `json:"scanned"`
}

// inPart is what of an order line is in a parcel.
type inPart struct {
	SKU string `json:"sku"`
	Lot string `json:"lot"`
	Qty int64  `json:"qty"`
}

type hint struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

type scanAnswer struct {
	Barcode string `json:"barcode"`
	OK      bool   `json:"ok"`
	Code    string `json:"code"`
	Text    string `json:"text"`
}

func newDisplay(site, class, id string, brokers []string, log *slog.Logger) (*display, error) {
	d := &display{news: make(chan struct{})}
	mq, err := mqtt.New(mqtt.Config{
		Brokers: brokers, ClientID: "display:" + id, KeepAlive: 5 * time.Second,
		PingTimeout: 2 * time.Second, MaxReconnect: time.Second, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	d.mq = mq
	base := "tote/v1/" + site + "/" + class + "/" + id
	on := func(topic string, fn func(payload []byte) error) error {
		return mq.Subscribe(context.Background(), mqtt.Subscription{Filter: base + topic, QoS: 1, Handler: func(_ context.Context, m mqtt.Message) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if err := fn(m.Payload); err != nil {
				log.Warn("display: not understood", "topic", m.Topic, "err", err)
				return
			}
			close(d.news)
			d.news = make(chan struct{})
		}})
	}
	for topic, fn := range map[string]func([]byte) error{
		"/state/task": func(b []byte) error { d.task = stationTask{}; return json.Unmarshal(b, &d.task) },
		"/state/hint": func(b []byte) error { d.hint = hint{}; return json.Unmarshal(b, &d.hint) },
		"/down/result": func(b []byte) error {
			d.answer = scanAnswer{}
			d.n++
			return json.Unmarshal(b, &d.answer)
		},
	} {
		if err := on(topic, fn); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// view is what the display shows at one moment.
type view struct {
	task   stationTask
	hint   hint
	answer scanAnswer
	n      int
}

func (d *display) look() (view, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return view{d.task, d.hint, d.answer, d.n}, d.news
}

// until waits for a view for which ok holds, at most for patience; the last
// view and whether it held.
func (d *display) until(ctx context.Context, patience time.Duration, ok func(view) bool) (view, bool) {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		v, news := d.look()
		if ok(v) {
			return v, true
		}
		select {
		case <-news:
		case <-t.C:
			return v, false
		case <-ctx.Done():
			return v, false
		}
	}
}
