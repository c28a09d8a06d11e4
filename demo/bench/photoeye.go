//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tote/agent"
	"tote/agent/topics"
	"tote/drivers/gpio"
	emulated "tote/firmware-tests/gpio"
	"tote/firmware-tests/record"
	"tote/mqtt"
	"tote/warehouse"
)

const (
	eyeCartons  = 1000
	eyeWarm     = 50 // first ones, not counted
	eyeDebounce = 5 * time.Millisecond
)

// photoEye measures a scan point of a belt: a carton breaks the beam, its label is
// read, and the lane must be known. The edge comes over the real socket of an
// emulated board through the driver; scan and decision go over MQTT through a
// gateway in a process of its own, with its store on the disk. The time a level
// must hold is the price of a clean edge and is shown by itself.
func photoEye(ctx context.Context, dir string) error {
	return withGateway(ctx, dir, func(addr agent.Addresses, _ int) error { return measureEye(ctx, dir, addr) })
}

func measureEye(ctx context.Context, dir string, addr agent.Addresses) (err error) {
	if err := putLanes(ctx, addr.HTTP); err != nil {
		return err
	}
	board, err := emulated.New(emulated.Params{Socket: filepath.Join(dir, "eye.sock"), High: []string{"EYE"}}, nullBook())
	if err != nil {
		return err
	}
	if err := board.Listen(); err != nil {
		return err
	}
	signals := make(chan gpio.Signal, 16)
	eye, err := gpio.NewInput(gpio.InputConfig{
		Name: "eye", Open: gpio.Emulated(filepath.Join(dir, "eye.sock")), Line: "EYE", ActiveLow: true, Debounce: eyeDebounce,
		Sink: func(s gpio.Signal) { signals <- s },
	})
	if err != nil {
		return err
	}
	assigned := make(chan string, 16)
	mq, err := mqtt.New(mqtt.Config{Brokers: []string{"tcp://" + addr.MQTT[0]}, ClientID: "conveyor:cv1"})
	if err != nil {
		return err
	}
	err = mq.Subscribe(ctx, mqtt.Subscription{
		Filter: topics.ConveyorDown("bench", "cv1", topics.Assign), QoS: 1,
		Handler: func(_ context.Context, m mqtt.Message) {
			var a struct {
				Scan string `json:"scanMsgId"`
				Lane string `json:"destination"`
			}
			if json.Unmarshal(m.Payload, &a) == nil && a.Lane != "" {
				assigned <- a.Scan
			}
		},
	})
	if err != nil {
		return err
	}
	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 3)
	for _, run := range []func(context.Context) error{board.Run, eye.Run, mq.Run} {
		go func() { ended <- run(runCtx) }()
	}
	defer func() {
		cancel()
		for range 3 {
			err = errors.Join(err, <-ended)
		}
	}()
	if err := mq.WaitConnected(ctx); err != nil {
		return err
	}
	// A controller is believed when it has told its state.
	boot := ulid()
	state, err := json.Marshal(map[string]any{
		"v": 1, "msgId": ulid(), "seq": 1, "bootId": boot, "ts": stamp(time.Now()), "deviceId": "cv1", "mode": "AUTO",
		"sections": []any{map[string]any{"section": "belt", "state": "RUNNING"}}, "lanes": []any{}, "alarms": []any{}, "lastSeqDown": 0,
	})
	if err != nil {
		return err
	}
	if err := mq.Publish(ctx, topics.Of("bench", topics.Conveyor, "cv1", topics.State, topics.Main), state, true); err != nil {
		return err
	}
	var edges, decisions, whole []time.Duration
	for i := range eyeCartons + eyeWarm {
		edge, decision, err := carton(ctx, board, signals, assigned, mq, boot, i+2)
		if err != nil {
			return fmt.Errorf("carton %d: %w", i+1, err)
		}
		if i >= eyeWarm {
			edges, decisions, whole = append(edges, edge-eyeDebounce), append(decisions, decision), append(whole, edge-eyeDebounce+decision)
		}
	}
	report("photoeye_edge_to_signal_beyond_debounce_p99", percentile(edges, 0.99), "ms", 0)
	report("photoeye_scan_to_decision_p50", percentile(decisions, 0.50), "ms", 0)
	report("photoeye_scan_to_decision_p99", percentile(decisions, 0.99), "ms", 0)
	report("photoeye_trigger_to_decision_p50", percentile(whole, 0.50), "ms", 0)
	report("photoeye_trigger_to_decision_p99", percentile(whole, 0.99), "ms", 5)
	return nil
}

// carton is one on the belt: how long its edge took to be a signal, the debounce
// time with it, and its scan to be decided.
func carton(ctx context.Context, board *emulated.Board, signals <-chan gpio.Signal, assigned <-chan string, mq *mqtt.Client, boot string, n int) (edge, decision time.Duration, err error) {
	covered := func(want bool) error {
		for {
			select {
			case s := <-signals:
				if s.Active == want {
					return nil
				}
			case <-time.After(10 * time.Second):
				return errors.New("the photo-eye told nothing")
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	at := time.Now()
	if err := board.SetLevel("EYE", false); err != nil {
		return 0, 0, err
	}
	if err := covered(true); err != nil {
		return 0, 0, err
	}
	edge, at = time.Since(at), time.Now()
	id := ulid()
	raw, err := json.Marshal(map[string]any{
		"v": 1, "msgId": id, "seq": n, "bootId": boot, "ts": stamp(at), "deviceId": "cv1",
		"scanPoint": "S1", "trackId": fmt.Sprint(n), "barcodes": []string{fmt.Sprintf("CARTON%06d", n)}, "quality": "GOOD",
		"lengthMm": 400, "gapMm": 0, "deadlineMs": 5000,
	})
	if err != nil {
		return 0, 0, err
	}
	if err := mq.Publish(ctx, topics.Of("bench", topics.Conveyor, "cv1", topics.Up, topics.Scan), raw, false); err != nil {
		return 0, 0, err
	}
	select {
	case got := <-assigned:
		if got != id {
			return 0, 0, fmt.Errorf("the decision is for %s", got)
		}
	case <-time.After(10 * time.Second):
		return 0, 0, errors.New("no decision")
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	decision = time.Since(at)
	if err := board.SetLevel("EYE", true); err != nil {
		return 0, 0, err
	}
	return edge, decision, covered(false)
}

// stamp is a time as conveyors write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// ulid is an id as conveyors make them.
func ulid() string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	out := make([]byte, 26)
	ms := uint64(time.Now().UnixMilli())
	for i := 9; i >= 0; i-- {
		out[i], ms = digits[ms&31], ms>>5
	}
	for i := range b {
		out[10+i] = digits[b[i]&31]
	}
	return string(out)
}

// putLanes gives the site a belt with lanes.
func putLanes(ctx context.Context, api string) error {
	site, err := json.Marshal(warehouse.Site{
		ID: "bench", CompanyPrefix: "4012345", TotePrefix: "T0", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: 6, PackDrop: scanDrop,
		Layout:   warehouse.Layout{Aisles: 10, Cells: 45, CellMm: 1000, EndMm: 1000, PitchMm: 5000},
		Carriers: []warehouse.Carrier{{Code: "POST", Prefix: "P", Digits: 6, First: 1, Last: 999_999}},
		Lanes:    []warehouse.Lane{{ID: "L1"}, {ID: "L9"}}, DefaultLane: "L9",
	})
	if err != nil {
		return err
	}
	return send(ctx, "PUT", "http://"+api+"/v1/site", "application/json", string(site))
}

// nullBook is a record nobody reads.
func nullBook() *record.Book {
	b, err := record.Open("eye", os.DevNull, nil)
	if err != nil {
		panic(fmt.Sprintf("bench: %v", err))
	}
	return b
}
