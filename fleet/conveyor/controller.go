package conveyor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Errors of the controller.
var (
	// ErrConfig: a function is missing.
	ErrConfig = errors.New("conveyor: configuration")
	// ErrNotRecorded: the message is not in the log; the conveyor must send it
	// again.
	ErrNotRecorded = errors.New("conveyor: not recorded")
)

// Bounds of what is remembered.
const (
	maxDevices   = 256
	maxMessages  = 10_000 // msgIds of one conveyor
	maxTracks    = 10_000 // cartons of one conveyor
	remember     = 10 * time.Minute
	syncPause    = time.Second // between two syncs without an answer
	syncPatience = 3           // syncs without an answer before it is a fault
	faultPause   = 10 * time.Second
)

// Scan is a carton that needs a decision.
type Scan struct {
	Device, BootID, Track, MsgID string
	Generation                   uint64 // which use of the track id, as far as this gateway knows
	Point                        string
	Barcode                      string        // as scanned; "" = no clean reading of one carton: the default lane
	Quality                      string        // GOOD, NOREAD, MULTI or CONFLICT
	WeightMg                     int64         // 0 = not weighed
	ValidFor                     time.Duration // a decision is of use for this long from now
	At                           time.Time     // the conveyor's clock
}

// ID is the same for the same scan, on every gateway and after a restart. It is
// the id of the command, so that the log gives the same decision again.
func (s Scan) ID() [16]byte { return commandID(NameScan, s.Device, s.BootID, s.Track, s.MsgID) }

// Decision says where a carton goes.
type Decision struct {
	Lane      string        // the site's default lane when it may go nowhere else
	Reason    string        // a code; "" = OK
	ExpiresIn time.Duration // counted from the scan; 0 = as long as the scan allows
}

// Divert says where a carton physically is.
type Divert struct {
	Device, BootID, Track, MsgID string
	Generation                   uint64 // 0 = the scan is not known here
	Barcode                      string
	Result                       string // OK, FULL, MISSED, JAM or UNEXPECTED
	Intended                     string // lane of the assign the conveyor followed; "" = none
	Actual                       string // lane the carton is in
	At                           time.Time
}

// ID is the same for the same report, on every gateway and after a restart.
func (d Divert) ID() [16]byte { return commandID(NameDivert, d.Device, d.BootID, d.Track, d.MsgID) }

func commandID(parts ...string) (out [16]byte) {
	sum := sha256.Sum256([]byte("conveyor/" + strings.Join(parts, "/"))) // no part holds a slash
	copy(out[:], sum[:])
	return out
}

// Config connects a Controller with the rest of the gateway. The functions are
// called from the goroutine of Handle or State, for different conveyors at the
// same time.
type Config struct {
	// Decide records and answers a scan. An error means it is not recorded.
	// It must give the same answer for the same Scan.ID. ctx ends when the
	// decision would come too late.
	Decide func(ctx context.Context, s Scan) (Decision, error)
	// Record takes down where a carton is. An error means it is not recorded.
	// It must have no second effect for the same Divert.ID.
	Record func(ctx context.Context, d Divert) error
	// Publish sends down/{name}, QoS 1, not retained; it must not block.
	Publish func(device, name string, payload []byte) error
	// Fault is told what is wrong, at most once in 10 s for one conveyor and
	// code; Status has the counts. nil = nobody wants to know.
	Fault func(code, device, text string)

	Log   *slog.Logger     // nil = none
	Now   func() time.Time // nil = time.Now
	NewID func() string    // ULIDs; nil = of the clock and of chance
}

// Controller decides for the conveyors of one gateway. Safe for concurrent use.
type Controller struct {
	cfg    Config
	bootID string

	mu      sync.Mutex
	devices map[string]*device
}

// New checks cfg.
func New(cfg Config) (*Controller, error) {
	if cfg.Decide == nil || cfg.Record == nil || cfg.Publish == nil {
		return nil, fmt.Errorf("%w: Decide, Record and Publish are needed", ErrConfig)
	}
	if cfg.Fault == nil {
		cfg.Fault = func(string, string, string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = newULID(cfg.Now)
	}
	return &Controller{cfg: cfg, bootID: cfg.NewID(), devices: map[string]*device{}}, nil
}

// device finds or makes the memory of a conveyor.
func (c *Controller) device(name string) *device {
	now := c.cfg.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices[name]
	if d == nil {
		if len(c.devices) >= maxDevices {
			c.forgetOldest()
		}
		d = newDevice(name)
		c.devices[name] = d
	}
	d.mu.Lock()
	d.heard = now
	d.mu.Unlock()
	return d
}

func (c *Controller) forgetOldest() {
	var oldest *device
	var since time.Time
	for _, d := range c.devices {
		d.mu.Lock()
		heard := d.heard
		d.mu.Unlock()
		if oldest == nil || heard.Before(since) {
			oldest, since = d, heard
		}
	}
	delete(c.devices, oldest.id)
}

// Handle takes what a conveyor published on up/{name}. nil means that what had
// to be recorded is in the log, or that there was nothing to record; then the
// PUBACK may go out. With an error the conveyor must send it again.
func (c *Controller) Handle(ctx context.Context, device, name string, payload []byte) error {
	d := c.device(device)
	d.turn.Lock()
	defer d.turn.Unlock()
	h, m, err := parseUp(name, payload)
	if !c.credible(d, h, err) || c.repeated(d, h) {
		return nil
	}
	stale := c.place(d, h, nil)
	var t *track
	switch m := m.(type) {
	case *ScanMessage:
		t, err = c.scan(ctx, d, m, stale)
	case *DivertMessage:
		err = c.divert(ctx, d, m)
	case *AlarmMessage:
		if !stale {
			c.alarm(d, m)
		}
	case *AckMessage:
		c.ack(d, m)
	default: // results start nothing yet, other messages are of no use here
		d.count(func(n *Counts) { n.Other++ })
	}
	if err != nil {
		d.count(func(n *Counts) { n.Withheld++ })
		return fmt.Errorf("%w: %s of %s: %w", ErrNotRecorded, name, device, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts.Messages++
	d.seen.add(h.MsgID, t, c.cfg.Now())
	if h.BootID == d.boot {
		d.advance(h.Seq)
	}
	return nil
}

// State takes what a conveyor wrote to its state branch, main or conn.
func (c *Controller) State(device, name string, payload []byte) {
	d := c.device(device)
	d.turn.Lock()
	defer d.turn.Unlock()
	switch name {
	case NameConn:
		c.conn(d, payload)
		return
	case NameMain:
	default:
		return
	}
	var h Header
	m, err := Decode(NameMain, payload)
	if err == nil {
		h = *m.head()
	}
	if !c.credible(d, h, err) || c.repeated(d, h) {
		return
	}
	main := m.(*MainMessage)
	c.place(d, h, main)
	d.mu.Lock()
	d.counts.Messages++
	d.seen.add(h.MsgID, nil, c.cfg.Now())
	d.mu.Unlock()
}

// parseUp reads a message of the up branch; m is nil when only its header is of
// use.
func parseUp(name string, payload []byte) (Header, Message, error) {
	if !slices.Contains(Ups(), name) {
		h, err := DecodeHeader(payload)
		return h, nil, err
	}
	m, err := Decode(name, payload)
	if err != nil {
		return Header{}, nil, err
	}
	return *m.head(), m, nil
}

// credible: the message could be read, and speaks for the conveyor it came from.
func (c *Controller) credible(d *device, h Header, err error) bool {
	switch {
	case err != nil:
		c.fault(d, CodeMalformed, err.Error())
		return false
	case h.Device != d.id:
		c.fault(d, CodeIdentity, "it says it is "+h.Device)
		return false
	}
	return true
}

// repeated answers a message that was dealt with already.
func (c *Controller) repeated(d *device, h Header) bool {
	d.mu.Lock()
	t, seen := d.seen.get(h.MsgID, c.cfg.Now())
	if seen {
		d.counts.Duplicates++
	}
	d.mu.Unlock()
	if seen && t != nil && t.assign != nil {
		c.send(d, t)
	}
	return seen
}

// fault counts a fault and tells it, not too often.
func (c *Controller) fault(d *device, code, text string) {
	now := c.cfg.Now()
	d.mu.Lock()
	f := d.faults[code]
	if f == nil {
		f = &FaultCount{Code: code}
		d.faults[code] = f
	}
	f.N++
	f.Last, f.Text = now, text
	tell := f.told.IsZero() || now.Sub(f.told) >= faultPause
	if tell {
		f.told = now
	}
	d.mu.Unlock()
	if tell {
		c.cfg.Fault(code, d.id, text)
	}
}
