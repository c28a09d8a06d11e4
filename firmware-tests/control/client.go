package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"tote/firmware-tests/record"
)

// ErrRefused: the device could not do what was asked; the text says why.
var ErrRefused = errors.New("control: refused")

// callTimeout bounds one call beside the waiting it asks for.
const callTimeout = 10 * time.Second

// Client talks to the control API of one emulated device. Safe for any
// goroutine.
type Client struct {
	http *http.Client
	base string
}

// Dial connects to the address in a ready line ("127.0.0.1:4711" or
// "unix:/path") and checks that a device answers there.
func Dial(ctx context.Context, addr string) (*Client, error) {
	tr := &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	c := &Client{http: &http.Client{Transport: tr}, base: "http://" + addr}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		c.base = "http://device"
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	}
	if _, err := c.State(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close gives idle connections back.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// State asks what the device is and shows.
func (c *Client) State(ctx context.Context) (State, error) {
	var s State
	return s, c.call(ctx, http.MethodGet, "/state", nil, &s)
}

// Put puts a weight of mg milligrams on the scale, beside what is there.
func (c *Client) Put(ctx context.Context, mg int64) error {
	return c.call(ctx, http.MethodPost, "/put", map[string]any{"mg": mg}, nil)
}

// Remove takes everything off the scale.
func (c *Client) Remove(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/remove", nil, nil)
}

// Scan shows a code to the scanner. Entry.Scan.Written tells whether it
// reached anybody.
func (c *Client) Scan(ctx context.Context, code string) (record.Entry, error) {
	var e record.Entry
	return e, c.call(ctx, http.MethodPost, "/scan", map[string]any{"code": code}, &e)
}

// Take takes the waiting label off the printer.
func (c *Client) Take(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/take", nil, nil)
}

// Field sets what lies in front of the RFID reader; what lay there is gone.
func (c *Client) Field(ctx context.Context, tags []record.Tag) error {
	return c.call(ctx, http.MethodPost, "/field", map[string]any{"tags": tags}, nil)
}

// Pass moves a carton with tags through the field in ms milliseconds (up to
// 20,000) and returns when it is through. Entry.Tags tells what was heard of it.
func (c *Client) Pass(ctx context.Context, tags []record.Tag, ms int64) (record.Entry, error) {
	var e record.Entry
	return e, c.call(ctx, http.MethodPost, "/pass", map[string]any{"tags": tags, "ms": ms}, &e)
}

// Induct puts a carton before the belt of a conveyor. quality is what its
// scanner will make of the label; "" = GOOD.
func (c *Client) Induct(ctx context.Context, barcode, quality string) error {
	return c.call(ctx, http.MethodPost, "/induct", map[string]any{"barcode": barcode, "quality": quality}, nil)
}

// TakeLane takes the cartons that wait at the end of a lane, in their order.
func (c *Client) TakeLane(ctx context.Context, lane string) ([]record.Carton, error) {
	var cs []record.Carton
	return cs, c.call(ctx, http.MethodPost, "/take", map[string]any{"lane": lane}, &cs)
}

// Level moves an input of a GPIO board. It returns when the line is at rest.
func (c *Client) Level(ctx context.Context, line string, high bool) error {
	return c.call(ctx, http.MethodPost, "/level", map[string]any{"line": line, "level": high}, nil)
}

// Press presses the button of a pick-to-light module and takes pieces: took of them,
// 0 = what its display shows. Entry.Press.Seqs tells what the controller sent.
func (c *Client) Press(ctx context.Context, module string, took int64) (record.Entry, error) {
	var e record.Entry
	return e, c.call(ctx, http.MethodPost, "/press", map[string]any{"module": module, "took": took}, &e)
}

// Climate makes it warmer or colder, drier or wetter around a sensor, in
// thousandths of a degree and of a per cent.
func (c *Client) Climate(ctx context.Context, milliC, milliRH int64) error {
	return c.call(ctx, http.MethodPost, "/climate", map[string]any{"milliC": milliC, "milliRH": milliRH}, nil)
}

// Fault switches a fault on or off.
func (c *Client) Fault(ctx context.Context, name string, on bool) error {
	return c.call(ctx, http.MethodPost, "/fault", map[string]any{"name": name, "on": on}, nil)
}

// Record lists the entries with a number above after (0 = all).
func (c *Client) Record(ctx context.Context, after int) ([]record.Entry, error) {
	return c.entries(ctx, fmt.Sprintf("/record?after=%d", after))
}

// Wait lists like Record, but waits up to max (bounded by 30 s) for the first
// such entry. None in time is no error: the list is empty.
func (c *Client) Wait(ctx context.Context, after int, max time.Duration) ([]record.Entry, error) {
	max = min(max, maxWait)
	return c.entries(ctx, fmt.Sprintf("/record?after=%d&wait=%d", after, max.Milliseconds()))
}

func (c *Client) entries(ctx context.Context, path string) ([]record.Entry, error) {
	var buf bytes.Buffer
	if err := c.call(ctx, http.MethodGet, path, nil, &buf); err != nil {
		return nil, err
	}
	return record.Read(&buf)
}

// call does one request. into is a *bytes.Buffer for the raw answer, or a
// pointer to decode JSON into, or nil.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout+maxWait)
	defer cancel()
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("control: %s: %w", path, err)
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, in)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("control: %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		var e struct{ Error string }
		_ = json.Unmarshal(data, &e)
		return fmt.Errorf("%w: %s %s: %d %s", ErrRefused, method, path, res.StatusCode, e.Error)
	}
	switch v := into.(type) {
	case nil:
		return nil
	case *bytes.Buffer:
		v.Write(data)
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("control: answer of %s: %w", path, err)
	}
	return nil
}
