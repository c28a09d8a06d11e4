package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/agent/update/minisign"
	"tote/agent/update/release"
)

// what is what a program of testdata/shim is.
type what struct {
	Version, Arch, Commit string
	Level                 uint16
	Real                  string
	Args                  []string
	Run, Validate         string
}

var shim = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tote-shim-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "shim")
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", file, "./testdata/shim")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(err, errors.New(string(out)))
	}
	return os.ReadFile(file)
})

// program is one that can be run.
func program(t *testing.T, w what) []byte {
	t.Helper()
	base, err := shim()
	if err != nil {
		t.Fatal(err)
	}
	w.Arch = runtime.GOARCH
	line, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(bytes.Clone(base), '\n'), line...)
}

// world is one gateway: slots on a real disk, and a machine, an agent and a clock that
// are played.
type world struct {
	*testing.T
	u    *Updater
	key  minisign.SecretKey
	now  time.Time
	took time.Duration // simulated, of all sleeps

	running string // version of the agent's process, "" = none
	since   time.Time
	restart int // unasked
	failed  bool
	plays   map[string]play // by version
	asked   []TurnAsk
	answers []TurnAnswer // of Turn, the last one for ever
	broken  bool         // the updater was cut: nothing is done any more
}

// play is how a version behaves.
type play struct {
	ready    time.Duration // after its start; negative = never
	crashes  time.Duration // so long after its start it ends; 0 = never
	refuses  bool          // it ends with status 78
	health   func(h *Health)
	execFail bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	key, err := minisign.Generate()
	w := &world{T: t, key: key, now: time.Unix(1_800_000_000, 0), plays: map[string]play{}}
	w.must(err)
	w.must(os.WriteFile(filepath.Join(dir, "release.pub"), key.Public().File(), 0o644))
	w.must(os.WriteFile(filepath.Join(dir, "agent.yaml"), []byte("site: x\n"), 0o644))
	slots := filepath.Join(dir, "slots")
	w.must(os.MkdirAll(filepath.Join(slots, "a"), 0o755))
	w.must(os.WriteFile(filepath.Join(slots, "a", "tote"), program(t, what{Version: "1.0", Level: 4}), 0o755))
	w.must(os.WriteFile(filepath.Join(slots, "a", "version"), []byte("1.0\n"), 0o644))
	w.must(os.Symlink("a", filepath.Join(slots, "current")))
	w.u = &Updater{
		Slots: Slots{Dir: slots}, KeysFile: filepath.Join(dir, "release.pub"), Config: filepath.Join(dir, "agent.yaml"),
		Arch: runtime.GOARCH, Version: "1.0", Level: 4, Service: w, Agent: w, Clock: w, Limits: Defaults,
		Log: slog.New(slog.DiscardHandler),
	}
	w.answers = []TurnAnswer{{Granted: true}}
	w.boot()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// release writes a release of a program.
func (w *world) release(p what) string {
	w.Helper()
	var raw, out bytes.Buffer
	body := program(w.T, p)
	m := release.Manifest{Version: p.Version, Commit: "c", Arch: runtime.GOARCH, Levels: release.Levels{Max: p.Level}}
	w.must(release.Pack(&raw, m, bytes.NewReader(body)))
	_, err := release.Sign(&out, &raw, w.key)
	w.must(err)
	file := filepath.Join(w.TempDir(), m.Name())
	w.must(os.WriteFile(file, out.Bytes(), 0o644))
	return file
}

// script is /usr/lib/tote/slot.
func (w *world) script(args ...string) string {
	w.Helper()
	cmd := exec.Command("sh", append([]string{"../../deploy/deb/files/usr/lib/tote/slot"}, args...)...)
	cmd.Env = append(os.Environ(), "TOTE_SLOTS="+w.u.Slots.Dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("slot %v: %v %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// boot is a start of the agent, as the unit makes it: the launcher first, then what is in
// use. It must be a program that can be run, whatever happened before.
func (w *world) boot() {
	w.Helper()
	w.script("start")
	a, err := Ask(w.Context(), filepath.Join(w.u.Slots.Dir, "current", "tote"))
	if err != nil {
		w.Fatalf("what is in use cannot be run: %v", err)
	}
	w.running, w.since = a.Version, w.now
	p := w.plays[a.Version]
	if w.failed = p.refuses; w.failed || p.execFail {
		w.running = ""
	}
}

// tick lets the played process live.
func (w *world) tick() {
	p := w.plays[w.u.Slots.Version(w.u.Slots.InUse())]
	ended := w.running != "" && w.plays[w.running].crashes > 0 && w.now.Sub(w.since) >= w.plays[w.running].crashes
	if ended || w.running == "" && !w.failed && p.execFail {
		w.restart++
		w.boot()
	}
}

func (w *world) active() bool {
	p := w.plays[w.running]
	return w.running != "" && p.ready >= 0 && w.now.Sub(w.since) >= p.ready
}

// Restart implements Service.
func (w *world) Restart(context.Context) error { w.boot(); return nil }

// State implements Service.
func (w *world) State(context.Context) (State, error) {
	return State{Active: w.active(), Failed: w.failed, Restarts: w.restart}, nil
}

// Look implements Agent.
func (w *world) Look(context.Context) (Health, error) {
	if !w.active() {
		return Health{}, errors.New("it does not answer")
	}
	h := Health{Version: w.running, Ready: true, Quorum: true, Devices: []string{"pack1/scale"}, Peers: []string{"gw2", "gw3"}, SyncMs: 3}
	if p := w.plays[w.running]; p.health != nil {
		p.health(&h)
	}
	return h, nil
}

// Turn implements Agent.
func (w *world) Turn(_ context.Context, a TurnAsk) (TurnAnswer, error) {
	w.asked = append(w.asked, a)
	out := w.answers[0]
	if len(w.answers) > 1 {
		w.answers = w.answers[1:]
	}
	return out, nil
}

// HandOver implements Agent.
func (w *world) HandOver(context.Context, string) error { return nil }

// Now implements Clock.
func (w *world) Now() time.Time { return w.now }

// Sleep implements Clock.
func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	if w.broken {
		return errCut
	}
	w.now, w.took = w.now.Add(d), w.took+d
	w.tick()
	return ctx.Err()
}

var errCut = errors.New("the power went")

// holds is what is in the slots, and that nothing is left behind.
func (w *world) holds(want string) {
	w.Helper()
	if got := strings.ReplaceAll(w.script("show"), "\n", ", "); got != want {
		w.Errorf("%s, want %s", got, want)
	}
	list, err := os.ReadDir(w.u.Slots.Dir)
	w.must(err)
	for _, e := range list {
		if name := e.Name(); name == journalFile || name == startsFile || strings.HasSuffix(name, ".new") {
			w.Errorf("%s is left behind", name)
		}
	}
}

// swap makes the program of a signed release another one of the same length, signed with
// the right sum: what a publisher gets wrong who builds twice.
func (w *world) swap(file string, p what) {
	w.Helper()
	var raw, out bytes.Buffer
	m := release.Manifest{Version: "2.0", Commit: "c", Arch: runtime.GOARCH, Levels: release.Levels{Max: 5}}
	w.must(release.Pack(&raw, m, bytes.NewReader(program(w.T, p))))
	_, err := release.Sign(&out, &raw, w.key)
	w.must(err)
	w.must(os.WriteFile(file, out.Bytes(), 0o644))
}
