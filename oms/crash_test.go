package oms

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tote/cloudsync/wire"
)

const childEnv = "TOTE_OMS_TEST_DB"

// TestChild is the server that TestKill kills. It is no test of its own.
func TestChild(t *testing.T) {
	db := os.Getenv(childEnv)
	if db == "" {
		t.Skip("only runs as a child of TestKill")
	}
	err := Run(context.Background(), Config{
		DB: db, Sites: []Site{{ID: "dc1"}}, Listen: "127.0.0.1:0",
		OnListen: func(addr string) { fmt.Println("listening " + addr) },
	})
	t.Fatal(err)
}

// kill -9 in the middle of orders and events: what was answered is there.
func TestKill(t *testing.T) {
	db := filepath.Join(t.TempDir(), "oms.db")
	placed, ack := map[string]bool{}, uint64(0)
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), childEnv+"="+db)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
		if err != nil || !ok {
			t.Fatalf("the child said %q, %v", line, err)
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		enough := make(chan struct{})
		client := &http.Client{}
		do := func(path, ct, body string, header ...string) (int, []byte) {
			req, _ := http.NewRequest("POST", "http://"+addr+path, strings.NewReader(body))
			req.Header.Set("Content-Type", ct)
			for i := 0; i+1 < len(header); i += 2 {
				req.Header.Set(header[i], header[i+1])
			}
			resp, err := client.Do(req)
			if err != nil {
				return 0, nil
			}
			defer resp.Body.Close()
			raw, err := io.ReadAll(resp.Body)
			if err != nil {
				return 0, nil
			}
			return resp.StatusCode, raw
		}
		wg.Go(func() { // orders until the server dies
			for i := 0; ; i++ {
				id := fmt.Sprintf("K-%d-%d", round, i)
				status, _ := do("/v1/orders", jsonType, orderJSON(id, PaymentSettled))
				if status != http.StatusCreated {
					return
				}
				mu.Lock()
				placed[id] = true
				mu.Unlock()
				if i == 20 {
					close(enough)
				}
			}
		})
		wg.Go(func() { // events until the server dies
			for {
				e := ev("control", ack+1, "order.picking", fmt.Sprint("S-", ack+1), nil)
				raw, _ := json.Marshal([]wire.Event{e})
				key := wire.BatchKey{Site: "dc1", Epoch: 1, Stream: "control", First: ack + 1, Last: ack + 1}
				status, body := do("/v1/sites/dc1/events", wire.ContentTypeBatch, string(raw),
					wire.HeaderIdempotencyKey, key.String(), wire.HeaderFence, "1", wire.HeaderEpoch, "1")
				var r wire.Reply
				if status != http.StatusOK || json.Unmarshal(body, &r) != nil {
					return
				}
				ack = r.AckSeq
			}
		})
		<-enough
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		wg.Wait()
		client.CloseIdleConnections()
	}
	s := newServer(t, db)
	for id := range placed {
		if v := order(t, s, id); v.State != StateSubmitted {
			t.Errorf("%s is %s", id, v.State)
		}
	}
	var sum Summary
	call(t, s, "GET", "/v1/summary", "", "", &sum)
	if got := sum.Streams["dc1"]["1"]["control"]; got < ack || got > ack+1 || sum.Events["wms.order.picking.v1"] != int(got) {
		t.Errorf("acknowledged %d, the database has %d with effects %v", ack, got, sum.Events)
	}
	feed := map[string]int{}
	for cursor := ""; ; {
		p := inbox(t, s, cursor)
		if len(p.Items) == 0 {
			break
		}
		for _, it := range p.Items {
			feed[it.OrderID]++
		}
		cursor = p.Next
	}
	for id := range placed {
		if feed[id] != 1 {
			t.Errorf("%s is in the feed %d times", id, feed[id])
		}
	}
}

// Callers at the same time: one order each, dense events, no lost feed row.
func TestManyCallers(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for range 8 { // everyone places the same ten orders
		wg.Go(func() {
			for i := range 10 {
				rec := call(t, s, "POST", "/v1/orders", jsonType, orderJSON(fmt.Sprint("O-", i), PaymentSettled), nil)
				mu.Lock()
				codes[rec.Code]++
				mu.Unlock()
			}
		})
	}
	for range 4 { // and sends the same batch
		wg.Go(func() {
			for seq := uint64(1); seq <= 10; seq++ {
				post(t, s, []wire.Event{ev("control", seq, "sync.test", "X", nil)})
			}
		})
	}
	wg.Wait()
	if codes[201] != 10 || codes[200] != 70 {
		t.Errorf("answers %v", codes)
	}
	var sum Summary
	call(t, s, "GET", "/v1/summary", "", "", &sum)
	if len(inbox(t, s, "").Items) != 10 || sum.Events["wms.sync.test.v1"] != 10 || sum.Streams["dc1"]["1"]["control"] != 10 {
		t.Errorf("%+v", sum)
	}
}

// The model of the feed: whatever is placed, paid and paged in whatever way, a
// site that follows its cursor sees each paid order once, in the order in which
// they became payable, and no other.
func TestFeedProperty(t *testing.T) {
	cfg := Config{DB: filepath.Join(t.TempDir(), "oms.db"), Sites: []Site{{ID: "dc1"}}}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	run, cursor := 0, ""
	rapid.Check(t, func(t *rapid.T) {
		run++
		var want, got, pending []string
		read := func(limit int) int {
			var p wire.InboxPage
			call(t, s, "GET", fmt.Sprintf("/v1/sites/dc1/inbox?limit=%d&cursor=%s", limit, cursor), "", "", &p)
			for _, it := range p.Items {
				got = append(got, it.OrderID)
			}
			cursor = p.Next
			return len(p.Items)
		}
		for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch id := fmt.Sprintf("R%d-%d", run, i); rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				placeOrder(t, s, id, PaymentSettled)
				want = append(want, id)
			case 1:
				placeOrder(t, s, id, PaymentPending)
				pending = append(pending, id)
			case 2:
				if len(pending) > 0 {
					k := rapid.IntRange(0, len(pending)-1).Draw(t, "which")
					call(t, s, "POST", "/v1/orders/"+pending[k]+"/payment", jsonType, `{"state":"authorised"}`, nil)
					want = append(want, pending[k])
					pending = slices.Delete(pending, k, k+1)
				}
			case 3:
				read(rapid.IntRange(1, 3).Draw(t, "limit"))
			case 4:
				if rapid.Bool().Draw(t, "restart") {
					_ = s.Close()
					if s, err = New(cfg); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for read(2) > 0 {
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the site saw %v, payable were %v", got, want)
		}
	})
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(certFile, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DB: filepath.Join(dir, "o.db"), Sites: []Site{{ID: "dc1"}}, Listen: "127.0.0.1:0", TLSCert: certFile, TLSKey: keyFile}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	addr := s.Addr(t.Context())
	resp, err := (&http.Client{Transport: tr}).Get("https://" + addr + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	tr.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	_ = s.Close()

	cfg.TLSKey = certFile // no key in it
	if err := Run(t.Context(), cfg); err == nil {
		t.Error("served with a broken key")
	}
}
