package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/raftstore/peer"
)

// toteCluster is three gateways in processes of their own, and the way to them
// that a gateway without a store has: commands of many callers share calls over
// one connection with mutual TLS.
type toteCluster struct {
	procs    []*exec.Cmd
	stdin    []io.Closer // a gateway ends when its standard input does, by us or by our end
	gateways []peer.Address
	port     *peer.Port
	caller   *peer.Caller
	ways     []*peer.Gatherer[[]byte, proposal]   // to each gateway, when it leads
	any      []*peer.Gatherer[putCommand, string] // to each, whoever leads
	lead     atomic.Int32
}

func startTote(ctx context.Context, s *site, dir string, profile int) (c *toteCluster, err error) {
	c = &toteCluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	var first string
	var ready []*bufio.Scanner
	for i := range 3 {
		a := gatewayArgs{ID: fmt.Sprintf("gw%d", i+1), Certs: s.dir, Via: first}
		a.Dir = filepath.Join(dir, a.ID)
		if profile > 0 {
			a.Profile = fmt.Sprintf("127.0.0.1:%d", profile+i)
		}
		if err := s.issue(a.ID); err != nil {
			return c, err
		}
		args, err := json.Marshal(a)
		if err != nil {
			return c, err
		}
		p := exec.Command(self, "-gateway", string(args))
		p.Stderr = os.Stderr
		in, err := p.StdinPipe()
		if err != nil {
			return c, err
		}
		out, err := p.StdoutPipe()
		if err != nil {
			return c, err
		}
		if err := p.Start(); err != nil {
			return c, err
		}
		c.procs, c.stdin = append(c.procs, p), append(c.stdin, in)
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			return c, fmt.Errorf("%s did not start", a.ID)
		}
		at, err := peer.ParseAddress(lines.Text())
		if err != nil {
			return c, err
		}
		c.gateways, ready = append(c.gateways, at), append(ready, lines)
		if first == "" {
			first = at.String()
		}
	}
	for i, lines := range ready {
		if !lines.Scan() {
			return c, fmt.Errorf("%s has no vote", c.gateways[i].ID)
		}
	}
	if err := s.issue("client"); err != nil {
		return c, err
	}
	conf, err := loadTLS(s.dir, "client")
	if err != nil {
		return c, err
	}
	if c.port, err = peer.Listen(peer.Config{ID: "client", Listen: "127.0.0.1:0", TLS: conf}); err != nil {
		return c, err
	}
	c.caller = peer.NewCaller(c.port)
	for _, to := range c.gateways {
		c.ways = append(c.ways, &peer.Gatherer[[]byte, proposal]{
			Calls: 4, Questions: 128, Bytes: 64 << 10, Limit: 4096,
			Size: func(q []byte) int { return len(q) },
			Ask:  func(qs [][]byte) ([]proposal, error) { return c.ask(to, qs) },
		})
		c.any = append(c.any, &peer.Gatherer[putCommand, string]{
			Calls: 4, Questions: 128, Bytes: 64 << 10, Limit: 4096,
			Size: func(q putCommand) int { return len(q.Body) },
			Ask: func(qs []putCommand) (as []string, err error) {
				if err = c.call(to, callPut, qs, &as); err == nil && len(as) != len(qs) {
					err = fmt.Errorf("%d answers to %d commands", len(as), len(qs))
				}
				return as, err
			},
		})
	}
	return c, c.findLeader(ctx)
}

func (c *toteCluster) name() string { return "tote" }

func (c *toteCluster) pids() (pids []int) {
	for _, p := range c.procs {
		pids = append(pids, p.Process.Pid)
	}
	return pids
}

func (c *toteCluster) findLeader(ctx context.Context) error {
	for {
		for _, at := range c.gateways {
			id, err := c.caller.Call(ctx, at, callLeader, nil)
			for i := range c.gateways {
				if err == nil && string(id) == c.gateways[i].ID {
					c.lead.Store(int32(i))
					return nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no gateway leads: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// proposals and proposal are the calls "proposals" and its answer, as
// raftstore/wire.go has them.
type proposals struct {
	Entry []byte `cbor:"1,keyasint"`
}

type proposalsAnswer struct {
	Code    string     `cbor:"1,keyasint,omitempty"`
	Text    string     `cbor:"2,keyasint,omitempty"`
	Answers []proposal `cbor:"4,keyasint,omitempty"`
}

type proposal struct {
	Code     string `cbor:"1,keyasint,omitempty"`
	Text     string `cbor:"2,keyasint,omitempty"`
	Index    uint64 `cbor:"3,keyasint,omitempty"`
	Rejected bool   `cbor:"5,keyasint,omitempty"`
}

func (c *toteCluster) ask(to peer.Address, commands [][]byte) ([]proposal, error) {
	le := binary.LittleEndian
	entry := make([]byte, 12, 64<<10)
	copy(entry, []byte{1, 1, 1, 0})
	entry = le.AppendUint16(entry, uint16(len(commands)))
	for _, b := range commands {
		entry = append(entry, b...)
	}
	var a proposalsAnswer
	if err := c.call(to, "proposals", proposals{entry}, &a); err != nil {
		return nil, err
	}
	if len(a.Answers) != len(commands) {
		return nil, fmt.Errorf("%d answers to %d commands: %s %s", len(a.Answers), len(commands), a.Code, a.Text)
	}
	return a.Answers, nil
}

func (c *toteCluster) call(to peer.Address, method string, question, answer any) error {
	q, err := cbor.Marshal(question)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	body, err := c.caller.Call(ctx, to, method, q)
	if err != nil {
		return err
	}
	return cbor.Unmarshal(body, answer)
}

// put is one command of a caller: id 16 B | seq | kind | version | device |
// actor | body, as raftstore/entry.go has it.
func (c *toteCluster) put(ctx context.Context, caller int, seq uint64, key string, value []byte, spread bool) error {
	device := fmt.Sprintf("hh%03d", caller)
	body := append(append([]byte{byte(len(key))}, key...), value...)
	if spread {
		failed, _, err := c.any[caller%len(c.any)].Do(ctx, putCommand{device, seq, body})
		if err == nil && failed != "" {
			err = errors.New(failed)
		}
		return err
	}
	le := binary.LittleEndian
	b := make([]byte, 24, 64+len(body))
	le.PutUint64(b[16:], seq)
	b = le.AppendUint16(b, kindPut)
	b = le.AppendUint16(b, 1)
	b = append(b, byte(len(device)))
	b = append(b, device...)
	b = append(b, 0)
	b = le.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	a, _, err := c.ways[c.lead.Load()].Do(ctx, b)
	if err == nil && (a.Code != "" || a.Rejected) {
		err = fmt.Errorf("refused: %s %s", a.Code, a.Text)
	}
	return err
}

func (c *toteCluster) close() error {
	var errs []error
	if c.port != nil {
		errs = append(errs, c.port.Close())
	}
	for _, in := range c.stdin {
		_ = in.Close() // closed already where the process has ended
	}
	for _, p := range c.procs {
		kill := time.AfterFunc(15*time.Second, func() { _ = p.Process.Kill() })
		if err := p.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", strings.Join(p.Args[2:], " "), err))
		}
		kill.Stop()
	}
	return errors.Join(errs...)
}
