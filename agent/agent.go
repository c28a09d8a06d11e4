// Package agent is the gateway daemon. New checks the configuration; Run opens
// the store, starts the parts in the order listed in start.go and stops them in
// the opposite order. A device that is missing never stops the start; a store
// that failed stops the gateway, so that its supervisor (systemd) starts it
// anew from the disk.
//
// Agent owns nothing but the wiring: each part's goroutines belong to the part
// and run under one supervisor.
package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tote/agent/api"
	"tote/agent/backup"
	"tote/agent/broker"
	"tote/agent/config"
	"tote/agent/enrol"
	"tote/agent/identity"
	"tote/agent/images"
	"tote/agent/notify"
	"tote/agent/papers"
	"tote/agent/projection"
	"tote/agent/replica"
	"tote/agent/station"
	"tote/agent/supervise"
	"tote/drivers"
	"tote/drivers/serialport"
	"tote/fleet"
	"tote/fleet/conveyor"
	"tote/warehouse"
)

// store is what the agent needs of the replicated store. A satellite has none and
// asks those that do (package satellite). Packages that hold a store do not build
// on 32 bits, so they are named in files *_64bit.go alone.
type store interface {
	Do(ctx context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error)
	DoRaw(ctx context.Context, by replica.By, kind, version uint16, body []byte) (warehouse.Result, error)
	View(fn func(r warehouse.Reader) error) error
	IsLeader() bool
	WaitLeader(ctx context.Context) error
	LastSeq(device string) (uint64, error)
	Applied() uint64
	Term() uint64
	Level() (site, own uint16) // feature levels; a site of 0 is unknown
	Epoch() (uint32, error)
	Formed() ([]api.Formed, error)
	Backup(w io.Writer, site string) error
	Now() time.Time // of the cluster
	Quorum() (ok bool, since time.Time)
	Peers() []Peer
	Disk() *api.Disk
	WaitRebuilt(ctx context.Context) error
	Alive(ctx context.Context) error // nil when its loops move
	Rebuilding() *api.Rebuild        // nil when the state is whole
	Done() <-chan struct{}
	Err() error
	Close() error
}

// Peer is one gateway of the cluster, this one included.
type Peer struct {
	ID          string    `json:"id"`
	Address     string    `json:"address"` // id@host:port
	Voter       bool      `json:"voter"`
	Leader      bool      `json:"leader"`
	Up          bool      `json:"up"`
	LastContact time.Time `json:"lastContact"`
	Applied     uint64    `json:"applied"`
	Lag         uint64    `json:"lag"` // log entries behind
}

// ErrStoreStopped: the store refuses everything after a failed write or a
// damaged state; the process must be started again.
var ErrStoreStopped = errors.New("the store stopped")

// Options are what is not configuration.
type Options struct {
	Version string
	Log     *slog.Logger
	// Ready is told once, when scans are accepted.
	Ready func(Addresses)
	// Ports lists the serial ports of the machine without opening any; nil = this
	// one's.
	Ports func() ([]serialport.Info, error)
	// KnownBad is the table of firmware with published faults; nil = the one of
	// the drivers.
	KnownBad drivers.BadFirmware
	// Notify is the way to systemd; nil without it.
	Notify *notify.Socket
	// Speaks is a feature level beyond which the site is not taken because of this
	// gateway, as if it were of an older version; 0 = what this version speaks.
	Speaks uint16
	// Slots is the folder of the programs (package update); "" when there is none.
	Slots string
}

// Addresses are where the gateway listens.
type Addresses struct {
	HTTP  string
	HTTPS string // "" = the network is not served
	MQTT  []string
}

// Agent is one gateway.
type Agent struct {
	cfg   config.Config
	opt   Options
	log   *slog.Logger
	start time.Time

	store     store
	broker    *broker.Broker
	projector *projection.Projector
	sup       *supervise.Supervisor
	links     []*link // to the OMSs
	http      *http.Server
	https     *http.Server       // for the network; nil = it is not served
	ident     *identity.Identity // nil = alone, and shows no certificate of the site
	server    *identity.Server   // the certificate of its listeners; nil = none is of the site
	enrol     *enrol.Desk        // lets devices in
	admitted  admitted
	visits    visits
	bans      bans
	authority authority
	stations  map[string]chan struct{} // pack station → its record or a label job changed
	kickPool  chan struct{}            // there is work or a worker for the dispatcher
	// kickQuorum: there is a quorum again, or none any more.
	kickQuorum chan struct{}
	devices    []device
	scales     sync.Map // name, "pack1/scale" → *scale.Driver
	plugs      plugs
	strangers  strangers
	towers     []*tower
	doors      []door
	prints     map[string][]*station.Prints // by station
	robots     atomic.Pointer[fleet.Master] // nil without robots
	conveyors  *conveyor.Controller         //
	lights     []lightOf                    // pick-to-light controllers
	readings   readings
	changes    changes
	ready      atomic.Bool
	whole      atomic.Bool // all parts were started; before it there may be no state
	relay      relay       // to the other gateways; nil when alone
	elsewhere  *elsewhere  // robots on the other gateways' brokers
	// newToken makes a join token; nil for a gateway that stays alone.
	newToken func(ctx context.Context, life time.Duration) (string, error)
	// members changes the gateways of the site; nil for one that stays alone.
	members api.Cluster
	leaving atomic.Bool // it was asked to leave the site
	// stopping is closed when Run ends, before the parts do.
	stopping  chan struct{}
	sightings sightings                    // of satellites
	images    atomic.Pointer[images.Cache] // nil without pictures
	told      told                         // what other gateways have published here
	updates   updates
	clerk     *papers.Clerk
	measured  measured
	backups   atomic.Pointer[backup.Runner] // nil when none are scheduled, or not yet
	issues    issues
}

// New checks the configuration and touches nothing.
func New(cfg config.Config, opt Options) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Ports == nil {
		opt.Ports = func() ([]serialport.Info, error) { return serialport.Ports(serialport.Machine()) }
	}
	if opt.KnownBad == nil {
		opt.KnownBad = drivers.KnownBad()
	}
	opt.KnownBad = cfg.Bad(opt.KnownBad)
	a := &Agent{
		cfg: cfg, opt: opt, start: time.Now(),
		log:      opt.Log.With("site", cfg.Site, "gateway", cfg.Gateway),
		stations: map[string]chan struct{}{}, prints: map[string][]*station.Prints{}, stopping: make(chan struct{}),
		kickPool: make(chan struct{}, 1), kickQuorum: make(chan struct{}, 1), links: newLinks(&cfg),
	}
	for _, s := range cfg.Stations {
		a.stations[s.ID] = make(chan struct{}, 1)
	}
	a.updates.a, a.updates.slots = a, slotsOf(opt.Slots)
	a.elsewhere = &elsewhere{relay: func() relay { return a.relay }}
	a.sup = supervise.New(supervise.Config{Log: a.log})
	a.lights = a.newLights(cfg.Lights)
	if err := a.openServer(); err != nil {
		return nil, err
	}
	a.enrol = a.newEnrolment()
	bc, err := a.brokerConfig()
	if err != nil {
		return nil, err
	}
	if a.broker, err = broker.New(bc, commands{a}); err != nil {
		return nil, err
	}
	a.clerk = papers.NewClerk(papers.Clerk{View: a.view, Do: a.do, Log: a.log})
	a.projector = projection.New(a.projectionConfig())
	if a.conveyors, err = a.newConveyors(); err != nil {
		return nil, err
	}
	return a, nil
}

// Run works until ctx ends or the gateway has left the site (nil), or the store
// stops (ErrStoreStopped).
func (a *Agent) Run(ctx context.Context) (err error) {
	var closeStore func() error
	if a.store, closeStore, err = a.openStore(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	a.store = timedStore{a.store, &a.measured.commands}
	defer func() {
		a.ready.Store(false)
		a.toSystemd(a.opt.Notify.Stopping)
		close(a.stopping)
		a.sup.Close()
		err = errors.Join(err, closeStore())
		a.log.Info("gateway stopped")
	}()
	if err := a.startParts(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-a.store.Done():
		if a.leaving.Load() && a.hasLeft() {
			a.log.Info("this gateway has left the site")
			return nil
		}
		return fmt.Errorf("%w: %w", ErrStoreStopped, a.store.Err())
	}
}

// do proposes a command of the gateway itself, with a fresh id.
func (a *Agent) do(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
	return a.doAs(ctx, newID(), actor, c)
}

// doAs is do for somebody who may ask again with the same id.
func (a *Agent) doAs(ctx context.Context, id [16]byte, actor string, c warehouse.Command) (warehouse.Result, error) {
	res, err := a.store.Do(ctx, replica.By{ID: id, Actor: actor}, c)
	if err == nil && a.clerk != nil {
		a.clerk.Note(c, res)
	}
	return res, err
}

// errNoQuorum says what people read on every screen.
var errNoQuorum = errors.New(noQuorum)

// actTime is how long a person waits for an act on a page to be recorded.
const actTime = 15 * time.Second

// doNow is do for somebody who waits at a screen: without a quorum the answer
// comes at once, and an act is not done an hour later.
func (a *Agent) doNow(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
	if ok, _ := a.quorum(); !ok {
		return warehouse.Result{}, errNoQuorum
	}
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	return a.do(ctx, actor, c)
}

func (a *Agent) view(fn func(r warehouse.Reader) error) error { return a.store.View(fn) }

// newID is a fresh command id: 128 random bits never meet.
func newID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails (crypto/rand since Go 1.24)
	return id
}

// kick fills a channel of one without waiting.
func kick(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// isReady is nil when scans can be accepted.
func (a *Agent) isReady() error {
	switch {
	case !a.ready.Load():
		return errors.New(cmp.Or(a.starting(), "the gateway is stopping"))
	}
	if ok, since := a.quorum(); !ok {
		return errors.New(noQuorumSince(since))
	}
	return nil
}

// starting says why there is no state to show yet, "" when there is.
func (a *Agent) starting() string {
	if a.whole.Load() {
		return ""
	}
	if r := a.store.Rebuilding(); r != nil {
		return "the gateway is starting, " + r.String()
	}
	return "the gateway is starting"
}

// quorumNow is whether the site can record anything.
func (a *Agent) quorumNow() api.Quorum {
	ok, since := a.quorum()
	if ok {
		return api.Quorum{OK: true}
	}
	return api.Quorum{Since: since.UTC().Format(time.RFC3339), Text: cmp.Or(a.starting(), noQuorum)}
}

// status is this gateway's part of GET /v1/status.
func (a *Agent) status() api.Gateway {
	g := api.Gateway{
		ID: a.cfg.Gateway, Version: a.opt.Version, Leader: a.store.IsLeader(), Applied: a.store.Applied(),
		Since: a.start.UTC().Format(time.RFC3339), MQTT: a.broker.Stats(), Devices: []api.Device{},
	}
	g.Exposed = a.cfg.Exposed()
	g.Issues = a.issues.board.Issues()
	g.Peers, g.Disk, g.Rebuild = a.store.Peers(), a.store.Disk(), a.store.Rebuilding()
	g.Update = a.updates.status()
	g.Backup = a.backupStatus()
	if !a.whole.Load() {
		return g // the devices are not known yet
	}
	g.Ending = a.ending()
	a.linkStatus(&g)
	for _, d := range a.devices {
		g.Devices = append(g.Devices, a.deviceRow(d.status()))
	}
	for _, s := range a.strangers.all() {
		g.Devices = append(g.Devices, strangerRow(s))
	}
	for _, d := range a.doors {
		s := d.stats()
		g.Portals = append(g.Portals, api.Portal{Dock: d.dock, Waiting: s.Waiting, Lost: s.Lost, Dropped: s.Dropped})
	}
	return g
}
