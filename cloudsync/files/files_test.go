package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/cloudsync"
	"tote/cloudsync/wire"
)

func client(t *testing.T) *Client {
	t.Helper()
	c, err := New(Config{Dir: t.TempDir(), Site: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ready(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Client) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(c.path(dirIn, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// list names what is in one of the folders.
func (c *Client) list(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(c.path(dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func line(id string) string {
	return fmt.Sprintf(`{"msgId":%q,"orderId":%q,"revision":1,"type":"order.cancel","data":{}}`+"\n", id, id)
}

// all reads the inbox to its end, a page of two at a time.
func (c *Client) all(t *testing.T, cursor string) (ids []string, next string) {
	t.Helper()
	for range 50 {
		page, err := c.Poll(t.Context(), cursor, 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return ids, page.Next
		}
		for _, it := range page.Items {
			id := it.OrderID
			if it.Type != wire.TypeCancel {
				id = "?"
			}
			ids = append(ids, id)
		}
		cursor = page.Next
	}
	t.Fatal("the inbox has no end")
	return nil, ""
}

func TestFilesAreTakenOnceAndPutAside(t *testing.T) {
	c := client(t)
	c.put(t, "b", line("3"))
	c.put(t, "a", line("1")+"\r\n\n"+line("2")+"no message\n"+strings.Repeat("x", maxLine+1)+"\n"+strings.TrimSuffix(line("9"), "\n"))
	c.put(t, ".half", "{")
	c.put(t, "empty", "")
	ids, cursor := c.all(t, "")
	if got := strings.Join(ids, " "); got != "1 2 ? ? 9 3" {
		t.Errorf("read %s", got)
	}
	if in, done := c.list(t, dirIn), c.list(t, dirDone); in != ".half" || done != "a b empty" {
		t.Errorf("in %s, done %s", in, done)
	}
	// A name that came before is another file, and one that sorts before the
	// newest is not missed.
	c.put(t, "a", line("4"))
	if ids, _ = c.all(t, cursor); strings.Join(ids, " ") != "4" || c.list(t, dirDone) != "a a.2 b empty" {
		t.Errorf("read %v, done %s", ids, c.list(t, dirDone))
	}
}

// The newest file's name may come again at once, as may that of one which was cut
// off and sent anew: what was read of the old one says nothing of the new one.
func TestNameOfTheNewestFileComesAgain(t *testing.T) {
	c := client(t)
	c.put(t, "orders", line("1")+line("2"))
	ids, cursor := c.all(t, "")
	c.put(t, "orders", line("3")+line("4")+line("5"))
	more, cursor := c.all(t, cursor)
	if got := strings.Join(append(ids, more...), " "); got != "1 2 3 4 5" {
		t.Errorf("read %s", got)
	}
	c.put(t, "orders", line("6")+line("7"))
	page, err := c.Poll(t.Context(), cursor, 0, 1)
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	c.put(t, "orders", line("8")+line("9"))
	if ids, _ = c.all(t, page.Next); strings.Join(ids, " ") != "8 9" {
		t.Errorf("read %v", ids)
	}
	// The same file again is the same messages: they are known by their ids.
	if in, done := c.list(t, dirIn), c.list(t, dirDone); in != "" || done != "orders orders.2 orders.3" {
		t.Errorf("in %s, done %s", in, done)
	}
}

func TestFileStaysUntilItIsKept(t *testing.T) {
	c := client(t)
	c.put(t, "a", line("1"))
	page, err := c.Poll(t.Context(), "", 0, 10)
	if err != nil || len(page.Items) != 1 || c.list(t, dirIn) != "a" {
		t.Fatalf("%+v %v", page, err)
	}
	if _, err := c.Poll(t.Context(), page.Next, 0, 10); err != nil || c.list(t, dirIn) != "" {
		t.Errorf("in %s, %v", c.list(t, dirIn), err)
	}
}

// A stop at any moment of a batch leaves each event in out/ once.
func TestStopInTheMiddleOfABatch(t *testing.T) {
	send := func(c *Client, first, last uint64) wire.Reply {
		t.Helper()
		b := cloudsync.Batch{Key: wire.BatchKey{Site: "s1", Epoch: 1, Stream: "control", First: first, Last: last}, Epoch: 1, Fence: 1}
		for n := first; n <= last; n++ {
			b.Events = append(b.Events, wire.Event{ID: fmt.Sprint(n), Type: "x"})
		}
		r, err := c.Send(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, undo := range map[string]func(c *Client) error{
		"before the state": func(c *Client) error {
			return errors.Join(os.Rename(c.path(dirOut, "s1-1-control-00000000000000000004.ndjson"), c.path(dirState, "s1-1-control-00000000000000000004.ndjson")),
				store(c.path(dirState, "s1-1-control.json"), state{Ack: 2, Move: "s1-1-control-00000000000000000002.ndjson"}))
		},
		"before the name": func(c *Client) error {
			return os.Rename(c.path(dirOut, "s1-1-control-00000000000000000004.ndjson"), c.path(dirState, "s1-1-control-00000000000000000004.ndjson"))
		},
		"before the answer": func(*Client) error { return nil },
		"and it was fetched": func(c *Client) error {
			return os.Remove(c.path(dirOut, "s1-1-control-00000000000000000002.ndjson"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t)
			send(c, 1, 2)
			send(c, 3, 4)
			if err := undo(c); err != nil {
				t.Fatal(err)
			}
			again, err := New(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			send(again, 3, 3) // the next sender may cut its batches otherwise
			if r := send(again, 3, 5); r.AckSeq != 5 {
				t.Errorf("%+v", r)
			}
			var out strings.Builder
			names, _ := filepath.Glob(c.path(dirOut, "*"))
			for _, n := range names {
				raw, err := os.ReadFile(n)
				if err != nil {
					t.Fatal(err)
				}
				out.Write(raw)
			}
			for n := 3; n <= 5; n++ {
				if got := strings.Count(out.String(), fmt.Sprintf(`"id":"%d"`, n)); got != 1 {
					t.Errorf("event %d is there %d times", n, got)
				}
			}
		})
	}
}

func TestFolderThatIsAway(t *testing.T) {
	c, err := New(Config{Dir: filepath.Join(t.TempDir(), "share", "oms"), Site: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	_, poll := c.Poll(t.Context(), "", 0, 1)
	_, send := c.Send(t.Context(), cloudsync.Batch{Epoch: 1})
	for _, err := range []error{poll, send} {
		if e, ok := errors.AsType[*cloudsync.Error](err); !ok || e.Kind != cloudsync.Unreachable {
			t.Errorf("%v", err)
		}
	}
	for _, cfg := range []Config{{Dir: "oms", Site: "s1"}, {Dir: "/oms"}} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
