package raftstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDamageIsNamed: each file a person could be told of, damaged. The store
// refuses with a code and the file, again and again, and changes nothing that
// was acknowledged.
func TestDamageIsNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		harm func(t *testing.T, dir string)
		code string
		says string
	}{
		"log segment": {func(t *testing.T, dir string) { flipByte(t, dir+"/log/0000000000000001.seg", 2*4096+60) }, CodeLogCorrupt, "0000000000000001.seg"},
		"log tail, which had been synced": {func(t *testing.T, dir string) {
			b := []byte(readFile(t, dir+"/log/0000000000000001.seg"))
			last := len(b) - 4096
			for !strings.ContainsFunc(string(b[last:last+4096]), func(r rune) bool { return r != 0 }) {
				last -= 4096
			}
			flipByte(t, dir+"/log/0000000000000001.seg", last+60)
		}, CodeLogShort, "there was entry"},
		"log segment lost": {func(t *testing.T, dir string) { must(t, os.Remove(dir+"/log/0000000000000001.seg")) }, CodeLogCorrupt, "0000000000000001.seg"},
		"CLUSTER":          {func(t *testing.T, dir string) { must(t, os.WriteFile(dir+"/CLUSTER", []byte("x first\n"), 0o600)) }, CodeFileDamaged, "/CLUSTER"},
		"FLOOR":            {func(t *testing.T, dir string) { must(t, os.WriteFile(dir+"/FLOOR", []byte("1x\n"), 0o600)) }, CodeFileDamaged, "/FLOOR"},
		"NODE":             {func(t *testing.T, dir string) { must(t, os.WriteFile(dir+"/NODE", []byte("gx1\n"), 0o600)) }, CodeWrongNode, "gx1"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, t.TempDir())
			s := openStore(t, cfg)
			for n := range uint64(5) {
				do(t, s, byID(n, "set a 1"))
			}
			closeStore(t, s)
			tc.harm(t, cfg.Dir)
			log, err := filepath.Glob(cfg.Dir + "/log/*")
			must(t, err)
			want := map[string]string{}
			for _, f := range log {
				want[f] = readFile(t, f)
			}
			for range 2 {
				_, err := Open(cfg, testMachine{})
				if FaultCode(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
					t.Fatalf("opened with %v", err)
				}
			}
			got := map[string]string{}
			for f := range want {
				got[f] = readFile(t, f)
			}
			if name != "log tail, which had been synced" && !cmp.Equal(want, got) {
				t.Error("the log was changed")
			}
		})
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return string(b)
}

// hurt damages what was acknowledged in the log of a gateway that does not run.
func hurt(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(dir + "/log/*.seg")
	must(t, err)
	flipByte(t, names[0], 4*4096+60)
}

// TestRow5Minority: one of three has a damaged log. It refuses and says how it is
// filled anew; the others go on, and it comes back as a newcomer without a vote.
func TestRow5Minority(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	for n := range uint64(10) {
		a.must(t, byDevice("hh", n+1, "add n 1"))
	}
	must(t, c.stop())
	hurt(t, c.dir)
	for range 2 {
		_, err := k.tryOpen("gw3", false)
		if FaultCode(err) != CodeLogCorrupt || !strings.Contains(err.Error(), ".seg") {
			t.Fatalf("with a damaged log it started: %v", err)
		}
	}
	for _, f := range Faults {
		if f.Code == CodeLogCorrupt && !strings.Contains(f.Action, "tote cluster replace") {
			t.Errorf("no command is named: %s", f.Action)
		}
	}
	a.must(t, byDevice("hh", 11, "add n 1"))
	remove(t, a, "gw3")
	must(t, os.Rename(c.dir, c.dir+".old"))
	c = k.open("gw3", false)
	if c.Voter() {
		t.Error("it has a vote before it has anything")
	}
	join(t, leaderOf(t, a, b), c)
	sameDigest(t, a, b, c)
	if again := c.must(t, byDevice("hh", 11, "add n 1")); !again.Duplicate || !strings.HasPrefix(string(again.Body), "11@") {
		t.Errorf("filled anew it knows %+v", again)
	}
}

// TestRow5Majority: two of three are damaged. They refuse, and the one that is
// left acknowledges nothing on its own.
func TestRow5Majority(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	for n := range uint64(10) {
		a.must(t, byDevice("hh", n+1, "add n 1"))
	}
	for _, n := range []*node{b, c} {
		must(t, n.stop())
		hurt(t, n.dir)
	}
	for _, id := range []string{"gw2", "gw3"} {
		if _, err := k.tryOpen(id, false); FaultCode(err) != CodeLogCorrupt {
			t.Errorf("%s with a damaged log started: %v", id, err)
		}
	}
	a.awaitQuorum(t, false)
	if res, err := a.Propose(shortContext(t), byDevice("hh", 11, "add n 1")); err == nil {
		t.Errorf("without a majority it answered %+v", res)
	}
	if err := a.ViewLinearizable(shortContext(t), func(Reader, uint64) error { return nil }); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("without a majority it gave a linearizable read: %v", err)
	}
	// What it has it still shows, and is good for a recovery.
	if got := dump(t, a.Store)["n"]; len(got) != 8 || got[7] != 10 {
		t.Errorf("it shows %q", got)
	}
	must(t, a.stop())
	f, _, err := Recover(a.offline(t), testMachine{}, a.address().String(), "test")
	must(t, err)
	a = k.open("gw1", false)
	must(t, a.WaitLeader(testContext(t)))
	if again := a.must(t, byDevice("hh", 10, "add n 1")); !again.Duplicate || f.Epoch != 2 {
		t.Errorf("recovered in epoch %d it knows %+v", f.Epoch, again)
	}
}
