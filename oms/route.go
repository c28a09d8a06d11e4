package oms

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tote/cloudsync/wire"
)

// Routing: an order that names no site goes to one that can send it now, as the
// sites themselves say (site.offers, stock.atp): a carrier of it takes parcels
// for the method and the country, it has all the goods, and it is not full. Of
// several the least busy is taken, for what it can do in an hour, and of equals
// the first of the configuration. When none can send all of it, one that has a
// living carrier and room; and where no site has said anything, the first, as
// ever. What is published is a moment old: the site decides, and what it refuses
// is shown.

// noteOffers keeps what a site publishes of itself.
func noteOffers(ctx context.Context, tx *sql.Tx, site, name string, d *wire.EventData, at place, now int64) error {
	switch {
	case name == "site.offers" && d.Offers != nil:
		raw, err := json.Marshal(d.Offers)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO offers (site, epoch, seq, at, offers) VALUES (?,?,?,?,?)
			ON CONFLICT (site) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, at = excluded.at, offers = excluded.offers
			WHERE (excluded.epoch, excluded.seq) > (offers.epoch, offers.seq)`, site, at.epoch, at.seq, now, string(raw))
		return err
	case name == "stock.atp" && d.Levels != nil:
		_, err := tx.ExecContext(ctx, `INSERT INTO levels (site, sku, owner, epoch, seq, available) VALUES (?,?,?,?,?,?)
			ON CONFLICT (site, sku, owner) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, available = excluded.available
			WHERE (excluded.epoch, excluded.seq) > (levels.epoch, levels.seq)`, site, d.SKU, d.Owner, at.epoch, at.seq, d.Levels.Available)
		return err
	}
	return nil
}

// route chooses the site of an order that names none, and says why; "" leaves it
// with the first.
func (s *Server) route(ctx context.Context, tx *sql.Tx, o *wire.Order) (site, why string, err error) {
	var best, second *wire.Offers
	var fallback string
	for _, c := range s.cfg.Sites {
		offers, err := offersOf(ctx, tx, c.ID)
		if err != nil {
			return "", "", err
		}
		if offers == nil || full(offers) || !slices.ContainsFunc(offers.Carriers, func(ca wire.OfferedCarrier) bool { return serves(&ca, o) }) {
			continue
		}
		has, err := hasAll(ctx, tx, c.ID, o)
		switch {
		case err != nil:
			return "", "", err
		case has && (best == nil || lessBusy(offers, best)):
			best, site = offers, c.ID
		case !has && (second == nil || lessBusy(offers, second)):
			second, fallback = offers, c.ID
		}
	}
	switch {
	case best != nil:
		return site, fmt.Sprintf("site %s has the goods and a carrier", site), nil
	case second != nil:
		return fallback, fmt.Sprintf("no site has all the goods; site %s has a carrier", fallback), nil
	}
	return "", "", nil
}

func offersOf(ctx context.Context, tx *sql.Tx, site string) (*wire.Offers, error) {
	var raw string
	err := tx.QueryRowContext(ctx, `SELECT offers FROM offers WHERE site = ?`, site).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	offers := &wire.Offers{}
	return offers, json.Unmarshal([]byte(raw), offers)
}

// full: it would refuse a new order.
func full(o *wire.Offers) bool { return o.MaxOpen > 0 && o.Open >= o.MaxOpen }

// serves tells whether a carrier that is up takes a parcel of the order.
func serves(c *wire.OfferedCarrier, o *wire.Order) bool {
	return c.Up && (o.Method == "" || len(c.Methods) == 0 || slices.Contains(c.Methods, o.Method)) &&
		(len(c.Countries) == 0 || slices.Contains(c.Countries, o.ShipTo.Country))
}

// lessBusy compares the hours of work two sites have; one that does not say what
// it can do is taken to do one order an hour.
func lessBusy(a, b *wire.Offers) bool {
	return a.Open*max(b.PerHour, 1) < b.Open*max(a.PerHour, 1)
}

// hasAll tells whether a site has all the goods that come from its stock.
func hasAll(ctx context.Context, tx *sql.Tx, site string, o *wire.Order) (bool, error) {
	need := map[string]int64{}
	for _, l := range o.Lines {
		if l.Kind == "" {
			need[l.SKU] += l.Qty
		}
	}
	for sku, qty := range need {
		var available int64
		err := tx.QueryRowContext(ctx, `SELECT available FROM levels WHERE site = ? AND sku = ? AND owner = ?`, site, sku, o.Owner).Scan(&available)
		if errors.Is(err, sql.ErrNoRows) || err == nil && available < qty {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
