package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
	"tote/mqtt"
)

// ErrConfig: the configuration makes no sense; the text says why.
var ErrConfig = errors.New("fleet: configuration")

// ErrUnknownRobot: no robot of that id is configured.
var ErrUnknownRobot = errors.New("fleet: no such robot")

// Client is the connection to one broker. *mqtt.Client fits; whoever made it
// runs it.
type Client interface {
	PublishQoS0(ctx context.Context, topic string, payload []byte, retained bool) error
	Subscribe(ctx context.Context, sub mqtt.Subscription) error
}

// Jobs is where work comes from and where its outcome goes.
type Jobs interface {
	// Next gives a robot its next job. A job that is assigned and not over
	// is given again, with the same ids and without the legs reported done.
	// ok is false when there is none; it is asked again after a Kick or
	// after Timing.Ask.
	Next(ctx context.Context, robot string) (job Job, ok bool, err error)
	// Report records progress. It is idempotent by (Job, Leg, State): after
	// a take-over the same may come again. With an error it is reported
	// again.
	Report(ctx context.Context, p Progress) error
}

// Holder is what Jobs may also be: it names the job a robot was given and that is
// not over, without giving it a new one. With it the job of a robot that is out
// of reach is given up also when its leader ended before it had begun.
type Holder interface {
	Held(ctx context.Context, robot string) (job string, ok bool, err error)
}

// Job is a piece of work for one robot.
type Job struct {
	ID   string
	Kind string // for people: "transport", "pick"
	Legs []Leg  // what is left to do, in order
}

// Leg is a drive to a node with at most one action there.
type Leg struct {
	ID     string // unique in the job
	Node   string
	Action string // VDA 5050 action type; "" = only go there
	Params []Param
}

// Param is a parameter of an action: a string, bool, int, int64 or float64.
type Param struct {
	Key   string
	Value any
}

// Progress of a job.
type Progress struct {
	Robot, Job, Leg string
	State           string // LegDone, LegFailed, JobDone or JobFailed
	Code            string // why it failed
	Text            string // what the robot said: resultDescription
	At              time.Time
}

// States of Progress.
const (
	LegDone   = "LEG_DONE"
	LegFailed = "LEG_FAILED" // JobFailed follows
	JobDone   = "JOB_DONE"
	JobFailed = "JOB_FAILED"
)

// RobotConfig is one robot of the site.
type RobotConfig struct {
	ID                   string
	Manufacturer, Serial string
	Interface            string // first topic level; default "uagv"
	Major                string // second topic level; default "v2"
	Version              string // exact header version; default "2.0.0"
	Speed                int64  // mm/s at most; 0 = the robot's own
	Park                 string // the node it waits at; no other robot drives over it
	LowBattery           int    // percent below which it gets no job; default 20
}

// Timing of the master. Zero values are the defaults.
type Timing struct {
	Echo      time.Duration // an order or cancel that is not echoed is sent again; default 1 s
	Silence   time.Duration // without a state for this long the state is asked for; default 5 s
	Lost      time.Duration // … the robot is lost; default 30 s
	FailAfter time.Duration // a robot out of reach or at fault for this long loses its job; default 60 s
	Blocked   time.Duration // a robot that does not move for this long is said to be blocked; default 20 s
	Ask       time.Duration // pause between two questions for a job; default 1 s
	Retry     time.Duration // a robot that rejected an order gets jobs again; default 5 min
	Resends   int           // resends before it is said that an order is not confirmed; default 5
}

// Config of a Master. Optional are Now, Changed and Timing.
type Config struct {
	Log     *slog.Logger
	Clients []Client // one for each broker of the site
	// View runs fn on a consistent snapshot of the replicated state.
	View func(fn func(r intent.Reader) error) error
	// Propose commits a command and gives its answer. With an error the
	// outcome is not known or nothing was committed.
	Propose func(ctx context.Context, c intent.Command) (intent.Result, error)
	// Leading is asked right before each publish: this gateway leads and
	// has a quorum. It must not block.
	Leading func() bool
	Jobs    Jobs
	Map     Map
	Robots  []RobotConfig
	// NewID makes order ids: 1..40 of A-Z a-z 0-9 _ . - and never the same
	// again.
	NewID   func() string
	Now     func() time.Time // nil = time.Now
	Changed func()           // Status has changed; must not block
	Timing  Timing
}

// withDefaults checks the configuration and fills in the defaults.
func (cfg Config) withDefaults() (Config, error) {
	for _, m := range []struct {
		name    string
		missing bool
	}{
		{"Log", cfg.Log == nil},
		{"Clients", len(cfg.Clients) == 0},
		{"View", cfg.View == nil},
		{"Propose", cfg.Propose == nil},
		{"Leading", cfg.Leading == nil},
		{"Jobs", cfg.Jobs == nil},
		{"NewID", cfg.NewID == nil},
	} {
		if m.missing {
			return cfg, fmt.Errorf("%w: %s is missing", ErrConfig, m.name)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	robots := make([]RobotConfig, len(cfg.Robots))
	for i, r := range cfg.Robots {
		robots[i] = r.withDefaults()
	}
	cfg.Robots = robots
	cfg.Timing = cfg.Timing.withDefaults()
	return cfg, CheckMap(cfg.Map, robots)
}

func (r RobotConfig) withDefaults() RobotConfig {
	for _, d := range []struct {
		p   *string
		def string
	}{{&r.Interface, "uagv"}, {&r.Major, "v2"}, {&r.Version, "2.0.0"}} {
		if *d.p == "" {
			*d.p = d.def
		}
	}
	if r.LowBattery == 0 {
		r.LowBattery = 20
	}
	return r
}

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		p   *time.Duration
		def time.Duration
	}{
		{&t.Echo, time.Second},
		{&t.Silence, 5 * time.Second},
		{&t.Lost, 30 * time.Second},
		{&t.FailAfter, time.Minute},
		{&t.Blocked, 20 * time.Second},
		{&t.Ask, time.Second},
		{&t.Retry, 5 * time.Minute},
	} {
		if *d.p <= 0 {
			*d.p = d.def
		}
	}
	if t.Resends <= 0 {
		t.Resends = 5
	}
	return t
}

// check refuses a robot that cannot be.
func (r RobotConfig) check() error {
	if r.ID == "" || len(r.ID) > 64 {
		return fmt.Errorf("%w: robot id %.80q", ErrConfig, r.ID)
	}
	for _, l := range []string{r.Interface, r.Major, r.Manufacturer, r.Serial} {
		if !vda5050.ValidLevel(l) {
			return fmt.Errorf("%w: robot %s: %q cannot be a level of a topic", ErrConfig, r.ID, l)
		}
	}
	if r.Speed < 0 || r.LowBattery < 0 || r.LowBattery > 100 {
		return fmt.Errorf("%w: robot %s: speed %d, low battery %d", ErrConfig, r.ID, r.Speed, r.LowBattery)
	}
	return nil
}

func (r RobotConfig) topic(name string) string {
	return vda5050.Topic(r.Interface, r.Major, r.Manufacturer, r.Serial, name)
}
