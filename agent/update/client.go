package update

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client is an Agent that is asked over HTTP.
type Client struct {
	URL   string // of the agent of this machine
	Token string // "" where none is asked for
}

var _ Agent = Client{}

// askTime bounds one question: an agent that does not answer is not well.
const askTime = 10 * time.Second

// told is the part of GET /v1/status that counts.
type told struct {
	Gateway struct {
		ID      string          `json:"id"`
		Version string          `json:"version"`
		Leader  bool            `json:"leader"`
		Rebuild json.RawMessage `json:"rebuild"`
		Disk    struct {
			Code   string `json:"code"`
			SyncMs int64  `json:"syncMs"`
		} `json:"disk"`
		Issues []struct {
			Code  string `json:"code"`
			About string `json:"about"`
			Level string `json:"level"`
		} `json:"issues"`
		Devices []struct {
			Name  string `json:"name"`
			State string `json:"state"`
		} `json:"devices"`
		Peers []struct {
			ID  string `json:"id"`
			Up  bool   `json:"up"`
			Lag uint64 `json:"lag"`
		} `json:"peers"`
		Sync      link `json:"sync"`
		Upstreams []struct {
			Name string `json:"name"`
			Sync link   `json:"sync"`
		} `json:"upstreams"`
		Update struct {
			Site uint16 `json:"siteLevel"`
		} `json:"update"`
	} `json:"gateway"`
	Quorum struct {
		OK bool `json:"ok"`
	} `json:"quorum"`
	OutboxAge int64 `json:"outboxAgeMs"`
}

// link is one to an OMS.
type link struct {
	Connected bool `json:"connected"`
}

// Look implements Agent.
func (c Client) Look(ctx context.Context) (Health, error) {
	var s told
	if err := c.ask(ctx, http.MethodGet, "/v1/status", nil, &s); err != nil {
		return Health{}, err
	}
	h := Health{
		Version: s.Gateway.Version, Leader: s.Gateway.Leader, Quorum: s.Quorum.OK, Rebuild: len(s.Gateway.Rebuild) > 0,
		Disk: s.Gateway.Disk.Code, SyncMs: s.Gateway.Disk.SyncMs, Outbox: s.OutboxAge, Site: s.Gateway.Update.Site,
	}
	for _, d := range s.Gateway.Devices {
		if d.State == "ready" {
			h.Devices = append(h.Devices, d.Name)
		}
	}
	for _, i := range s.Gateway.Issues {
		if i.Level == "broken" { // a warning is no cause to go back
			h.Issues = append(h.Issues, strings.TrimSpace(i.Code+" "+i.About))
		}
	}
	for _, p := range s.Gateway.Peers {
		switch {
		case p.ID == s.Gateway.ID:
			h.Behind = p.Lag
		case p.Up:
			h.Peers = append(h.Peers, p.ID)
		}
	}
	if s.Gateway.Sync.Connected {
		h.OMS = append(h.OMS, "default")
	}
	for _, u := range s.Gateway.Upstreams {
		if u.Sync.Connected {
			h.OMS = append(h.OMS, u.Name)
		}
	}
	if err := c.ask(ctx, http.MethodGet, "/readyz", nil, &struct{}{}); err != nil {
		h.Why = err.Error()
	} else {
		h.Ready = true
	}
	return h, nil
}

// Turn implements Agent.
func (c Client) Turn(ctx context.Context, a TurnAsk) (out TurnAnswer, err error) {
	err = c.ask(ctx, http.MethodPost, "/v1/update/turn", a, &out)
	return out, err
}

// HandOver implements Agent.
func (c Client) HandOver(ctx context.Context, to string) error {
	return c.ask(ctx, http.MethodPost, "/v1/cluster/transfer", map[string]string{"to": to}, &struct{}{})
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

func (c Client) ask(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, in)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var no struct{ Code, Text string }
		if json.Unmarshal(b, &no) == nil && no.Code != "" {
			return fmt.Errorf("%s: %s", no.Code, no.Text)
		}
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return json.Unmarshal(b, out)
}
