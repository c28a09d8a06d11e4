//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tote/agent/api"
	syncwire "tote/cloudsync/wire"
	"tote/raftstore"
)

var quiet = slog.New(slog.DiscardHandler)

// refusedWith says whether an error names a code.
func refusedWith(err error, code string) bool {
	return err != nil && (raftstore.FaultCode(err) == code || strings.HasPrefix(err.Error(), code+": "))
}

// TestPageLostQuorum does what docs/cluster.md says about a lost majority.
func TestPageLostQuorum(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	here, gone, gone2 := c.gw[1], c.gw[0], c.gw[2]
	here.order("O1", "A1", 2)
	for _, s := range c.gw {
		s.eventually("all have it", func() bool { return s.digest() == here.digest() })
	}
	if _, err := Recover(here.ctx(), here.parsed(), "s1", "mira", quiet); !refusedWith(err, raftstore.CodeDirInUse) {
		t.Errorf("while it runs: %v", err)
	}
	gone.stop()
	here.stop()
	if _, err := Recover(here.ctx(), here.parsed(), "s1", "mira", quiet); !refusedWith(err, raftstore.CodePeersAnswer) || !strings.Contains(err.Error(), "gw3 answer") {
		t.Errorf("while another one answers: %v", err)
	}
	gone2.stop()
	for _, s := range []*site{gone, gone2} {
		s.must(os.RemoveAll(s.dir))
	}
	held, err := LookAtStore(here.ctx(), here.parsed(), quiet)
	if err != nil || !held.Voter || len(held.Others) != 2 || len(held.Answer) != 0 || held.Cluster == "" {
		t.Errorf("it holds %+v, %v", held, err)
	}
	if _, err := Recover(here.ctx(), here.parsed(), "s2", "mira", quiet); !refusedWith(err, raftstore.CodeWrongSite) {
		t.Errorf("with another name: %v", err)
	}
	f, err := Recover(here.ctx(), here.parsed(), "s1", "mira", quiet)
	here.must(err)
	if f.Epoch != 2 || f.Cluster == held.Cluster || f.Number == 0 || f.Old == "" {
		t.Errorf("recovered %+v", f)
	}
	here.start()
	if o := here.get("O1"); len(o.Lines) != 1 {
		t.Errorf("it knows O1 as %+v", o)
	}
	here.order("O2", "A1", 1)
	look := here.cluster()
	if len(look.Members) != 1 || look.Cluster != f.Cluster || len(look.Formed) != 1 || look.Formed[0].Epoch != 2 || look.Formed[0].By != "mira" || look.Formed[0].How != "recovered" {
		t.Errorf("shown as %+v", look)
	}
	// The next machine joins as any other does.
	_, err = Join(gone.ctx(), gone.parsed(), here.token(time.Hour), here.port)
	here.must(err)
	gone.start()
	gone.sees("gw1=voter/up gw2=voter/up")
	gone.eventually("it has the same state", func() bool { return gone.digest() == here.digest() })
	if look := gone.cluster(); len(look.Formed) != 1 {
		t.Errorf("the newcomer knows of %+v", look.Formed)
	}
}

// TestPageRestoreRow18 does what docs/cluster.md says about backups. The OMS is told
// of the new epoch.
func TestPageRestoreRow18(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("O1", "A1", 2)
	before := s.digest()
	code, b := s.call("GET", "/v1/backup", "", "")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	if info, err := VerifyBackup(bytes.NewReader(b), "s1"); err != nil || info.Site != "s1" || info.Epoch != 1 || info.Gateway != "gw1" || info.Number == 0 {
		t.Errorf("it is %+v, %v", info, err)
	}
	if _, _, err := Restore(s.parsed(), bytes.NewReader(b), "mira", 0, quiet); !refusedWith(err, raftstore.CodeNotEmpty) {
		t.Errorf("over a store: %v", err)
	}
	s.stop()
	var off bytes.Buffer
	s.must(BackupStore(s.parsed(), &off, quiet))
	epochs := make(chan string, 1)
	center := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get(syncwire.HeaderEpoch); e != "" {
			select {
			case epochs <- e + " " + r.Header.Get(syncwire.HeaderIdempotencyKey):
			default:
			}
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer center.Close()
	for name, backup := range map[string][]byte{"running": b, "stopped": off.Bytes()} {
		next := &site{t: t, dir: t.TempDir(), id: "gw7", mqtt: "127.0.0.1:0", web: "127.0.0.1:0", oms: center.URL}
		other := next.parsed()
		other.Site = "s2"
		if _, _, err := Restore(other, bytes.NewReader(backup), "mira", 0, quiet); !refusedWith(err, raftstore.CodeBackupForeign) {
			t.Errorf("%s: as another site: %v", name, err)
		}
		if _, _, err := Restore(next.parsed(), bytes.NewReader(backup[:len(backup)-9]), "mira", 0, quiet); !refusedWith(err, raftstore.CodeBackupBad) {
			t.Errorf("%s: cut off: %v", name, err)
		}
		f, _, err := Restore(next.parsed(), bytes.NewReader(backup), "mira", 0, quiet)
		next.must(err)
		if f.Epoch != 2 {
			t.Errorf("%s: restored %+v", name, f)
		}
		next.start()
		if o := next.get("O1"); len(o.Lines) != 1 {
			t.Errorf("%s: it knows O1 as %+v", name, o)
		}
		next.order("O2", "A1", 1)
		// What waited for the OMS goes out under the ids it had.
		if got := <-epochs; !strings.HasPrefix(got, `2 "s1/1/control/1-`) {
			t.Errorf("%s: the OMS hears %s", name, got)
		}
		var look api.ClusterStatus
		if look = next.cluster(); len(look.Formed) != 1 || look.Formed[0].How != "restored" {
			t.Errorf("%s: shown as %+v", name, look)
		}
		next.stop()
	}
	s.start()
	if s.digest() != before {
		t.Error("a backup of a stopped gateway changed it")
	}
}
