package oms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/cloudsync/wire"
)

func TestMain(m *testing.M) {
	// Every test opens a database of its own and the OMS syncs every commit:
	// in memory that costs nothing, on a busy disk minutes.
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		_ = os.Setenv("TMPDIR", "/dev/shm")
	}
	goleak.VerifyTestMain(m)
}

// tester is what the helpers need; *testing.T and *rapid.T have it.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

var testTime = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// newServer opens an OMS on a fresh file, or on path when given.
func newServer(t testing.TB, path ...string) *Server {
	t.Helper()
	db := filepath.Join(t.TempDir(), "oms.db")
	if len(path) > 0 {
		db = path[0]
	}
	s, err := New(Config{DB: db, Sites: []Site{{ID: "dc1"}, {ID: "dc2"}}, Now: func() time.Time { return testTime }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// call runs one request and decodes a JSON answer into dst when dst is set.
func call(t tester, s *Server, method, path, ct, body string, dst any, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if ct != "" {
		req.Header.Set("Content-Type", ct)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, req)
	if dst != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), dst); err != nil {
			t.Fatalf("%s %s: %d %s: %v", method, path, rec.Code, rec.Body, err)
		}
	}
	return rec
}

const jsonType = "application/json"

func orderJSON(id, payment string) string {
	return fmt.Sprintf(`{"id":%q,"shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"de"},`+
		`"method":"std","payment":%q,"lines":[{"line":1,"sku":"A","qty":2}]}`, id, payment)
}

func placeOrder(t tester, s *Server, id, payment string) {
	t.Helper()
	if rec := call(t, s, "POST", "/v1/orders", jsonType, orderJSON(id, payment), nil); rec.Code != http.StatusCreated {
		t.Fatalf("place %s: %d %s", id, rec.Code, rec.Body)
	}
}

func order(t tester, s *Server, id string) OrderView {
	t.Helper()
	var v OrderView
	if rec := call(t, s, "GET", "/v1/orders/"+id, "", "", &v); rec.Code != http.StatusOK {
		t.Fatalf("order %s: %d %s", id, rec.Code, rec.Body)
	}
	return v
}

func inbox(t tester, s *Server, cursor string) wire.InboxPage {
	t.Helper()
	var p wire.InboxPage
	if rec := call(t, s, "GET", "/v1/sites/dc1/inbox?limit=200&cursor="+cursor, "", "", &p); rec.Code != http.StatusOK {
		t.Fatalf("inbox: %d %s", rec.Code, rec.Body)
	}
	return p
}

// ev is a well-formed event of dc1.
func ev(stream string, seq uint64, name, order string, data any) wire.Event {
	e := wire.Event{
		SpecVersion: "1.0", ID: wire.EventID{Site: "dc1", Epoch: 1, Stream: stream, Seq: seq}.String(), Source: "/sites/dc1",
		Type: wire.Type(name), Subject: order, Time: wire.Time(testTime.UnixMilli() + int64(seq)), Sequence: fmt.Sprint(seq),
		Epoch: 1, Stream: stream, PartitionKey: order,
	}
	if data != nil {
		e.Data, _ = json.Marshal(data)
	}
	return e
}

// post sends a batch of dc1 as term 5 of epoch 1 and returns the raw answer.
func post(t tester, s *Server, events []wire.Event, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	raw, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("POST", "/v1/sites/dc1/events", bytes.NewReader(raw))
	req.Header.Set("Content-Type", wire.ContentTypeBatch)
	req.Header.Set(wire.HeaderFence, "5")
	req.Header.Set(wire.HeaderEpoch, "1")
	if len(events) > 0 {
		first, _ := wire.ParseEventID(events[0].ID)
		key := wire.BatchKey{Site: "dc1", Epoch: first.Epoch, Stream: first.Stream, First: first.Seq, Last: first.Seq + uint64(len(events)) - 1}
		req.Header.Set(wire.HeaderIdempotencyKey, key.String())
	}
	for _, f := range change {
		f(req)
	}
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, req)
	return rec
}

// send posts a batch that must be taken.
func send(t tester, s *Server, events ...wire.Event) wire.Reply {
	t.Helper()
	rec := post(t, s, events)
	var r wire.Reply
	if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || rec.Code != http.StatusOK {
		t.Fatalf("events: %d %s", rec.Code, rec.Body)
	}
	return r
}

func problem(t tester, rec *httptest.ResponseRecorder) wire.Problem {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil && err != io.EOF {
		t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	return p
}
