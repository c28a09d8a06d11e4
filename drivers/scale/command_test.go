package scale_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scale"
	"tote/drivers/scale/kern"
	"tote/drivers/scale/sics"
	"tote/drivers/scale/toledo"
)

// pan is a scale of MT-SICS in memory: milligrams on it, its zero and tare.
type pan struct {
	peer             drivertest.Peer
	load, zero, tare int64
	moving, deaf     bool
	heard            []string
	readings         []scale.Reading
	states           []string
	dev              *scale.Driver
}

func (p *pan) write(b []byte) (int, error) {
	net := p.load - p.zero - p.tare
	switch s := string(b); {
	case s == sics.Ask && p.moving:
		p.peer.Send(fmt.Sprintf("S D %9d mg\r\n", net))
	case s == sics.Ask:
		p.peer.Send(fmt.Sprintf("S S %9d mg\r\n", net))
	default:
		p.heard = append(p.heard, s)
		if p.deaf {
			break
		}
		switch s {
		case "Z\r\n":
			p.zero, p.tare = p.load, 0
			p.peer.Send("Z A\r\n")
		case "T\r\n":
			p.tare = p.load - p.zero
			p.peer.Send("T S 1 mg\r\n")
		case "TAC\r\n":
			p.tare = 0
			p.peer.Send("TAC A\r\n")
		}
	}
	return len(b), nil
}

func startPan(t *testing.T, p *pan, cfg scale.Config) {
	t.Helper()
	p.peer.OnWrite = p.write
	cfg.Name, cfg.Protocol, cfg.Open = "scale/test", sics.Protocol(), p.peer.Open
	cfg.Sink = func(r scale.Reading) { p.readings = append(p.readings, r) }
	cfg.OnStatus = func(s drivers.Status) { p.states = append(p.states, string(s.State)+" "+s.Code) }
	d, err := scale.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.dev = d
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	pass(time.Second)
}

func pass(d time.Duration) {
	<-time.After(d) // the bubble's clock
	synctest.Wait()
}

func TestZero(t *testing.T) {
	for _, c := range []struct {
		name  string
		pan   *pan
		code  string
		heard int
	}{
		{"drifted", &pan{load: 4_000}, "", 1},
		{"below zero", &pan{load: -4_000}, "", 1},
		{"something lies there", &pan{load: 60_000}, drivers.CodeScaleNotEmpty, 0},
		{"it moves", &pan{load: 1, moving: true}, drivers.CodeScaleNotEmpty, 0},
		{"it does not obey", &pan{load: 4_000, deaf: true}, drivers.CodeScaleNotDone, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := c.pan
				startPan(t, p, scale.Config{})
				err := p.dev.Zero(t.Context())
				if drivers.CodeOf(err) != c.code || len(p.heard) != c.heard {
					t.Errorf("%v, heard %q", err, p.heard)
				}
				if c.code == "" && !p.dev.Last().Zero {
					t.Errorf("it shows %s", p.dev.Last().Text())
				}
			})
		})
	}
}

func TestTareAndItsClearing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pan{load: 250_000}
		startPan(t, p, scale.Config{})
		if err := p.dev.Tare(t.Context()); err != nil || p.dev.Last().Milligrams != 0 {
			t.Errorf("%v, shows %s", err, p.dev.Last().Text())
		}
		if err := p.dev.Tare(t.Context()); drivers.CodeOf(err) != drivers.CodeScaleNotEmpty {
			t.Errorf("tared at zero: %v", err)
		}
		if err := p.dev.ClearTare(t.Context()); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		if got := p.dev.Last().Milligrams; got != 250_000 {
			t.Errorf("%d mg", got)
		}
	})
}

// A scale that is away is not told anything later, when it is back.
func TestNoCommandWithoutTheScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pan{load: 1_000}
		startPan(t, p, scale.Config{})
		p.peer.Plug(false)
		pass(time.Second)
		if err := p.dev.Zero(t.Context()); drivers.CodeOf(err) != drivers.CodeScaleSilent {
			t.Error(err)
		}
		p.peer.Plug(true)
		go func() { _ = p.dev.Run(t.Context()) }()
		pass(3 * time.Second)
		if len(p.heard) > 0 {
			t.Errorf("told %q", p.heard)
		}
		p.peer.Plug(false)
	})
}

func TestNoSuchCommand(t *testing.T) {
	for _, p := range []scale.Protocol{kern.Protocol(), toledo.Protocol()} {
		d, err := scale.New(scale.Config{Name: "x", Protocol: p, Open: (&drivertest.Peer{}).Open, Sink: func(scale.Reading) {}})
		if err != nil {
			t.Fatal(err)
		}
		want := drivers.CodeScaleSilent // never heard of
		if p.Clear == "" {
			want = drivers.CodeScaleNoCommand
		}
		if err := d.ClearTare(t.Context()); drivers.CodeOf(err) != want {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

// The empty scale that rests beside zero wants to be zeroed, and says so until
// it shows zero again.
func TestDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pan{}
		startPan(t, p, scale.Config{DriftMg: 5_000})
		p.load = 5_000 // as much as is allowed
		pass(20 * time.Second)
		p.load = 5_001
		pass(9 * time.Second)
		if st := p.dev.Status(); st.State != drivers.Ready {
			t.Errorf("too early: %+v", st)
		}
		p.load = 700_000 // a parcel, for long
		pass(time.Minute)
		p.load = 5_001
		pass(9 * time.Second)
		if p.dev.Last().Drift {
			t.Error("the time of rest went on under a parcel")
		}
		pass(2 * time.Second)
		if st := p.dev.Status(); st.State != drivers.Degraded || st.Code != drivers.CodeScaleDrift || !p.dev.Last().Drift {
			t.Errorf("%+v, %+v", st, p.dev.Last())
		}
		p.load = 705_001 // work goes on, and so does the fault
		pass(time.Second)
		if r := p.dev.Last(); !r.Stable || !r.Drift || r.Milligrams != 705_001 {
			t.Errorf("%+v", r)
		}
		p.load = 5_001
		pass(time.Second)
		if err := p.dev.Zero(t.Context()); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		if st := p.dev.Status(); st.State != drivers.Ready || p.dev.Last().Drift {
			t.Errorf("%+v", st)
		}
		if got := p.states; len(got) != 4 {
			t.Errorf("states %q", got)
		}
	})
}

// A window holds a reading back until the scale has said the same so often; it
// makes none stable.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pan{load: 1_000}
		startPan(t, p, scale.Config{Window: 4})
		for i, r := range p.readings {
			if r.Stable != (i >= 3) {
				t.Errorf("reading %d: stable %v", i, r.Stable)
			}
		}
		p.moving = true
		pass(time.Second)
		if p.dev.Last().Stable {
			t.Error("equal readings of a moving scale became stable")
		}
		p.moving = false
		pass(350 * time.Millisecond)
		if p.dev.Last().Stable {
			t.Error("the row goes on across unrest")
		}
		pass(time.Second)
		if !p.dev.Last().Stable {
			t.Error("never stable")
		}
	})
}
