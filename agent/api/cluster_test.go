package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/agent/health"
)

// fakeCluster notes what it is asked.
type fakeCluster struct {
	status ClusterStatus
	err    error
	asked  []string
}

func (f *fakeCluster) note(format string, args ...any) error {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fakeCluster) Look() ClusterStatus                         { return f.status }
func (f *fakeCluster) Transfer(_ context.Context, to string) error { return f.note("transfer %s", to) }
func (f *fakeCluster) Leave(context.Context) error                 { return f.note("leave") }
func (f *fakeCluster) Remove(_ context.Context, id string, force bool) error {
	return f.note("remove %s %v", id, force)
}

func (f *fakeCluster) Replace(_ context.Context, id string, force bool, life time.Duration) (Replacement, error) {
	return Replacement{Removed: true, Token: "tote1.x", To: []string{"10.0.0.1:7070"}}, f.note("replace %s %v %v", id, force, life)
}

func (f *fakeCluster) Rekey(_ context.Context, actor string) (Rekeyed, error) {
	return Rekeyed{Fingerprint: "AA:BB", JoinAnew: []string{"arm1"}, EnrolAnew: []string{"robot:R1"}}, f.note("rekey by %s", actor)
}

func withCluster(t *testing.T) (*fake, *fakeCluster) {
	t.Helper()
	g, f := newFake(t), &fakeCluster{}
	g.handler = New(Config{
		Log: slog.New(slog.DiscardHandler), Cluster: f, Faults: health.Faults,
		Quorum: func() Quorum { return g.quorum }, Status: func() Gateway { return Gateway{ID: "gw1"} },
	})
	return g, f
}

// TestClusterStatusWithoutState: the state cannot be read, and who is there is
// told all the same.
func TestClusterStatusWithoutState(t *testing.T) {
	g, f := newFake(t), &fakeCluster{status: ClusterStatus{Members: []ClusterMember{{ID: "gw1", Role: RoleVoter, State: StateDown}}}}
	why := errors.New("SAT-101: no gateway of the site answers this satellite")
	g.handler = New(Config{
		Log: slog.New(slog.DiscardHandler), Cluster: f, Faults: health.Faults, Formed: func() ([]Formed, error) { return nil, why },
		Quorum: func() Quorum { return g.quorum }, Status: func() Gateway { return Gateway{ID: "arm1"} },
	})
	c := decode[ClusterStatus](t, g.want(http.StatusOK, g.get("/v1/cluster")))
	last := c.Advice[len(c.Advice)-1]
	if len(c.Members) != 1 || last.Code != "SAT-101" || last.Action == "" {
		t.Errorf("told %+v", c)
	}
	why = errors.New("something nobody thought of")
	g.want(http.StatusOK, g.get("/v1/cluster"))
}

func TestClusterStatusOfOneApart(t *testing.T) {
	g, f := withCluster(t)
	f.status = ClusterStatus{Members: []ClusterMember{{ID: "gw1", Role: RoleVoter, State: StateApart}, {ID: "gw2", Role: RoleVoter, State: StateUp}}}
	c := decode[ClusterStatus](t, g.want(http.StatusOK, g.get("/v1/cluster")))
	if c.Voters != 2 || c.Spare != 0 || len(c.Advice) == 0 || c.Advice[0].Code != "STO-513" || c.Advice[0].Action == "" {
		t.Errorf("told %+v", c)
	}
}

func TestClusterChanges(t *testing.T) {
	for _, tc := range []struct {
		route, body, asked string
		status             int
	}{
		{"transfer", `{"to":"gw2"}`, "transfer gw2", 200},
		{"leave", `{}`, "leave", 200},
		{"remove", `{"id":"gw2"}`, "remove gw2 false", 200},
		{"remove", `{"id":"gw2","force":true}`, "remove gw2 true", 200},
		{"replace", `{"id":"gw2","ttlSeconds":3600}`, "replace gw2 false 1h0m0s", 201},
	} {
		g, f := withCluster(t)
		path := "/v1/cluster/" + tc.route
		g.want(tc.status, g.post(path, tc.body))
		if !slices.Equal(f.asked, []string{tc.asked}) {
			t.Errorf("%s %s asked %v", tc.route, tc.body, f.asked)
		}
		f.err = Refuse(http.StatusConflict, "STO-504", "gw3 would be missing")
		g.refused(http.StatusConflict, "STO-504", g.post(path, tc.body))
		f.asked = nil
		for name, bad := range map[string]string{"rubbish": "{", "an unknown field": `{"x":1}`} {
			g.refused(http.StatusBadRequest, CodeBadRequest, g.post(path, bad))
			if len(f.asked) > 0 {
				t.Errorf("%s with %s asked %v", tc.route, name, f.asked)
			}
		}
		g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", path, "text/plain", strings.NewReader(tc.body)))
		alone := newFake(t)
		alone.refused(http.StatusConflict, CodeAlone, alone.post(path, tc.body))
	}
	g, f := withCluster(t)
	for path, body := range map[string]string{
		"transfer": `{}`, "remove": `{"force":true}`, "replace": `{"ttlSeconds":60}`,
		"replace?1": `{"id":"gw2"}`, "replace?2": `{"id":"gw2","ttlSeconds":86401}`,
	} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.post("/v1/cluster/"+path, body))
	}
	if len(f.asked) > 0 {
		t.Errorf("asked %v", f.asked)
	}
}

// TestClusterAdvice: what is said of a cluster of that kind. A member is
// written role/state.
func TestClusterAdvice(t *testing.T) {
	for name, tc := range map[string]struct {
		members     string
		noQuorum    bool
		certificate string
		voters      int
		spare       int
		codes       string
	}{
		"one":              {members: "leader/up", voters: 1},
		"two":              {members: "leader/up voter/up", voters: 2, codes: "STO-507"},
		"three":            {members: "leader/up voter/up voter/up", voters: 3, spare: 1},
		"four":             {members: "leader/up voter/up voter/up voter/up", voters: 4, spare: 1, codes: "STO-507"},
		"five":             {members: "leader/up voter/up voter/up voter/up voter/up", voters: 5, spare: 2},
		"a spare":          {members: "leader/up voter/up voter/up voter/up voter/up spare/up", voters: 5, spare: 2},
		"one of three":     {members: "leader/up voter/down voter/up", voters: 3, codes: "STO-508"},
		"one of five":      {members: "leader/up voter/down voter/up voter/up voter/up", voters: 5, spare: 1},
		"an empty disk":    {members: "leader/up voter/empty voter/up", voters: 3, codes: "STO-511 STO-508"},
		"one rebuilds":     {members: "leader/up voter/rebuilding voter/up", voters: 3, spare: 1},
		"joining":          {members: "leader/up voter/up voter/up joining/up", voters: 3, spare: 1},
		"joins with none":  {members: "leader/up joining/empty", voters: 1},
		"joining in vain":  {members: "leader/up joining/down", voters: 1, codes: "STO-509"},
		"no quorum of two": {members: "voter/up voter/down", noQuorum: true, voters: 2, codes: "STO-404"},
		"no quorum":        {members: "voter/up voter/down voter/empty", noQuorum: true, voters: 3, codes: "STO-511 STO-404"},
		"certificate":      {members: "leader/up", certificate: "IDN-113", voters: 1, codes: "IDN-113"},
	} {
		t.Run(name, func(t *testing.T) {
			g, f := withCluster(t)
			f.status = ClusterStatus{Gateway: "gw1", Cluster: "c1", Quorum: Quorum{OK: !tc.noQuorum}}
			f.status.Certificate = &Certificate{Expires: "2026-01-01T00:00:00Z", Renews: "2026-01-01T00:00:00Z", Code: tc.certificate}
			for i, text := range strings.Fields(tc.members) {
				role, state, _ := strings.Cut(text, "/")
				id := fmt.Sprint("gw", i+1)
				f.status.Members = append(f.status.Members, ClusterMember{ID: id, Address: id + "@10.0.0.1:1", Role: role, State: state})
			}
			var got ClusterStatus
			if err := json.Unmarshal(g.want(200, g.get("/v1/cluster")).body, &got); err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, a := range got.Advice {
				if codes = append(codes, a.Code); a.Text == "" || a.Action == "" {
					t.Errorf("advice %+v", a)
				}
			}
			if got.Voters != tc.voters || got.Spare != tc.spare || strings.Join(codes, " ") != tc.codes {
				t.Errorf("%d voters, %d spare, advice %v; want %d, %d, %s", got.Voters, got.Spare, codes, tc.voters, tc.spare, tc.codes)
			}
		})
	}
	alone := newFake(t)
	alone.quorum.OK = true
	if r := alone.want(200, alone.get("/v1/cluster")); !strings.Contains(string(r.body), `"alone": true`) {
		t.Errorf("alone: %s", r.body)
	}
}

func TestRekey(t *testing.T) {
	g, f := withCluster(t)
	r := g.call(http.MethodPost, "/v1/cluster/rekey", "application/json", strings.NewReader("{}"))
	if r.status != http.StatusOK || !strings.Contains(string(r.body), "robot:R1") || len(f.asked) != 1 || f.asked[0] != "rekey by site/api" {
		t.Errorf("%d %s %v", r.status, r.body, f.asked)
	}
	f.err = Refuse(http.StatusConflict, "IDN-139", "gw2 must be up, or revoked")
	if r := g.call(http.MethodPost, "/v1/cluster/rekey", "application/json", strings.NewReader("{}")); r.refusal(t).Code != "IDN-139" {
		t.Errorf("%d %s", r.status, r.body)
	}
}
