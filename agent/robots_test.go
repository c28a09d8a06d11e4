package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/firmware-tests/record"
	"tote/firmware-tests/robot"
	"tote/fleet"
	"tote/warehouse"
)

// newRobotSite is a site whose robots carry and pick, on a network where every
// client must prove itself and the first listener speaks TLS: the master of the
// fleet sits inside the gateway and must not notice.
func newRobotSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	cert, key := s.certificate()
	tokens := s.write("tokens", "robot:R1 secret-of-r1\nrobot:R2 secret-of-r2\n")
	s.lan = fmt.Sprintf("{listen: [{address: %q, tls: {cert: %q, key: %q}}, {address: %q}], tokens_file: %q}", "127.0.0.1:0", cert, key, "127.0.0.1:0", tokens)
	m := fleet.Map{ID: "floor", Nodes: []fleet.Node{
		{ID: "f0"},
		{ID: "f1", X: 4500},
		{ID: "a0c0", Y: 1500},
		{ID: "a0c1", Y: 2700},
		{ID: "a0c2", Y: 3900},
		{ID: "a1c0", X: 4500, Y: 1500},
		{ID: "packdrop", X: 2000},
		{ID: "pack1", X: 4500, Y: -3000},
		{ID: "park1", X: 6000},
		{ID: "park2", X: -2000},
	}}
	for _, e := range []string{"f0 a0c0", "a0c0 a0c1", "a0c1 a0c2", "f0 packdrop", "packdrop f1", "f1 a1c0", "f1 pack1", "f1 park1", "f0 park2"} {
		from, to, _ := strings.Cut(e, " ")
		m.Edges = append(m.Edges, fleet.Edge{From: from, To: to})
	}
	text, err := json.Marshal(m)
	s.must(err)
	s.more = fmt.Sprintf("fleet:\n  map_file: %q\n  robots:\n    - {id: R1, manufacturer: KIT, serial: R1, park: park1, work: transport}\n    - {id: R2, manufacturer: KIT, serial: R2, park: park2, work: pick, badge: ROBOT-2}\n",
		s.write("map.json", string(text)))
	s.begin()
	s.settings(func(site map[string]any) {
		site["transport"], site["packStations"] = warehouse.TransportRobot, []string{"pack1"}
	})
	if code, answer := s.importCSV("workers", "id,name,badge,kind\nW9,Robot,ROBOT-2,robot\n"); code != http.StatusOK {
		t.Fatalf("workers: %d %s", code, answer)
	}
	return s
}

func (s *site) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	s.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// settings changes what the site is told of itself.
func (s *site) settings(change func(site map[string]any)) {
	s.t.Helper()
	var site map[string]any
	s.must(json.Unmarshal([]byte(s.file("site.json")), &site))
	change(site)
	b, err := json.Marshal(site)
	s.must(err)
	if code, answer := s.call("PUT", "/v1/site", "application/json", string(b)); code != http.StatusOK {
		s.t.Fatalf("site: %d %s", code, answer)
	}
}

// certificate makes a self-signed one for loopback.
func (s *site) certificate() (cert, key string) {
	s.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gw1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	s.must(err)
	private, err := x509.MarshalECPrivateKey(k)
	s.must(err)
	return s.write("gw1.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		s.write("gw1.key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})))
}

// hands is an emulated robot and what its gripper does.
type hands struct {
	*robot.Robot
	book *record.Book

	mu  sync.Mutex
	did []string
}

// robot runs an emulated robot; grip says how each action ends.
func (s *site) robot(id, park string, x int64, grip func(a record.Action) (result, text string)) *hands {
	s.t.Helper()
	book, err := record.Open(id, "", nil)
	s.must(err)
	r, err := robot.New(robot.Params{
		Brokers: []string{"tcp://" + s.mqtt}, Manufacturer: "KIT", Serial: id, Token: "secret-of-" + strings.ToLower(id), Map: "floor", Node: park, X: x,
		Factor: 50, StateMs: 50, Capacity: 1, ExternalActions: true,
	}, book)
	s.must(err)
	h := &hands{Robot: r, book: book}
	s.background(r.Run)
	s.background(func(ctx context.Context) error {
		for ctx.Err() == nil {
			for _, a := range r.Actions(ctx) {
				result, text := grip(a)
				h.mu.Lock()
				h.did = append(h.did, fmt.Sprint(a.Type, "@", a.Node, " ", result, " ", text))
				h.mu.Unlock()
				if err := r.FinishAction(a.ID, result, text); err != nil && ctx.Err() == nil {
					return err
				}
			}
		}
		return nil
	})
	return h
}

// wantDid requires what the robot did so far, and forgets it.
func (h *hands) wantDid(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if d := cmp.Diff(want, h.did); d != "" {
		t.Errorf("the robot did (-want +got):\n%s", d)
	}
	h.did = nil
}

// place is where a tote or parcel stands.
func (s *site) place(lu string) (place string) {
	s.t.Helper()
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		u, err := warehouse.GetLU(r, lu)
		if u != nil {
			place = u.Place
		}
		return err
	}))
	return place
}

// TestRobotsPickAndCarryRow68: a robot picks a walk of which one line is short and one
// fails, picks the rest after a person has decided, and another robot carries the
// tote to the pack station. Then its report is nonsense once: it does not pick
// again, and what it says it took is named.
func TestRobotsPickAndCarryRow68(t *testing.T) {
	t.Parallel()
	s := newRobotSite(t)
	var mu sync.Mutex
	says := map[string]string{"A1": "picked=2 tote=T-1", "A2": "picked=1 tote=T-1", "L1": "-jammed"}
	picker := s.robot("R2", "park2", -2000, func(a record.Action) (result, text string) {
		mu.Lock()
		defer mu.Unlock()
		sku, _ := a.Params["sku"].(string)
		if text := says[sku]; strings.HasPrefix(text, "-") {
			return "FAILED", text[1:]
		}
		return "FINISHED", says[sku]
	})
	carrier := s.robot("R1", "park1", 6000, func(record.Action) (string, string) { return "FINISHED", "" })
	if code, answer := s.importCSV("orders", orderColumns+orderRow("O1", 1, "A1", 2)+orderRow("O1", 2, "A2", 3)+orderRow("O1", 3, "L1", 2)); code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
	s.eventually("the robot put its tote down", func() bool { return s.place("T-1") == warehouse.PlacePackDrop })
	picker.wantDid(t, "pick@a0c0 FINISHED picked=2 tote=T-1", "pick@a0c1 FINISHED picked=1 tote=T-1", "pick@a0c2 FAILED jammed", "drop@packdrop FINISHED ")
	o := s.get("O1")
	if o.State != warehouse.OrderPicking || o.Lines[0].Picked != 2 || o.Lines[1].Picked != 1 || o.Lines[2].Picked != 0 ||
		len(o.Fallouts) != 1 || o.Fallouts[0].Code != warehouse.FalloutStockout || o.Fallouts[0].Qty != 2 {
		t.Errorf("order O1 is %s: %+v, fallouts %+v", o.State, o.Lines, o.Fallouts)
	}
	mu.Lock()
	says["L1"] = "picked=2 tote=T-1 lot=LA"
	mu.Unlock()
	if code, answer := s.call("POST", "/v1/orders/O1/retry", "application/json", "{}"); code != http.StatusOK {
		t.Fatalf("retry: %d %s", code, answer)
	}
	s.eventually("the tote is at the pack station", func() bool { return s.place("T-1") == warehouse.StationPlace("pack1") })
	picker.wantDid(t, "pick@a0c2 FINISHED picked=2 tote=T-1 lot=LA", "drop@packdrop FINISHED ")
	carrier.wantDid(t, "pick@packdrop FINISHED ", "drop@pack1 FINISHED ")
	s.wantState("O1", warehouse.OrderPicked)

	mu.Lock()
	says["A1"] = "picked=9 tote=T-2"
	mu.Unlock()
	s.order("O2", "A1", 1)
	s.eventually("a person is asked", func() bool { return len(s.get("O2").Fallouts) == 1 })
	if f := s.get("O2").Fallouts[0]; f.Code != warehouse.FalloutRobotFailed || !strings.Contains(f.Detail, "OVER_PICK") || !strings.Contains(f.Detail, "picked=9 tote=T-2") {
		t.Errorf("%+v", f)
	}
	mu.Lock()
	says["A1"] = "picked=1 tote=T-3"
	mu.Unlock()
	s.order("O3", "A1", 1)
	s.wantState("O3", warehouse.OrderPicked) // behind the one that is parked
	picker.wantDid(t, "pick@a0c0 FINISHED picked=9 tote=T-2", "drop@packdrop FINISHED ", "pick@a0c0 FINISHED picked=1 tote=T-3", "drop@packdrop FINISHED ")
	if st := s.gw.agent.broker.Stats(); st.Denied != 0 || st.Unheard != 0 || st.Connects != 2 {
		t.Errorf("%+v", st)
	}
}
