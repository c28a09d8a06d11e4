//go:build linux && !386 && !arm && !mips && !mipsle

package replica

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"tote/raftstore"
	"tote/raftstore/lintest"
	"tote/warehouse"
)

// What is checked of the domain: goods are reserved by releasing an order, given
// free by cancelling it, and the reservation is confirmed by a robot's pick. A
// key is an item in a bin of its own; each order asks for one of it. Who comes
// when nothing is free waits, and gets the first one that comes free.

const (
	linLanes   = 16
	linWorkers = 30 // robots a client may use up
	linStock   = 3
)

func linKeys() (keys []string) {
	gens := 20
	if lintest.Lasts(0) > 0 {
		gens = 150
	}
	for g := range linLanes / 4 {
		for gen := range gens {
			keys = append(keys, lintest.KeyName(g, gen))
		}
	}
	return keys
}

func linChild() bool { return lintest.Child(linSubject) }

type linGateway struct{ *Store }

// Digest lets the run compare the states of the gateways at its end.
func (g linGateway) Digest() (uint64, [32]byte, error) { return g.raft.Digest() }

// Do carries out one operation as the one command it stands for.
func (g linGateway) Do(ctx context.Context, by lintest.By, op lintest.Op) (a lintest.Answer, err error) {
	if op.Read {
		err = g.ViewLinearizable(ctx, func(r warehouse.Reader) error {
			rows, err := warehouse.Balances(r, op.Key)
			if err != nil {
				return err
			}
			for _, b := range rows {
				if strings.HasPrefix(b.Place, "bin/") {
					a.A, a.B = a.A+b.Qty, a.B+b.Reserved
				}
			}
			if op.Name == "" {
				return nil
			}
			o, err := warehouse.GetOrder(r, op.Name)
			if o != nil {
				a.Text = string(o.State)
			}
			return err
		})
		a.OK = err == nil
		return a, err
	}
	res, err := g.Store.Do(ctx, By{ID: by.ID, Device: by.Device, Seq: by.Seq, Actor: "test"}, linCommand(op))
	return lintest.Answer{OK: res.OK, Text: res.Code}, err
}

func linCommand(op lintest.Op) warehouse.Command {
	switch op.Kind {
	case "site":
		return warehouse.PutSite{Site: testSite}
	case "master", "bins", "stock":
		return linMaster(op.Kind, linKeys()[op.A:op.B])
	case "workers":
		var ws []warehouse.Worker
		for n := range linWorkers {
			id := linWorker(int(op.A), n)
			ws = append(ws, warehouse.Worker{ID: id, Name: id, Badge: "B-" + id, Kind: warehouse.WorkerRobot})
		}
		return warehouse.PutWorkers{Workers: ws}
	case "reserve":
		return warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
			ID: op.Name, Revision: 1, Lines: []warehouse.OrderLine{{Line: 1, SKU: op.Key, Qty: 1}},
			ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1", City: "Town", Country: "DE"},
		}}
	case "cancel":
		return warehouse.CancelOrder{Order: op.Name, Source: "site"}
	case "refill":
		return warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-" + op.Key, SKU: op.Key, Qty: op.A}}}
	}
	worker := linWorker(int(op.A), int(op.B))
	switch op.Kind {
	case "signin":
		return warehouse.SignIn{Device: "h" + worker, Badge: "B-" + worker}
	case "ask":
		return warehouse.AskWork{Device: "h" + worker}
	case "assign":
		return warehouse.AssignBatch{
			Batch: "K-" + op.Name, Worker: worker, RouteMm: 1,
			Slots: []warehouse.BatchSlot{{Slot: 1, Order: op.Name}}, Walk: []string{op.Name + "/1/1"},
		}
	case "confirm":
		return warehouse.RobotPick{Worker: worker, Task: op.Name + "/1/1", Qty: 1, Tote: "T-" + op.Name, Outcome: warehouse.PickPicked}
	case "finish":
		return warehouse.FinishBatch{Device: "h" + worker, Barcode: testSite.PackDrop}
	}
	panic("no such operation: " + op.Kind)
}

func linMaster(kind string, keys []string) warehouse.Command {
	var items []warehouse.Item
	var bins []warehouse.Bin
	var rows []warehouse.StockRow
	for _, k := range keys {
		items = append(items, warehouse.Item{SKU: k, Name: k, WeightMg: 1000})
		bins = append(bins, warehouse.Bin{Code: "B-" + k})
		rows = append(rows, warehouse.StockRow{Bin: "B-" + k, SKU: k, Qty: linStock})
	}
	switch kind {
	case "master":
		return warehouse.PutItems{Items: items}
	case "bins":
		return warehouse.PutBins{Bins: bins}
	}
	return warehouse.OpenStock{Rows: rows}
}

func linWorker(lane, n int) string { return fmt.Sprintf("r%d-%d", lane, n) }

// linClient has a few orders of its own and a robot. After an operation whose
// outcome it does not know it leaves order and robot alone.
type linClient struct {
	lane, n int
	r       *rand.Rand
	key     string
	orders  []string
	robot   int
	signed  bool
	next    []lintest.Op // the rest of a confirmation
}

func (c *linClient) Next(key string) lintest.Op {
	if len(c.next) > 0 {
		return c.next[0]
	}
	if c.key != key {
		c.key, c.orders = key, nil
	}
	op := lintest.Op{Key: key}
	switch p := c.r.IntN(20); {
	case p < 6 && len(c.orders) < 2:
		c.n++
		op.Kind, op.Name = "reserve", fmt.Sprintf("O%d-%d", c.lane, c.n)
	case p < 9 && len(c.orders) > 0:
		op.Kind, op.Name = "cancel", c.orders[0]
	case p < 13 && len(c.orders) > 0 && c.robot < linWorkers:
		steps := []string{"ask", "assign", "confirm", "finish"}
		if !c.signed {
			steps = slices.Insert(steps, 0, "signin")
		}
		for _, s := range steps {
			c.next = append(c.next, lintest.Op{Key: key, Kind: s, Name: c.orders[0], A: int64(c.lane), B: int64(c.robot)})
		}
		return c.next[0]
	case p == 13:
		op.Kind, op.A = "refill", int64(1+c.r.IntN(2))
	default:
		op.Kind, op.Read = "read", true
		if len(c.orders) > 0 {
			op.Name = c.orders[c.r.IntN(len(c.orders))]
		}
	}
	return op
}

func (c *linClient) Answered(op lintest.Op, s lintest.Seen) {
	if op.Read {
		return
	}
	forget := func() { c.orders = slices.DeleteFunc(c.orders, func(o string) bool { return o == op.Name }) }
	if len(c.next) > 0 {
		switch {
		case !s.Known:
			forget()
			c.next, c.signed = nil, false
			c.robot++
		case !s.OK && op.Kind == "assign": // it waits for stock
			c.next = nil
		default:
			c.next = c.next[1:]
			c.signed = true
			if op.Kind == "confirm" {
				forget()
			}
		}
		return
	}
	switch {
	case op.Kind == "reserve" && s.Known:
		c.orders = append(c.orders, op.Name)
	case op.Kind == "cancel":
		forget()
	}
}

// linState is what the model knows of one item. It is small: an order that was
// cancelled or picked is forgotten.
type linState struct {
	stock   int64
	held    string // orders with a reservation, sorted: " O1 O2"
	batch   string // of them those a robot walks for
	waiting string // orders without, oldest first
}

func has(list, order string) bool { return strings.Contains(list+" ", " "+order+" ") }

func with(list, order string) string {
	all := append(strings.Fields(list), order)
	slices.Sort(all)
	return " " + strings.Join(all, " ")
}

func without(list, order string) string {
	all := strings.TrimSuffix(strings.Replace(list+" ", " "+order+" ", " ", 1), " ")
	return all
}

func (s linState) reserved() int64 { return int64(strings.Count(s.held, " ")) }

// serve gives what is free to those who wait.
func (s linState) serve() linState {
	for s.stock > s.reserved() && s.waiting != "" {
		first := strings.Fields(s.waiting)[0]
		s.waiting, s.held = without(s.waiting, first), with(s.held, first)
	}
	return s
}

func linStep(state, input, output any) (bool, any) {
	now, op, seen := state.(linState), input.(lintest.Op), output.(lintest.Seen)
	next, ok := now, true
	switch op.Kind {
	case "reserve":
		if now.stock > now.reserved() {
			next.held = with(now.held, op.Name)
		} else {
			next.waiting += " " + op.Name
		}
	case "cancel":
		next.held, next.waiting = without(now.held, op.Name), without(now.waiting, op.Name)
		next = next.serve()
	case "refill":
		next.stock += op.A
		next = next.serve()
	case "assign":
		if ok = has(now.held, op.Name) && !has(now.batch, op.Name); ok {
			next.batch = with(now.batch, op.Name)
		}
	case "confirm":
		if ok = has(now.batch, op.Name); ok {
			next.stock--
			next.held, next.batch = without(now.held, op.Name), without(now.batch, op.Name)
		}
	case "read":
		fits := seen.A == now.stock && seen.B == now.reserved()
		if op.Name != "" {
			fits = fits && (seen.Text == string(warehouse.OrderShortWaiting)) == has(now.waiting, op.Name)
		}
		return fits, now
	}
	return !seen.Known || seen.OK == ok, next
}

var linSubject = lintest.Subject{
	Name: "warehouse",
	Open: func(cfg raftstore.Config) (lintest.Gateway, error) {
		s, err := Open(cfg)
		return linGateway{s}, err
	},
	Setup: func(do func(lintest.Op) (lintest.Answer, error)) error {
		ops := []lintest.Op{{Kind: "site"}}
		n := int64(len(linKeys()))
		for _, kind := range []string{"master", "bins", "stock"} {
			for from := int64(0); from < n; from += 20 {
				ops = append(ops, lintest.Op{Kind: kind, A: from, B: min(from+20, n)})
			}
		}
		for lane := range linLanes {
			ops = append(ops, lintest.Op{Kind: "workers", A: int64(lane)})
		}
		for _, op := range ops {
			if a, err := do(op); err != nil || !a.OK {
				return fmt.Errorf("%+v: %s, %w", op, a.Text, err)
			}
		}
		return nil
	},
	Client: func(lane int, r *rand.Rand) lintest.Client { return &linClient{lane: lane, r: r} },
	Last:   func(key string) lintest.Op { return lintest.Op{Key: key, Kind: "read", Read: true} },
	Model: porcupine.Model{
		Init: func() any { return linState{stock: linStock} },
		Step: linStep,
		DescribeOperation: func(input, output any) string {
			op, s := input.(lintest.Op), output.(lintest.Seen)
			if !s.Known {
				return fmt.Sprintf("%s %s: ?", op.Kind, op.Name)
			}
			if op.Read {
				return fmt.Sprintf("read: %d, %d reserved, %s %s", s.A, s.B, op.Name, s.Text)
			}
			return fmt.Sprintf("%s %s: %s", op.Kind, op.Name, s.Text)
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	},
}

// TestLinearizable: reservations and confirmations of three gateways, under all
// faults mixed, are those of one warehouse.
func TestLinearizable(t *testing.T) {
	lintest.Beside(t)
	d := lintest.Lasts(5 * time.Second)
	r := lintest.Run(t, lintest.Options{Subject: linSubject, Lanes: linLanes, D: d, Faults: lintest.Mixed})
	r.Must(t)
	r.Enough(t, d)
	for _, kind := range []string{"reserve", "cancel", "refill", "assign", "assign refused", "confirm", "read"} {
		if r.Kinds[kind] == 0 {
			t.Errorf("there was no %s: %v", kind, r.Kinds)
		}
	}
}
