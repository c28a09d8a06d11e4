package raftstore

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tote/raftstore/peer"
)

// Row 1 of the failure matrix on a real file system: ext4 in an image file,
// shut down without flushing its journal while real processes write through
// the real store. The page cache under the image stays whole, so this shows
// the loss and the order of what was not synced; torn sectors are simulated
// (TestRow1SimPowerCut, seglog.TestPowerCut).

var (
	realCuts = flag.Int("cuts", 20, "power cuts on a real file system, a third of them of three gateways at once; needs root")
	cutSeed  = flag.Uint64("cutseed", 0, "seed of the moments of the cuts; 0: by the clock")
)

const (
	powerInside = "TOTE_RAFTSTORE_TEST_POWER_INSIDE" // set in the process that mounts
	powerChild  = "TOTE_RAFTSTORE_TEST_POWER"        // id, folder, listen, folder of certificates, whom to ask, nosync
	powerLanes  = 4
	// ext4's ioctl for tests, and its way to go without writing anything more.
	ext4Shutdown = 0x8004587D
	noLogFlush   = 2
)

// runPowerChild is a gateway whose power is cut. False when this is none.
func runPowerChild() bool {
	args := strings.Split(os.Getenv(powerChild), " ")
	if len(args) != 6 {
		return false
	}
	if err := powerChildMain(args[0], args[1], args[2], args[3], args[4], args[5] == "nosync"); err != nil {
		fmt.Println("error", err)
	}
	return true
}

func powerChildMain(id, dir, listen, certs, via string, noSync bool) error {
	var out sync.Mutex
	say := func(words ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(words...)
	}
	cfg := Config{
		Dir: dir, NodeID: id, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), noSync: noSync,
		HeartbeatTimeout: 10 * time.Millisecond, SegmentSize: 64 << 10, MinFree: 1,
		SnapshotEntries: 40, SnapshotInterval: 20 * time.Millisecond, TrailingLogs: 10,
	}
	if listen != "-" {
		conf, err := childTLS(certs, id)
		if err != nil {
			return err
		}
		port, err := peer.Listen(peer.Config{ID: id, Listen: listen, TLS: conf})
		if err != nil {
			return err
		}
		cfg.Peer, cfg.Bootstrap, cfg.HeartbeatTimeout = port, via == "-", testBeat
	}
	s, err := Open(cfg, ledgerMachine{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if s.Waiting() {
		to, err := peer.ParseAddress(via)
		if err != nil {
			return err
		}
		for s.JoinThrough(ctx, to) != nil {
			if err := s.pause(ctx, nil, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	nothing := func(Reader, uint64) error { return nil }
	for s.ViewLinearizable(ctx, nothing) != nil {
		if err := errors.Join(s.stopped(), s.pause(ctx, nil, 10*time.Millisecond)); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	for i := range powerLanes {
		lane := fmt.Sprint(id, "-", i)
		wg.Go(func() {
			t, seq, err := laneState(s, lane)
			if err != nil {
				say("error", err)
				return
			}
			say("has", lane, t.last, t.count, t.sum, seq)
			for {
				err := walk(ctx, s, lane, func(n uint64) bool {
					say("ack", lane, n)
					return true
				})
				switch {
				case errors.Is(err, errLedger), s.stopped() != nil:
					say("error", err)
					return
				}
				// No leader for a while: walk asks again from where it was.
			}
		})
	}
	wg.Wait()
	return nil
}

func childTLS(certs, id string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, id+".pem"), filepath.Join(certs, id+".key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(certs, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool}, nil
}

// inside is true in the process that may mount: the same test, started again in
// a mount namespace of its own, so that mounts and loop devices end with it
// however it ends. Outside it runs that process, and skips, loudly, where a
// real power cut cannot be made.
func inside(t *testing.T, how string) bool {
	t.Helper()
	if os.Getenv(powerInside) != "" {
		runtime.LockOSThread() // as in runInside, for the gateways
		return true
	}
	if why := cannotCut(); why != "" {
		noCuts(t, why)
	}
	base := t.TempDir()
	out, err := runInside(t, base, how)
	if _, why, ok := strings.Cut(out, cannotHere); ok {
		noCuts(t, strings.TrimSpace(strings.SplitN(why, "\n", 2)[0]))
	}
	await(t, "loop devices go with the process", func() bool { return len(loopsOn(base)) == 0 })
	switch {
	case how == "dies":
		if err == nil || !strings.Contains(out, "dies on purpose") {
			t.Fatalf("it was to die: %v\n%s", err, out)
		}
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	default:
		for line := range strings.Lines(out) {
			if _, what, ok := strings.Cut(line, resultIs); ok {
				t.Log(strings.TrimSpace(what))
			}
		}
	}
	return false
}

// runInside returns what the process said.
func runInside(t *testing.T, base, how string) (string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-test.run=^" + t.Name() + "$", "-test.v", fmt.Sprint("-cuts=", *realCuts), fmt.Sprint("-cutseed=", *cutSeed),
	}
	if end, ok := t.Deadline(); ok {
		args = append(args, fmt.Sprint("-test.timeout=", time.Until(end)))
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), powerInside+"="+how, "TMPDIR="+base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the signal comes when the thread ends that started it
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return cannotHere + err.Error(), err // it may not even have a mount namespace
	}
	return string(out), err
}

const (
	cannotHere = "no power cut can be made here: "
	resultIs   = "result: "
)

// cannotCut says what is missing, "" when nothing obvious is.
func cannotCut() string {
	if os.Getuid() != 0 {
		return "it needs root, to mount"
	}
	for tool, pkg := range map[string]string{"mkfs.ext4": "e2fsprogs", "mount": "mount", "umount": "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is missing (Debian package " + pkg + ")"
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return "there are no loop devices"
	}
	return ""
}

// noCuts skips, unless the cuts were asked for by number.
func noCuts(t *testing.T, why string) {
	t.Helper()
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "cuts" {
			t.Fatal(cannotHere + why)
		}
	})
	t.Skip("NO POWER CUT WAS MADE ON A REAL FILE SYSTEM, only simulated ones: " + why)
}

// loopsOn lists the loop devices whose image is below dir.
func loopsOn(dir string) (found []string) {
	names, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), dir) {
			found = append(found, name)
		}
	}
	return found
}

// powerDisk is an ext4 in an image file. mount -o loop gives the loop device
// back by itself when the file system is unmounted.
type powerDisk struct{ image, mnt string }

func newPowerDisk(t *testing.T) *powerDisk {
	t.Helper()
	dir := t.TempDir()
	d := &powerDisk{image: dir + "/image", mnt: dir + "/mnt"}
	err := os.Mkdir(d.mnt, 0o700)
	if err == nil {
		err = os.WriteFile(d.image, nil, 0o600)
	}
	if err == nil {
		err = os.Truncate(d.image, 128<<20)
	}
	if err == nil {
		err = command("mkfs.ext4", "-q", "-F", d.image)
	}
	if err == nil {
		t.Cleanup(func() { _ = d.unmount() })
		if err = d.mount(); err == nil {
			err = d.cut() // what this kernel lets us do is known only by doing it
		}
		if err = errors.Join(err, d.unmount()); err == nil {
			err = d.mount()
		}
	}
	if err != nil {
		fmt.Println(cannotHere + strings.ReplaceAll(err.Error(), "\n", "; "))
		t.SkipNow()
	}
	return d
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (d *powerDisk) mount() error { return command("mount", "-o", "loop", d.image, d.mnt) }

// unmount does nothing when it is not mounted. A killed process may take a
// moment to let go of its files.
func (d *powerDisk) unmount() error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		err := unix.Unmount(d.mnt, 0)
		switch {
		case errors.Is(err, unix.EINVAL):
			return nil
		case !errors.Is(err, unix.EBUSY) && err != nil:
			return err
		case err != nil:
			<-tick.C
		}
	}
	return errors.Join(errors.New("somebody still uses "+d.mnt), unix.Unmount(d.mnt, unix.MNT_DETACH))
}

// cut is the power cut as far as the file system goes: nothing that is not on
// the disk already gets there.
func (d *powerDisk) cut() error {
	dir, err := os.Open(d.mnt)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), ext4Shutdown, noLogFlush); err != nil {
		return fmt.Errorf("EXT4_IOC_SHUTDOWN: %w", err)
	}
	return nil
}

// powered is a gateway on such a disk.
type powered struct {
	id, dir string
	disk    *powerDisk
	env     string
	cmd     *exec.Cmd
	ended   chan struct{}
}

// powerSite is one or three gateways on one mains.
type powerSite struct {
	t    *testing.T
	rng  *rand.Rand
	list []*powered
	book *ledgerBook

	mu    sync.Mutex
	has   int  // lanes found again in this life
	off   bool // the power is: what goes wrong now is no fault
	wrong error
	heard chan struct{} // one slot: something was said
}

func newPowerSite(t *testing.T, seed uint64, list ...*powered) *powerSite {
	return &powerSite{t: t, rng: rand.New(rand.NewPCG(seed, 4)), list: list, book: newLedgerBook(), heard: make(chan struct{}, 1)}
}

func (p *powerSite) hear(who, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		select {
		case p.heard <- struct{}{}:
		default:
		}
	}()
	var lane string
	var n, seq uint64
	var c tally
	if k, _ := fmt.Sscanf(line, "ack %s %d", &lane, &n); k == 2 {
		p.book.ack(lane, n)
		return
	}
	err := fmt.Errorf("%s says %q", who, line)
	if k, _ := fmt.Sscanf(line, "has %s %d %d %d %d", &lane, &c.last, &c.count, &c.sum, &seq); k == 5 {
		p.has++
		err = p.book.compare(lane, c, seq)
	} else if p.off && !strings.Contains(line, errLedger.Error()) {
		return
	}
	p.wrong = errors.Join(p.wrong, err)
}

// state tells how many lanes were found again, and what went wrong.
func (p *powerSite) state() (has int, wrong error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.has, p.wrong
}

// start turns the power on.
func (p *powerSite) start() error {
	p.mu.Lock()
	p.has, p.off = 0, false
	p.mu.Unlock()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for _, g := range p.list {
		g.cmd = exec.Command(exe)
		g.cmd.Env = append(os.Environ(), powerChild+"="+g.env)
		g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := g.cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := g.cmd.Start(); err != nil {
			return err
		}
		g.ended = make(chan struct{})
		go func() {
			defer close(g.ended)
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				p.hear(g.id, lines.Text())
			}
			_, _ = io.Copy(io.Discard, out)
		}()
	}
	return nil
}

// until waits for ok, for something to go wrong, or for the limit.
func (p *powerSite) until(limit time.Duration, ok func() bool) {
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		if _, wrong := p.state(); wrong != nil || ok() {
			return
		}
		select {
		case <-p.heard:
		case <-end.C:
			return
		}
	}
}

// cut ends the power of all gateways at once and turns the disks on again. What
// they had printed counts, and nothing else does.
func (p *powerSite) cut() error {
	p.mu.Lock()
	p.off = true
	p.mu.Unlock()
	errs := make([]error, len(p.list))
	var wg sync.WaitGroup
	for i, g := range p.list {
		wg.Go(func() { errs[i] = g.disk.cut() })
	}
	wg.Wait()
	for _, g := range p.list {
		_ = g.cmd.Process.Kill()
	}
	for _, g := range p.list {
		<-g.ended
		_ = g.cmd.Wait()
	}
	for _, g := range p.list {
		errs = append(errs, g.disk.unmount(), g.disk.mount())
	}
	_, wrong := p.state()
	return errors.Join(append(errs, wrong)...)
}

// life is one life: on, and cut after some acknowledgements, or at any moment of
// the start. first waits until everybody works.
func (p *powerSite) life(first bool) error {
	if err := p.start(); err != nil {
		return err
	}
	lanes, goal := powerLanes*len(p.list), p.book.acks()+1+p.rng.IntN(400)
	working := func() bool { has, _ := p.state(); return has >= lanes && p.book.acks() >= goal }
	slow := false
	switch k := p.rng.IntN(3); {
	case k == 0 && !first:
		p.until(time.Duration(p.rng.IntN(600))*time.Millisecond, func() bool { return false })
	default:
		p.until(time.Minute, working)
		slow = !working()
	}
	err := p.cut()
	if err == nil && slow {
		err = errors.New("it did not come back to work within a minute")
	}
	return err
}

func cutMoments(t *testing.T) uint64 {
	seed := *cutSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-cutseed=%d", seed)
	return seed
}

func alone(t *testing.T, disk *powerDisk, life int, sync string) *powered {
	// A folder below a new one: both must survive the first cut.
	dir := fmt.Sprintf("%s/site%d/store", disk.mnt, life)
	return &powered{id: "gw1", dir: dir, disk: disk, env: strings.Join([]string{"gw1", dir, "-", "-", "-", sync}, " ")}
}

// TestRow1PowerCutAlone (row 1): one gateway, cut at any moment, also of its very
// first start. After each cut everything acknowledged is there, nothing is half
// or twice, and it goes on by itself.
func TestRow1PowerCutAlone(t *testing.T) {
	t.Parallel()
	if !inside(t, "works") {
		return
	}
	disk, seed, cuts := newPowerDisk(t), cutMoments(t), *realCuts-*realCuts/3
	start, acks := time.Now(), 0
	const perStore = 25
	for made := 0; made < cuts; {
		p := newPowerSite(t, seed+uint64(made), alone(t, disk, made, "sync"))
		for range min(perStore, cuts-made) {
			if err := p.life(false); err != nil {
				t.Fatalf("cut %d: %v", made+1, err)
			}
			made++
		}
		if err := p.final(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Dir(p.list[0].dir)); err != nil {
			t.Fatal(err)
		}
		acks += p.book.acks()
	}
	fmt.Printf(resultIs+"%d power cuts of one gateway, %d acknowledged commands, none lost, %v\n", cuts, acks, time.Since(start).Round(time.Millisecond))
}

// final opens the folder of the only gateway here, after the last cut.
func (p *powerSite) final() error {
	s, err := Open(Config{
		Dir: p.list[0].dir, NodeID: p.list[0].id, Logger: testLogger(p.t), MinFree: 1, SegmentSize: 64 << 10,
	}, ledgerMachine{})
	if err != nil {
		return err
	}
	return errors.Join(p.book.check(s), s.WaitLeader(testContext(p.t)), p.goesOn(s), p.book.check(s), s.Close())
}

// goesOn appends to every lane.
func (p *powerSite) goesOn(s *Store) error {
	for _, g := range p.list {
		for i := range powerLanes {
			lane, left := fmt.Sprint(g.id, "-", i), 3
			err := walk(testContext(p.t), s, lane, func(n uint64) bool {
				p.book.ack(lane, n)
				left--
				return left > 0
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// TestRow1PowerCutThree (row 1): three gateways lose their power at once.
func TestRow1PowerCutThree(t *testing.T) {
	t.Parallel()
	if !inside(t, "works") {
		return
	}
	seed, cuts := cutMoments(t), *realCuts/3
	k := newKit(t, nil)
	k.machine = ledgerMachine{}
	k.tweak = func(c *Config) { c.Dir = filepath.Join(c.Dir, "mnt", "store") }
	certs := t.TempDir()
	writePEM(t, filepath.Join(certs, "ca.pem"), "CERTIFICATE", k.site.cert.Raw)
	var list []*powered
	for i, id := range three {
		der, key := k.site.issue(t, id)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, filepath.Join(certs, id+".pem"), "CERTIFICATE", der)
		writePEM(t, filepath.Join(certs, id+".key"), "PRIVATE KEY", raw)
		k.listen[id] = freePort(t)
		via := "-"
		if i > 0 {
			via = "gw1@" + k.listen["gw1"]
		}
		disk := newPowerDisk(t)
		if err := os.Symlink(filepath.Dir(disk.mnt), filepath.Join(k.base, id)); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(disk.mnt, "store")
		list = append(list, &powered{
			id: id, dir: dir, disk: disk, env: strings.Join([]string{id, dir, k.listen[id], certs, via, "sync"}, " "),
		})
	}
	start := time.Now()
	p := newPowerSite(t, seed, list...)
	for n := range cuts {
		if err := p.life(n == 0); err != nil {
			t.Fatalf("cut %d: %v", n+1, err)
		}
	}
	nodes := []*node{k.open("gw1", true), k.open("gw2", false), k.open("gw3", false)}
	lead := leaderOf(t, nodes...)
	if err := p.goesOn(lead.Store); err != nil {
		t.Fatal(err)
	}
	sameDigest(t, nodes...)
	for _, n := range nodes {
		if err := p.book.check(n.Store); err != nil {
			t.Fatalf("%s: %v", n.id, err)
		}
	}
	for _, n := range nodes {
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
	fmt.Printf(resultIs+"%d power cuts of three gateways at once, %d acknowledged commands, none lost, %v\n", cuts, p.book.acks(), time.Since(start).Round(time.Millisecond))
}

// TestPowerCutWithoutSync: with the synced write of the log off, the same check
// must find a loss.
func TestPowerCutWithoutSync(t *testing.T) {
	t.Parallel()
	if !inside(t, "works") {
		return
	}
	disk := newPowerDisk(t)
	p := newPowerSite(t, cutMoments(t), alone(t, disk, 0, "nosync"))
	for n := range 5 {
		if err := p.life(true); err != nil {
			fmt.Printf(resultIs+"without sync the loss is found after cut %d: %v\n", n, err)
			return
		}
	}
	t.Fatalf("without sync %d acknowledged commands survived five cuts: the check is blind", p.book.acks())
}

// TestPowerCutLeavesNothing: when the test dies with the disk mounted, no loop
// device and no mount stays behind.
func TestPowerCutLeavesNothing(t *testing.T) {
	t.Parallel()
	if !inside(t, "dies") {
		return
	}
	disk := newPowerDisk(t)
	if err := os.WriteFile(disk.mnt+"/f", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(loopsOn(os.TempDir())) != 1 {
		t.Fatal("no loop device in use: this test shows nothing")
	}
	fmt.Println("dies on purpose")
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}
