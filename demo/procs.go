package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// proc is one child process of the demo. It writes its log to a file of its
// own; lines of JSON on its standard output go to onLine.
type proc struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // after done
}

// procs starts and stops the processes of the simulated site. The demo ends
// only processes it started itself.
type procs struct {
	exe string // this program
	dir string // logs go here

	mu   sync.Mutex
	live map[*proc]struct{}
}

func newProcs(exe, dir string) *procs {
	return &procs{exe: exe, dir: dir, live: map[*proc]struct{}{}}
}

// start runs this program with args. onLine, when set, hears each line of
// standard output.
func (ps *procs) start(name string, onLine func(string), args ...string) (*proc, error) {
	return ps.startExe(ps.exe, name, onLine, args...)
}

// startExe is start of another program.
func (ps *procs) startExe(exe, name string, onLine func(string), args ...string) (*proc, error) {
	logFile, err := os.OpenFile(filepath.Join(ps.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	p := &proc{name: name, cmd: exec.Command(exe, args...), done: make(chan struct{})}
	p.cmd.Stderr = logFile
	// A child must not outlive the demo, also when the demo is killed; and
	// the terminal's Ctrl-C goes to the demo alone, which stops them in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), logFile.Close())
	}
	ps.mu.Lock()
	ps.live[p] = struct{}{}
	ps.mu.Unlock()
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fmt.Fprintln(logFile, lines.Text())
			if onLine != nil {
				onLine(lines.Text())
			}
		}
		_, _ = io.Copy(logFile, out)
		p.err = p.cmd.Wait()
		_ = logFile.Close()
		ps.mu.Lock()
		delete(ps.live, p)
		ps.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// runOnce runs a command to its end; it must succeed.
func (ps *procs) runOnce(ctx context.Context, name string, onLine func(string), args ...string) error {
	p, err := ps.start(name, onLine, args...)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
	}
	if p.err != nil {
		return fmt.Errorf("tote %s: %w (see %s)", strings.Join(args[:2], " "), p.err, filepath.Join(ps.dir, name+".log"))
	}
	return nil
}

// kill is the power cut: SIGKILL, no goodbye.
func (p *proc) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // an error means it is gone already
	<-p.done
}

// stop asks the process to end and insists after a while.
func (p *proc) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

// stopAll ends every process still alive.
func (ps *procs) stopAll() {
	ps.mu.Lock()
	var all []*proc
	for p := range ps.live {
		all = append(all, p)
	}
	ps.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(p.stop)
	}
	wg.Wait()
}

// ready is one machine-readable line a child prints when something of it is up.
type ready struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Path    string `json:"path"`
	Control string `json:"control"`
	Listen  string `json:"listen"`
	Addr    string `json:"addr"`
}

// startReady starts a process and waits until it printed n ready lines.
func (ps *procs) startReady(ctx context.Context, name string, n int, args ...string) (*proc, []ready, error) {
	return ps.startReadyExe(ctx, ps.exe, name, n, args...)
}

// startReadyExe is startReady of another program.
func (ps *procs) startReadyExe(ctx context.Context, exe, name string, n int, args ...string) (*proc, []ready, error) {
	lines := make(chan ready, 64)
	p, err := ps.startExe(exe, name, func(line string) {
		var r ready
		if json.Unmarshal([]byte(line), &r) == nil && r.Kind != "" {
			select {
			case lines <- r:
			default: // more lines than anybody waits for
			}
		}
	}, args...)
	if err != nil {
		return nil, nil, err
	}
	var got []ready
	timeout := time.After(30 * time.Second)
	for len(got) < n {
		select {
		case r := <-lines:
			got = append(got, r)
		case <-p.done:
			return nil, nil, fmt.Errorf("%s ended before it was ready: %w (see %s)", name, p.err, filepath.Join(ps.dir, name+".log"))
		case <-timeout:
			return nil, nil, fmt.Errorf("%s was not ready within 30 s (see %s)", name, filepath.Join(ps.dir, name+".log"))
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
	return p, got, nil
}
