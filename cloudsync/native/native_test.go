package native

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/cloudsync"
	"tote/cloudsync/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func client(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := New(Config{URL: srv.URL, Site: "dc 1", Token: "secret", Timeout: 5 * time.Second, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func batch() cloudsync.Batch {
	return cloudsync.Batch{
		Key: wire.BatchKey{Site: "dc 1", Epoch: 2, Stream: "control", First: 5, Last: 6}, Epoch: 3, Fence: 9,
		Events: []wire.Event{{ID: "dc 1/2/control/5"}, {ID: "dc 1/2/control/6"}},
	}
}

func TestSend(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		for name, want := range map[string]string{
			"Content-Type": wire.ContentTypeBatch, "Content-Encoding": "gzip", wire.HeaderIdempotencyKey: `"dc 1/2/control/5-6"`,
			wire.HeaderFence: "9", wire.HeaderEpoch: "3", wire.HeaderDigest: wire.Digest(raw), "Authorization": "Bearer secret",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if r.Method != "POST" || r.URL.EscapedPath() != "/v1/sites/dc%201/events" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		z, err := gzip.NewReader(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		var events []wire.Event
		if err := json.NewDecoder(z).Decode(&events); err != nil || len(events) != 2 {
			t.Errorf("%v %v", events, err)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprint(w, `{"ackSeq":6,"expectSeq":7,"results":[{"seq":5,"status":"applied"},{"seq":6,"status":"applied"}],"later":"field"}`)
	})
	r, err := c.Send(t.Context(), batch())
	if err != nil || r.AckSeq != 6 || r.ExpectSeq != 7 || len(r.Results) != 2 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestPoll(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("cursor") != "a+b/=&" || q.Get("wait") != "60" || q.Get("limit") != "7" {
			t.Errorf("%s", r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"items":[{"msgId":"m","orderId":"o","revision":1,"type":"order.cancel","data":{}}],"next":"n"}`)
	})
	p, err := c.Poll(t.Context(), "a+b/=&", time.Hour, 7)
	if err != nil || p.Next != "n" || len(p.Items) != 1 || p.Items[0].MsgID != "m" {
		t.Errorf("%+v %v", p, err)
	}
}

// The error table of DESIGN.md, answer by answer.
func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		status int
		ct     string
		body   string
		header string // Retry-After
		want   cloudsync.Error
	}{
		{status: 200, ct: "text/html", body: "<html>please sign in", want: cloudsync.Error{Kind: cloudsync.Misplaced}},
		{status: 200, ct: "application/json", body: "{", want: cloudsync.Error{Kind: cloudsync.Busy}},
		{status: 200, ct: "application/json", body: `"` + strings.Repeat("x", maxReply) + `"`, want: cloudsync.Error{Kind: cloudsync.Busy}},
		{status: 204, want: cloudsync.Error{Kind: cloudsync.Misplaced}},
		{status: 302, want: cloudsync.Error{Kind: cloudsync.Misplaced}},
		{status: 400, want: cloudsync.Error{Kind: cloudsync.Invalid}},
		{status: 400, ct: "application/json", body: `{"code":"DIGEST_MISMATCH"}`, want: cloudsync.Error{Kind: cloudsync.Busy, Code: "DIGEST_MISMATCH"}},
		{status: 401, want: cloudsync.Error{Kind: cloudsync.Denied}},
		{status: 403, want: cloudsync.Error{Kind: cloudsync.Denied}},
		{status: 404, want: cloudsync.Error{Kind: cloudsync.Misplaced}},
		{status: 405, want: cloudsync.Error{Kind: cloudsync.Misplaced}},
		{status: 408, want: cloudsync.Error{Kind: cloudsync.Unreachable}},
		{status: 409, want: cloudsync.Error{Kind: cloudsync.InProgress}},
		{status: 409, ct: "application/json", body: `{"code":"IN_PROGRESS"}`, want: cloudsync.Error{Kind: cloudsync.InProgress, Code: "IN_PROGRESS"}},
		{status: 409, ct: "application/json", body: `{"code":"GAP","text":"x","expectSeq":3}`, want: cloudsync.Error{Kind: cloudsync.Gap, Code: "GAP", Text: "x", ExpectSeq: 3}},
		{status: 410, want: cloudsync.Error{Kind: cloudsync.CursorGone}},
		{status: 412, want: cloudsync.Error{Kind: cloudsync.Fenced}},
		{status: 413, want: cloudsync.Error{Kind: cloudsync.TooLarge}},
		{status: 415, want: cloudsync.Error{Kind: cloudsync.Misplaced}},
		{status: 422, want: cloudsync.Error{Kind: cloudsync.Invalid}},
		{status: 425, want: cloudsync.Error{Kind: cloudsync.Busy}},
		{status: 429, header: "12", want: cloudsync.Error{Kind: cloudsync.Busy, RetryAfter: 12 * time.Second}},
		{status: 429, header: "-1", want: cloudsync.Error{Kind: cloudsync.Busy}},
		{status: 451, want: cloudsync.Error{Kind: cloudsync.Invalid}},
		{status: 500, want: cloudsync.Error{Kind: cloudsync.Busy}},
		{status: 502, ct: "application/json", body: "{", want: cloudsync.Error{Kind: cloudsync.Busy}},
		{status: 503, header: now.Add(90 * time.Second).Format(http.TimeFormat), want: cloudsync.Error{Kind: cloudsync.Busy, RetryAfter: 90 * time.Second}},
		{status: 503, header: now.Add(-time.Hour).Format(http.TimeFormat), want: cloudsync.Error{Kind: cloudsync.Busy}},
	} {
		t.Run(fmt.Sprint(tc.status, tc.body[:min(20, len(tc.body))], tc.header), func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					t.Error("the redirect was followed")
				}
				if tc.ct != "" {
					w.Header().Set("Content-Type", tc.ct)
				}
				w.Header().Set("Retry-After", tc.header)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			})
			_, err := c.Send(t.Context(), batch())
			var e *cloudsync.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T %v", err, err)
			}
			got := cloudsync.Error{Kind: e.Kind, Code: e.Code, Text: e.Text, RetryAfter: e.RetryAfter, ExpectSeq: e.ExpectSeq}
			if tc.want.Text == "" {
				got.Text = ""
			}
			if got != tc.want || e.Status != tc.status {
				t.Errorf("got %+v (%v)", got, err)
			}
			if !strings.Contains(err.Error(), e.Kind.String()) {
				t.Errorf("the text %q does not say %q", err, e.Kind)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	var e *cloudsync.Error
	if _, err := c.Send(t.Context(), batch()); !errors.As(err, &e) || e.Kind != cloudsync.Unreachable || e.Unwrap() == nil {
		t.Errorf("%v", err)
	}
}

// A deposed leader must not go on sending: the request ends with its context.
func TestContextEndsTheRequest(t *testing.T) {
	inside, done := make(chan struct{}), make(chan struct{})
	c := client(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(inside)
		<-r.Context().Done() // the server sees the connection go
		close(done)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-inside; cancel() }()
	if _, err := c.Send(ctx, batch()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-done
}

func TestTimeout(t *testing.T) {
	stop := make(chan struct{})
	c := client(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	defer close(stop)
	c.cfg.Timeout = 10 * time.Millisecond
	if _, err := c.Send(t.Context(), batch()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, u := range []string{"https://oms.example", "https://oms.example:8443/", "http://127.0.0.1:80", "http://[::1]:80", "http://localhost:80"} {
		if _, err := New(Config{URL: u, Site: "dc1"}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{"", "oms.example", "http://oms.example", "http://10.0.0.1:80", "ftp://localhost", "https://oms.example/path", "https://u:p@oms.example", "https://oms.example?x=1", "https://"} {
		if _, err := New(Config{URL: u, Site: "dc1"}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := New(Config{URL: "https://oms.example"}); !errors.Is(err, ErrConfig) {
		t.Errorf("no site: %v", err)
	}
	c, err := New(Config{URL: "https://oms.example", Site: "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	if caps := c.Capabilities(); !caps.ChangeFeed || !caps.IdempotencyKey || caps.CompareAndSet || caps.DeltaStock {
		t.Errorf("%+v", caps)
	}
}
