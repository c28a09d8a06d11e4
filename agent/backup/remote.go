package backup

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// mediaType is that of GET /v1/backup.
const mediaType = "application/vnd.tote.backup"

// Bounds of one request: a server that takes nothing for silence is given up, one
// that is slow and goes on is not, up to requestLimit.
const (
	silence      = 30 * time.Second
	requestLimit = 2 * time.Hour
)

var putPauses = [...]time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second}

// remote is an HTTP server that takes PUT.
type remote struct {
	cfg    Config
	client *http.Client
}

func newRemote(cfg Config) *remote {
	w := &remote{cfg, cfg.Client}
	if w.client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout, t.ExpectContinueTimeout = silence, 5*time.Second
		t.DisableKeepAlives = true // once a day
		// A server that sends us elsewhere would get the secret there.
		w.client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return w
}

// send brings the copy in part to the server and removes there what need not stay.
func (r *Runner) send(ctx context.Context, part string, made Made) (Made, error) {
	r.note(func(s *State) { s.Unsure = add(s.Unsure, made.Name) }) // half of it may be there from now on
	var err error
	for i := range len(r.pauses) + 1 {
		if made.ReadBack, err = r.web.put(ctx, part, made); err == nil {
			r.note(func(s *State) { s.There, s.Unsure = add(s.There, made.Name), without(s.Unsure, made.Name) })
			r.tidyRemote(ctx)
			return made, nil
		}
		if gone(r.web.drop(context.WithoutCancel(ctx), made.Name)) {
			r.note(func(s *State) { s.Unsure = without(s.Unsure, made.Name) })
		}
		if i == len(r.pauses) || Code(err) != CodeSilent || !pause(ctx, r.pauses[i]) {
			break
		}
		r.cfg.Log.Warn("a backup was not taken, it is sent again", "code", Code(err), "err", err)
	}
	return Made{}, err
}

// gone says whether a name that was deleted needs no second try: a server that
// forbids it keeps by rules of its own, and one that refuses us took nothing.
func gone(err error) bool { return err == nil || Code(err) == CodeRefused }

// note changes what is known, also on the disk.
func (r *Runner) note(change func(s *State)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
	r.keepState()
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask makes a request that shows the secret.
func (w *remote) ask(ctx context.Context, method, name string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(w.cfg.URL, "/")+"/"+name, body)
	if err != nil {
		return nil, fault(CodeRefused, err)
	}
	secret, err := w.cfg.secret()
	if err != nil {
		return nil, err
	}
	if user, password, ok := strings.Cut(secret, ":"); ok {
		req.SetBasicAuth(user, password)
	} else if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	return req, nil
}

// put sends a copy and reads it back, where the server lets us.
func (w *remote) put(ctx context.Context, part string, made Made) (readBack bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	f, err := os.Open(part)
	if err != nil {
		return false, fault(CodeNotMade, err)
	}
	defer func() { _ = f.Close() }() // read only
	watched := watch(f, cancel)
	defer watched.timer.Stop()
	req, err := w.ask(ctx, http.MethodPut, made.Name, watched)
	if err != nil {
		return false, err
	}
	sum, err := hex.DecodeString(made.SHA256)
	if err != nil {
		return false, fault(CodeNotMade, err)
	}
	req.ContentLength = made.Bytes
	req.Header.Set("Expect", "100-continue") // one that refuses says so before all of it went there
	req.Header.Set("Content-Type", mediaType)
	// RFC 9530: a server that knows it refuses what came broken.
	req.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
	resp, err := w.client.Do(req)
	if err != nil {
		return false, fault(CodeSilent, err)
	}
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	_ = resp.Body.Close()
	if err := judged(resp.StatusCode, "PUT", answer); err != nil {
		return false, err
	}
	return w.readBack(ctx, made)
}

// judged is what a status of the server means.
func judged(status int, method string, answer []byte) error {
	if status/100 == 2 {
		return nil
	}
	err := fmt.Errorf("%s: %d %s", method, status, strings.TrimSpace(strings.ToValidUTF8(string(answer), "?")))
	switch {
	case status == http.StatusInsufficientStorage || status == http.StatusRequestEntityTooLarge:
		return fault(CodeNoRoom, err)
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests:
		return fault(CodeSilent, err)
	}
	return fault(CodeRefused, err)
}

// unreadable are the answers of a server that takes copies and gives none back,
// which is a good thing to have: who steals the secret gets nothing.
var unreadable = map[int]bool{
	http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusMethodNotAllowed: true, http.StatusNotImplemented: true,
}

func (w *remote) readBack(ctx context.Context, made Made) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := w.ask(ctx, http.MethodGet, made.Name, nil)
	if err != nil {
		return false, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return false, fault(CodeSilent, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case unreadable[resp.StatusCode]:
		return false, nil
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return false, fault(CodeNotSame, errors.New("the server took it and does not have it"))
	case resp.StatusCode != http.StatusOK:
		return false, judged(resp.StatusCode, "GET", nil)
	}
	sum := sha256.New()
	watched := watch(resp.Body, cancel)
	defer watched.timer.Stop()
	n, err := io.Copy(sum, io.LimitReader(watched, made.Bytes+1))
	if err != nil {
		return false, fault(CodeSilent, err)
	}
	if n != made.Bytes || hex.EncodeToString(sum.Sum(nil)) != made.SHA256 {
		return false, fault(CodeNotSame, fmt.Errorf("%d bytes at the server, %d were sent", n, made.Bytes))
	}
	return true, nil
}

// drop deletes a name. It is nil when the name is not there any more.
func (w *remote) drop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	req, err := w.ask(ctx, http.MethodDelete, name, nil)
	if err != nil {
		return err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return fault(CodeSilent, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return nil
	}
	return judged(resp.StatusCode, "DELETE", nil)
}

// tidyRemote deletes at the server what need not stay, and what was perhaps not
// sent wholly.
func (r *Runner) tidyRemote(ctx context.Context) {
	r.mu.Lock()
	names := append(slices.Clone(r.state.Unsure), r.cfg.Keep.Surplus(r.cfg.Site, r.state.There)...)
	r.mu.Unlock()
	for _, name := range names {
		if err := r.web.drop(ctx, name); !gone(err) {
			r.cfg.Log.Warn("the server did not delete an old backup", "name", name, "err", err)
			return
		}
		r.note(func(s *State) { s.There, s.Unsure = without(s.There, name), without(s.Unsure, name) })
	}
}

// moving gives a request up whose body is not read for so long.
type moving struct {
	r     io.Reader
	timer *time.Timer
}

func watch(r io.Reader, cancel func()) *moving {
	return &moving{r: r, timer: time.AfterFunc(silence, cancel)}
}

func (m *moving) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err == nil {
		m.timer.Reset(silence)
	} else {
		m.timer.Stop() // from here on the answer is waited for
	}
	return n, err
}
