// Package demo plays a whole shift of a small warehouse against the real
// product: the central OMS, the gateway and each group of device emulators are
// processes of their own; pickers, packers and the dock worker act only through
// MQTT, serial bytes and HTTP, as people at a real site would. It is also the
// product's end-to-end test: at the end it compares what physically happened
// with the ledger and the OMS and exits 0 only when all agree.
//
// Run owns all goroutines and processes it starts; they end before it returns.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"tote/demo/gen"
	"tote/demo/handheld"
	"tote/firmware-tests/control"
)

// Options are the flags of `tote demo`.
type Options struct {
	Exe           string        // this program
	Dir           string        // working directory of the run; "" = a temporary one, removed at the end
	CSV           string        // folder with the files of the shift; "" = the files of the repository, or generated
	Orders        int           // 0 = as many as the files have; with several gateways bigShift
	Speed         float64       // how much faster than life the people move; 0 = no waiting at all
	Exit          bool          // end when the shift is over; otherwise stay for a look around
	Gateways      int           // 1 or 3
	KillGatewayAt float64       // share of the orders picked at which the (leading) gateway's power is cut; below 0 = never
	StopLeaderAt  float64       // share of the orders picked at which the leading gateway stands still; below 0 = never
	StopFor       time.Duration // how long it stands still
	Older         string        // the gateways begin as this older program and are upgraded while the shift goes on; "" = never
	Pickers       int           //
	Listen        string        // address of the OMS's pages; "" = a free port on loopback
	Timeout       time.Duration // the shift must be over by then; 0 = 15 min
	Out           io.Writer
	Terminal      bool // Out can redraw lines
	Verbose       bool // what the people think goes to Out too
}

// ErrFailed: the shift ended, and something does not agree.
var ErrFailed = errors.New("the shift did not end as it should")

// twiceEvery: every so many verbs of a handheld go out twice, as they do where
// the Wi-Fi swallows acknowledgements.
const twiceEvery = 5

// bigShift is how many orders a site of several gateways gets by default.
const bigShift = 200

// siteID names the simulated site everywhere.
const siteID = "demo"

// shift is one run of the demo.
type shift struct {
	opt   Options
	dir   string
	log   *slog.Logger
	data  *gen.Physical
	world *world
	paths *paths
	ui    *progress
	procs *procs
	start time.Time

	addr    addresses
	oms     *client
	gateway *client
	devices map[string]*control.Client // "pack1/scale" → its emulator

	nodes     []*node
	handhelds []*handheld.Client
	firstShip time.Duration
	outage    time.Duration // from the power cut until scans were accepted again
	upgraded  bool          // the gateways began as an older version
	slept     string        // the gateway that stood still for a while
	lastMoved time.Time
}

// addresses are where the processes listen.
type addresses struct{ oms, printer string }

// Run plays the shift. The error is ErrFailed when the shift ended badly; what
// was wrong is printed.
func Run(ctx context.Context, opt Options) error {
	s := &shift{opt: opt, start: time.Now(), devices: map[string]*control.Client{}}
	if s.opt.Timeout == 0 {
		s.opt.Timeout = 15 * time.Minute
	}
	s.ui = newProgress(opt.Out, opt.Terminal, s.start)
	s.log = slog.New(slog.DiscardHandler)
	if opt.Verbose {
		s.log = slog.New(slog.NewTextHandler(opt.Out, nil))
	}
	if err := s.prepare(); err != nil {
		return err
	}
	s.procs = newProcs(opt.Exe, s.dir)
	defer s.procs.stopAll()
	if err := s.bringUp(ctx); err != nil {
		return fmt.Errorf("%w\nthe logs are in %s", err, s.dir)
	}
	ok, err := s.play(ctx)
	if err != nil {
		return fmt.Errorf("%w\nthe logs are in %s", err, s.dir)
	}
	if !opt.Exit {
		fmt.Fprintf(opt.Out, "\nThe site goes on running. Look around:\n"+
			"  order tracking   http://%s/track/%s\n  OMS summary      http://%s/v1/summary\n"+
			"  console          http://%s/\n  gateway          tote status --api http://%s\n  logs             %s\nCtrl-C ends it.\n",
			s.addr.oms, s.data.Orders[0].ID, s.addr.oms, s.nodes[0].http, s.nodes[0].http, s.dir)
		<-ctx.Done()
	}
	if !ok {
		fmt.Fprintf(opt.Out, "\nThe logs are in %s\n", s.dir)
		return ErrFailed
	}
	s.procs.stopAll()
	if opt.Dir == "" {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// prepare puts the files of the shift into place.
func (s *shift) prepare() error {
	var err error
	if s.dir = s.opt.Dir; s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "tote-demo-"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return err
	}
	if s.opt.Orders == 0 && s.opt.Gateways > 1 {
		s.opt.Orders = bigShift
	}
	files := s.opt.CSV
	if files == "" {
		files = filepath.Join(s.dir, "files")
		if err := writeFiles(files, s.opt.Orders); err != nil {
			return err
		}
	}
	if s.data, err = gen.World(files); err != nil {
		return fmt.Errorf("the files in %s: %w", files, err)
	}
	s.opt.CSV = files
	s.world = newWorld(s.data.Site.CartonTareMg)
	s.world.robots = s.hasRobots()
	s.world.fill(s.data)
	s.paths = newPaths(s.data)
	return nil
}

// bringUp starts every process and tells the gateway what the site holds.
func (s *shift) bringUp(ctx context.Context) error {
	if err := s.startOMS(ctx); err != nil {
		return err
	}
	if err := s.startDevices(ctx); err != nil {
		return err
	}
	if err := s.writeConfigs(); err != nil {
		return err
	}
	if err := s.startGateways(ctx); err != nil {
		return err
	}
	if err := s.importSite(ctx); err != nil {
		return err
	}
	return s.startMachines(ctx)
}

// play runs the people until every order came to its end.
func (s *shift) play(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	if err := s.placeOrders(ctx); err != nil {
		return false, err
	}
	peopleCtx, stopPeople := context.WithCancel(ctx)
	defer stopPeople()
	errs := make(chan error, 32)
	var people sync.WaitGroup
	if err := s.startPeople(peopleCtx, &people, errs); err != nil {
		return false, err
	}
	err := s.watch(ctx, errs)
	stopPeople()
	people.Wait()
	if errors.Is(err, errStuck) {
		s.ui.say("%v", err)
		_, err = s.check(context.WithoutCancel(ctx))
		return false, err
	}
	if err == nil && s.upgraded {
		err = s.sameState(ctx)
	}
	if err != nil {
		return false, err
	}
	return s.check(context.WithoutCancel(ctx))
}

// watch follows the orders until all came to an end and the OMS knows.
func (s *shift) watch(ctx context.Context, errs <-chan error) error {
	total := len(s.data.Orders)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	due := func(share float64) int64 {
		if share < 0 {
			return -1
		}
		return int64(share * float64(total))
	}
	killAt, stopAt := due(s.opt.KillGatewayAt), due(s.opt.StopLeaderAt)
	var thawed <-chan struct{} // of a gateway that stands still
	steps := s.upgradeSteps()
	s.lastMoved = time.Now()
	settled, last := false, ""
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the shift was not over in time: %w", context.Cause(ctx))
		case err := <-errs:
			return err
		case <-thawed:
			thawed, s.lastMoved = nil, time.Now()
		case <-tick.C:
		}
		st, err := s.gateway.status(ctx)
		if err != nil {
			continue // the gateway is down or starting; the people wait too
		}
		s.ui.show(total, st.Orders, st.Fallouts, st.Outbox)
		shipped := st.Orders["SHIPPED"]
		if shipped > 0 && s.firstShip == 0 {
			s.firstShip = time.Since(s.start)
		}
		if shipped > 0 && !settled {
			settled = true
			if err := s.settlePending(ctx); err != nil {
				return err
			}
		}
		if killAt >= 0 && thawed == nil && picked(st) >= killAt { // one gateway at a time is missing
			killAt = -1
			if err := s.cutPower(ctx); err != nil {
				return err
			}
			continue
		}
		if stopAt >= 0 && picked(st) >= stopAt {
			stopAt = -1
			if thawed, err = s.freeze(ctx); err != nil {
				return err
			}
			continue
		}
		if len(steps) > 0 && picked(st) >= due(steps[0].at) {
			if err := s.upgrade(ctx, steps[0]); err != nil {
				return err
			}
			steps = steps[1:]
			continue
		}
		if now := fmt.Sprint(st.Orders, st.Outbox); now != last {
			last, s.lastMoved = now, time.Now()
		}
		over, err := s.over(ctx, st)
		if err != nil {
			return err
		}
		if over && killAt >= 0 && thawed == nil { // fewer than that can be picked
			killAt = -1
			if err := s.cutPower(ctx); err != nil {
				return err
			}
			continue
		}
		if over && stopAt >= 0 {
			stopAt = 0
			continue
		}
		if over && len(steps) > 0 {
			steps[0].at = 0
			continue
		}
		if over && thawed == nil { // who stands still is waited for: the check asks everybody
			return nil
		}
		if thawed == nil && time.Since(s.lastMoved) > s.patience() {
			return fmt.Errorf("%w for %.0f s: %v, fallouts %d, outbox %d", errStuck, s.patience().Seconds(), st.Orders, st.Fallouts, st.Outbox)
		}
	}
}

// errStuck: the shift does not get to its end. The check then names the orders.
var errStuck = errors.New("nothing moved")

// picked counts the orders that are picked or further. The power is cut by this
// count, so that pickers, packers and printers are all at work when it goes.
func picked(st status) (n int64) {
	for _, state := range stages[2].states {
		n += st.Orders[state]
	}
	return n
}

// patience is how long nothing may move before the shift counts as stuck: a
// minute, and longer when the people walk at their own pace.
func (s *shift) patience() time.Duration {
	p := time.Minute
	if s.opt.Speed > 0 {
		p += time.Duration(float64(10*time.Minute) / s.opt.Speed)
	}
	return p
}

// over says whether every order is shipped or parked, all totes are dealt with
// and the OMS has heard of everything.
func (s *shift) over(ctx context.Context, st status) (bool, error) {
	ended := st.Orders["SHIPPED"] + st.Orders["SHORT_WAITING"] + st.Orders["CANCELLED"]
	total := int64(len(s.data.Orders))
	if ended < total {
		parked, err := s.gateway.parked(ctx)
		if err != nil {
			return false, nil // asked again at the next tick
		}
		ended += parked
	}
	if ended < total && time.Since(s.lastMoved) > time.Second {
		rejected, err := s.oms.rejected(ctx)
		if err != nil {
			return false, nil // asked again at the next tick
		}
		ended += rejected
	}
	return ended >= total && st.Outbox == 0 && s.world.waiting() == 0 && s.beltTold(ctx), nil
}

// startPeople lets the pickers, packers and the dock worker begin.
func (s *shift) startPeople(ctx context.Context, wg *sync.WaitGroup, errs chan<- error) error {
	var brokers []string
	for _, n := range s.nodes {
		brokers = append(brokers, "tcp://"+n.mqtt)
	}
	run := func(name string, fn func(context.Context) error) {
		wg.Go(func() {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				errs <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	p := pace{s.opt.Speed}
	workers := s.people()
	if len(workers) == 0 {
		return errors.New("workers.csv names no person")
	}
	var cv belt // nil = cartons are carried
	var lanes []string
	if s.hasBelt() {
		cv = &conveyorBelt{cv: s.devices[conveyorID], stray: s.data.Site.DefaultLane, labels: s.world.labelOf, times: map[string]int{}}
		for _, l := range s.data.Site.Lanes {
			lanes = append(lanes, l.ID)
		}
	}
	s.runMachines(run)
	for i := range s.opt.Pickers {
		w := workers[i%len(workers)]
		hh, err := handheld.New(handheld.Config{
			Site: siteID, Device: "hh" + strconv.Itoa(i+1), Brokers: brokers,
			Outbox: filepath.Join(s.dir, "hh"+strconv.Itoa(i+1)+".outbox"), Twice: twiceEvery, Log: s.log,
		})
		if err != nil {
			return err
		}
		pk := &picker{
			log: s.log.With("worker", w.ID), hh: hh, world: s.world, badge: w.Badge, drop: s.data.Site.PackDrop,
			pace: p, slipIn: s.data.Extra, paths: s.paths, count: s.ui.count,
		}
		s.handhelds = append(s.handhelds, hh)
		run("handheld "+w.ID, hh.Run)
		run("picker "+w.ID, pk.run)
	}
	for _, id := range packStations {
		screen, err := newDisplay(siteID, "station", id, brokers, s.log)
		if err != nil {
			return err
		}
		pk := &packer{
			log: s.log, id: id, world: s.world, screen: screen, pace: p, count: s.ui.count, belt: cv,
			scanner: s.devices[id+"/scanner"], scale: s.devices[id+"/scale"], printer: s.devices[id+"/printer"],
		}
		run("display "+id, screen.mq.Run)
		run("packer "+id, pk.run)
	}
	screen, err := newDisplay(siteID, "dock", dockID, brokers, s.log)
	if err != nil {
		return err
	}
	idle := 500 * time.Millisecond
	if s.opt.Speed > 0 {
		idle += time.Duration(float64(time.Minute) / s.opt.Speed)
	}
	hand := &dockHand{
		log: s.log, id: dockID, world: s.world, screen: screen, scanner: s.devices[dockID+"/scanner"],
		pace: p, count: s.ui.count, first: 4, truck: 24, idle: idle, belt: cv, lanes: lanes,
	}
	if s.hasPortal() {
		hand.door = s.newDoor()
	}
	run("display "+dockID, screen.mq.Run)
	run("dock worker", hand.run)
	return nil
}

// ParseShare reads "50%" or "0.5".
func ParseShare(s string) (float64, error) {
	digits, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(digits, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) { // NaN is neither
		return 0, fmt.Errorf("%q is not a share between 0%% and 100%%", s)
	}
	return f, nil
}
