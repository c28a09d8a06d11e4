//go:build linux

package lintest

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// gates are partitions where no namespaces may be made: each gateway is reached
// through a gate. Which gateway a connection comes from is looked up in /proc,
// because they all come from the same address. What is cut waits, as it does in
// a network that loses packets, and goes on after heal.
type gates struct {
	wg sync.WaitGroup

	mu      sync.Mutex
	gates   map[string]net.Listener
	back    map[string]string // where the gateways listen
	pids    map[string]int
	off     map[[2]string]bool
	conns   map[net.Conn]struct{}
	changed chan struct{} // closed at heal and at the end
	closed  bool
}

func newGates(ids []string) (*gates, error) {
	g := &gates{
		gates: map[string]net.Listener{}, back: map[string]string{}, pids: map[string]int{},
		off: map[[2]string]bool{}, conns: map[net.Conn]struct{}{}, changed: make(chan struct{}),
	}
	for _, id := range ids {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			g.close()
			return nil, err
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		g.back[id] = free.Addr().String()
		_ = free.Close() // the gateway takes it
		if err != nil {
			g.close()
			return nil, err
		}
		g.gates[id] = ln
		g.wg.Go(func() { g.accept(id, ln) })
	}
	return g, nil
}

func (g *gates) listen(id string) string { return g.back[id] }

func (g *gates) reach(id string) string { return g.gates[id].Addr().String() }

func (g *gates) command(_, exe string) *exec.Cmd { return exec.Command(exe) }

func (g *gates) started(id string, pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pids[id] = pid
}

func (g *gates) cut(from, to string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.off[[2]string{from, to}] = true
	return nil
}

func (g *gates) heal() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.off)
	g.wake()
	return nil
}

func (g *gates) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *gates) close() {
	g.mu.Lock()
	g.closed = true
	for _, ln := range g.gates {
		_ = ln.Close()
	}
	for c := range g.conns {
		_ = c.Close()
	}
	g.wake()
	g.mu.Unlock()
	g.wg.Wait()
}

// passes waits while the way is cut; false at the end.
func (g *gates) passes(from, to string) bool {
	for {
		g.mu.Lock()
		off, closed, changed := g.off[[2]string{from, to}], g.closed, g.changed
		g.mu.Unlock()
		if closed || !off {
			return !closed
		}
		<-changed
	}
}

func (g *gates) accept(to string, ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		g.wg.Go(func() { g.serve(to, conn) })
	}
}

// keep remembers a connection so that close ends it; false when it is too late.
func (g *gates) keep(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = c.Close()
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *gates) drop(c net.Conn) {
	_ = c.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

func (g *gates) serve(to string, in net.Conn) {
	if !g.keep(in) {
		return
	}
	defer g.drop(in)
	from, err := g.source(in)
	if err != nil || !g.passes(from, to) {
		return // it is gone already, or the run is
	}
	out, err := net.Dial("tcp", g.back[to])
	if err != nil || !g.keep(out) {
		return
	}
	defer g.drop(out)
	done := make(chan struct{}, 2)
	pump := func(dst, src net.Conn, from, to string) {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 32<<10)
		for {
			n, err := src.Read(buf)
			if !g.passes(from, to) { // the end of a connection is cut as well
				return
			}
			if n > 0 {
				if _, werr := dst.Write(buf[:n]); werr != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	g.wg.Go(func() { pump(out, in, from, to) })
	g.wg.Go(func() { pump(in, out, to, from) })
	<-done
}

// source is the gateway whose process holds the other end of a connection.
func (g *gates) source(c net.Conn) (string, error) {
	inode, err := inodeOf(c.RemoteAddr(), c.LocalAddr())
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	pids := maps.Clone(g.pids)
	g.mu.Unlock()
	for id, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		fds, _ := os.ReadDir(dir) // it may have been killed
		for _, fd := range fds {
			if to, _ := os.Readlink(dir + "/" + fd.Name()); to == "socket:["+inode+"]" {
				return id, nil
			}
		}
	}
	return "", fmt.Errorf("nobody holds socket %s", inode)
}

// inodeOf finds the socket of a connection between two local addresses.
func inodeOf(local, remote net.Addr) (string, error) {
	l, r := hexAddr(local), hexAddr(remote)
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) > 9 && w[1] == l && w[2] == r {
			return w[9], nil
		}
	}
	return "", fmt.Errorf("no socket from %s to %s", local, remote)
}

// hexAddr writes an address as /proc/net/tcp does on a little-endian machine.
func hexAddr(a net.Addr) string {
	ap, _ := netip.ParseAddrPort(a.String())
	b := ap.Addr().Unmap().As4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", b[3], b[2], b[1], b[0], ap.Port())
}
