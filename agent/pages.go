package agent

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/health"
	"tote/agent/replica"
	"tote/drivers"
)

// pages is everything the gateway serves over HTTP: the JSON interface for
// scripts, the console and the handheld page for people.
func (a *Agent) pages() (http.Handler, error) {
	scripts := api.New(api.Config{
		Log: a.log, Do: a.do, View: a.view, Ready: a.isReady, Status: a.status, Faults: health.Faults, Now: time.Now,
	})
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/", "/healthz", "/readyz"} {
		mux.Handle(path, scripts)
	}
	mux.Handle("/", scripts)
	return mux, nil
}

// device is one device of this gateway as the pages see it.
type device struct{ status func() drivers.Status }

// readings keeps the last thing each device said, for people who look.
type readings struct {
	mu   sync.Mutex
	last map[string]string
}

func (r *readings) set(device, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]string{}
	}
	r.last[device] = text
}

func (r *readings) get(device string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[device]
}

// changes wakes the pages: something they show is not as it was.
type changes struct {
	mu   sync.Mutex
	subs map[chan struct{}]struct{}
}

// subscribe returns a channel of one that is filled after each change, and the
// function that ends the subscription.
func (c *changes) subscribe() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		c.subs = map[chan struct{}]struct{}{}
	}
	c.subs[ch] = struct{}{}
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, ch)
	}
}

// kick never blocks.
func (c *changes) kick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.subs {
		kick(ch)
	}
}

// weightText is a reading as a person writes it.
func weightText(mg int64, stable bool) string {
	sign := ""
	if mg < 0 {
		sign, mg = "-", -mg
	}
	text := fmt.Sprintf("%s%d.%03d kg", sign, mg/1_000_000, mg%1_000_000/1000)
	if !stable {
		text += ", moving"
	}
	return text
}

// seqTold are the answers after which a device must learn its sequence.
var seqTold = map[string]bool{replica.CodeSeqTooOld: true, replica.CodeSeqReused: true}
