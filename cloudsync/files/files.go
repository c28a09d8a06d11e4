// Package files is the adapter for an OMS that speaks in files: an old system, a
// nightly job, a person with an editor. It keeps the whole of the protocol with
// a folder that all gateways of the site see:
//
//	in/    the OMS puts files here, one message a line (wire.InboxItem). It
//	       writes under a name that begins with a dot and renames the file when
//	       it is complete. They are read by name; a file that was taken in whole
//	       goes to done/.
//	out/   events of the site (wire.Event), one a line, one file a batch, complete
//	       when they are there. The OMS takes them away when it likes.
//	state/ what was given out. Nobody else writes here.
//
// A line that cannot be read is refused by the site like any bad order, and the
// lines behind it are taken. What the folder lacks is made up for: the cursor is
// the name of a file, a line of it and a sum of what was read, as the next file may
// have the name of the last one; and state/ makes a repeated batch have its
// effect once and a deposed sender stop.
package files

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tote/cloudsync"
	"tote/cloudsync/wire"
)

// ErrConfig says that the configuration cannot be used.
var ErrConfig = errors.New("cloudsync/files: configuration")

// Bounds of what is read.
const (
	maxLine = 256 << 10 // a longer one is one that cannot be read
	look    = time.Second
)

const (
	dirIn    = "in"
	dirDone  = "done"
	dirOut   = "out"
	dirState = "state"
)

// Config is where the folder is.
type Config struct {
	Dir  string // an absolute path
	Site string
}

// Client speaks to one OMS for one site. Calls may run at the same time.
type Client struct {
	cfg Config
	mu  sync.Mutex // of state/ and out/
}

var _ cloudsync.Adapter = (*Client)(nil)

// New checks the configuration. The folder need not be there yet: until it is,
// the OMS counts as unreachable.
func New(cfg Config) (*Client, error) {
	if !filepath.IsAbs(cfg.Dir) || cfg.Site == "" {
		return nil, fmt.Errorf("%w: an absolute path and a site are needed", ErrConfig)
	}
	return &Client{cfg: cfg}, nil
}

// Capabilities implements [cloudsync.Adapter].
func (c *Client) Capabilities() cloudsync.Capabilities {
	return cloudsync.Capabilities{ChangeFeed: true, IdempotencyKey: true}
}

// unreachable: the folder may be on a share that is away.
func unreachable(err error) error { return &cloudsync.Error{Kind: cloudsync.Unreachable, Err: err} }

// ready makes the folders below the one that is configured.
func (c *Client) ready() error {
	for _, d := range []string{dirIn, dirDone, dirOut, dirState} {
		if err := os.Mkdir(c.path(d), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return unreachable(err)
		}
	}
	return nil
}

func (c *Client) path(parts ...string) string {
	return filepath.Join(append([]string{c.cfg.Dir}, parts...)...)
}

// Poll implements [cloudsync.Adapter]. A cursor says that everything up to it is
// kept at the site.
func (c *Client) Poll(ctx context.Context, cursor string, wait time.Duration, limit int) (wire.InboxPage, error) {
	if err := c.ready(); err != nil {
		return wire.InboxPage{}, err
	}
	from, ok := parseCursor(cursor)
	if !ok {
		return wire.InboxPage{}, &cloudsync.Error{Kind: cloudsync.CursorGone, Text: "the cursor is of another adapter"}
	}
	t := time.NewTicker(look)
	defer t.Stop()
	for end := time.Now().Add(wait); ; {
		page, err := c.page(from, limit)
		if err != nil {
			return wire.InboxPage{}, unreachable(err)
		}
		if len(page.Items) > 0 || !time.Now().Add(look).Before(end) {
			if page.Next == "" {
				page.Next = cursor
			}
			return page, nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return wire.InboxPage{}, ctx.Err()
		}
	}
}

// mark is how far the inbox was read: the name of a file, a line of it, and the
// sum of the lines up to there. A file of that name that begins otherwise is
// another one.
type mark struct {
	name string
	line int
	sum  string
}

// String is the cursor. One of before there was a sum has none.
func (m mark) String() string { return "part:" + strconv.Itoa(m.line) + ":" + m.sum + ":" + m.name }

func parseCursor(s string) (m mark, ok bool) {
	if s == "" {
		return m, true
	}
	rest, summed := strings.CutPrefix(s, "part:")
	rest, old := strings.CutPrefix(rest, "file:")
	n, rest, found := strings.Cut(rest, ":")
	if summed && found {
		m.sum, rest, found = strings.Cut(rest, ":")
	}
	line, err := strconv.Atoi(n)
	m.name, m.line = rest, line
	return m, summed != old && found && err == nil && line >= 0
}

// page reads on behind a line of a file, or the next file that has anything.
func (c *Client) page(from mark, limit int) (wire.InboxPage, error) {
	names, err := c.waiting()
	if err != nil {
		return wire.InboxPage{}, err
	}
	if from.name != "" && slices.Contains(names, from.name) {
		page, err := c.read(from, limit)
		if err != nil || len(page.Items) > 0 {
			return page, err
		}
		if err := c.finish(from.name); err != nil {
			return wire.InboxPage{}, err
		}
	}
	for _, n := range names {
		if n == from.name {
			continue
		}
		page, err := c.read(mark{name: n}, limit)
		if err != nil || len(page.Items) > 0 {
			return page, err
		}
		if err := c.finish(n); err != nil { // it holds nothing
			return wire.InboxPage{}, err
		}
	}
	return wire.InboxPage{}, nil
}

// waiting lists the files of in/ by name. Those that begin with a dot are still
// being written.
func (c *Client) waiting() ([]string, error) {
	list, err := os.ReadDir(c.path(dirIn))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") && len(e.Name()) <= 200 {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// finish moves a file away that the site has all of. One of the same name that
// came before keeps its place.
func (c *Client) finish(name string) error {
	to := c.path(dirDone, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(c.path(dirIn, name), to)
		} else if err != nil {
			return err
		}
		to = c.path(dirDone, fmt.Sprintf("%s.%d", name, n))
	}
}

// read takes messages out of a file, from behind a mark on if it is in this file.
func (c *Client) read(from mark, limit int) (wire.InboxPage, error) {
	page, same, err := c.readFrom(from, limit)
	if err == nil && !same {
		page, _, err = c.readFrom(mark{name: from.name}, limit)
	}
	return page, err
}

// readFrom tells whether the file is the one of the mark. There is nothing of it
// in the page when it is not.
func (c *Client) readFrom(from mark, limit int) (page wire.InboxPage, same bool, err error) {
	f, err := os.Open(c.path(dirIn, from.name))
	if err != nil {
		return page, false, err
	}
	defer func() { _ = f.Close() }()
	r, sum, lines := bufio.NewReaderSize(f, 64<<10), sha256.New(), 0
	begun := func() string { return hex.EncodeToString(sum.Sum(nil)[:8]) }
	for at := 1; len(page.Items) < limit; at++ {
		text, long, err := readLine(r)
		if err != nil && err != io.EOF {
			return wire.InboxPage{}, false, err
		}
		if len(text) > 0 || long || err == nil {
			lines = at
			_, _ = fmt.Fprintf(sum, "%d %t %s", len(text), long, text)
		}
		if at == from.line && from.sum != "" && begun() != from.sum {
			return wire.InboxPage{}, false, nil
		}
		if at > from.line && (long || len(strings.TrimSpace(string(text))) > 0) {
			page.Items = append(page.Items, message(text, long))
			page.Next = mark{from.name, at, begun()}.String()
		}
		if err == io.EOF {
			break
		}
	}
	return page, lines >= from.line, nil
}

// readLine reads one line without its end. What is behind the bound is skipped.
func readLine(r *bufio.Reader) (text []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(text)+len(part) > maxLine {
			long, text = true, nil
		}
		if !long {
			text = append(text, part...)
		}
		if err != bufio.ErrBufferFull {
			return []byte(strings.TrimRight(string(text), "\r\n")), long, err
		}
	}
}

// message reads a line. One that is no message becomes one that the site refuses
// by its content.
func message(text []byte, long bool) wire.InboxItem {
	var m wire.InboxItem
	if err := json.Unmarshal(text, &m); long || err != nil {
		quoted, _ := json.Marshal(string(text[:min(len(text), 200)]))
		return wire.InboxItem{Type: "a line that cannot be read", Data: quoted}
	}
	return m
}
