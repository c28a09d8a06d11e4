// Package api is the gateway's HTTP interface for people and scripts on the
// site: health, what every order is doing and why, the ledger check, and the
// import of site files. It serves JSON; api/openapi-agent.yaml is its contract.
//
// Handlers run on net/http's goroutines and hold no state of their own. Who may ask
// is looked at in front of them (package access): everybody on loopback, nobody from
// the network without a token or the credential of a device.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"tote/agent/enrol"
	"tote/agent/health"
	"tote/agent/intake"
	"tote/agent/metrics"
	"tote/drivers"
	"tote/warehouse"
)

// MaxFile bounds an imported file, in bytes.
const MaxFile = 64 << 20

// Code of this package's own refusals; the others come from warehouse, intake
// and raftstore.
const (
	CodeBadRequest = "BAD_REQUEST"
	CodeNotFound   = "NOT_FOUND"
	CodeNotReady   = "NOT_READY"
	CodeNoQuorum   = "NO_QUORUM" // as at stations and on state/quorum
	CodeUnknown    = "OUTCOME_UNKNOWN"
	CodeInternal   = "INTERNAL"
	CodeAlone      = "ALONE"
	CodeStockThere = "STOCK_THERE"
	CodeKeyReused  = "KEY_REUSED"
)

// Config is what the interface needs of the agent.
type Config struct {
	Log *slog.Logger
	Do  func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error)
	// DoAs is Do with an id of the caller's own: the same id again gets the
	// first answer, or SEQ_REUSED when it was another command.
	DoAs func(ctx context.Context, id [16]byte, actor string, c warehouse.Command) (warehouse.Result, error)
	View func(fn func(r warehouse.Reader) error) error
	// Starting says why only the gateway and the cluster can be told of yet, not
	// the state; "" = everything can. nil = always.
	Starting func() string
	// Ready is nil when scans can be accepted, else why not.
	Ready func() error
	// Status returns the gateway's part of GET /v1/status.
	Status func() Gateway
	// Faults is the table of all codes.
	Faults func() []health.Fault
	Now    func() time.Time
	// Quorum says whether the site can record anything, since when not, and
	// what to do about it.
	Quorum func() Quorum
	// Trace is what passed lately between a device and its driver, after the chunk
	// of that number; false when there is no such device.
	Trace func(ctx context.Context, name string, after uint64, wait time.Duration) (Trace, bool)
	// Robot does what a person says of a robot, RobotClear or RobotGone; false
	// when nobody configured it.
	Robot func(ctx context.Context, id, act string) bool
	// Scale has a scale of this gateway do what a person asks of it, ScaleZero,
	// ScaleTare or ScaleClearTare, and returns what it shows then. found is false
	// when there is no such scale here; the error carries a code of the drivers'.
	Scale func(ctx context.Context, by, device, act string) (shows string, found bool, err error)
	// PrintWaits is what the printer of a print says that waits for it, "" when that
	// one does not; here is false when no printer of its station is at this gateway.
	PrintWaits func(job warehouse.PrintJob) (why string, here bool)
	// Node tells whether the map of the robots has a node of that name; nil
	// when there are no robots.
	Node func(name string) bool
	// NewToken makes a join token; nil for a gateway that stays alone.
	NewToken func(ctx context.Context, life time.Duration) (string, error)
	// Cluster shows and changes the gateways; nil for one that stays alone.
	Cluster Cluster
	// Formed lists when the site was formed anew.
	Formed func() ([]Formed, error)
	// Updates is what is done about new versions.
	Updates Updates
	// Backup writes a copy of the state.
	Backup func(w io.Writer) error
	// Enrol lets devices in and lists them.
	Enrol *enrol.Desk
	// Revoke takes a device ("role:name") or a gateway out of the site for good.
	Revoke func(ctx context.Context, actor, name string) error
	// BackupNow makes a scheduled backup now.
	BackupNow func(ctx context.Context) (*BackupMade, error)
	// Health is what is wrong now and was lately; nil = nobody looks.
	Health func() Health
	// Metrics adds what only the agent knows to a scrape; nil adds nothing.
	Metrics func(p *metrics.Page)
}

// Quorum is whether the site can record anything.
type Quorum struct {
	OK    bool   `json:"ok"`
	Since string `json:"since,omitempty"` // RFC 3339, when it was lost
	Text  string `json:"text,omitempty"`  // what to do
}

// Gateway is what one gateway says of itself.
type Gateway struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Leader  bool   `json:"leader"`
	Applied uint64 `json:"applied"` // index of the newest applied log entry
	Since   string `json:"since"`   // start of this process, RFC 3339
	MQTT    any    `json:"mqtt,omitempty"`
	Sync    any    `json:"sync,omitempty"`
	// Issues are what is wrong, as in GET /v1/health.
	Issues []health.Issue `json:"issues,omitempty"`
	// Upstreams are the links to the OMSs of consignors.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	Peers     any        `json:"peers,omitempty"` // the gateways of the cluster
	Disk      *Disk      `json:"disk,omitempty"`
	Rebuild   *Rebuild   `json:"rebuild,omitempty"` // nil when the state is whole
	Backup    *Backups   `json:"backup,omitempty"`  // nil when none are scheduled
	Devices   []Device   `json:"devices"`
	Portals   []Portal   `json:"portals,omitempty"`
	Update    *Update    `json:"update,omitempty"`
	// Exposed are the listeners that a network reaches without TLS.
	Exposed []string `json:"exposed,omitempty"`
	// Ending are devices of the site, and the certificate of the listeners, whose
	// time is over or nearly.
	Ending []Ending `json:"ending,omitempty"`
}

// Ending is a credential whose time is over or nearly.
type Ending struct {
	About string `json:"about"` // "robot:R1", or "listeners"
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// Upstream is the link to one OMS beside the default one.
type Upstream struct {
	Name string `json:"name"`
	Sync any    `json:"sync"`
}

// CodeRebuilding is the store's, on screens.
const CodeRebuilding = "STO-405"

// Rebuild is how far the state is that is built anew after an unclean stop.
type Rebuild struct {
	Since     string `json:"since"` // RFC 3339
	Bytes     uint64 `json:"snapshotBytes"`
	OfBytes   uint64 `json:"ofSnapshotBytes"`
	Entries   uint64 `json:"logEntries"`
	OfEntries uint64 `json:"ofLogEntries"`
}

// String says it in a line.
func (r *Rebuild) String() string {
	return fmt.Sprintf("rebuilding: %.1f of %.1f MB of the snapshot and %d of %d log entries are in",
		float64(r.Bytes)/1e6, float64(r.OfBytes)/1e6, r.Entries, r.OfEntries)
}

// Disk is how the disk of the store is.
type Disk struct {
	Level  string `json:"level"`       // green, amber, red or black
	Free   uint64 `json:"freeBytes"`   // 0 with Text: it cannot be told
	Needed uint64 `json:"neededBytes"` // below it new work is refused
	SyncMs int64  `json:"syncMs"`      // most writes of the last minute took no longer; 0 = too few
	Slow   bool   `json:"slow"`
	Code   string `json:"code,omitempty"` // of the table of faults
	Text   string `json:"text,omitempty"`

	Syncs metrics.Spread `json:"-"` // all writes since the start, for GET /metrics
}

// BackupMade is a good scheduled backup.
type BackupMade struct {
	Name     string `json:"name"`
	Target   string `json:"target"`  // folder or address
	Gateway  string `json:"gateway"` // that made it
	At       string `json:"at"`      // RFC 3339
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`   // of the file
	ReadBack bool   `json:"readBack"` // false: the server gives nothing back
}

// Backups is how the scheduled backups are.
type Backups struct {
	Target  string      `json:"target"`
	EveryMs int64       `json:"everyMs"`
	AgeMs   int64       `json:"ageMs"` // of the last one; without one since it is waited for
	Last    *BackupMade `json:"last,omitempty"`
	Code    string      `json:"code,omitempty"` // of the table of faults
	Text    string      `json:"text,omitempty"`
	Next    string      `json:"next,omitempty"` // RFC 3339, when a try that failed is made again
}

// Portal is how the RFID portal of a dock copes; Lost and Dropped count since the
// start.
type Portal struct {
	Dock    string `json:"dock"`
	Waiting int    `json:"waiting"` // passes that wait to be recorded
	Lost    uint64 `json:"lost"`    // passes never recorded: too many waited
	Dropped uint64 `json:"dropped"` // reads that found a full queue
}

// Device is one device of this gateway.
type Device struct {
	Name   string `json:"name"` // "pack1/scale"
	Driver string `json:"driver"`
	State  string `json:"state"` // absent, opening, ready, degraded; unknown: plugged in and not configured
	Since  string `json:"since"`
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"`

	Port     string            `json:"port,omitempty"`     // as configured
	Node     string            `json:"node,omitempty"`     // where that is now, of a serial port
	Identity *drivers.Identity `json:"identity,omitempty"` // who it says it is
}

// Status is the answer of GET /v1/status.
type Status struct {
	Gateway   Gateway          `json:"gateway"`
	Quorum    Quorum           `json:"quorum"`
	Orders    map[string]int64 `json:"orders"` // by work state
	Fallouts  int              `json:"fallouts"`
	Outbox    int              `json:"outbox"`
	OutboxAge int64            `json:"outboxAgeMs"`
}

// Refusal is the body of every answer that is not 2xx.
type Refusal struct {
	Code     string           `json:"code"`
	Text     string           `json:"text,omitempty"`
	Cause    string           `json:"cause,omitempty"`  // of the table of faults
	Action   string           `json:"action,omitempty"` // what to do
	Problems []intake.Problem `json:"problems,omitempty"`
	More     int              `json:"moreProblems,omitempty"` // that are not listed
}

// Routes lists the routes, for the test that holds them against the contract.
var Routes = []string{
	"GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/health", "GET /v1/status", "GET /v1/orders", "GET /v1/orders/{id}",
	"POST /v1/orders/{id}/cancel", "POST /v1/orders/{id}/retry", "GET /v1/fallouts", "GET /v1/ledger",
	"GET /v1/stock/{sku}", "GET /v1/levels/{sku}", "GET /v1/kpis", "GET /v1/faults", "PUT /v1/site", "GET /v1/site", "GET /v1/model", "GET /v1/model/log", "POST /v1/model/plan", "POST /v1/model/apply", "POST /v1/import/{kind}", "POST /v1/workers/{id}/pin", "POST /v1/openings", "GET /v1/openings", "GET /v1/export/events", "GET /v1/export/{kind}", "POST /v1/tokens",
	"POST /v1/robots/{id}/clear", "POST /v1/robots/{id}/gone",
	"POST /v1/devices/{name}/zero", "POST /v1/devices/{name}/tare", "POST /v1/devices/{name}/clear-tare",
	"GET /v1/do", "POST /v1/do/{command}", "GET /v1/floor-tasks",
	"GET /v1/awaiting-labels", "GET /v1/papers/{paper}/{id}", "GET /v1/documents", "GET /v1/documents/{id}", "GET /v1/prints",
	"GET /v1/devices/{name}/trace",
	"GET /v1/find", "GET /v1/trace", "GET /v1/late", "GET /v1/orders/{id}/why",
	"GET /v1/actions", "GET /v1/holds", "GET /v1/backorders",
	"GET /v1/enrol", "POST /v1/enrol/{role}/{name}", "POST /v1/revoke/{name}",
	"GET /v1/backup", "POST /v1/backup", "GET /v1/cluster", "POST /v1/cluster/transfer", "POST /v1/cluster/leave", "POST /v1/cluster/remove", "POST /v1/cluster/replace", "POST /v1/cluster/rekey",
	"POST /v1/update/turn", "POST /v1/update/site", "PUT /v1/update/file", "GET /v1/update/file",
}

// New returns the handler of all routes.
func New(cfg Config) http.Handler {
	s := &server{cfg}
	handlers := map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /healthz":                       s.healthz,
		"GET /readyz":                        s.readyz,
		"GET /metrics":                       s.metrics,
		"GET /v1/health":                     s.health,
		"GET /v1/status":                     s.status,
		"GET /v1/orders":                     s.orders,
		"GET /v1/orders/{id}":                s.order,
		"POST /v1/orders/{id}/cancel":        s.cancel,
		"POST /v1/orders/{id}/retry":         s.retry,
		"GET /v1/fallouts":                   s.fallouts,
		"GET /v1/ledger":                     s.ledger,
		"GET /v1/stock/{sku}":                s.stock,
		"GET /v1/levels/{sku}":               s.levels,
		"GET /v1/kpis":                       s.kpis,
		"GET /v1/faults":                     s.faults,
		"PUT /v1/site":                       s.putSite,
		"GET /v1/site":                       s.getSite,
		"GET /v1/model":                      s.getModel,
		"GET /v1/model/log":                  s.modelLog,
		"POST /v1/model/plan":                s.planModel,
		"POST /v1/model/apply":               s.applyModel,
		"POST /v1/import/{kind}":             s.importFile,
		"POST /v1/workers/{id}/pin":          s.setPin,
		"POST /v1/openings":                  s.bookOpening,
		"GET /v1/openings":                   s.openings,
		"GET /v1/export/events":              s.exportEvents,
		"GET /v1/export/{kind}":              s.exportFile,
		"POST /v1/tokens":                    s.token,
		"POST /v1/robots/{id}/clear":         s.robot(RobotClear),
		"POST /v1/robots/{id}/gone":          s.robot(RobotGone),
		"GET /v1/do":                         s.doable,
		"POST /v1/do/{command}":              s.doCommand,
		"GET /v1/floor-tasks":                s.floorTasks,
		"GET /v1/awaiting-labels":            s.awaiting,
		"GET /v1/papers/{paper}/{id}":        s.paper,
		"GET /v1/documents":                  s.documents,
		"GET /v1/documents/{id}":             s.document,
		"GET /v1/devices/{name}/trace":       s.deviceTrace,
		"POST /v1/devices/{name}/zero":       s.scale(ScaleZero),
		"POST /v1/devices/{name}/tare":       s.scale(ScaleTare),
		"POST /v1/devices/{name}/clear-tare": s.scale(ScaleClearTare),

		"GET /v1/prints":               s.prints,
		"GET /v1/find":                 s.find,
		"GET /v1/trace":                s.trace,
		"GET /v1/late":                 s.late,
		"GET /v1/orders/{id}/why":      s.why,
		"GET /v1/actions":              s.actions,
		"GET /v1/holds":                s.holds,
		"GET /v1/backorders":           s.backorders,
		"GET /v1/enrol":                s.enrolled,
		"POST /v1/enrol/{role}/{name}": s.enrolOne,
		"POST /v1/revoke/{name}":       s.revoke,
		"GET /v1/backup":               s.backup,
		"POST /v1/backup":              s.backupNow,
		"GET /v1/cluster":              s.cluster,
		"POST /v1/cluster/transfer":    s.transfer,
		"POST /v1/cluster/leave":       s.leave,
		"POST /v1/cluster/remove":      s.removeGateway,
		"POST /v1/cluster/replace":     s.replaceGateway,
		"POST /v1/cluster/rekey":       s.rekey,
		"POST /v1/update/turn":         s.turn,
		"POST /v1/update/site":         s.offerUpdate,
		"PUT /v1/update/file":          s.keepUpdate,
		"GET /v1/update/file":          s.updateFile,
	}
	mux := http.NewServeMux()
	for _, route := range Routes {
		h := handlers[route]
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			err := readable(r)
			if err == nil {
				err = s.starting(route)
			}
			if err == nil {
				err = h(w, r)
			}
			if err != nil {
				s.fail(w, r, err)
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if other := methodOf(mux, r); other != "" {
			w.Header().Set("Allow", other)
			s.fail(w, r, refuse(http.StatusMethodNotAllowed, CodeBadRequest, "this page takes "+other))
			return
		}
		s.fail(w, r, refuse(http.StatusNotFound, CodeNotFound, "no such page; see api/openapi-agent.yaml"))
	})
	return mux
}

// readable refuses a path that is not text: no id here is, and none could go
// into a command.
func readable(r *http.Request) error {
	if utf8.ValidString(r.URL.Path) {
		return nil
	}
	return refuse(http.StatusBadRequest, CodeBadRequest, "the path is not UTF-8")
}

// methodOf is a method the path of r is served for, "" when it is not at all.
func methodOf(mux *http.ServeMux, r *http.Request) string {
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		try := r.Clone(r.Context())
		try.Method = m
		if _, pattern := mux.Handler(try); pattern != "/" {
			return m
		}
	}
	return ""
}

type server struct{ cfg Config }

// withoutState are the routes that need no state.
var withoutState = []string{
	"GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/status", "GET /v1/cluster", "GET /v1/faults",
	"POST /v1/devices/{name}/zero", "POST /v1/devices/{name}/tare", "POST /v1/devices/{name}/clear-tare",
}

// starting refuses what cannot be told or done before the state is there.
func (s *server) starting(route string) error {
	if s.cfg.Starting == nil || slices.Contains(withoutState, route) {
		return nil
	}
	if why := s.cfg.Starting(); why != "" {
		return refuse(http.StatusServiceUnavailable, CodeNotReady, why)
	}
	return nil
}

// httpError is a refusal with its HTTP status.
type httpError struct {
	status int
	body   Refusal
}

func (e *httpError) Error() string { return e.body.Code + ": " + e.body.Text }

func refuse(status int, code, text string) error {
	return &httpError{status, Refusal{Code: code, Text: text}}
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var he *httpError
	if !errors.As(err, &he) {
		s.cfg.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		he = &httpError{http.StatusInternalServerError, Refusal{Code: CodeInternal, Text: err.Error()}}
	}
	reply(w, he.status, he.body)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the peer is gone when this fails
}

func (s *server) healthz(w http.ResponseWriter, _ *http.Request) error {
	reply(w, http.StatusOK, map[string]string{"status": "alive"})
	return nil
}

func (s *server) readyz(w http.ResponseWriter, _ *http.Request) error {
	if err := s.cfg.Ready(); err != nil {
		return refuse(http.StatusServiceUnavailable, CodeNotReady, err.Error())
	}
	reply(w, http.StatusOK, map[string]string{"status": "ready"})
	return nil
}

func (s *server) faults(w http.ResponseWriter, _ *http.Request) error {
	reply(w, http.StatusOK, s.cfg.Faults())
	return nil
}

// What a person may say of a robot.
const (
	RobotClear = "clear" // it was put right: it gets jobs again, and an order of somebody else is cancelled
	RobotGone  = "gone"  // it was taken off the floor: what it holds is free, its job is for others
)

func (s *server) robot(act string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := readJSON(w, r, 4<<10, &struct{}{}, "the body must be {}"); err != nil {
			return err
		}
		if err := s.quorum(); err != nil {
			return err
		}
		if !s.cfg.Robot(r.Context(), r.PathValue("id"), act) {
			return refuse(http.StatusNotFound, CodeNotFound, "no robot "+r.PathValue("id"))
		}
		reply(w, http.StatusAccepted, map[string]string{"robot": r.PathValue("id"), "act": act})
		return nil
	}
}

// answerIn bounds how long a person waits for an answer.
const answerIn = 15 * time.Second

// quorum refuses a change that could not be recorded: waiting would not help, and
// nobody would know what for.
func (s *server) quorum() error {
	if q := s.cfg.Quorum(); !q.OK {
		return refuse(http.StatusServiceUnavailable, CodeNoQuorum, "NO QUORUM since "+q.Since+": "+q.Text)
	}
	return nil
}

// do proposes a command for a person at this gateway.
func (s *server) do(r *http.Request, c warehouse.Command) (warehouse.Result, error) {
	return s.propose(r, func(ctx context.Context) (warehouse.Result, error) { return s.cfg.Do(ctx, defaultActor(r), c) })
}

// propose asks for a change and waits for its outcome as long as a person does.
func (s *server) propose(r *http.Request, do func(ctx context.Context) (warehouse.Result, error)) (warehouse.Result, error) {
	if err := s.quorum(); err != nil {
		return warehouse.Result{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerIn)
	defer cancel()
	res, err := do(ctx)
	if err != nil && ctx.Err() != nil {
		return res, refuse(http.StatusGatewayTimeout, CodeUnknown, "no answer in time; ask again for what became of it")
	}
	if errors.Is(err, warehouse.ErrMalformed) {
		// It would never be taken, however often it is asked for.
		return res, refuse(http.StatusBadRequest, warehouse.CodeMalformed, err.Error())
	}
	if err != nil {
		return res, refuse(http.StatusServiceUnavailable, CodeNotReady, err.Error())
	}
	return res, nil
}

// answer turns the result of one command into an HTTP answer.
func answer(w http.ResponseWriter, res warehouse.Result) error {
	if !res.OK {
		status := http.StatusConflict
		if res.Code == warehouse.CodeUnknownOrder {
			status = http.StatusNotFound
		}
		return refuse(status, res.Code, res.Text)
	}
	reply(w, http.StatusOK, res)
	return nil
}

// errTooLarge refuses a body that is longer than the route takes.
func errTooLarge(code string, limit int64) error {
	return refuse(http.StatusRequestEntityTooLarge, code, fmt.Sprintf("the body is longer than %d bytes", limit))
}

// readJSON reads a body that must be one JSON object without unknown fields.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, into any, want string) error {
	in, err := body(w, r, "application/json", limit)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	err = dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the object")
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge(CodeBadRequest, limit)
	}
	return refuse(http.StatusBadRequest, CodeBadRequest, want+": "+err.Error())
}

// body checks the media type, which also keeps a foreign web page in a browser
// on this machine from posting here unasked.
func body(w http.ResponseWriter, r *http.Request, want string, limit int64) (io.Reader, error) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		return nil, refuse(http.StatusUnsupportedMediaType, CodeBadRequest, "Content-Type must be "+want)
	}
	return http.MaxBytesReader(w, r.Body, limit), nil
}

func limitOf(r *http.Request, def, most int) (int, error) {
	v := r.URL.Query().Get("limit")
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		return 0, refuse(http.StatusBadRequest, CodeBadRequest, fmt.Sprintf("limit must be a whole number from 1 to %d", most))
	}
	return n, nil
}
