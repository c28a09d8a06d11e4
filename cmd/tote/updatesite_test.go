package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tote/agent"
	"tote/agent/update"
	"tote/agent/update/minisign"
	"tote/agent/update/release"
	"tote/warehouse"
)

// patience bounds each wait of a busy machine.
const patience = 90 * time.Second

// older is the feature level the version before speaks.
const older = warehouse.Level - 1

// about is what a program of agent/update/testdata/shim is.
type about struct {
	Version, Arch string
	Level         uint16
	Real          string   `json:",omitempty"`
	Args          []string `json:",omitempty"`
	Run           string   `json:",omitempty"`
}

// site3 is a site of three gateways, each a process of its own started out of real slots,
// with the real updater of each; systemd alone is played.
type site3 struct {
	*testing.T
	shim   []byte
	key    minisign.SecretKey
	keys   string
	gw     [3]*box
	stop   context.CancelFunc
	orders sync.WaitGroup

	mu       sync.Mutex
	accepted int
}

// box is one gateway.
type box struct {
	t                  *testing.T
	id, dir, cfg, http string
	port               string
	u                  *update.Updater
	clock              *paced
	notify             *net.UnixConn

	mu       sync.Mutex
	cmd      *exec.Cmd
	active   bool
	restarts int
	starts   int
	down     bool      // it is to stay down
	switched time.Time // simulated: when a restart was asked for last with slot b in use
	log      bytes.Buffer
	ended    chan struct{}
}

// paced goes as fast as said, and stands still while it has to wait for the machine this
// runs on.
type paced struct {
	mu    sync.Mutex
	now   time.Time
	pace  time.Duration // of real time for each simulated second
	stand func() bool   // nil = never
}

func (c *paced) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *paced) Sleep(ctx context.Context, d time.Duration) error {
	wait := time.Duration(float64(c.pace) * d.Seconds())
	end := time.Now().Add(patience)
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		if c.stand == nil || !c.stand() || time.Now().After(end) {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return nil
}

func (s *site3) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func newSite3(t *testing.T) *site3 {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED in -short: three gateways are started")
	}
	t.Setenv(asCommand, "1") // what an updater starts is the command, too
	s := &site3{T: t}
	dir := t.TempDir()
	file := filepath.Join(dir, "shim")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", file, "../../agent/update/testdata/shim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var err error
	s.shim, err = os.ReadFile(file)
	s.must(err)
	s.key, err = minisign.Generate()
	s.must(err)
	s.keys = filepath.Join(dir, "release.pub")
	s.must(os.WriteFile(s.keys, s.key.Public().File(), 0o644))
	ports := freePorts(t, 6)
	for i := range s.gw {
		s.gw[i] = s.box(fmt.Sprintf("gw%d", i+1), ports[2*i], ports[2*i+1])
	}
	first := s.gw[0]
	tote(t, nil, "site", "init", "--config", first.cfg).want(t, 0, "first gateway gw1", "")
	first.start()
	for _, b := range s.gw[1:] {
		var token string
		s.until("a token", func() bool {
			r := tote(t, nil, "token", "create", "--api", first.http)
			token = strings.TrimSpace(r.out)
			return r.status == 0
		})
		tote(t, nil, "cluster", "join", "--config", b.cfg, "--to", first.port, "--token", token).want(t, 0, b.id, "")
		b.start()
	}
	s.until("three have a vote", func() bool {
		r := tote(t, nil, "cluster", "status", "--api", first.http)
		return strings.Contains(r.out, "3 gateways have a vote; 1 may fail")
	})
	return s
}

func freePorts(t *testing.T, n int) (out []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l.Addr().String())
		defer func() { _ = l.Close() }()
	}
	return out
}

func (s *site3) until(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			for _, b := range s.gw {
				s.Logf("%s:\n%s", b.id, b.tail())
			}
			s.Fatalf("never: %s", what)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.Context().Done():
		}
	}
}

// program is a program of that kind; one with nothing but a version is this very program.
func (s *site3) program(a about) []byte {
	s.Helper()
	a.Arch, a.Level = runtime.GOARCH, warehouse.Level
	if a.Version == "1.0" { // it does not know the newest level
		a.Level = older
	}
	a.Real = os.Args[0]
	line, err := json.Marshal(a)
	s.must(err)
	return append(append(bytes.Clone(s.shim), '\n'), line...)
}

func (s *site3) release(a about, body []byte) string {
	s.Helper()
	if body == nil {
		body = s.program(a)
	}
	var raw, out bytes.Buffer
	m := release.Manifest{Version: a.Version, Commit: "c", Arch: runtime.GOARCH, Levels: release.Levels{Max: warehouse.Level}}
	s.must(release.Pack(&raw, m, bytes.NewReader(body)))
	_, err := release.Sign(&out, &raw, s.key)
	s.must(err)
	file := filepath.Join(s.TempDir(), m.Name())
	s.must(os.WriteFile(file, out.Bytes(), 0o644))
	return file
}

func (s *site3) box(id, http, port string) *box {
	s.Helper()
	dir := s.TempDir()
	b := &box{t: s.T, id: id, dir: dir, cfg: filepath.Join(dir, "agent.yaml"), http: "http://" + http, port: port}
	s.must(os.WriteFile(b.cfg, []byte(fmt.Sprintf(`config_version: 1
site: hamburg
gateway: %s
data_dir: %s/state
http: {listen: "%s"}
mqtt: {listen: [{address: "127.0.0.1:0"}]}
cluster: {listen: "%s"}
raft: {heartbeat_ms: 1000, election_ms: 1000, promote_ms: 200}
`, id, dir, http, port)), 0o600))
	slots := filepath.Join(dir, "slots")
	s.must(os.MkdirAll(filepath.Join(slots, "a"), 0o755))
	s.must(os.WriteFile(filepath.Join(slots, "a", "tote"), s.program(about{Version: "1.0"}), 0o755))
	s.must(os.WriteFile(filepath.Join(slots, "a", "version"), []byte("1.0\n"), 0o644))
	s.must(os.Symlink("a", filepath.Join(slots, "current")))
	b.clock = &paced{now: time.Now(), pace: 250 * time.Millisecond}
	b.u = &update.Updater{
		Slots: update.Slots{Dir: slots}, KeysFile: s.keys, Config: b.cfg, Site: b.http, Arch: runtime.GOARCH, Version: "1.0", Level: older,
		Service: b, Agent: update.Client{URL: b.http}, Clock: b.clock, Limits: update.Defaults, Log: slog.New(slog.DiscardHandler),
	}
	var err error
	b.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	s.must(err)
	go b.listen()
	s.Cleanup(func() {
		b.mu.Lock()
		b.down = true
		b.mu.Unlock()
		b.kill(syscall.SIGKILL)
		if b.ended != nil {
			<-b.ended
		}
		_ = b.notify.Close()
	})
	return b
}

// listen is systemd's end of the notifications.
func (b *box) listen() {
	for buf := make([]byte, 4096); ; {
		n, err := b.notify.Read(buf)
		if err != nil {
			return
		}
		if string(buf[:n]) == "READY=1" {
			b.mu.Lock()
			b.active = true
			b.mu.Unlock()
		}
	}
}

// start keeps the service running, as the unit says: the launcher first, then what is in
// use; again when it ends, but for status 78.
func (b *box) start() {
	b.ended = make(chan struct{})
	go func() {
		defer close(b.ended)
		for {
			b.mu.Lock()
			if b.down {
				b.mu.Unlock()
				return
			}
			pre := exec.Command("sh", "../../deploy/deb/files/usr/lib/tote/slot", "start")
			pre.Env = append(os.Environ(), "TOTE_SLOTS="+b.u.Slots.Dir)
			_ = pre.Run()
			b.active = false
			cmd := exec.Command(filepath.Join(b.u.Slots.Dir, "current", "tote"), "run", "--config", b.cfg)
			cmd.Env = append(os.Environ(), asCommand+"=1", "NOTIFY_SOCKET="+filepath.Join(b.dir, "notify"), "TOTE_SLOTS="+b.u.Slots.Dir)
			cmd.Stdout, cmd.Stderr = &safe{b}, &safe{b}
			err := cmd.Start()
			b.cmd = cmd
			b.starts++
			b.mu.Unlock()
			if err == nil {
				err = cmd.Wait()
			}
			b.mu.Lock()
			b.active = false
			if _, asked := errors.AsType[*exec.ExitError](err); err != nil || asked {
				b.restarts++
			}
			b.mu.Unlock()
		}
	}()
}

// safe is a log that may be written from several goroutines.
type safe struct{ b *box }

func (s *safe) Write(p []byte) (int, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.log.Len() > 1<<20 {
		s.b.log.Reset()
	}
	return s.b.log.Write(p)
}

func (b *box) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.log.String()
	return text[max(0, len(text)-2000):]
}

func (b *box) kill(sig syscall.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd != nil && b.cmd.Process != nil {
		_ = b.cmd.Process.Signal(sig)
	}
}

// Restart implements update.Service: what does not end when it is asked to is killed, as
// after TimeoutStopSec.
func (b *box) Restart(context.Context) error {
	b.mu.Lock()
	n := b.starts
	if b.u.Slots.InUse() == "b" {
		b.switched = b.clock.Now()
	}
	b.mu.Unlock()
	b.kill(syscall.SIGTERM)
	for end := time.Now().Add(15 * time.Second); ; {
		b.mu.Lock()
		again := b.starts > n
		b.mu.Unlock()
		if again {
			return nil
		}
		if time.Now().After(end) {
			b.kill(syscall.SIGKILL)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// State implements update.Service.
func (b *box) State(context.Context) (update.State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return update.State{Active: b.active, Restarts: b.restarts}, nil
}

func (b *box) isActive() bool {
	st, _ := b.State(context.Background())
	return st.Active
}

// works brings orders in all the time, at whichever gateway takes them, until stop.
func (s *site3) works() {
	ctx, stop := context.WithCancel(s.Context())
	s.stop = stop
	s.orders.Go(func() {
		client := &http.Client{Timeout: 20 * time.Second}
		for n := 0; ctx.Err() == nil; {
			for _, b := range s.gw {
				body := fmt.Sprintf("order,line,sku,qty,name,street,postcode,city,country,method,priority,channel,payment,expect\nSO-%d,1,TEA-1,1,T,S 2,20095,Hamburg,DE,standard,0,web,settled,\n", n)
				resp, err := client.Post(b.http+"/v1/import/orders", "text/csv", strings.NewReader(body))
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode < 300 {
					n++
					s.mu.Lock()
					s.accepted = n
					s.mu.Unlock()
				}
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
}

func (s *site3) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// stocked is the smallest site that takes orders.
func (s *site3) stocked() {
	s.Helper()
	dir := s.TempDir()
	files := []string{}
	for _, f := range [][2]string{
		{"site.json", `{"id":"hamburg","companyPrefix":"9521234","ssccExtension":3,"totePrefix":"T-","cartonTareMg":350000,"toleranceMg":20000,"tolerancePermil":5,"leaseMs":600000,"cartSlots":1,
		"layout":{"aisles":2,"cells":4,"cellMm":1200,"endMm":1500,"pitchMm":4500,"depotAisle":0},"carriers":[{"code":"PARCEL","method":"","prefix":"PA","digits":8,"first":10000001,"last":19999999}]}`},
		{"items.csv", "sku,name,gtin,weight_g,lot_tracked,barcodes\nTEA-1,Green tea,09521234001010,100,false,\n"},
		{"bins.csv", "bin,aisle,cell,side\nA-01,0,0,L\n"},
		{"stock.csv", "bin,sku,lot,expiry,qty\nA-01,TEA-1,,,100000\n"},
	} {
		name := filepath.Join(dir, f[0])
		s.must(os.WriteFile(name, []byte(f[1]), 0o600))
		files = append(files, name)
	}
	s.until("the site is stocked", func() bool {
		return tote(s.T, nil, append([]string{"import", "--api", s.gw[0].http}, files...)...).status == 0
	})
}

// TestUpdateOfASite: three gateways that work all the time. A release that is broken, in
// each of the ways there are, is taken back by itself within three simulated minutes, and
// the site takes orders meanwhile; one that is good goes to all three at the same time,
// and they take turns.
func TestUpdateOfASite(t *testing.T) {
	s := newSite3(t)
	s.stocked()
	s.works()
	b := s.gw[1]
	elsewhere := filepath.Join(b.dir, "elsewhere.yaml")
	text, err := os.ReadFile(b.cfg)
	s.must(err)
	s.must(os.WriteFile(elsewhere, bytes.Replace(text, []byte(strings.TrimPrefix(b.http, "http://")), []byte("127.0.0.1:0"), 1), 0o600))
	damaged := s.damaged(b)
	foreign := s.program(about{Version: "9.0"})
	foreign[18]++ // e_machine
	for i, c := range []struct {
		name  string
		kind  about
		body  []byte
		stand bool // it gets ready, however long that takes here
		code  string
		err   error
	}{
		{name: "it is of another machine", body: foreign, err: release.ErrArch},
		{name: "it dies", kind: about{Run: "segv"}, code: update.CodeStart},
		{name: "it hangs", kind: about{Run: "hang"}, code: update.CodeReady},
		{name: "it is ready and nobody can ask it", kind: about{Args: []string{"--config", elsewhere}}, stand: true, code: update.CodeWorse},
		{name: "it refuses its store", kind: about{Args: []string{"--config", damaged}}, code: update.CodeStart},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.until("the gateway is well", func() bool { h, err := b.u.Agent.Look(t.Context()); return err == nil && h.Ready && len(h.Peers) == 2 })
			c.kind.Version = fmt.Sprintf("2.%d", i)
			b.clock.pace = 40 * time.Millisecond
			switched := func() bool { return b.u.Slots.InUse() == "b" }
			b.clock.stand = func() bool {
				// What takes its time here takes none there: becoming well again after
				// it was taken back, and what a good process would do.
				return !switched() && !b.isActive() || switched() && c.stand && !b.isActive()
			}
			before := s.taken()
			var file string
			if c.body != nil {
				file = s.foreign(c.body)
			} else {
				file = s.release(c.kind, nil)
			}
			o, err := b.u.Apply(t.Context(), file, update.Request{})
			if c.err != nil {
				if !errors.Is(err, c.err) || b.u.Slots.InUse() != "a" {
					t.Errorf("%+v %v", o, err)
				}
				return
			}
			if err != nil || o.Result != update.RolledBack || o.Code != c.code {
				t.Fatalf("%+v %v\n%s", o, err, b.tail())
			}
			took := o.At.Sub(b.switched)
			if took > 3*time.Minute || b.u.Slots.InUse() != "a" {
				t.Errorf("slot %s after %v", b.u.Slots.InUse(), took)
			}
			s.until("orders are taken", func() bool { return s.taken() > before+3 })
			t.Logf("%s %s after %v; %d orders meanwhile", o.Code, o.Why, took, s.taken()-before)
		})
	}
	t.Run("a good one goes to all", s.goesToAll)
	s.stop()
	s.orders.Wait()
	s.allThere()
}

// foreign is a release whose signed manifest says it is for this machine, and whose
// program is not.
func (s *site3) foreign(body []byte) string {
	s.Helper()
	var raw bytes.Buffer
	good := s.program(about{Version: "9.0"})
	m := release.Manifest{Version: "9.0", Commit: "c", Arch: runtime.GOARCH, Levels: release.Levels{Max: warehouse.Level}}
	s.must(release.Pack(&raw, m, bytes.NewReader(good)))
	file := filepath.Join(s.TempDir(), "x.update")
	// The same, with the sum of the other program: what a careless publisher signs.
	text := raw.Bytes()
	manifest := text[512:]
	manifest = manifest[:bytes.IndexByte(manifest, 0)]
	manifest = bytes.Replace(manifest, []byte(sum(good)), []byte(sum(body)), 1)
	sig, err := minisign.Sign(s.key, manifest, m.Comment())
	s.must(err)
	var out bytes.Buffer
	s.must(release.Write(&out, manifest, sig, bytes.NewReader(body), int64(len(body))))
	s.must(os.WriteFile(file, out.Bytes(), 0o644))
	return file
}

// damaged is a configuration of a gateway whose log is not what it was.
func (s *site3) damaged(b *box) string {
	s.Helper()
	dir := filepath.Join(b.dir, "damaged")
	s.must(os.CopyFS(dir, os.DirFS(filepath.Join(b.dir, "state"))))
	n := 0
	s.must(filepath.Walk(filepath.Join(dir, "store"), func(path string, st os.FileInfo, err error) error {
		if err != nil || st.IsDir() || st.Size() < 4096 {
			return err
		}
		n++
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 512), 0)
			err = errors.Join(err, f.Close())
		}
		return err
	}))
	if n == 0 {
		s.Fatal("there is nothing to damage")
	}
	text, err := os.ReadFile(b.cfg)
	s.must(err)
	file := filepath.Join(b.dir, "damaged.yaml")
	s.must(os.WriteFile(file, bytes.Replace(text, []byte(b.dir+"/state"), []byte(dir), 1), 0o600))
	return file
}

// goesToAll asks for a release at one gateway, as a person does, and is gone then. Each
// one's updater finds what was asked for.
func (s *site3) goesToAll(t *testing.T) {
	file := s.release(about{Version: "3.0"}, nil)
	before := s.taken()
	leader := ""
	s.until("one leads, and all are well", func() bool {
		leader = ""
		for _, b := range s.gw {
			h, err := b.u.Agent.Look(t.Context())
			if err != nil || !h.Ready || len(h.Peers) != 2 {
				return false
			}
			if h.Leader {
				leader = b.id
			}
		}
		return leader != ""
	})
	first := s.gw[0]
	r := tote(s.T, nil, "update", "apply", "--all", "--config", first.cfg, "--slots", first.u.Slots.Dir, "--keys", s.keys, file)
	for _, b := range s.gw {
		r.want(s.T, 0, b.id+" was told\n", "")
	}
	var mu sync.Mutex
	var order []string
	var wg sync.WaitGroup
	for _, b := range s.gw {
		b.clock.pace = 150 * time.Millisecond
		b.clock.stand = func() bool { return b.u.Slots.InUse() == "b" && !b.isActive() }
		wg.Go(func() {
			o, err := b.u.Work(t.Context(), agent.Request(filepath.Join(b.dir, "state")))
			if err != nil || o.Result != update.Committed {
				t.Errorf("%s: %+v %v\n%s", b.id, o, err, b.tail())
			}
			mu.Lock()
			defer mu.Unlock()
			order = append(order, b.id)
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	most := 0
	for over := false; !over; {
		var level uint16 // before who has it for good: that one only grows
		if h, err := first.u.Agent.Look(t.Context()); err == nil {
			level = h.Site
		}
		trials, kept := 0, 0
		for _, b := range s.gw {
			j, err := b.u.Slots.Pending()
			switch {
			case err == nil && j != nil:
				trials++
			case err == nil && b.u.Slots.InUse() == "b":
				kept++
			}
		}
		if level > older && kept < 3 {
			t.Errorf("the site is at level %d, and %d gateways have the new version for good", level, kept)
		}
		most = max(most, trials)
		select {
		case <-done:
			over = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Logf("%v, %s led; %d orders meanwhile", order, leader, s.taken()-before)
	if most != 1 || len(order) != 3 {
		t.Errorf("%d at a time", most)
	}
	if order[len(order)-1] != leader {
		t.Errorf("%s led and was not last: %v", leader, order)
	}
	if s.taken() < before+10 {
		t.Errorf("%d orders were taken meanwhile", s.taken()-before)
	}
	s.until("all run it", func() bool {
		out := tote(s.T, nil, "cluster", "status", "--api", s.gw[0].http).out
		return strings.Count(out, "  3.0\n") == 3
	})
	s.until("the level rises", func() bool {
		h, err := first.u.Agent.Look(t.Context())
		return err == nil && h.Site == warehouse.Level
	})
	// From now on the version before does not know what the site uses.
	if _, err := first.u.Rollback(t.Context(), update.Ask); !errors.Is(err, update.ErrNoBack) {
		t.Errorf("back behind the level: %v", err)
	}
	tote(s.T, nil, "status", "--api", s.gw[0].http).want(s.T, 0, `"result": "committed"`, "")
}

// allThere: whatever was taken is known, at each gateway.
func (s *site3) allThere() {
	s.Helper()
	n := s.taken()
	for _, b := range s.gw {
		s.until(b.id+" knows all orders", func() bool {
			return tote(s.T, nil, "order", "--api", b.http, fmt.Sprintf("SO-%d", n-1)).status == 0 &&
				tote(s.T, nil, "order", "--api", b.http, "SO-0").status == 0
		})
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
