package agent

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/notify"
	"tote/drivers/serialport"
	"tote/firmware-tests/control"
	"tote/firmware-tests/emulate"
	"tote/firmware-tests/gpio"
	"tote/firmware-tests/printer"
	"tote/warehouse"
)

// The site of these tests is real but for the hardware: a gateway with its
// store on disk and its broker on loopback, devices on ptys, handhelds over
// MQTT, files over HTTP. Two items without lots (A1 in B-1, A2 in B-2), one
// with two lots (L1: LA in B-3, LB in B-4), one order per walk.

// deadline bounds every wait; nothing waits that long when all is well.
const deadline = 40 * time.Second

// gatewayEnv makes the test binary a gateway, for tests that kill one.
const gatewayEnv = "TOTE_TEST_GATEWAY"

func TestMain(m *testing.M) {
	if file := os.Getenv(gatewayEnv); file != "" {
		if err := gatewayMain(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// These tests wait for devices and people, not for the processor.
	flag.Parse()
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// gatewayMain runs a gateway and prints its addresses when it is ready.
func gatewayMain(file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	a, err := New(*cfg, Options{Log: slog.New(slog.DiscardHandler), Ready: func(at Addresses) {
		_ = json.NewEncoder(os.Stdout).Encode(at)
	}})
	if err != nil {
		return err
	}
	return a.Run(context.Background())
}

// site is one site under test.
type site struct {
	t        *testing.T
	dir      string
	oms      string  // address of an OMS, "" = none
	bare     bool    // devices are configured and not there
	lan      string  // "mqtt:" of the configuration, "" = one plain listener
	more     string  // further configuration
	tokens   string  // http.tokens_file, "" = none
	https    string  // http.https, "" = none
	shows    string  // token its requests show
	door     bool    // pack1 has a light tower, dock1 an RFID portal with two photo-eyes, which receives
	llrp     bool    // with door: its reader speaks LLRP, and the photo-eye is wired to it
	readerAt string  // address of that reader
	id       string  // of the gateway; "" = gw1
	port     string  // where the other gateways reach it; "" = it is alone
	others   []*site // the other gateways
	mqtt     string  // addresses of the gateway; chosen at its first start and kept
	web      string
	gw       *gateway
	ports    func() []serialport.Info   // of the machine; nil = none
	dev      map[string]*control.Client // emulated devices, "pack1/scale"
	signals  bool                       // with door: buttons and buzzers at pack1 and dock1
	shelf    bool                       // a reader watches two bins
	slips    bool                       // pack1 has a receipt printer for slips
	labelMs  int64                      // how long a label takes; 0 = 20 ms
	zebra    string                     // the reader of dock1 speaks MQTT: its driver; "" = it is on a serial line
	notify   *notify.Socket

	totes   int                // given to orders so far
	scanned map[string]scanned // newest scan by place
}

// gateway is one run of the agent in this process.
type gateway struct {
	agent *Agent
	stop  context.CancelFunc
	ended chan struct{} // closed when Run returned
	err   error         // what it returned
}

// newSite starts a gateway without devices and tells it what the site holds.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	s.begin()
	return s
}

// newFloor is newSite with the devices of two pack stations and a dock.
func newFloor(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	s.startDevices()
	s.begin()
	s.devicesReady()
	return s
}

// machine is what is plugged in where the gateway runs: what the test says, and
// nothing of the machine that runs the test.
func (s *site) machine() ([]serialport.Info, error) {
	if s.ports == nil {
		return nil, nil
	}
	return s.ports(), nil
}

func (s *site) begin() {
	s.t.Helper()
	s.start()
	s.load()
}

// devicesReady waits until the gateway has every device.
func (s *site) devicesReady() {
	s.t.Helper()
	s.eventually("all devices are ready", func() bool {
		for _, d := range s.gw.agent.status().Devices {
			if d.State != "ready" {
				return false
			}
		}
		return true
	})
}

func (s *site) startDevices() {
	s.t.Helper()
	devices := []emulate.Device{
		{Kind: emulate.Scanner, Name: "pack1/scanner"},
		{Kind: emulate.Scale, Name: "pack1/scale"},
		{Kind: emulate.Printer, Name: "pack1/printer"},
		{Kind: emulate.Scanner, Name: "pack2/scanner"},
		{Kind: emulate.Scale, Name: "pack2/scale"},
		{Kind: emulate.Printer, Name: "pack2/printer"},
		{Kind: emulate.Scanner, Name: "dock1/scanner"},
	}
	if s.door {
		switch {
		case s.llrp:
			devices = append(devices, emulate.Device{Kind: emulate.LLRP, Name: "dock1/rfid"})
		case s.zebra == "":
			devices = append(devices, emulate.Device{Kind: emulate.RFID, Name: "dock1/rfid"})
		}
		devices = append(devices,
			emulate.Device{Kind: emulate.GPIO, Name: "dock1/io", GPIO: gpio.Params{Socket: s.link("dock1/io"), High: []string{"EYE", "YARD", "B2", "RESET"}, Inputs: []string{"STOP"}}},
			emulate.Device{Kind: emulate.GPIO, Name: "pack1/io", GPIO: gpio.Params{Socket: s.link("pack1/io"), High: []string{"B1"}}})
	}
	if s.slips {
		devices = append(devices, emulate.Device{Kind: emulate.Printer, Name: "pack1/slips", Printer: printer.Params{Language: "escpos"}})
	}
	if s.shelf {
		devices = append(devices, emulate.Device{Kind: emulate.RFID, Name: "shelf1/rfid"})
	}
	for i := range devices {
		d := &devices[i]
		if d.Kind != emulate.GPIO && d.Kind != emulate.LLRP {
			d.Link = s.link(d.Name)
		}
		d.Scale.SettleMs, d.Scale.UpdateMs, d.Printer.LabelMs = 20, 20, cmp.Or(s.labelMs, 20)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := emulate.Main(ctx, emulate.Options{Devices: devices, JSON: true}, in)
		_ = in.CloseWithError(err)
		done <- err
	}()
	s.dev, s.scanned = map[string]*control.Client{}, map[string]scanned{}
	s.t.Cleanup(func() {
		for _, c := range s.dev {
			_ = c.Close()
		}
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("the emulators ended with %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	for range devices {
		var r emulate.Ready
		if !lines.Scan() {
			s.t.Fatalf("no ready line: %v", lines.Err())
		}
		s.must(json.Unmarshal(lines.Bytes(), &r))
		c, err := control.Dial(s.ctx(), r.Control)
		s.must(err)
		s.dev[r.Name] = c
		if s.llrp && r.Listen != "" {
			s.readerAt = r.Listen
		}
	}
}

func (s *site) link(device string) string {
	return filepath.Join(s.dir, "dev", strings.ReplaceAll(device, "/", "-"))
}

// config is the text of the gateway's configuration.
func (s *site) config() string {
	var b strings.Builder
	id, raft := cmp.Or(s.id, "gw1"), 20
	if s.port != "" {
		raft = 500 // others must be heard in time, on a busy machine too
		fmt.Fprintf(&b, "cluster: {listen: %q}\n", s.port)
	}
	lan := s.lan
	if lan == "" {
		lan = fmt.Sprintf("{listen: [{address: %q}]}", s.mqtt)
	}
	https := ""
	if s.https != "" {
		https = ", https: " + s.https
	}
	fmt.Fprintf(&b, "config_version: 1\nsite: s1\ngateway: %s\ndata_dir: %s\nmqtt: %s\nhttp: {listen: %q, tokens_file: %q%s}\nraft: {heartbeat_ms: %d, election_ms: %d, promote_ms: 1}\n%s",
		id, filepath.Join(s.dir, id), lan, s.web, s.tokens, https, raft, raft, s.more)
	if s.oms != "" {
		fmt.Fprintf(&b, "oms: {url: %q}\n", s.oms)
	}
	if s.dev == nil && !s.bare {
		return b.String()
	}
	if s.shelf {
		fmt.Fprintf(&b, "rfid_places: {gone_s: 10, readers: [{id: shelf1, driver: r2000, serial: {path: %q, baud: 115200}, places: [{at: B-1, ports: 1}, {at: B-2, ports: \"2,3\"}]}]}\n", s.link("shelf1/rfid"))
	}
	b.WriteString("stations:\n")
	for _, id := range []string{"pack1", "pack2"} {
		fmt.Fprintf(&b, "  - id: %s\n    scanner: {serial: {path: %q}}\n    scale: {driver: mt-sics, interval_ms: 15, serial: {path: %q}}\n    printer: {driver: zpl, serial: {path: %q}}\n",
			id, s.link(id+"/scanner"), s.link(id+"/scale"), s.link(id+"/printer"))
		if s.slips && id == "pack1" {
			fmt.Fprintf(&b, "    slips: {driver: escpos, serial: {path: %q}}\n", s.link("pack1/slips"))
		}
		if s.door && id == "pack1" {
			fmt.Fprintf(&b, "    tower: {green: GREEN, amber: AMBER, red: RED, gpio: {emulated: %q}}\n", s.link("pack1/io"))
			if s.signals {
				fmt.Fprintf(&b, "    buttons: [{does: reprint, line: B1, gpio: {emulated: %[1]q}}]\n    buzzer: {line: Z1, gpio: {emulated: %[1]q}}\n", s.link("pack1/io"))
			}
		}
	}
	fmt.Fprintf(&b, "docks:\n  - id: dock1\n    scanner: {serial: {path: %q}}\n", s.link("dock1/scanner"))
	if s.signals {
		fmt.Fprintf(&b, "    buttons: [{does: depart, line: B2, gpio: {emulated: %[1]q}}]\n    buzzer: {line: Z2, gpio: {emulated: %[1]q}}\n", s.link("dock1/io"))
	}
	switch {
	case s.llrp:
		fmt.Fprintf(&b, "    photo_eye: {reader_gpi: 1, active_low: true}\n    rfid: {driver: llrp, tcp: %q, power_dbm: 30}\n", s.readerAt)
	case s.door:
		fmt.Fprintf(&b, "    photo_eye: {line: EYE, outer_line: YARD, active_low: true, gpio: {emulated: %q}}\n", s.link("dock1/io"))
		if s.zebra != "" {
			fmt.Fprintf(&b, "    rfid: {driver: %s, mqtt: {client_id: RD1, events: zebra/rd1/events, commands: zebra/rd1/cmnd}}\n", s.zebra)
		} else {
			fmt.Fprintf(&b, "    rfid: {driver: r2000, serial: {path: %q, baud: 115200}, receive: true, except_tags: \"hex:E280\"}\n", s.link("dock1/rfid"))
		}
	}
	return b.String()
}

func (s *site) parsed() *config.Config {
	s.t.Helper()
	cfg, err := config.Parse("agent.yaml", []byte(s.config()))
	s.must(err)
	return cfg
}

// start runs the gateway in this process until stop.
func (s *site) start() {
	s.t.Helper()
	cfg := s.parsed()
	ready := make(chan Addresses, 1)
	log := newKeyCheck(s.t)
	if testing.Verbose() && os.Getenv("TOTE_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	a, err := New(*cfg, Options{Version: "test", Log: log, Notify: s.notify, Ready: func(at Addresses) { ready <- at }, Ports: s.machine})
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	gw := &gateway{agent: a, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(gw.ended)
		gw.err = a.Run(ctx)
	}()
	s.gw = gw
	s.t.Cleanup(func() {
		if s.gw == gw && s.gw.agent.ready.Load() {
			s.checkLedger()
		}
		cancel()
		<-gw.ended
	})
	select {
	case at := <-ready:
		s.mqtt, s.web = at.MQTT[len(at.MQTT)-1], at.HTTP
		if s.port != "" {
			s.eventually("it knows where it is", func() bool { // a newcomer is told a moment later
				for _, p := range a.store.Peers() {
					if p.ID == s.id {
						s.port = p.Address[len(p.ID)+1:]
						return true
					}
				}
				return false
			})
		}
	case <-gw.ended:
		s.t.Fatalf("the gateway did not start: %v", gw.err)
	case <-time.After(deadline):
		s.t.Fatal("the gateway is not ready in time")
	}
}

// stop ends the gateway as systemd does and requires a clean end.
func (s *site) stop() {
	s.t.Helper()
	s.gw.stop()
	<-s.gw.ended
	s.must(s.gw.err)
}

// load tells the gateway what the site holds.
func (s *site) load() {
	s.t.Helper()
	if code, answer := s.call("PUT", "/v1/site", "application/json", s.file("site.json")); code != http.StatusOK {
		s.t.Fatalf("site.json: %d %s", code, answer)
	}
	for _, kind := range []string{"items", "bins", "workers", "stock"} {
		if code, answer := s.importCSV(kind, s.file(kind+".csv")); code != http.StatusOK {
			s.t.Fatalf("%s.csv: %d %s", kind, code, answer)
		}
	}
}

func (s *site) file(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "site", name))
	s.must(err)
	return string(b)
}

// call makes one HTTP request to the gateway.
func (s *site) call(method, path, contentType, body string) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx(), method, "http://"+s.web+path, strings.NewReader(body))
	s.must(err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if s.shows != "" {
		req.Header.Set("Authorization", "Bearer "+s.shows)
	}
	return s.send(req)
}

// send makes a request of one's own.
func (s *site) send(req *http.Request) (int, []byte) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	s.must(err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	s.must(err)
	return resp.StatusCode, b
}

func (s *site) importCSV(kind, text string) (int, []byte) {
	s.t.Helper()
	return s.call("POST", "/v1/import/"+kind, "text/csv", text)
}

const orderColumns = "order,line,sku,qty,name,street,postcode,city,country\n"

// orderRow is a line of an order file.
func orderRow(id string, line int, sku string, qty int) string {
	return fmt.Sprintf("%s,%d,%s,%d,Eve,Road 1,1000,Town,DE\n", id, line, sku, qty)
}

// order releases an order of one line.
func (s *site) order(id, sku string, qty int) {
	s.t.Helper()
	var code int
	var answer []byte
	// Without a quorum it is refused at once; people ask again.
	s.eventually("order "+id+" is taken", func() bool {
		code, answer = s.importCSV("orders", orderColumns+orderRow(id, 1, sku, qty))
		return code != http.StatusServiceUnavailable
	})
	if code != http.StatusOK {
		s.t.Fatalf("order %s: %d %s", id, code, answer)
	}
}

// get reads an order; the zero view when the site has none.
func (s *site) get(id string) api.OrderView {
	s.t.Helper()
	code, b := s.call("GET", "/v1/orders/"+id, "", "")
	var o api.OrderView
	switch code {
	case http.StatusOK:
		s.must(json.Unmarshal(b, &o))
	case http.StatusNotFound:
	default:
		s.t.Fatalf("order %s: %d %s", id, code, b)
	}
	return o
}

// wantState requires the state an order is in, or soon comes to.
func (s *site) wantState(id string, want warehouse.OrderState) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("order %s is %s", id, want), func() bool { return s.get(id).State == want })
}

// digest is the hash of the whole replicated state, the outbox included.
func (s *site) digest() string {
	s.t.Helper()
	h := sha256.New()
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		return r.Range(nil, func(k, v []byte) (bool, error) {
			fmt.Fprintf(h, "%d %d ", len(k), len(v))
			h.Write(k)
			h.Write(v)
			return true, nil
		})
	}))
	return fmt.Sprintf("%x", h.Sum(nil))
}

// papersFiled tells whether the clerk is done with the orders whose labels are out.
func (s *site) papersFiled() (done bool) {
	s.t.Helper()
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		orders, err := warehouse.Orders(r, "", 0)
		for _, o := range orders {
			if o.State != warehouse.OrderLabelled && o.State != warehouse.OrderStaged && o.State != warehouse.OrderShipped {
				continue
			}
			docs, derr := warehouse.DocumentsOf(r, o.Spec.ID)
			if derr != nil || !slices.ContainsFunc(docs, func(d warehouse.Document) bool { return d.Kind == warehouse.DocLading }) {
				return derr // the bill of lading is the last one
			}
		}
		done = true
		return err
	}))
	return done
}

// unchanged requires that act leaves the replicated state as it is. The clerk
// works beside: he is waited for, but not for ever, as one who went down leaves
// papers for later.
func (s *site) unchanged(act func()) {
	s.t.Helper()
	for end := time.Now().Add(3 * time.Second); !s.papersFiled() && time.Now().Before(end); {
		<-time.After(5 * time.Millisecond)
	}
	before := s.digest()
	act()
	if after := s.digest(); after != before {
		s.t.Error("the state changed")
	}
}

// events counts the outbox rows of a type.
func (s *site) events(typ, order string) (n int) {
	s.t.Helper()
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		all, err := warehouse.OutboxRange(r, warehouse.StreamControl, 0, 10_000)
		for _, e := range all {
			if e.Type == typ && e.Order == order {
				n++
			}
		}
		return err
	}))
	return n
}

// checkLedger lets the gateway check its books, as at the end of each test.
func (s *site) checkLedger() {
	if s.t.Failed() {
		return
	}
	code, b := s.call("GET", "/v1/ledger", "", "")
	var rep warehouse.LedgerReport
	if err := json.Unmarshal(b, &rep); code != http.StatusOK || err != nil || !rep.OK {
		s.t.Errorf("the ledger: %d %s", code, b)
	}
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// ctx ends with the deadline of a wait.
func (s *site) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	s.t.Cleanup(cancel)
	return ctx
}

// eventually polls a condition.
func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(deadline); !ok(); {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// told says whether every OMS has everything.
func (s *site) told() bool {
	for _, l := range s.gw.agent.links {
		if st := l.status(); st == nil || st.Depth > 0 {
			return false
		}
	}
	return true
}

// bare is the store itself, without the clock around it.
func (a *Agent) bare() store { return a.store.(timedStore).store }
