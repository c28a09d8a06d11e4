package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a device that can do everything and notes what it was told.
type toy struct {
	bare
	did []string
}

// bare is a device that can do nothing special.
type bare struct {
	book   *record.Book
	faults *line.Faults
}

func (b bare) State() State {
	return State{
		Kind: "toy", Name: "t1", Faults: b.faults.Active(), Known: b.faults.Names(),
		LastSeq: b.book.LastSeq(), Device: json.RawMessage(`{"x":1}`),
	}
}
func (b bare) SetFault(name string, on bool) error { return b.faults.Set(name, on) }
func (b bare) Book() *record.Book                  { return b.book }

func (d *toy) Put(mg int64) error {
	if mg < 0 {
		return errors.New("lighter than air")
	}
	d.book.Add(record.Entry{Kind: record.Put, Weight: &record.Weight{Mg: mg}})
	return nil
}
func (d *toy) Remove() error { d.did = append(d.did, "remove"); return nil }
func (d *toy) Take() error   { d.did = append(d.did, "take"); return nil }
func (d *toy) Scan(code string) (record.Entry, error) {
	return d.book.Add(record.Entry{Kind: record.Scanned, Scan: &record.Scan{Code: code, Written: true}}), nil
}

func newBare(t *testing.T) bare {
	t.Helper()
	book, err := record.Open("t1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return bare{book, line.NewFaults("stall", "noise")}
}

// serve starts the API of a device and returns its address.
func serve(t *testing.T, addr string, dev Target) string {
	t.Helper()
	ln, err := Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, dev) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return Address(ln)
}

func TestClient(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "c.sock")} {
		t.Run(strings.SplitN(addr, ":", 2)[0], func(t *testing.T) {
			ctx, dev := t.Context(), &toy{bare: newBare(t)}
			c, err := Dial(ctx, serve(t, addr, dev))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if err := errors.Join(c.Put(ctx, 1500), c.Remove(ctx), c.Take(ctx), c.Fault(ctx, "stall", true)); err != nil {
				t.Fatal(err)
			}
			if strings.Join(dev.did, " ") != "remove take" {
				t.Errorf("the device did %v", dev.did)
			}
			e, err := c.Scan(ctx, "A\x1dB")
			if err != nil || e.Scan.Code != "A\x1dB" || !e.Scan.Written || e.Seq != 2 {
				t.Errorf("Scan = %+v, %v", e, err)
			}
			es, err := c.Record(ctx, 0)
			if err != nil || len(es) != 2 || es[0].Weight.Mg != 1500 {
				t.Errorf("Record = %+v, %v", es, err)
			}
			if es, err := c.Record(ctx, 2); err != nil || len(es) != 0 {
				t.Errorf("Record(2) = %+v, %v", es, err)
			}
			st, err := c.State(ctx)
			if err != nil || st.Kind != "toy" || st.LastSeq != 2 || strings.Join(st.Faults, "") != "stall" || string(st.Device) != `{"x":1}` {
				t.Errorf("State = %+v, %v", st, err)
			}
			for name, err := range map[string]error{
				"the device's own refusal": c.Put(ctx, -1),
				"unknown fault":            c.Fault(ctx, "fire", true),
			} {
				if !errors.Is(err, ErrRefused) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := c.Put(ctx, -1); !strings.Contains(err.Error(), "409 lighter than air") {
				t.Errorf("the reason is lost: %v", err)
			}
		})
	}
}

func TestWait(t *testing.T) {
	ctx, dev := t.Context(), &toy{bare: newBare(t)}
	c, err := Dial(ctx, serve(t, "127.0.0.1:0", dev))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if es, err := c.Wait(ctx, 0, 20*time.Millisecond); err != nil || len(es) != 0 {
		t.Errorf("Wait for nothing = %v, %v", es, err)
	}
	got := make(chan []record.Entry, 1)
	go func() {
		es, _ := c.Wait(ctx, 0, 5*time.Second)
		got <- es
	}()
	if err := dev.Put(7); err != nil {
		t.Fatal(err)
	}
	if es := <-got; len(es) != 1 || es[0].Weight.Mg != 7 {
		t.Errorf("Wait = %+v", es)
	}
}

// Serve must end at once although somebody is waiting for entries.
func TestServeEndsUnderALongPoll(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, newBare(t)) }()
	c, err := Dial(t.Context(), Address(ln))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		_, _ = c.Wait(t.Context(), 0, maxWait)
	}()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve = %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Serve does not end")
	}
	<-polled
}

func TestHTTP(t *testing.T) {
	dev := &toy{bare: newBare(t)}
	base := "http://" + serve(t, "127.0.0.1:0", dev)
	dumb := "http://" + serve(t, "127.0.0.1:0", newBare(t))
	defer http.DefaultClient.CloseIdleConnections()
	cases := []struct {
		method, url, body string
		code              int
		answer            string
	}{
		{"POST", base + "/put", `{"mg":1}`, 200, "{}"},
		{"POST", base + "/remove", "", 200, "{}"},
		{"POST", base + "/put", `{"kg":1}`, 400, `unknown field`},
		{"POST", base + "/put", `{"mg":1.5}`, 400, `cannot unmarshal`},
		{"POST", base + "/put", `not json`, 400, `invalid character`},
		{"GET", base + "/put", "", 404, "no GET /put"},
		{"GET", base + "/record?after=x", "", 400, "numbers"},
		{"GET", base + "/record?wait=-1", "", 400, "numbers"},
		{"GET", base + "/record?format=json", "", 200, `[{"seq":1,`},
		{"GET", base + "/record?after=9&format=json", "", 200, `[]`},
		{"GET", base + "/record", "", 200, `{"seq":1,`},
		{"GET", base + "/nothing", "", 404, "no GET /nothing"},
		{"POST", dumb + "/put", `{"mg":1}`, 404, "no POST /put"},
		{"POST", dumb + "/scan", `{}`, 404, ""},
		{"POST", dumb + "/take", ``, 404, ""},
		{"POST", dumb + "/fault", `{"name":"fire","on":true}`, 409, "there are noise, stall"},
	}
	for _, c := range cases {
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != c.code || !strings.Contains(string(data), c.answer) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.url, c.body, res.StatusCode, data, c.code, c.answer)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", ":0", "example.org:80"} {
		if ln, err := Listen(addr); !errors.Is(err, ErrNotLocal) {
			t.Errorf("Listen(%q) = %v, %v", addr, ln, err)
		}
	}
	if _, err := Listen("nonsense"); err == nil {
		t.Error("no port: no error")
	}
	if _, err := Dial(t.Context(), "127.0.0.1:1"); err == nil {
		t.Error("Dial to nobody: no error")
	}
}

// floor is a conveyor and a board of GPIO lines at once.
type floor struct {
	bare
	lanes  map[string][]record.Carton
	levels map[string]bool
}

func (f *floor) Induct(barcode, quality string) error {
	if barcode == "" {
		return errors.New("nothing to put on")
	}
	f.lanes["L1"] = append(f.lanes["L1"], record.Carton{Barcode: barcode, Quality: quality})
	return nil
}

func (f *floor) TakeLane(lane string) ([]record.Carton, error) {
	cs, ok := f.lanes[lane]
	if !ok {
		return nil, errors.New("no such lane")
	}
	f.lanes[lane] = []record.Carton{}
	return cs, nil
}

func (f *floor) SetLevel(line string, high bool) error {
	if line != "EYE" {
		return errors.New("no such input")
	}
	f.levels[line] = high
	return nil
}

func TestLanesAndLevels(t *testing.T) {
	ctx, dev := t.Context(), &floor{newBare(t), map[string][]record.Carton{}, map[string]bool{}}
	c, err := Dial(ctx, serve(t, "127.0.0.1:0", dev))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := errors.Join(c.Induct(ctx, "A", ""), c.Induct(ctx, "B\x1d", "MULTI"), c.Level(ctx, "EYE", true)); err != nil {
		t.Fatal(err)
	}
	cs, err := c.TakeLane(ctx, "L1")
	if err != nil || len(cs) != 2 || cs[0].Barcode != "A" || cs[1] != (record.Carton{Barcode: "B\x1d", Quality: "MULTI"}) {
		t.Errorf("%+v, %v", cs, err)
	}
	if cs, err := c.TakeLane(ctx, "L1"); err != nil || len(cs) != 0 {
		t.Errorf("%+v, %v", cs, err)
	}
	if !dev.levels["EYE"] {
		t.Error("not moved")
	}
	_, noLane := c.TakeLane(ctx, "L7")
	for what, err := range map[string]error{
		"no carton": c.Induct(ctx, "", ""), "no lane": noLane, "no input": c.Level(ctx, "RED", true), "a printer's": c.Take(ctx), "a scale's": c.Put(ctx, 1),
	} {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
