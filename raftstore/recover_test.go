package raftstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// offline is the configuration of a gateway of the kit that does not run.
func (n *node) offline(t *testing.T) Config {
	cfg := testConfig(t, n.dir)
	cfg.NodeID = n.id
	return cfg
}

// TestRecoverLostQuorum: two of three gateways are gone for good. The one that
// is left goes on alone with all it has, and nobody of before gets in.
func TestRecoverLostQuorum(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	transfer(t, b, a)
	first := a.must(t, byDevice("hh", 1, "add n 1"))
	was := a.ClusterID()
	// The last command reaches the disk of gw1 only.
	k.board.cut("gw2", "gw3")
	if _, err := a.Propose(shortContext(t), byDevice("hh", 2, "add n 1")); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("without a majority: %v", err)
	}
	if _, err := Look(a.offline(t), testMachine{}); FaultCode(err) != CodeDirInUse {
		t.Errorf("looked into a folder in use: %v", err)
	}
	for _, n := range []*node{a, b, c} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	k.board.heal()
	before := tree(t, a.dir)
	h, err := Look(a.offline(t), testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	if h.Cluster != was || !h.Voter() || len(h.Others()) != 2 || h.Unsure == 0 {
		t.Errorf("it holds %+v", h)
	}
	if d := cmp.Diff(before, tree(t, a.dir)); d != "" {
		t.Error("looking changed the folder:", d)
	}
	address := a.address().String()
	f, old, err := Recover(a.offline(t), testMachine{}, address, "mira")
	if err != nil {
		t.Fatal(err)
	}
	if f.Epoch != 2 || f.Was != was || f.Is == was || f.By != "mira" || f.Gateway != "gw1" || f.Unsure != h.Unsure || f.Number != first.Index+1 || f.AtMs == 0 {
		t.Errorf("recorded %+v", f)
	}
	if d := cmp.Diff(before, tree(t, old)); d != "" {
		t.Error("the old folder was changed:", d)
	}
	if left, _ := filepath.Glob(a.dir + ".*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}

	a = k.open("gw1", false)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if again := a.must(t, byDevice("hh", 2, "add n 1")); !again.Duplicate || !strings.HasPrefix(string(again.Body), "2@") {
		t.Errorf("what was on its disk is %+v", again)
	}
	if a.ClusterID() != f.Is || a.Term() < h.Term {
		t.Errorf("cluster %s, term %d", a.ClusterID(), a.Term())
	}
	// The others come back as the cluster they were, and are kept out.
	b, c = k.open("gw2", false), k.open("gw3", false)
	old2 := leaderOf(t, b, c)
	if err := a.Join(testContext(t), b.address()); FaultCode(err) != CodeOtherCluster {
		t.Errorf("a gateway of the old cluster was added: %v", err)
	}
	// There gw1 is no gateway that is well, however it answers.
	await(t, "gw1 is seen to be apart", func() bool {
		return slices.ContainsFunc(old2.Members(), func(m Member) bool { return m.ID == "gw1" && m.Apart && !m.Up })
	})
	old2.must(t, byDevice("hh", 3, "add n 100"))
	if again := a.must(t, byDevice("hh", 4, "add n 1")); !strings.HasPrefix(string(again.Body), "3@") {
		t.Errorf("the old cluster reached into the new one: %s", again.Body)
	}
	// With an empty disk it is one like any other, and knows the epoch.
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	b = k.open("gw2", false)
	join(t, a, b)
	sameDigest(t, a, b)
	for _, n := range []*node{a, b} {
		if e, err := n.Epoch(); e != 2 || err != nil {
			t.Errorf("%s: epoch %d, %v", n.id, e, err)
		}
		if list, err := n.Formations(); err != nil || !slices.Equal(list, []Formation{f}) {
			t.Errorf("%s: formations %+v, %v", n.id, list, err)
		}
	}
	// Twice is one more, and a restart keeps it.
	for _, n := range []*node{a, b} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if f, _, err = Recover(a.offline(t), testMachine{}, address, "mira"); err != nil || f.Epoch != 3 {
		t.Fatalf("the second time: %+v, %v", f, err)
	}
	// The power went before the last step: the start does it.
	must(t, os.Rename(a.dir, a.dir+readySuffix))
	for range 2 {
		a = k.open("gw1", false)
		if list, err := a.Formations(); err != nil || len(list) != 2 || list[1] != f {
			t.Errorf("formations %+v, %v", list, err)
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// tree is what the files in dir that a cluster is formed of hold.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"NODE", "CLUSTER", "GENERATION", "FLOOR", "snapshots/*/*", "log/*", "state-*/*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(dir, name)
			all[rel] = string(b)
		}
	}
	if len(all) < 5 {
		t.Fatalf("%s holds %d files only", dir, len(all))
	}
	return all
}

// TestRecoverRefuses: what a start would refuse, recovery does not make good.
func TestRecoverRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		harm func(t *testing.T, cfg *Config)
		code string
		says string
	}{
		"alone":          {func(*testing.T, *Config) {}, CodeNothingLost, "gw1"},
		"no folder":      {func(t *testing.T, cfg *Config) { cfg.Dir = t.TempDir() }, CodeNothingLost, "no data"},
		"another name":   {func(_ *testing.T, cfg *Config) { cfg.NodeID = "gw9" }, CodeWrongNode, "gw9"},
		"shortened log":  {func(t *testing.T, cfg *Config) { must(t, os.WriteFile(cfg.Dir+"/FLOOR", []byte("99\n"), 0o600)) }, CodeLogShort, "entry"},
		"lost log":       {func(t *testing.T, cfg *Config) { must(t, os.RemoveAll(cfg.Dir+"/log")) }, CodeLogCorrupt, "/log/meta"},
		"damaged log":    {func(t *testing.T, cfg *Config) { flipByte(t, cfg.Dir+"/log/0000000000000001.seg", 2*4096+60) }, CodeLogCorrupt, "0000000000000001.seg"},
		"was removed":    {func(t *testing.T, cfg *Config) { must(t, os.WriteFile(cfg.Dir+"/REMOVED", nil, 0o600)) }, CodeRemoved, "removed"},
		"diverged twice": {func(t *testing.T, cfg *Config) { must(t, os.WriteFile(cfg.Dir+"/DIVERGED", []byte("2\n"), 0o600)) }, CodeDiverged, "differed"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, t.TempDir())
			s := openStore(t, cfg)
			for n := range uint64(5) {
				do(t, s, byID(n, "set a 1"))
			}
			closeStore(t, s)
			tc.harm(t, &cfg)
			_, _, err := Recover(cfg, testMachine{}, "gw1", "test")
			if FaultCode(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("refused with %v", err)
			}
			if left, _ := filepath.Glob(cfg.Dir + ".*"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRecoverDamagedSnapshot: an older snapshot does where the log reaches back
// to it; where it does not the damaged file is named.
func TestRecoverDamagedSnapshot(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.TrailingLogs = 1
	s, _ := busyStore(t, cfg, 3)
	want := dump(t, s)
	closeStore(t, s)
	snaps := snapshots(t, cfg.Dir)
	flipByte(t, snaps[len(snaps)-1], 100)
	var b strings.Builder
	if _, err := BackupFolder(cfg, testMachine{}, &b, "hamburg"); err != nil {
		t.Fatal(err)
	}
	to := testConfig(t, filepath.Join(t.TempDir(), "store"))
	if _, _, err := Restore(to, testMachine{}, strings.NewReader(b.String()), "hamburg", "gw1", "test", 0); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, dump(t, openStore(t, to))); d != "" {
		t.Error(d)
	}
	for _, name := range snaps[:len(snaps)-1] {
		flipByte(t, name, 100)
	}
	_, err := BackupFolder(cfg, testMachine{}, &b, "hamburg")
	if FaultCode(err) != CodeLogGap || !strings.Contains(err.Error(), filepath.Base(filepath.Dir(snaps[0]))) {
		t.Errorf("with no snapshot left: %v", err)
	}
}

// TestSwapCutShort: the power goes at any step of putting a folder in place. The
// next start has the old one or the new one, never none and never half of one.
func TestSwapCutShort(t *testing.T) {
	for name, tc := range map[string]struct {
		names []string // folders there, "" for the store's own
		want  string   // which of them is the store then
		left  int
	}{
		"building":                     {[]string{"", buildingSuffix}, "", 1},
		"building, no store yet":       {[]string{buildingSuffix}, "none", 1},
		"ready":                        {[]string{"", readySuffix}, "", 1},
		"the old one is out":           {[]string{readySuffix, ".old-1"}, readySuffix, 1},
		"ready, there was none before": {[]string{readySuffix}, readySuffix, 0},
		"done":                         {[]string{""}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			for _, n := range tc.names {
				must(t, os.Mkdir(dir+n, 0o700))
				must(t, os.WriteFile(filepath.Join(dir+n, "NODE"), []byte("was"+n), 0o600))
			}
			must(t, finishSwap(dir))
			got, err := os.ReadFile(filepath.Join(dir, "NODE"))
			if want := "was" + tc.want; tc.want == "none" && !errors.Is(err, os.ErrNotExist) || tc.want != "none" && string(got) != want {
				t.Errorf("the store is %q, %v", got, err)
			}
			if left, _ := filepath.Glob(dir + ".*"); len(left) != tc.left {
				t.Errorf("beside it: %v", left)
			}
		})
	}
}

// TestReformInParts: a state that holds half of an entry begins the new log with
// whole ones.
func TestReformInParts(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, byID(1, "set a 1"))
	a := &applier{machine: epochMachine{}, log: s.log, idWindow: IDWindow, speaks: 1}
	v, err := openView(t.TempDir(), s.log)
	must(t, err)
	defer func() { must(t, v.close(0)) }()
	must(t, a.load(v))
	a.m.index, a.m.partIndex, a.m.partDone = 7, 8, 3
	_, err = a.reform(Formation{Epoch: 5, How: HowRestored})
	must(t, err)
	must(t, a.load(v))
	if a.m.partIndex != 0 || a.m.partDone != 0 || a.m.index != 7 {
		t.Errorf("it stands at %+v", a.m)
	}
	txn := v.db.NewTransaction(false)
	defer txn.Discard()
	if b, err := (reader{txn}).Get([]byte("epoch")); string(b) != "15" || err != nil {
		t.Errorf("the machine noted %q, %v", b, err)
	}
	if list, err := formationsIn(txn); epochOf(list) != 5 || err != nil {
		t.Errorf("formations %+v, %v", list, err)
	}
}

// epochMachine notes the epoch in its state.
type epochMachine struct{ testMachine }

func (epochMachine) Reform(tx Tx, was, epoch uint32) error {
	return tx.Set([]byte("epoch"), []byte{byte('0' + was), byte('0' + epoch)})
}

func TestFormationRow(t *testing.T) {
	var list []Formation
	for n := range uint32(keepFormations + 9) {
		list = append(list, Formation{Epoch: n + 2, How: HowRecovered, By: strings.Repeat("x", MaxName)})
	}
	b, err := encodeFormations(list)
	must(t, err)
	got, err := decodeFormations(b)
	if err != nil || !slices.Equal(got, list[9:]) || len(b) > MaxValue {
		t.Errorf("%d bytes, %d of %d, %v", len(b), len(got), len(list), err)
	}
	for _, bad := range []string{"", "\x02[]", "\x01", "\x01[]", "\x01{}", string(b[:len(b)-1])} {
		if _, err := decodeFormations([]byte(bad)); FaultCode(err) != CodeUnknownEntry {
			t.Errorf("%.20q decoded: %v", bad, err)
		}
	}
	if e := epochOf(nil); e != 1 {
		t.Errorf("a cluster that was never formed anew has epoch %d", e)
	}
}

func shortContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 4*testBeat)
	t.Cleanup(cancel)
	return ctx
}
