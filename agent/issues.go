package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/doctor"
	"tote/agent/health"
)

// How often the agent looks at what is wrong with it: at what changes by itself
// every two seconds, at the machine it runs on each minute.
const (
	lookForIssues  = 2 * time.Second
	lookAtMachine  = time.Minute
	machineLimit   = 5 * time.Second // for one check of it
	brokerMoveTime = 2 * time.Second // it does not move when it takes longer
)

// issues is what is wrong with this gateway and what it sees of the site.
type issues struct {
	board health.Board

	mu      sync.Mutex
	machine []health.Seen     // found by the doctor's checks
	sockets map[string]string // device → USB socket it was last seen in
	asked   time.Time         // when the broker was asked whether it moves; zero = it answered
	stuck   bool              // it did not
	drops   uint64            // slow clients and messages not heard, when looked last
	dropped time.Time         // when there were more
}

// watchIssues keeps the board until ctx ends.
func (a *Agent) watchIssues(ctx context.Context) error {
	tick := time.NewTicker(lookForIssues)
	defer tick.Stop()
	for {
		a.lookForIssues(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ownLog are the kinds that their own part does not tell to the log.
var ownLog = map[string]bool{health.CodeHubGone: true, health.CodeBrokerDown: true, health.CodeOutboxOld: true, health.CodeNoNetwork: true}

func (a *Agent) lookForIssues(ctx context.Context) {
	now := time.Now()
	came, went := a.issues.board.Look(now, a.wrongNow(ctx, now))
	for _, s := range came {
		if f, ok := health.Find(s.Kind); ok && ownLog[s.Kind] {
			a.log.Warn("health issue", "code", f.Code, "about", s.About, "text", s.Text, "action", f.Action)
		}
	}
	for _, p := range went {
		if ownLog[p.Code] {
			a.log.Info("health issue is over", "code", p.Code, "about", p.About, "lasted", p.To.Sub(p.From).Round(time.Second).String(), "times", p.Times)
		}
	}
	if len(came)+len(went) > 0 {
		a.changes.kick()
	}
}

// watchMachine makes those checks of the doctor that write nothing and ask nobody
// else, so that the console tells of a full disk before anybody runs the doctor.
func (a *Agent) watchMachine(ctx context.Context) error {
	tick := time.NewTicker(lookAtMachine)
	defer tick.Stop()
	for {
		m := doctor.This()
		m.Smart = nil // the agent may not ask disks, and starts no programs
		a.lookAtMachine(ctx, m)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// machineChecks are those the agent makes of itself.
var machineChecks = []string{"disk", "wear", "clock", "certificates", "modules"}

func (a *Agent) lookAtMachine(ctx context.Context, m doctor.Machine) {
	p := doctor.Patient{Config: &a.cfg, Machine: m}
	p.Agent.Metrics = map[string]float64{}
	if now := a.store.Now(); !now.IsZero() && now.Unix() > 0 {
		p.Agent.Metrics["tote_clock_offset_seconds"] = time.Since(now).Seconds()
	}
	checks := slices.DeleteFunc(p.Checks(), func(c doctor.Check) bool { return !slices.Contains(machineChecks, c.Name) })
	var seen []health.Seen
	for _, f := range doctor.Run(ctx, checks, machineLimit) {
		if f.Code == "" || f.Code == health.CodeCertBad && !a.whole.Load() {
			continue
		}
		about := f.About
		if f.Check == "disk" || f.Check == "wear" {
			about = "disk"
		}
		seen = append(seen, health.Seen{Node: health.Node{Kind: f.Code, About: about}, Level: f.Level, Text: f.Text})
	}
	for _, f := range a.cfg.Files() {
		if f.Open() {
			seen = append(seen, health.Seen{Node: health.Node{Kind: config.CodeSecret, About: f.Path}, Level: health.LevelWarning, Text: f.Name + " can be read by every user"})
		}
	}
	if ctx.Err() != nil {
		return
	}
	a.issues.mu.Lock()
	a.issues.machine = seen
	a.issues.mu.Unlock()
}

// brokerStuck says whether the broker does not move. It is asked in the background,
// once at a time: what hangs would hold the board up, too.
func (a *Agent) brokerStuck(ctx context.Context, now time.Time) bool {
	s := &a.issues
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() {
		s.asked = now
		go func() {
			err := a.broker.Alive(ctx)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked, s.stuck = time.Time{}, err != nil && ctx.Err() == nil
		}()
	}
	return s.stuck || now.Sub(s.asked) > brokerMoveTime
}

// health is the answer of GET /v1/health.
func (a *Agent) health() api.Health {
	h := api.Health{Gateway: a.cfg.Gateway, At: time.Now().UTC(), Level: doctor.Fine, Issues: a.issues.board.Issues(), Past: a.issues.board.Past()}
	for _, i := range h.Issues {
		if h.Level == doctor.Fine || i.Level == health.LevelBroken {
			h.Level = i.Level
		}
	}
	return h
}

// hub finds devices that went with their USB hub, and tells of that.
func hub(gone, there map[string]string) []health.Seen {
	var missing, present []string
	for _, s := range gone {
		if s != "" {
			missing = append(missing, s)
		}
	}
	for _, s := range there {
		present = append(present, s)
	}
	one := health.Seen{Node: health.Node{Kind: health.CodeHubGone, About: "usb", Over: health.OverUSB}, Level: health.LevelWarning}
	at := health.Hub(missing, present)
	switch {
	case at != "":
		one.About, one.Over = "usb "+at, health.OverUSB+at
		one.Text = fmt.Sprintf("the hub at USB socket %s is gone, with all devices on it", at)
	case len(gone) > 1 && len(there) == 0 && len(missing) == 0: // gone before this process began
		one.Text = fmt.Sprintf("none of %d USB devices is there", len(gone))
	default:
		return nil
	}
	return []health.Seen{one}
}

// usbSocket keeps where the device of a plug is plugged in; "" = nobody knows, and
// onUSB is false when it is no USB device.
func (a *Agent) usbSocket(name string) (socket string, onUSB bool) {
	p := a.plugs.get(name)
	if p == nil || p.line == nil {
		return "", false
	}
	a.issues.mu.Lock()
	defer a.issues.mu.Unlock()
	socket, known := a.issues.sockets[name]
	return socket, known || p.line.USB.ID != "" || strings.Contains(p.line.Path, "usb")
}
