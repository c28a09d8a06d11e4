package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"tote/agent/api"
	"tote/agent/backup"
	"tote/agent/health"
	"tote/agent/metrics"
)

// callBackup tells the other gateways what is known of the scheduled backups.
const callBackup = "backup"

// backupTurn is how much longer each gateway that does not lead leaves a backup
// that is due to those before it. A slow server needs its time.
const backupTurn = 20 * time.Minute

// backupReserve stays free on a disk that holds nothing but backups.
const backupReserve = 64 << 20

// startBackups makes the backups the configuration asks for.
func (a *Agent) startBackups(context.Context) error {
	c := a.cfg.Backup
	if c == nil {
		return nil
	}
	r := backup.New(backup.Config{
		Site: a.cfg.Site, Gateway: a.cfg.Gateway, Folder: c.Folder, URL: c.URL, SecretFile: c.SecretFile,
		Schedule: c.Schedule(), Keep: backup.Keep{Daily: c.KeepDaily, Weekly: c.KeepWeekly},
		Spool: filepath.Join(a.cfg.DataDir, "backup"), StateFile: filepath.Join(a.cfg.DataDir, "backup.json"),
		Write: a.backUp,
		Check: func(r io.Reader) error {
			_, err := VerifyBackup(r, a.cfg.Site)
			return err
		},
		Now: a.store.Now, Turn: a.backupTurn, Room: a.backupRoom, Log: a.log,
		Tell: func(ctx context.Context, state []byte) {
			if a.relay != nil {
				a.relay.call(ctx, callBackup, relayed{Payload: state})
			}
		},
	})
	a.backups.Store(r)
	return a.sup.Go("backup", r.Run)
}

// backupTurn: the gateway that leads comes first, then the others by their names.
// One that hears no majority may hold an old state.
func (a *Agent) backupTurn() (time.Duration, bool) {
	ok, _ := a.quorum()
	if !ok || a.leaving.Load() {
		return 0, false
	}
	if a.store.IsLeader() {
		return 0, true
	}
	var others []string
	for _, p := range a.store.Peers() {
		if !p.Leader {
			others = append(others, p.ID)
		}
	}
	slices.Sort(others)
	at, _ := slices.BinarySearch(others, a.cfg.Gateway)
	return time.Duration(at+1) * backupTurn, true
}

// backupRoom: on the disk of the store twice as much stays free as the store needs
// to take work.
func (a *Agent) backupRoom(dir string) (free, reserve uint64, err error) {
	free, err = backup.Free(dir)
	reserve = backupReserve
	if d := a.store.Disk(); d != nil && backup.SameDisk(dir, a.cfg.DataDir) {
		reserve = max(reserve, 2*d.Needed)
	}
	return free, reserve, err
}

// backupNow makes one for a person who wants to see whether it works.
func (a *Agent) backupNow(ctx context.Context) (*api.BackupMade, error) {
	r := a.backups.Load()
	if r == nil {
		return nil, api.Refuse(http.StatusNotFound, api.CodeNotFound, "no backups are scheduled at this gateway: there is no backup: in its configuration")
	}
	if ok, since := a.quorum(); !ok { // its state may be old, and the others would take it for the newest
		return nil, api.Refuse(http.StatusServiceUnavailable, api.CodeNoQuorum, noQuorumSince(since))
	}
	made, err := r.Make(ctx)
	if err != nil {
		return nil, api.Refuse(http.StatusServiceUnavailable, backup.Code(err), err.Error())
	}
	out := madeOf(r.Report().Target, made)
	return &out, nil
}

func madeOf(target string, m backup.Made) api.BackupMade {
	return api.BackupMade{
		Name: m.Name, Target: target, Gateway: m.Gateway, At: time.UnixMilli(m.AtMs).UTC().Format(time.RFC3339),
		Bytes: m.Bytes, SHA256: m.SHA256, ReadBack: m.ReadBack,
	}
}

// backupStatus is how the scheduled backups are; nil where none are.
func (a *Agent) backupStatus() *api.Backups {
	r := a.backups.Load()
	if r == nil {
		return nil
	}
	rep := r.Report()
	out := &api.Backups{Target: rep.Target, EveryMs: rep.Every.Milliseconds(), AgeMs: rep.Age.Milliseconds()}
	if rep.Last.AtMs > 0 {
		m := madeOf(rep.Target, rep.Last)
		out.Last = &m
	}
	if rep.Failed != nil {
		out.Code, out.Text, out.Next = backup.Code(rep.Failed), rep.Failed.Error(), rep.Next.UTC().Format(time.RFC3339)
	}
	if rep.Old {
		out.Code, out.Text = health.CodeBackupOld, fmt.Sprintf("%s: there is no good one for %v, one is wanted every %v", health.CodeBackupOld, rep.Age.Round(time.Minute), rep.Every)
		if rep.Failed != nil {
			out.Text += "; " + rep.Failed.Error()
		}
	}
	return out
}

// errNoBackups: another gateway tells of backups, and none are made here.
var errNoBackups = errors.New("no backups are scheduled at this gateway")

func (a *Agent) toldOfBackups(state []byte) error {
	r := a.backups.Load()
	if r == nil {
		return errNoBackups
	}
	return r.Told(state)
}

func (a *Agent) putBackups(p *metrics.Page) {
	r := a.backups.Load()
	if r == nil {
		return
	}
	rep := r.Report()
	p.Put(metrics.ScheduledAge, rep.Age.Seconds())
	p.Put(metrics.ScheduledEvery, rep.Every.Seconds())
	p.Put(metrics.ScheduledFails, metrics.Flag(rep.Failed != nil))
	if rep.Last.AtMs > 0 {
		p.Put(metrics.ScheduledSize, float64(rep.Last.Bytes))
	}
}
