//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tote/agent/identity/members"
	"tote/cloudsync/ledger"
	"tote/fleet/intent"
	"tote/raftstore"
	"tote/warehouse"
)

// logDay is when the golden logs begin: lots expire.
var logDay = time.UnixMilli(1_767_225_600_000)

// command is one line of a log.
type command struct {
	name          string
	kind, version uint16
	body          []byte
	actor         string // "" = "test"
}

// warehouseLog is a golden log of the warehouse, which together use every kind.
func warehouseLog(t *testing.T, name string) (list []command) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../warehouse/testdata/golden", name, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var g struct {
			Kind    uint16 `json:"kind"`
			Version uint16 `json:"version"`
			Body    string `json:"body"`
			Actor   string `json:"actor"`
		}
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			t.Fatal(err)
		}
		body, err := hex.DecodeString(g.Body)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, command{warehouse.CommandName(warehouse.Kind(g.Kind)), g.Kind, g.Version, body, g.Actor})
	}
	return list
}

// otherCommands are those of the other appliers, each kind once or more.
func otherCommands(t *testing.T) (list []command) {
	t.Helper()
	add := func(c any, kind, version uint16, body []byte, err error) {
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		list = append(list, command{fmt.Sprintf("%T", c), kind, version, body, ""})
	}
	for _, c := range []warehouse.Command{
		warehouse.PutSite{Site: testSite},
		warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Mira", Badge: "B1"}}},
		warehouse.SignIn{Device: "h1", Badge: "B1"},
		warehouse.SignOut{Device: "h1"},
	} {
		kind, version, body, err := warehouse.Encode(c)
		add(c, kind, version, body, err)
	}
	for _, c := range []ledger.Command{
		ledger.InboxStore{Source: "oms/main", Cursor: "c1"},
		ledger.InboxStore{Source: "oms/main", Items: []ledger.Item{{MsgID: "m1", OrderID: "O1", Release: &testOrder.Order}}},
		ledger.HoldSubject{Epoch: 1, Stream: warehouse.StreamControl, Subject: "O1", Seqs: []uint64{1}, From: 2, Code: "REFUSED"},
		ledger.ReleaseSubject{Subject: "O1"},
		ledger.AckOutbox{Epoch: 1, Stream: warehouse.StreamControl, Upto: 1},
	} {
		kind, version, body, err := ledger.Encode(c)
		add(c, kind, version, body, err)
	}
	for _, c := range []intent.Command{
		intent.TakeRobot{Robot: "R1", Master: "gw1"},
		intent.RobotSeen{Robot: "R1", Version: "2.1", Master: "gw1"},
		intent.SetIntent{Robot: "R1", OrderID: "o1", Order: []byte("{}"), Nodes: []string{"n1"}, Target: "n1", Master: "gw1"},
		intent.ReserveNodes{Robot: "R1", Nodes: []string{"n2"}, Master: "gw1"},
		intent.ReleaseNodes{Robot: "R1", Nodes: []string{"n2"}, Master: "gw1"},
		intent.CancelIntent{Robot: "R1", OrderID: "o1", Master: "gw1"},
		intent.CloseIntent{Robot: "R1", OrderID: "o1", Outcome: intent.Cancelled, Master: "gw1"},
	} {
		kind, version, body, err := intent.Encode(c)
		add(c, kind, version, body, err)
	}
	hash := sha256.Sum256([]byte("secret"))
	for _, c := range []members.Command{
		members.MakeToken{ID: "T1", Hash: hash[:], Expires: 1 << 50},
		members.UseToken{ID: "T1", Hash: hash[:], Gateway: "gw9"},
	} {
		kind, version, body, err := members.Encode(c)
		add(c, kind, version, body, err)
	}
	return list
}

// laterCommands are those that came after the golden log of version 1.
func laterCommands(t *testing.T) (list []command) {
	t.Helper()
	hash, again := sha256.Sum256([]byte("secret")), sha256.Sum256([]byte("new secret"))
	for _, c := range []members.Command{
		members.MakeToken{ID: "T2", Hash: hash[:], Expires: 1 << 50},
		members.Admit{ID: "T2", Hash: hash[:], Satellite: "sat1", Key: hash[:]},
		members.Dismiss{Satellite: "sat1"},
		members.Invite{ID: "c1", Hash: hash[:], Expires: 1 << 50, Role: "robot", Name: "R1", Life: 1 << 40},
		members.Enrol{ID: "c1", Hash: hash[:], Kind: members.BySecret, Credential: hash[:]},
		members.Rotate{Device: "robot:R1", Old: hash[:], New: again[:]},
		members.Revoke{Device: "robot:R1"},
		members.Ban{Gateway: "gw9", Pin: hash[:]},
		members.Refound{Pin: again[:], Old: hash[:]},
		members.Forget{Pin: again[:]},
	} {
		kind, version, body, err := members.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, command{fmt.Sprintf("%T", c), kind, version, body, ""})
	}
	return list
}

// TestRow12RepeatOfEveryKind: a duplicate at once and one much later get the first
// answer and change nothing. Failure matrix row 12.
func TestRow12RepeatOfEveryKind(t *testing.T) {
	accepted := map[uint16]bool{}
	logs := map[string][]command{"the others": otherCommands(t), "later ones": laterCommands(t)}
	golden, err := filepath.Glob("../../warehouse/testdata/golden/*")
	if err != nil || len(golden) < 2 {
		t.Fatalf("golden logs %v: %v", golden, err)
	}
	for _, dir := range golden {
		name := filepath.Base(dir)
		logs[name] = warehouseLog(t, name)
	}
	for name, log := range logs {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, t.TempDir(), logDay)
			r := s.raft
			first := make([]raftstore.Result, len(log))
			cmd := func(i int) raftstore.Command {
				c := raftstore.Command{Actor: cmp.Or(log[i].actor, "test"), Kind: log[i].kind, Version: log[i].version, Body: log[i].body}
				if i%2 == 0 {
					c.ID = [16]byte{1, byte(i >> 8), byte(i)}
				} else { // few enough of each device for its window
					c.Device, c.Seq = fmt.Sprint("d", i%16), uint64(i/16+1)
				}
				return c
			}
			digest := func() string {
				at, sum, err := r.Digest()
				if err != nil {
					t.Fatal(err)
				}
				return fmt.Sprintf("%x at %d", sum, at)
			}
			repeat := func(i int, when string) {
				t.Helper()
				before := digest()
				again, err := r.Propose(within(t), cmd(i))
				if err != nil {
					t.Fatal(err)
				}
				want := first[i]
				want.Duplicate = true
				if d := gocmp.Diff(want, again); d != "" {
					t.Errorf("%s %d, repeated %s: another answer (-first +again):\n%s", log[i].name, i, when, d)
				}
				if got := digest(); got != before {
					t.Errorf("%s %d, repeated %s: the state was %s and is %s", log[i].name, i, when, before, got)
				}
			}
			for i := range log {
				var err error
				if first[i], err = r.Propose(within(t), cmd(i)); err != nil {
					t.Fatalf("%s: %v", log[i].name, err)
				}
				if first[i].Duplicate {
					t.Fatalf("%s: the first one is a duplicate", log[i].name)
				}
				if !first[i].Rejected {
					accepted[log[i].kind] = true
				}
				repeat(i, "at once")
			}
			for i := range log {
				repeat(i, "late")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
	for kind := range uint16(0xffff) {
		if _, ok := (Machine{}).Speaks(kind, 1); ok && !accepted[kind] {
			t.Errorf("kind %#04x was never done, so nothing could be done twice", kind)
		}
	}
}
