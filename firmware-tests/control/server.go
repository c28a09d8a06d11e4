// Package control is the hand on an emulated device: a tiny HTTP and JSON API
// on a loopback address or a unix socket, and its Go client. A test, a demo or
// a person with curl puts weights on the scale, scans codes, pulls cables and
// reads what physically happened.
//
//	GET  /state                      kind, name, paths, faults, and what the device shows
//	GET  /record?after=N&wait=MS     entries as JSON lines; waits for the first one newer than N
//	GET  /record?format=json         the same as one JSON list
//	POST /fault  {"name":"stall","on":true}
//	POST /put    {"mg":1250000}      scale
//	POST /remove                     scale
//	POST /scan   {"code":"…"}        scanner; answers the entry
//	POST /take                       printer in peel mode
//	POST /field  {"tags":[{"epc":"…","antenna":1,"rssi":-55,"rate":20,"miss":0.1}]}   rfid: what lies in the field
//	POST /pass   {"tags":[…],"ms":800}   rfid: a carton moves through; answers the entry when it is through
//	POST /induct {"barcode":"…","quality":"GOOD|NOREAD|MULTI|CONFLICT"}   conveyor: a carton before the belt
//	POST /take   {"lane":"L1"}       conveyor: the cartons at the end of a lane, as a JSON list
//	POST /level  {"line":"EYE","level":true}   gpio: an input changes
//	POST /press  {"module":"01","took":3}   light: a button is pressed and pieces are taken; answers the entry
//	POST /climate {"milliC":-20500,"milliRH":54600}   sensor: what is around it
//	GET  /actions?wait=MS            robot: actions that wait for the world, as a JSON list
//	POST /actions/{id} {"result":"FINISHED|FAILED","description":"…"}
//
// Errors are {"error":"…"} with 400 (bad request), 404 (no such thing) or 409
// (the device cannot do that). There is no protection: the API listens on this
// machine only, Listen refuses anything else.
//
// A Server has no goroutines of its own beside those of net/http.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"tote/firmware-tests/record"
)

// ErrNotLocal: the control API may only listen on loopback or a unix socket.
var ErrNotLocal = errors.New("control: address is not on this machine")

const (
	// maxWait bounds one long poll of /record.
	maxWait = 30 * time.Second
	maxBody = 512 << 10 // two thousand RFID tags
)

// State is the answer to GET /state.
type State struct {
	Kind      string   `json:"kind"`             // scale, printer, scanner, robot or rfid
	Name      string   `json:"name"`             // name of the device
	Path      string   `json:"path,omitempty"`   // device path the agent opens
	Listen    string   `json:"listen,omitempty"` // printer: TCP address
	Plugged   bool     `json:"plugged"`
	Listening bool     `json:"listening"` // somebody has the device path open
	Faults    []string `json:"faults"`    // faults that are on
	Known     []string `json:"known"`     // all faults of the device
	LastSeq   int      `json:"lastSeq"`   // newest entry of the record
	RecordErr string   `json:"recordError,omitempty"`

	Device json.RawMessage `json:"device"` // scale.State, printer.State or scanner.State
}

// Target is an emulated device to control.
type Target interface {
	State() State
	SetFault(name string, on bool) error
	Book() *record.Book
}

// Weighable is a Target one can put weights on.
type Weighable interface {
	Put(mg int64) error
	Remove() error
}

// Scannable is a Target one can show codes to.
type Scannable interface {
	Scan(code string) (record.Entry, error)
}

// Takeable is a Target one can take labels off.
type Takeable interface {
	Take() error
}

// Readable is a Target one can put RFID tags in front of.
type Readable interface {
	Field(tags []record.Tag) error
	Pass(tags []record.Tag, ms int64) (record.Entry, error) // returns when the carton is through
}

// Laned is a Target one can put cartons on and take them off.
type Laned interface {
	Induct(barcode, quality string) error
	TakeLane(lane string) ([]record.Carton, error)
}

// Levelled is a Target whose inputs the world moves.
type Levelled interface {
	SetLevel(line string, high bool) error
}

// Airy is a Target around which it can become warmer or colder.
type Airy interface {
	SetClimate(milliC, milliRH int64) error
}

// Pressable is a Target whose buttons can be pressed.
type Pressable interface {
	// Press presses the button of a module; took is how many pieces the person
	// takes, 0 = what the display shows.
	Press(module string, took int64) (record.Entry, error)
}

// Acting is a Target whose actions the world decides.
type Acting interface {
	// Actions lists what waits; it waits for the first one until ctx ends.
	Actions(ctx context.Context) []record.Action
	FinishAction(id, result, description string) error
}

// Listen opens the address of a control API: "127.0.0.1:0" or "unix:/path".
// An old socket file is replaced.
func Listen(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if fi, err := os.Lstat(path); err == nil && fi.Mode().Type() == os.ModeSocket {
			_ = os.Remove(path)
		}
		ln, err := net.Listen("unix", path)
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		return ln, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w: %s", ErrNotLocal, addr)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return ln, nil
}

// Address is how Dial reaches a listener.
func Address(ln net.Listener) string {
	if ln.Addr().Network() == "unix" {
		return "unix:" + ln.Addr().String()
	}
	return ln.Addr().String()
}

// Serve answers on ln until ctx ends, and closes it.
func Serve(ctx context.Context, ln net.Listener, t Target) error {
	srv := &http.Server{
		Handler:           Handler(t),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// Handler is the control API of one device.
func Handler(t Target) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, t.State())
	})
	mux.HandleFunc("GET /record", func(w http.ResponseWriter, r *http.Request) { serveRecord(w, r, t.Book()) })
	post(mux, "/fault", func(b struct {
		Name string `json:"name"`
		On   bool   `json:"on"`
	},
	) (any, error) {
		return nil, t.SetFault(b.Name, b.On)
	})
	if s, ok := t.(Weighable); ok {
		post(mux, "/put", func(b struct {
			Mg int64 `json:"mg"`
		},
		) (any, error) {
			return nil, s.Put(b.Mg)
		})
		post(mux, "/remove", func(struct{}) (any, error) { return nil, s.Remove() })
	}
	if s, ok := t.(Scannable); ok {
		post(mux, "/scan", func(b struct {
			Code string `json:"code"`
		},
		) (any, error) {
			return s.Scan(b.Code)
		})
	}
	if s, ok := t.(Takeable); ok {
		post(mux, "/take", func(struct{}) (any, error) { return nil, s.Take() })
	}
	if s, ok := t.(Readable); ok {
		post(mux, "/field", func(b struct {
			Tags []record.Tag `json:"tags"`
		},
		) (any, error) {
			return nil, s.Field(b.Tags)
		})
		post(mux, "/pass", func(b struct {
			Tags []record.Tag `json:"tags"`
			Ms   int64        `json:"ms"`
		},
		) (any, error) {
			return s.Pass(b.Tags, b.Ms)
		})
	}
	if s, ok := t.(Laned); ok {
		post(mux, "/induct", func(b struct {
			Barcode string `json:"barcode"`
			Quality string `json:"quality"`
		},
		) (any, error) {
			return nil, s.Induct(b.Barcode, b.Quality)
		})
		post(mux, "/take", func(b struct {
			Lane string `json:"lane"`
		},
		) (any, error) {
			return s.TakeLane(b.Lane)
		})
	}
	if s, ok := t.(Levelled); ok {
		post(mux, "/level", func(b struct {
			Line  string `json:"line"`
			Level bool   `json:"level"`
		},
		) (any, error) {
			return nil, s.SetLevel(b.Line, b.Level)
		})
	}
	if s, ok := t.(Pressable); ok {
		post(mux, "/press", func(b struct {
			Module string `json:"module"`
			Took   int64  `json:"took"`
		},
		) (any, error) {
			return s.Press(b.Module, b.Took)
		})
	}
	if s, ok := t.(Airy); ok {
		post(mux, "/climate", func(b struct {
			MilliC  int64 `json:"milliC"`
			MilliRH int64 `json:"milliRH"`
		},
		) (any, error) {
			return nil, s.SetClimate(b.MilliC, b.MilliRH)
		})
	}
	if s, ok := t.(Acting); ok {
		mux.HandleFunc("GET /actions", func(w http.ResponseWriter, r *http.Request) { serveActions(w, r, s) })
		mux.HandleFunc("POST /actions/{id}", func(w http.ResponseWriter, r *http.Request) { finishAction(w, r, s) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Errorf("control: this device has no %s %s", r.Method, r.URL.Path))
	})
	return mux
}

// post registers a command with a strict JSON body; an empty body is {}.
func post[B any](mux *http.ServeMux, path string, do func(B) (any, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var body B
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
			fail(w, http.StatusBadRequest, fmt.Errorf("control: body of %s: %w", path, err))
			return
		}
		answer, err := do(body)
		if err != nil {
			fail(w, http.StatusConflict, err)
			return
		}
		if answer == nil {
			answer = struct{}{}
		}
		reply(w, http.StatusOK, answer)
	})
}

func serveRecord(w http.ResponseWriter, r *http.Request, book *record.Book) {
	q := r.URL.Query()
	after, err1 := count(q.Get("after"))
	wait, err2 := count(q.Get("wait"))
	if err := errors.Join(err1, err2); err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("control: after and wait are numbers: %w", err))
		return
	}
	es := book.After(after)
	if len(es) == 0 && wait > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(wait)*time.Millisecond, maxWait))
		defer cancel()
		es = book.Wait(ctx, after)
	}
	if q.Get("format") == "json" {
		if es == nil {
			es = []record.Entry{}
		}
		reply(w, http.StatusOK, es)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, e := range es {
		if enc.Encode(e) != nil {
			return // the client has gone
		}
	}
}

func count(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, code int, err error) {
	reply(w, code, map[string]string{"error": err.Error()})
}
