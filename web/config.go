package web

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tote/warehouse"
)

// ErrConfig: a function the pages cannot do without is missing.
var ErrConfig = errors.New("web: View, Command, LastSeq and Do must be set")

// Config connects the pages with the gateway. View, Command, LastSeq and Do
// must be set; everything else may be left out.
type Config struct {
	Site    string // shown in the title
	Version string // of the program

	// ScanPrefix is what the scanners of handheld pages type before each code,
	// "" = "~"; ScanGS what they type for GS where they cannot type it, "" =
	// nothing of their own.
	ScanPrefix, ScanGS string

	// View runs fn on a consistent snapshot of the state.
	View func(fn func(r warehouse.Reader) error) error
	// Command takes one message of a handheld page, the JSON of up/cmd, and
	// returns the JSON of down/result. An error means that nothing was
	// recorded: the page keeps the message and sends it again.
	Command func(ctx context.Context, device string, payload []byte) ([]byte, error)
	// LastSeq is the newest sequence the site knows of a handheld page.
	LastSeq func(device string) (uint64, error)
	// Do proposes what a person at the console decided.
	Do func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error)

	// Gateway says how this gateway, its cluster, its devices and the link
	// to the OMS are. It is asked a few times a second and must not wait.
	Gateway func() GatewayStatus
	// Floor lists what moves. A worker who is not in the list is shown at
	// the bin of the task in hand.
	Floor func() []Marker
	// Faults explains a code; ok is false for a code it does not know. The
	// codes of package warehouse need not be in it.
	Faults func(code string) (cause, action string, ok bool)
	// Image is the picture of an item with its media type, false when there is
	// none here. nil = there never is.
	Image func(sku string) (body []byte, kind string, ok bool)
	// Starting says why there is no state to show yet, "" when there is; every
	// page then says that. nil = there always is.
	Starting func() string
	// Changes returns a channel that gets a value after something changed
	// (the state, a device, a marker, the quorum) and a function that ends
	// it. The channel must hold one value and be filled without waiting.
	// Many changes are one update: at most four a second go to a page.
	Changes func() (changed <-chan struct{}, cancel func())

	Now func() time.Time // its time zone is the one of the pages
	Log *slog.Logger
}

// GatewayStatus is what a gateway says of itself and of the others.
type GatewayStatus struct {
	ID      string
	Version string
	Leader  bool
	Role    string    // "leader", "follower", "satellite"; "" = by Leader
	Applied uint64    // index of the newest applied log entry
	Since   time.Time // start of this process
	Peers   []Peer    // the other gateways of the cluster
	Devices []Device  // of this gateway
	// Issues are what is wrong, causes only, the worst first.
	Issues []Issue

	// Robots and Conveyors are those of the site, those that were never heard
	// of too.
	Robots    []Robot
	Conveyors []Conveyor

	Sync *Sync // nil: this gateway does not speak with the OMS (it is not the leader, or there is none)
	// Upstreams are the links to the OMSs of consignors, as Sync.
	Upstreams []Upstream
	Quorum    Quorum
}

// Peer is another gateway as this one sees it.
type Peer struct {
	ID      string
	Address string
	Role    string    // "leader", "follower", "satellite"
	Up      bool      // it can be reached
	Since   time.Time // of Up; zero = not known
	Lag     uint64    // log entries behind; 0 when not known
	Version string
}

// Device is one device of a gateway.
type Device struct {
	Name    string    // "pack1/scale"
	Driver  string    //
	State   string    // "ready"; "opening", "degraded" and "unknown" are warnings, any other word is bad: "absent"
	Since   time.Time // of State or Code
	Code    string    // a fault code, "" when nothing is wrong
	Text    string    // the facts of this case
	Reading string    // the last reading, for a person: "1.250 kg", "12 tags"; "" = none
}

// Issue is one thing that is wrong with this gateway or with what it sees of the
// site.
type Issue struct {
	Code, About, Text string
	Cause, Action     string
	Broken            bool // something stands still; else it is a warning
	Since             time.Time
	Follows           []string // what only follows from it: devices, gateways, or words
}

// Robot is one robot of the site.
type Robot struct {
	ID       string
	State    string    // one word or two: "moving", "fault", "lost"
	Since    time.Time // of State and Code
	Bad      bool      // a person must act; a code without it is a remark
	Code     string    // a fault code, "" when nothing is wrong
	Text     string    // the facts of this case: what it waits for, held by whom
	Job      string    // "" = none
	Target   string    // where it drives to, "" = nowhere
	Loads    []string
	Battery  int // percent; -1 = not known
	Charging bool
	Broker   string // where it was last heard: "this gateway", "another gateway"; "" = never
}

// Conveyor is one conveyor or sorter of the site.
type Conveyor struct {
	ID     string
	State  string    // "running", "emergency stop", "offline"
	Since  time.Time // of being connected or not
	Bad    bool      // a person must act
	Warn   bool      // something is not as usual
	Heard  bool      // by this gateway: the rest is known here
	OnBelt int       // cartons scanned and not reported since
	Last   *Carton   // nil = none yet
	Lanes  []Lane
	Faults []MachineFault
}

// Carton is one that left a conveyor.
type Carton struct {
	Barcode string // "" = not read
	Lane    string // where it is; "" = lost or stuck
	Result  string // the conveyor's word: "OK", "FULL", "JAM"
	At      time.Time
}

// Lane is an exit of a conveyor.
type Lane struct {
	ID      string
	Cartons uint64 // that went there since this gateway started
	Waiting int64  // cartons in it now
	Full    int64  // percent; -1 = not told
	Off     bool   // switched off at the machine
}

// MachineFault is how often something went wrong.
type MachineFault struct {
	Code, Text string // the text is of the last one
	N          uint64
	Last       time.Time
}

// Sync is the link to the OMS.
type Sync struct {
	Connected bool
	Since     time.Time // of Connected; zero = not known
	Depth     int       // events that wait; counted in the state when 0
	Oldest    time.Time // of those; zero when none waits
	LastError string
}

// Upstream is the link to one OMS beside the default one.
type Upstream struct {
	Name string
	Sync *Sync
}

// Quorum says whether the site can record anything.
type Quorum struct {
	OK     bool
	Since  time.Time // when it was lost; zero when OK
	Action string    // what to do; "" = the standard advice
}

// Kinds of markers.
const (
	MarkerPicker = "picker"
	MarkerRobot  = "robot"
	MarkerCart   = "cart"
)

// Marker is one thing that moves, placed by Bin or, when that is "", by X and Y.
// Lengths are millimetres in the plane of warehouse.Layout: X along the front
// cross aisle from the middle of aisle 0, Y from the front cross aisle into the
// aisles.
type Marker struct {
	Kind  string // MarkerPicker, MarkerRobot, MarkerCart
	ID    string
	X, Y  int64
	Bin   string
	State string // one word: "driving", "idle", "charging"
	Code  string // what is wrong, "" = nothing
	Alert bool   // a person must see to it
	Text  string // a sentence for the tooltip; "" = none
}
