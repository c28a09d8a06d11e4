//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The goals of issue 7 for a gateway without work.
const (
	restCPU = 1.0 // percent of a core
	restRSS = 60  // MB; MiB would let more through
	// restSettle: what work left in memory reaches the disk within a minute and a
	// half (dirty pages after half a minute, inodes and the journal of ext4 later).
	restSettle = 2 * time.Minute
	restLength = time.Minute
	readyGoal  = 5 // s from the package to the first scan
)

// resting reports what the real program takes of its machine in a minute without
// work, two minutes after the last of it: alone, and as one of three. Written is
// counted twice, by the kernel for the process, and by the disk below, which is one
// of its own where this runs as root.
func resting(ctx context.Context, dir string) (err error) {
	bin := filepath.Join(dir, "tote")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bin, "./cmd/tote").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w %s", err, out)
	}
	for _, n := range []int{1, 3} {
		if err := restingSite(ctx, bin, filepath.Join(dir, strconv.Itoa(n)), n); err != nil {
			return err
		}
	}
	return nil
}

func restingSite(ctx context.Context, bin, dir string, n int) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	disk, release := ownDisk(ctx, dir)
	defer func() { err = errors.Join(err, release()) }()
	var site []*process
	defer func() {
		for _, p := range site {
			err = errors.Join(err, p.end())
		}
	}()
	for i := range n {
		p, err := newProcess(ctx, bin, dir, i, site)
		if err != nil {
			return err
		}
		site = append(site, p)
	}
	if _, err := setUp(ctx, site[0].addr); err != nil {
		return err
	}
	if err := wait(ctx, restSettle); err != nil {
		return err
	}
	before, err := looked(site, disk)
	if err != nil {
		return err
	}
	if err := wait(ctx, restLength); err != nil {
		return err
	}
	after, err := looked(site, disk)
	if err != nil {
		return err
	}
	prefix := map[int]string{1: "alone_idle_minute_", 3: "one_of_three_idle_minute_"}[n]
	for i := range site {
		name := prefix
		if n > 1 {
			name += site[i].role(ctx) + "_"
		}
		a, b := after.of[i], before.of[i]
		report(name+"cpu", 100*(a.cpu-b.cpu)/restLength.Seconds(), "%", restCPU)
		report(name+"rss", a.rss/1000, "MB", restRSS)
		report(name+"wakeups", (a.switches-b.switches)/restLength.Seconds(), "1/s", 0)
		show(figure{Name: name + "written", Value: a.written - b.written, Unit: "B", Goal: "<= 0", OK: a.written == b.written})
	}
	if disk != "" {
		v := after.disk - before.disk
		show(figure{Name: prefix + "written_to_disk", Value: v, Unit: "B", Goal: "<= 0", OK: v == 0})
	}
	return nil
}

// process is a gateway of the real program.
type process struct {
	bin, conf, addr, port string
	cmd                   *exec.Cmd
}

func newProcess(ctx context.Context, bin, dir string, i int, others []*process) (*process, error) {
	p := &process{bin: bin, conf: filepath.Join(dir, fmt.Sprintf("gw%d.yaml", i+1))}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.port = ln.Addr().String()
	text := fmt.Sprintf("config_version: 1\nsite: bench\ngateway: gw%d\ndata_dir: %s\nmqtt: {listen: [{address: \"127.0.0.1:0\"}]}\nhttp: {listen: \"127.0.0.1:0\"}\ncluster: {listen: %q}\n",
		i+1, filepath.Join(dir, "disk", fmt.Sprintf("gw%d", i+1)), p.port)
	if err := errors.Join(ln.Close(), os.WriteFile(p.conf, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	if i == 0 {
		_, err = p.types(ctx, "site", "init", "--config", p.conf)
	} else {
		var token string
		if token, err = others[0].types(ctx, "token", "create", "--api", "http://"+others[0].addr); err == nil {
			_, err = p.types(ctx, "cluster", "join", "--config", p.conf, "--to", others[0].port, "--token", strings.TrimSpace(token))
		}
	}
	if err != nil {
		return nil, err
	}
	p.cmd = exec.CommandContext(ctx, bin, "run", "--json", "--config", p.conf)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gw%d did not start: %w", i+1, err), p.end())
	}
	var ready struct{ Addr string }
	err = json.Unmarshal(line, &ready)
	p.addr = ready.Addr
	return p, err
}

func (p *process) types(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, p.bin, args...).Output()
	if err != nil {
		return "", fmt.Errorf("tote %s: %w", strings.Join(args[:2], " "), err)
	}
	return string(out), nil
}

func (p *process) end() error {
	return errors.Join(p.cmd.Process.Signal(os.Interrupt), p.cmd.Wait())
}

// role is leader or follower.
func (p *process) role(ctx context.Context) string {
	if out, err := p.types(ctx, "status", "--api", "http://"+p.addr); err == nil && strings.Contains(out, `"leader": true,`+"\n    \"applied\"") {
		return "leader"
	}
	return "follower"
}

// look is what processes and their disk have taken so far.
type look struct {
	of   []taken
	disk float64 // bytes
}

type taken struct{ cpu, rss, switches, written float64 } // s, kB, times, bytes

func looked(site []*process, disk string) (l look, err error) {
	for _, p := range site {
		t, err := takenBy(p.cmd.Process.Pid)
		if err != nil {
			return l, err
		}
		l.of = append(l.of, t)
	}
	if disk == "" {
		return l, nil
	}
	data, err := os.ReadFile("/sys/block/" + disk + "/stat")
	if err != nil {
		return l, err
	}
	f := strings.Fields(string(data))
	if len(f) < 7 {
		return l, fmt.Errorf("/sys/block/%s/stat: %q", disk, data)
	}
	sectors, err := strconv.ParseFloat(f[6], 64)
	l.disk = sectors * 512
	return l, err
}

func takenBy(pid int) (t taken, err error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return t, err
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 13 {
		return t, fmt.Errorf("%sstat: %q", dir, stat)
	}
	for _, n := range f[11:13] { // user and system, in hundredths of a second
		v, err := strconv.ParseFloat(n, 64)
		if err != nil {
			return t, err
		}
		t.cpu += v / 100
	}
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return t, err
	}
	if t.rss, err = statusKB(status, "VmRSS"); err != nil {
		return t, err
	}
	t.rss *= 1.024
	threads, err := filepath.Glob(dir + "task/*/status")
	if err != nil {
		return t, err
	}
	for _, file := range threads {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		n, err := statusKB(data, "voluntary_ctxt_switches")
		if err != nil {
			return t, err
		}
		t.switches += n
	}
	io, err := os.ReadFile(dir + "io")
	if err != nil {
		return t, err
	}
	t.written, err = writeBytes(io)
	return t, err
}

// ownDisk mounts a file system of its own on dir/disk, so that its writes are those
// of the gateways alone; name is its block device, "" where that cannot be had.
func ownDisk(ctx context.Context, dir string) (name string, release func() error) {
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	none := func() error { return nil }
	if err := os.MkdirAll(at, 0o755); err != nil || os.Geteuid() != 0 {
		return "", none
	}
	f, err := os.Create(image)
	if err != nil {
		return "", none
	}
	if err := errors.Join(f.Truncate(2<<30), f.Close()); err != nil {
		return "", none
	}
	// What is initialised later would be written in the minute that is measured.
	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image}, {"mount", "-o", "loop", image, at},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "bench: no disk of its own: %v %s\n", err, out)
			return "", none
		}
	}
	release = func() error { return exec.Command("umount", at).Run() }
	mounts, err := os.ReadFile("/proc/self/mounts")
	m := regexp.MustCompile(`(?m)^/dev/(loop\d+) ` + regexp.QuoteMeta(at) + ` `).FindSubmatch(mounts)
	if err != nil || m == nil {
		return "", release
	}
	return string(m[1]), release
}

// installed reports how long it takes from the package to a gateway that accepts
// scans, on a blank Debian, as the test of the package measures it.
func installed(ctx context.Context, _ string) error {
	out, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run", "^TestPackage$", "./deploy/deb").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	m := regexp.MustCompile(`installed in (\S+), ready (\S+) after its start: (\S+)`).FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("the package was not installed:\n%s", out)
	}
	for i, name := range []string{"install", "start_to_ready", "install_to_ready"} {
		d, err := time.ParseDuration(string(m[i+1]))
		if err != nil {
			return err
		}
		report(name, d.Seconds(), "s", map[string]float64{"install_to_ready": readyGoal}[name])
	}
	return nil
}
