// Package projection keeps the retained state topics of this gateway's broker
// equal to the replicated state: what each handheld, station and dock shows.
// Brokers do not cluster; each is a projection of the state every gateway has,
// so a device that fails over finds the same retained topics.
//
// Run owns one goroutine and everything published. Touch is called from the
// store's apply goroutine: it only notes what changed and never blocks; many
// changes of one thing between two rounds are one publish of its newest state.
package projection

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"tote/warehouse"
)

// Config is what a Projector needs.
type Config struct {
	Log  *slog.Logger
	View func(fn func(r warehouse.Reader) error) error
	// Publish sends a retained message on state/<name> of a device.
	Publish func(class, id, name string, payload []byte) error
	// LastSeq is the newest sequence the site knows of a device.
	LastSeq func(class, id string) (uint64, error)
	// Stations and Docks are those of this gateway's configuration.
	Stations, Docks []string
	// Lights are the pick-to-light controllers of this gateway's configuration:
	// which of their modules hangs at which bin.
	Lights map[string]map[string]string
	// Notify hears each touched key after its topics are published:
	// "station/pack1", "job/…", "pool", "outbox/control". It must not block.
	Notify func(key string)
}

// Projector publishes the state topics.
type Projector struct {
	cfg  Config
	wake chan struct{}

	mu      sync.Mutex
	touched map[string]struct{}
	asked   map[string]struct{} // "dock/dock1": places somebody reads here, that may be of another gateway

	// The rest belongs to Run's goroutine.
	deviceOf map[string]string // worker → handheld last published for
	sent     map[string]string // topic → payload last published
	picks    map[string]Lamp   // worker → the lamp it needs
}

// New makes a Projector.
func New(cfg Config) *Projector {
	return &Projector{
		cfg:      cfg,
		wake:     make(chan struct{}, 1),
		touched:  map[string]struct{}{},
		asked:    map[string]struct{}{},
		deviceOf: map[string]string{},
		sent:     map[string]string{},
		picks:    map[string]Lamp{},
	}
}

// Touch notes that the things named by keys changed.
func (p *Projector) Touch(keys []string) {
	if len(keys) == 0 {
		return
	}
	p.mu.Lock()
	for _, k := range keys {
		p.touched[k] = struct{}{}
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Everything notes that the whole state may have changed.
func (p *Projector) Everything() { p.Touch([]string{everything}) }

// everything is the key of a state replaced as a whole.
const everything = "*"

// Connected publishes what a device that just connected must know and cannot
// have kept: the newest sequence the site has of it.
func (p *Projector) Connected(class, id string) {
	switch class {
	case "handheld":
		p.Touch([]string{"device/" + id})
	case "light":
		p.Touch([]string{"light/" + id})
	}
}

// maxAsked bounds the places remembered; a site has a few dozen.
const maxAsked = 1024

// Asked publishes the state of a station or dock that somebody begins to read
// on this broker, and keeps it true. The place may belong to another gateway,
// and if nothing has happened there yet no record tells of it.
func (p *Projector) Asked(class, id string) {
	key := class + "/" + id
	p.mu.Lock()
	_, known := p.asked[key]
	full := !known && len(p.asked) >= maxAsked
	if !full {
		p.asked[key] = struct{}{}
	}
	p.mu.Unlock()
	if full {
		p.cfg.Log.Warn("too many places are read on this gateway, one is not shown", "place", key)
		return
	}
	p.Touch([]string{key})
}

// Run publishes everything once and then what changes, until ctx ends.
func (p *Projector) Run(ctx context.Context) error {
	clear(p.sent) // a restarted broker holds nothing
	clear(p.picks)
	if err := p.all(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		p.mu.Lock()
		keys := make([]string, 0, len(p.touched))
		for k := range p.touched {
			keys = append(keys, k)
		}
		clear(p.touched)
		p.mu.Unlock()
		slices.Sort(keys)
		for _, k := range keys {
			if err := p.one(k); err != nil {
				return fmt.Errorf("projection of %s: %w", k, err)
			}
			if p.cfg.Notify != nil {
				p.cfg.Notify(k)
			}
		}
	}
}

func (p *Projector) all() error {
	// Stations of other gateways are published here too: their displays may
	// be connected to this broker.
	var workers, stations []string
	err := p.cfg.View(func(r warehouse.Reader) error {
		states, err := warehouse.WorkerStates(r)
		if err != nil {
			return err
		}
		for _, w := range states {
			workers = append(workers, w.Worker)
		}
		known, err := warehouse.Stations(r)
		for _, s := range known {
			stations = append(stations, s.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	maps.DeleteFunc(p.picks, func(w string, _ Lamp) bool { return !slices.Contains(workers, w) })
	for _, w := range workers {
		if err := p.one("worker/" + w); err != nil {
			return err
		}
	}
	if err := p.lights(); err != nil {
		return err
	}
	var places []string
	for _, s := range append(stations, p.cfg.Stations...) {
		places = append(places, "station/"+s)
	}
	for _, d := range p.cfg.Docks {
		places = append(places, "dock/"+d)
	}
	p.mu.Lock()
	places = slices.AppendSeq(places, maps.Keys(p.asked))
	p.mu.Unlock()
	slices.Sort(places)
	for _, key := range slices.Compact(places) {
		if err := p.one(key); err != nil {
			return err
		}
	}
	return nil
}

// one publishes the topics that show the thing named by key.
func (p *Projector) one(key string) error {
	class, id, _ := strings.Cut(key, "/")
	switch class {
	case everything:
		return p.all()
	case "worker":
		return p.worker(id)
	case "device":
		_, err := p.device(id)
		return err
	case "light":
		return p.connectedLight(id)
	case "station":
		_, err := p.step("station", id, warehouse.StationStep)
		return err
	case "dock":
		return p.dock(id)
	}
	return nil
}

// worker publishes for the handheld the worker is signed in on, and for the
// one just left.
func (p *Projector) worker(id string) error {
	var now string
	err := p.cfg.View(func(r warehouse.Reader) error {
		ws, err := warehouse.GetWorkerState(r, id)
		if ws != nil {
			now = ws.Device
		}
		return err
	})
	if err != nil {
		return err
	}
	if before := p.deviceOf[id]; before != "" && before != now {
		if _, err := p.device(before); err != nil {
			return err
		}
	}
	delete(p.deviceOf, id)
	if now == "" {
		return p.pick(id, "", nil)
	}
	p.deviceOf[id] = now
	step, err := p.device(now)
	if err != nil {
		return err
	}
	return p.pick(id, now, step)
}

// device publishes what a handheld shows, and returns it.
func (p *Projector) device(id string) (*warehouse.Step, error) {
	if err := p.seq("handheld", id); err != nil {
		return nil, err
	}
	return p.step("handheld", id, warehouse.NextStep)
}

// seq publishes the newest sequence known of a device.
func (p *Projector) seq(class, id string) error {
	last, err := p.cfg.LastSeq(class, id)
	if err != nil {
		return err
	}
	return p.publish(class, id, "seq", struct {
		Last uint64 `json:"last"`
	}{last})
}

func (p *Projector) step(class, id string, of func(warehouse.Reader, string) (*warehouse.Step, error)) (step *warehouse.Step, err error) {
	err = p.cfg.View(func(r warehouse.Reader) (err error) {
		step, err = of(r, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return step, p.publish(class, id, "task", step)
}

// Quorum is the retained state/quorum of the site, as the gateway of this broker
// sees it. It is published by package agent, around the replicated state.
type Quorum struct {
	OK     bool   `json:"ok"`
	Since  string `json:"since"` // RFC 3339, since when it is so
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"`   // for a screen
	Action string `json:"action,omitempty"` // what a person does
}

// DockTask is what a dock's display shows.
type DockTask struct {
	Do     string   `json:"do"`
	Loaded []string `json:"loaded"` // SSCCs on the truck
}

func (p *Projector) dock(id string) error {
	task := DockTask{Do: "scan_label", Loaded: []string{}}
	err := p.cfg.View(func(r warehouse.Reader) error {
		loaded, err := warehouse.LoadedAt(r, id)
		task.Loaded = append(task.Loaded, loaded...)
		return err
	})
	if err != nil {
		return err
	}
	return p.publish("dock", id, "task", task)
}

// publish sends payload unless the topic holds just that already.
func (p *Projector) publish(class, id, name string, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	topic := class + "/" + id + "/" + name
	if p.sent[topic] == string(b) {
		return nil
	}
	if err := p.cfg.Publish(class, id, name, b); err != nil {
		return err
	}
	p.sent[topic] = string(b)
	return nil
}
