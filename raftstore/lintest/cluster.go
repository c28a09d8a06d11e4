//go:build linux

package lintest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tote/raftstore"
)

var ids = []string{"gw1", "gw2", "gw3"}

// beat is the heartbeat and election timeout of the gateways.
const beat = 250 * time.Millisecond

// snapshotEntries is after how many entries gateways take a snapshot.
const snapshotEntries = 100

// Cluster is three gateways in processes of their own.
type Cluster struct {
	t       testing.TB
	opt     Options
	base    string
	sockets string // Unix sockets have short names
	net     network
	groups  map[string]*cgroup // by gateway, when Options ask for them

	mu    sync.Mutex
	procs map[string]*proc
	older map[string]bool // who runs Options.Older
	kills int
	done  []string // the faults there were, for the report
}

type proc struct{ cmd *exec.Cmd }

// startCluster starts the gateways and waits until each has a vote.
func startCluster(t testing.TB, opt Options) *Cluster {
	t.Helper()
	sockets, err := os.MkdirTemp("", "lin")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, opt: opt, base: t.TempDir(), sockets: sockets, procs: map[string]*proc{}, groups: map[string]*cgroup{}, older: map[string]bool{}}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	c.certificates()
	c.cgroups()
	if c.net, err = newNetwork(t, opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.net.close)
	t.Cleanup(func() {
		for _, id := range ids {
			c.end(id)
		}
	})
	for _, id := range ids {
		c.older[id] = opt.Older != ""
	}
	c.start(ids[0], true)
	c.awaitVoter(ids[0])
	for _, id := range ids[1:] {
		c.start(id, false)
	}
	for _, id := range ids[1:] {
		c.awaitVoter(id)
	}
	return c
}

var groups atomic.Int64

// cgroups makes the control groups that are asked for. Where it may not, the
// test is skipped, and says what was not tried.
func (c *Cluster) cgroups() {
	c.t.Helper()
	if !c.opt.Freezer && c.opt.Memory == 0 {
		return
	}
	run := groups.Add(1)
	for _, id := range ids {
		name := fmt.Sprint(run, "-", id)
		g, err := (*cgroup)(nil), error(nil)
		if c.opt.Freezer {
			g, err = newFreezer(name)
		} else {
			g, err = newMemory(name, c.opt.Memory)
		}
		if err != nil {
			c.t.Skipf("NO GATEWAY WAS FROZEN OR SQUEEZED FOR MEMORY: control groups need root: %v", err)
		}
		c.groups[id] = g
		c.t.Cleanup(func() {
			if err := g.remove(); err != nil {
				c.t.Errorf("a control group stays behind: %v", err)
			}
		})
	}
}

// newNetwork makes namespaces where it may, else gates.
func newNetwork(t testing.TB, opt Options) (network, error) {
	if !opt.NoNamespaces {
		s, err := newSpace(ids)
		if err == nil {
			return s, nil
		}
		t.Logf("partitions by proxy instead of network namespaces: %v", err)
	}
	return newGates(ids)
}

// Kill ends a gateway with SIGKILL.
func (c *Cluster) Kill(id string) {
	c.mu.Lock()
	c.kills++
	c.mu.Unlock()
	c.end(id)
	c.note("kill -9 " + id)
}

func (c *Cluster) end(id string) {
	c.mu.Lock()
	p := c.procs[id]
	delete(c.procs, id)
	c.mu.Unlock()
	if p != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// Start starts a gateway that was killed.
func (c *Cluster) Start(id string) { c.start(id, false) }

func (c *Cluster) start(id string, first bool) {
	a := childArgs{
		Subject: c.opt.Subject.Name, ID: id, Dir: filepath.Join(c.base, id), Listen: c.net.listen(id), Reach: c.net.reach(id), Certs: c.base, Socket: c.socket(id),
		First: first, Beat: c.opt.Beat, StaleReads: c.opt.StaleReads, SnapshotEntries: c.opt.SnapshotEntries,
	}
	if id == ids[0] && c.opt.LongLease > 0 {
		a.Beat = c.opt.LongLease
	}
	for _, o := range ids {
		if o != id {
			a.Peers = append(a.Peers, o+"@"+c.net.reach(o))
		}
	}
	env, err := json.Marshal(a)
	if err != nil {
		c.t.Error(err)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	if c.older[id] {
		exe = c.opt.Older
	}
	c.mu.Unlock()
	_ = os.Remove(a.Socket)
	cmd := c.net.command(id, exe)
	cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	cmd.Stderr = os.Stderr
	// A test that ends by panic or by its time limit leaves nothing running.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.t.Errorf("start %s: %v", id, err)
		return
	}
	c.net.started(id, cmd.Process.Pid)
	if g := c.groups[id]; g != nil {
		if err := g.add(cmd.Process.Pid); err != nil {
			c.t.Error(err)
		}
	}
	c.mu.Lock()
	c.procs[id] = &proc{cmd: cmd}
	c.mu.Unlock()
}

// Stop freezes a gateway (SIGSTOP), Continue lets it go on.
func (c *Cluster) Stop(id string) {
	c.signal(id, syscall.SIGSTOP)
	c.note("SIGSTOP " + id)
}

// Continue ends Stop.
func (c *Cluster) Continue(id string) { c.signal(id, syscall.SIGCONT) }

// Freeze freezes the control group of a gateway, Thaw lets it go on.
func (c *Cluster) Freeze(id string) {
	if err := c.groups[id].freeze(); err != nil {
		c.t.Error(err)
	}
	c.note("freeze " + id)
}

// Thaw ends Freeze.
func (c *Cluster) Thaw(id string) {
	if err := c.groups[id].thaw(); err != nil {
		c.t.Error(err)
	}
}

// Hold makes a gateway hold that much more memory, in small pieces that its
// garbage collector has to look at, and throw away as much again and again.
func (c *Cluster) Hold(id string, bytes int64) {
	if _, err := c.control(id, request{Control: "hold", Num: bytes}); err != nil {
		c.t.Errorf("%s: %v", id, err)
	}
	c.note(fmt.Sprint("hold ", id, " ", bytes>>20, " MiB"))
}

// Version stops a gateway as a service is stopped, and starts it as the older
// or as this version.
func (c *Cluster) Version(id string, older bool) {
	c.mu.Lock()
	p := c.procs[id]
	delete(c.procs, id)
	c.older[id] = older
	c.mu.Unlock()
	if p != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
	c.Start(id)
	c.note(fmt.Sprint("version of ", id, ": older=", older))
}

func (c *Cluster) signal(id string, s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.procs[id]; p != nil {
		if err := p.cmd.Process.Signal(s); err != nil {
			c.t.Errorf("%s: %v", id, err)
		}
	}
}

// Cut drops what each of from sends to each of to.
func (c *Cluster) Cut(from, to []string) {
	for _, a := range from {
		for _, b := range to {
			if a != b {
				if err := c.net.cut(a, b); err != nil {
					c.t.Error(err)
				}
			}
		}
	}
	c.note(fmt.Sprint("cut ", from, "->", to))
}

// Isolate cuts a gateway off from the others, both ways.
func (c *Cluster) Isolate(id string) {
	c.Cut([]string{id}, c.Others(id))
	c.Cut(c.Others(id), []string{id})
}

// Heal ends all cuts.
func (c *Cluster) Heal() {
	if err := c.net.heal(); err != nil {
		c.t.Error(err)
	}
}

// Clock sets a gateway's wall clock off.
func (c *Cluster) Clock(id string, by time.Duration) {
	if _, err := c.control(id, request{Control: "clock", Num: int64(by)}); err == nil && by != 0 {
		c.note(fmt.Sprint("clock ", id, " ", by))
	}
}

// Slow makes each sync of a gateway's log take that much longer.
func (c *Cluster) Slow(id string, by time.Duration) {
	if _, err := c.control(id, request{Control: "slow", Num: int64(by)}); err == nil && by > 0 {
		c.note(fmt.Sprint("slow disk ", id, " ", by))
	}
}

// Replace removes a gateway at another one, wipes its disk and lets it join
// again. It is false when the removal did not come about.
func (c *Cluster) Replace(id string) bool {
	removed := false
	for try := 0; try < 10 && !removed; try++ {
		_, err := c.control(c.Others(id)[try%2], request{Control: "remove", Arg: id})
		removed = err == nil || strings.Contains(err.Error(), raftstore.ErrNoMember.Error()) // an answer was lost
	}
	if !removed {
		return false
	}
	c.Kill(id)
	if err := os.RemoveAll(filepath.Join(c.base, id)); err != nil {
		c.t.Error(err)
	}
	c.Start(id)
	c.note("replace " + id)
	return true
}

// Leader is the gateway that says it leads, "" when none does.
func (c *Cluster) Leader() string {
	for _, id := range ids {
		if a, err := c.control(id, request{Control: "state"}); err == nil && a.B == 1 {
			return id
		}
	}
	return ""
}

// Others are all gateways but one.
func (c *Cluster) Others(id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(o string) bool { return o == id })
}

// look is what a gateway says of itself.
type look struct {
	ok        bool // it answered, and is a voter
	leads     bool
	term      uint64
	installed int // snapshots of others it took as its state
}

func (c *Cluster) look(id string) (l look) {
	a, err := c.control(id, request{Control: "state"})
	l.ok, l.leads = err == nil && a.OK, a.B == 1
	_, _ = fmt.Sscan(a.Text, &l.term, &l.installed) // an older version does not tell
	return l
}

// logBytes is how much the log of a gateway takes on its disk.
func (c *Cluster) logBytes(id string) (n int64) {
	entries, err := os.ReadDir(filepath.Join(c.base, id, "log"))
	if err != nil {
		c.t.Error(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // it may have been recycled just now
			n += info.Size()
		}
	}
	return n
}

func (c *Cluster) note(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, s)
}

func (c *Cluster) socket(id string) string { return filepath.Join(c.sockets, id) }

// control asks a gateway's process.
func (c *Cluster) control(id string, r request) (Answer, error) {
	r.Limit = 2 * time.Second
	l := &line{socket: c.socket(id)}
	defer l.close()
	p, _, err := l.ask(r, 3*time.Second)
	if err == nil && p.Err != "" {
		err = errors.New(p.Err)
	}
	return p.Answer, err
}

// await polls until ok.
func await(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

func (c *Cluster) awaitVoter(id string) {
	c.t.Helper()
	await(c.t, 30*time.Second, id+" has a vote", func() bool {
		a, err := c.control(id, request{Control: "state"})
		return err == nil && a.OK
	})
}

// settle ends every fault and waits until all gateways are members that have
// the same state.
func (c *Cluster) settle() {
	c.t.Helper()
	c.Heal()
	for _, id := range ids {
		c.mu.Lock()
		gone := c.procs[id] == nil
		c.mu.Unlock()
		if gone {
			c.Start(id)
		}
		c.Continue(id)
	}
	for _, id := range ids {
		c.awaitVoter(id)
		c.Slow(id, 0)
		c.Clock(id, 0)
	}
	await(c.t, 30*time.Second, "a leader", func() bool { return c.Leader() != "" })
}

// sameState compares the digests of all gateways once nobody writes any more.
func (c *Cluster) sameState() {
	c.t.Helper()
	await(c.t, 30*time.Second, "the same state everywhere", func() bool {
		top := int64(0)
		for _, id := range ids {
			a, err := c.control(id, request{Control: "state"})
			if err != nil {
				return false
			}
			top = max(top, a.A)
		}
		sums := map[Answer]bool{}
		for _, id := range ids {
			a, err := c.control(id, request{Control: "digest", Num: top})
			if err != nil {
				return false
			}
			sums[a] = true
		}
		return len(sums) == 1
	})
}

func (c *Cluster) certificates() {
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(c.base, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	make1 := func(tmpl, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			c.t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
		if err != nil {
			c.t.Fatal(err)
		}
		return der, key
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "site"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsageCertSign,
	}
	der, caKey := make1(ca, ca, nil)
	write("ca.pem", "CERTIFICATE", der)
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, id := range ids {
		der, key := make1(&x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: id}, DNSNames: []string{id},
			NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, ca, caKey)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			c.t.Fatal(err)
		}
		write(id+".pem", "CERTIFICATE", der)
		write(id+".key", "PRIVATE KEY", raw)
	}
}
