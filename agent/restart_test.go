package agent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"tote/demo/handheld"
	"tote/warehouse"
)

// TestRestart: a gateway that is stopped and started again has the same state
// byte for byte, shows each handheld the same step, and the work goes on.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, other := s.pickerOf(1, "O1", "A1", 4), s.pickerOf(2, "O2", "L1", 2)
	p.until("scan_item")
	p.goOn()
	p.goOn()
	other.until("scan_slot")
	before := s.digest()
	s.stop()
	s.start()
	if s.digest() != before {
		t.Error("the state is another one after the restart")
	}
	for _, w := range []*picker{p, other} {
		if _, err := w.hh.WaitTask(s.ctx(), func(st handheld.Step) bool { return st == w.step }); err != nil {
			t.Errorf("the handheld does not show %+v again: %+v", w.step, w.hh.Task())
		}
		w.until("ask")
	}
	if o := s.get("O1"); o.Lines[0].Picked != 4 {
		t.Errorf("%d of O1 picked", o.Lines[0].Picked)
	}
	s.wantState("O2", warehouse.OrderPicked)
}

// child is a gateway in a process of its own.
type child struct {
	s   *site
	cmd *exec.Cmd
}

func (s *site) spawn() *child {
	s.t.Helper()
	file := filepath.Join(s.dir, "agent.yaml")
	s.must(os.WriteFile(file, []byte(s.config()), 0o600))
	c := &child{s: s, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), gatewayEnv+"="+file)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	s.must(err)
	s.must(c.cmd.Start())
	s.t.Cleanup(c.kill)
	var at Addresses
	lines := bufio.NewScanner(out)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &at) != nil {
		s.t.Fatalf("the gateway process said %q", lines.Text())
	}
	s.mqtt, s.web = at.MQTT[0], at.HTTP
	return c
}

// kill is the pulled plug.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // "signal: killed"
	}
}

// TestKilledGatewayRow9Row41: SIGKILL in the middle of scanning, three times. No scan
// that was answered is lost and none that was sent twice counts twice: the
// number in hand grows by one with every answer, to the last.
func TestKilledGatewayRow9Row41(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	gateway := s.spawn()
	s.load()
	const pieces = 40
	p := s.pickerOf(1, "O1", "A1", pieces).until("scan_item")

	var answered atomic.Int64
	scanned := make(chan error, 1)
	go func() {
		scan := handheld.Verb{Verb: "scan", Expect: "item", Barcode: "TEA-1", Task: p.step.Task}
		for n := int64(1); n <= pieces; n++ {
			res, err := p.hh.Do(s.ctx(), scan)
			if err == nil && (!res.OK || res.Next.Held != n) {
				err = fmt.Errorf("scan %d: answered %+v with %+v", n, res, res.Next)
			}
			if err != nil {
				scanned <- err
				return
			}
			answered.Store(n)
		}
		scanned <- nil
	}()
	for _, at := range []int64{7, 18, 31} {
		s.eventually(fmt.Sprintf("%d scans are answered", at), func() bool { return answered.Load() >= at || len(scanned) > 0 })
		gateway.kill()
		gateway = s.spawn()
	}
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
	p.step = p.hh.Task()
	if _, err := p.hh.WaitTask(s.ctx(), func(st handheld.Step) bool { p.step = st; return st.Do == "scan_slot" && st.Held == pieces }); err != nil {
		t.Fatalf("the handheld shows %+v", p.hh.Task())
	}
	p.until("ask")
	if o := s.get("O1"); o.State != warehouse.OrderPicked || o.Lines[0].Picked != pieces {
		t.Errorf("order O1 is %s with %+v", o.State, o.Lines)
	}
	s.checkLedger()
}

// TestNoAcknowledgementWithoutTheDisk: while the store takes nothing there is no
// PUBACK and no answer; the handheld keeps the scan, sends it to the gateway
// that was started again, and it counts once.
func TestNoAcknowledgementWithoutTheDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.pickerOf(1, "O1", "A1", 2).until("scan_item")
	s.must(s.gw.agent.store.Close())

	result := make(chan handheld.Result, 1)
	failed := make(chan error, 1)
	go func() {
		res, err := p.hh.Do(s.ctx(), p.right())
		failed <- err
		result <- res
	}()
	s.eventually("acknowledgements are withheld", func() bool { return s.gw.agent.broker.Stats().Withheld > 2 })
	if n := s.gw.agent.broker.Stats(); n.Commands == 0 || len(result) > 0 || p.hh.Pending() != 1 {
		t.Errorf("answered without the store: %+v, %d verbs in the outbox", n, p.hh.Pending())
	}
	s.gw.stop()
	<-s.gw.ended
	s.start()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if res := <-result; !res.OK || res.Next.Held != 1 {
		t.Errorf("answered %+v with %+v", res, res.Next)
	}
	if n := p.hh.Pending(); n != 0 {
		t.Errorf("%d verbs are left in the outbox", n)
	}
	p.ok(handheld.Verb{Verb: "scan", Barcode: "A1"})
	p.until("ask")
	if o := s.get("O1"); o.Lines[0].Picked != 2 {
		t.Errorf("%d picked", o.Lines[0].Picked)
	}
}

// TestPubackComesFromTheNextGateway is the same seen from below: the bytes get no
// PUBACK, the connection ends, and the next gateway acknowledges them.
func TestPubackComesFromTheNextGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.wire("h1")
	s.must(s.gw.agent.store.Close())
	msg := verb(1, "sign_in", `,"barcode":"BADGE-1"`)
	if err := w.client.Publish(s.ctx(), "tote/v1/s1/handheld/h1/up/cmd", []byte(msg), false); err == nil {
		t.Fatal("acknowledged without the store")
	}
	s.gw.stop()
	<-s.gw.ended
	s.start()
	s.must(w.client.WaitConnected(s.ctx()))
	if r := w.send(msg); !r.OK || r.Next.Do != "ask" {
		t.Errorf("answered %+v", r)
	}
}

// TestStartWithoutDevices: nothing is plugged in; scans of handhelds are taken
// all the same and each device says what is wrong.
func TestStartWithoutDevices(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	s.bare = true
	s.begin()
	p := s.pickerOf(1, "O1", "A1", 1)
	p.until("ask")
	s.eventually("every device is absent, with its code", func() bool {
		devices := s.gw.agent.status().Devices
		for _, d := range devices {
			if d.State != "absent" || d.Code == "" {
				return false
			}
		}
		return len(devices) == 7
	})
	if err := s.gw.agent.isReady(); err != nil {
		t.Error(err)
	}
}

// TestSecondGateway: on the same data folder or the same port it says
// so and leaves the first alone.
func TestSecondGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.pickerOf(1, "O1", "A1", 1)
	second := &site{t: t, dir: s.dir, mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	file := filepath.Join(t.TempDir(), "agent.yaml")
	s.must(os.WriteFile(file, []byte(second.config()), 0o600))
	err := gatewayMain(file) // the same data folder
	if err == nil {
		t.Fatal("two gateways have one data folder open")
	}
	t.Log(err)
	second.dir, second.mqtt = t.TempDir(), s.mqtt
	s.must(os.WriteFile(file, []byte(second.config()), 0o600))
	if err := gatewayMain(file); err == nil {
		t.Fatal("two gateways listen on one address")
	}
	p.until("ask")
}
