package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"sync/atomic"
	"time"
)

// errNotFound: the other side does not know the thing.
var errNotFound = errors.New("not found")

// client speaks JSON over HTTP with the gateway or the OMS.
type client struct {
	bases []string // the same thing at several addresses: the next is tried when one does not answer
	http  *http.Client
	// frozen is a base whose process stands still: it takes connections and
	// answers nothing, so it is not asked. "" = none.
	frozen atomic.Value
}

func newClient(addrs ...string) *client {
	c := &client{http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}}
	for _, a := range addrs {
		c.bases = append(c.bases, "http://"+a)
	}
	return c
}

// forget drops pooled connections: the process behind them is gone.
func (c *client) forget() { c.http.CloseIdleConnections() }

// send makes one request; out, when set, takes the JSON answer.
func (c *client) send(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	var err error
	for _, base := range c.bases {
		if base == c.frozen.Load() && len(c.bases) > 1 {
			continue
		}
		err = c.sendTo(ctx, base, method, path, contentType, body, out)
		var down *net.OpError
		if !errors.As(err, &down) {
			return err
		}
	}
	return err
}

func (c *client) sendTo(ctx context.Context, base, method, path, contentType string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, path, errNotFound)
	case resp.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	case out != nil:
		return json.Unmarshal(answer, out)
	}
	return nil
}

// status is what the demo reads of GET /v1/status.
type status struct {
	Gateway struct {
		Leader bool `json:"leader"`
		Peers  []struct {
			ID    string `json:"id"`
			Voter bool   `json:"voter"`
			Up    bool   `json:"up"`
		} `json:"peers"`
	} `json:"gateway"`
	Quorum struct {
		OK bool `json:"ok"`
	} `json:"quorum"`
	Orders   map[string]int64 `json:"orders"`
	Fallouts int              `json:"fallouts"`
	Outbox   int              `json:"outbox"`
}

func (c *client) status(ctx context.Context) (status, error) {
	var s status
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return s, c.send(ctx, "GET", "/v1/status", "", nil, &s)
}

// siteOrder is what the demo reads of an order at the gateway.
type siteOrder struct {
	Spec struct {
		ID    string `json:"id"`
		Lines []struct {
			SKU string `json:"sku"`
			Qty int64  `json:"qty"`
		} `json:"lines"`
	} `json:"spec"`
	State    string        `json:"state"`
	Lines    []siteLine    `json:"lines"`
	Parcels  []parcel      `json:"parcels"`
	Fallout  []string      `json:"fallout"`
	Fallouts []falloutCode `json:"fallouts"`
	Rides    []ride        `json:"rides"`
}

type siteLine struct {
	Line   int       `json:"line"`
	SKU    string    `json:"sku"`
	Qty    int64     `json:"qty"`
	Picked int64     `json:"picked"`
	Lots   []siteLot `json:"lots"`
}

type siteLot struct {
	Lot string `json:"lot"`
	Qty int64  `json:"qty"`
}

type falloutCode struct {
	Code string `json:"code"`
}

// ride is the last ride of a parcel on the conveyor.
type ride struct {
	SSCC  string `json:"sscc"`
	State string `json:"state"`
	Exit  string `json:"exit"` // lane
}

type parcel struct {
	SSCC     string `json:"sscc"`
	WeightMg int64  `json:"weightMg"`
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
	Verified bool   `json:"verified,omitempty"` // by the portal; the OMS is not told
	// Of one of several parcels.
	No    int      `json:"no,omitempty"`
	Lines []inPart `json:"lines,omitempty"`
}

// same: both sides mean the same parcel.
func (p parcel) same(q parcel) bool {
	p.Verified, q.Verified = false, false
	return reflect.DeepEqual(p, q)
}

func (c *client) order(ctx context.Context, id string) (siteOrder, error) {
	var o siteOrder
	return o, c.send(ctx, "GET", "/v1/orders/"+url.PathEscape(id), "", nil, &o)
}

// orders reads all orders of the gateway, page by page.
func (c *client) orders(ctx context.Context) ([]siteOrder, error) {
	var all []siteOrder
	for after := ""; ; {
		var page struct {
			Orders []siteOrder `json:"orders"`
			Next   string      `json:"next"`
		}
		if err := c.send(ctx, "GET", "/v1/orders?limit=1000&after="+url.QueryEscape(after), "", nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Orders...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

// atCustomers is how many units of an item the ledger has at the customers.
func (c *client) atCustomers(ctx context.Context, sku string) (n int64, err error) {
	var balances []struct {
		Place string `json:"place"`
		Qty   int64  `json:"qty"`
	}
	err = c.send(ctx, "GET", "/v1/stock/"+url.PathEscape(sku), "", nil, &balances)
	for _, b := range balances {
		if b.Place == "customer" {
			n += b.Qty
		}
	}
	return n, err
}

// parked counts the orders that stand in a fallout while picked goods wait for
// a person's decision.
func (c *client) parked(ctx context.Context) (int64, error) {
	all, err := c.orders(ctx)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, o := range all {
		if len(o.Fallout) > 0 && o.State == "PICKED" {
			n++
		}
	}
	return n, nil
}

// omsOrder is what the demo reads of an order at the OMS.
type omsOrder struct {
	ID      string       `json:"id"`
	State   string       `json:"state"`
	Code    string       `json:"code"` // why it was rejected
	Text    string       `json:"text"`
	Parcels []parcel     `json:"parcels"`
	Fallout []omsFallout `json:"fallout"`
}

type omsFallout struct {
	Code      string `json:"code"`
	ClearedAt int64  `json:"clearedAt"`
}

func (c *client) omsOrder(ctx context.Context, id string) (omsOrder, error) {
	var o omsOrder
	return o, c.send(ctx, "GET", "/v1/orders/"+url.PathEscape(id), "", nil, &o)
}

// rejected counts the orders the site refused.
func (c *client) rejected(ctx context.Context) (int64, error) {
	var sum struct {
		ByState map[string]int64 `json:"byState"`
	}
	err := c.send(ctx, "GET", "/v1/summary", "", nil, &sum)
	return sum.ByState["REJECTED"], err
}
