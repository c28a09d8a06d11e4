package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// askCmd asks a running gateway; answers are pages of JSON, whose next goes into
// --after for the page behind.
type askCmd struct {
	Find  askFindCmd  `cmd:"" help:"Where is it? A barcode, EPC, SSCC, tote, SKU, serial number, order or bin."`
	Trace askTraceCmd `cmd:"" help:"What happened to it, newest first?"`
	Why   askWhyCmd   `cmd:"" help:"Why is an order not moving?"`
	Late  askLateCmd  `cmd:"" help:"What is late or will be?"`
}

// askPage is the part of an answer.
type askPage struct {
	gatewayURL `embed:""`
	After      string `help:"next of the page before." placeholder:"NEXT"`
	Limit      int    `help:"Most entries of the page." default:"100"`
}

// get prints the page of a path with the values that are set.
func (p askPage) get(ctx context.Context, path string, values map[string]string) error {
	q := url.Values{"limit": {strconv.Itoa(p.Limit)}}
	if p.After != "" {
		q.Set("after", p.After)
	}
	for k, v := range values {
		if v != "" {
			q.Set(k, v)
		}
	}
	return p.call(ctx, http.MethodGet, path+"?"+q.Encode(), "", nil)
}

type askFindCmd struct {
	askPage `embed:""`
	Code    string `arg:"" help:"What to find."`
}

func (c askFindCmd) Run(ctx context.Context) error {
	return c.get(ctx, "/v1/find", map[string]string{"code": c.Code})
}

type askTraceCmd struct {
	askPage `embed:""`
	SKU     string `name:"sku" help:"Item."`
	Lot     string `help:"Lot."`
	Serial  string `help:"Serial number."`
	Owner   string `help:"Consignor."`
	Unit    string `help:"Tote or SSCC."`
	Order   string `help:"Order: what went in and out of its tote and cartons."`
}

func (c askTraceCmd) Run(ctx context.Context) error {
	return c.get(ctx, "/v1/trace", map[string]string{
		"sku": c.SKU, "lot": c.Lot, "serial": c.Serial, "owner": c.Owner, "unit": c.Unit, "order": c.Order,
	})
}

type askWhyCmd struct {
	gatewayURL `embed:""`
	Order      string `arg:"" help:"Its id."`
}

func (c askWhyCmd) Run(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/v1/orders/"+url.PathEscape(c.Order)+"/why", "", nil)
}

type askLateCmd struct {
	askPage `embed:""`
	Within  int `help:"Also what is due within so many minutes." default:"120"`
}

func (c askLateCmd) Run(ctx context.Context) error {
	return c.get(ctx, "/v1/late", map[string]string{"within": strconv.Itoa(c.Within)})
}
