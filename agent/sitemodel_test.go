//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tote/agent/api"
	"tote/agent/sitemodel"
	"tote/warehouse"
)

// model is what the gateway holds as files.
func (s *site) model() (m api.ModelFiles) {
	s.t.Helper()
	code, b := s.call("GET", "/v1/model", "", "")
	if code != http.StatusOK {
		s.t.Fatalf("the model: %d %s", code, b)
	}
	s.must(json.Unmarshal(b, &m))
	return m
}

// giveModel asks for a plan or an apply.
func (s *site) giveModel(what string, files map[string]string) (int, []byte) {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"files": files, "note": "a night's work"})
	s.must(err)
	return s.call("POST", "/v1/model/"+what, "application/json", string(body))
}

// begun is the id of the model that is on its way at a gateway.
func (s *site) begun() (id string) {
	s.t.Helper()
	s.must(s.gw.agent.view(func(r warehouse.Reader) (err error) { id, err = warehouse.ModelBegun(r); return err }))
	return id
}

// bigger is a model with that many items and bins more.
func bigger(files map[string]string, n int, name string) map[string]string {
	var items, bins strings.Builder
	for i := range n {
		fmt.Fprintf(&items, "%s-%05d,thing,100,%s-ALT-%05d\n", name, i, name, i)
	}
	bins.WriteString(files["bins.csv"])
	header, _, _ := strings.Cut(files["bins.csv"], "\n")
	rest := strings.Repeat(",", strings.Count(header, ",")-2) // of bin, aisle and cell
	for i := range n / 10 {
		fmt.Fprintf(&bins, "%s-B%04d,0,0%s\n", name, i, rest)
	}
	return map[string]string{"items.csv": "sku,name,weight_g,barcodes\n" + items.String(), "bins.csv": bins.String()}
}

// TestModelOnThreeGateways: a model is brought in at a gateway that does not lead,
// while orders come in at another one; the one that leads is killed in the middle.
// Whatever is answered, each gateway has all of it or nothing, and asked again it is
// in. A model that was committed is written to the end by who leads then.
func TestModelOnThreeGateways(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	leader, at, busy := c.gw[0], c.gw[1], c.gw[2]
	plug := c.leaderProcess()
	before := at.model()
	files := bigger(before.Files, 1200, "N")
	code, b := at.giveModel("plan", files)
	var plan sitemodel.Plan
	if at.must(json.Unmarshal(b, &plan)); code != http.StatusOK || plan.Refused() || plan.Counts.Added != 1320 {
		t.Fatalf("%d %.500s", code, b)
	}

	// Orders of what is there come in meanwhile.
	over := make(chan struct{})
	var work sync.WaitGroup
	taken := 0
	work.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			if code, _ := busy.importCSV("orders", orderColumns+orderRow(fmt.Sprintf("W%d", i), 1, "A1", 1)); code == http.StatusOK {
				taken++
			}
		}
	})
	rest := sync.OnceFunc(func() { close(over); work.Wait() })
	defer rest()
	first := make(chan int, 1)
	go func() {
		code, _ := at.giveModel("apply", files)
		first <- code
	}()
	at.eventually("the model is on its way, or in", func() bool { return at.begun() != "" || at.model().Hash != before.Hash })
	plug.kill()
	t.Log("the apply that met it was answered with", <-first)
	next := c.leader([]*site{at, busy})
	at.eventually("the model is in", func() bool {
		code, b = at.giveModel("apply", files)
		return code == http.StatusOK
	})
	rest()
	for _, s := range []*site{at, busy} {
		s.eventually("all of it is here", func() bool { return s.begun() == "" && s.model().Hash == plan.Hash })
	}
	if taken == 0 {
		t.Error("no order was taken in meanwhile")
	}
	leader.start()
	leader.eventually("it has the same state", func() bool { return leader.digest() == next.digest() })

	// Who brings a model dies with its commit, and so does who leads.
	follower := at
	if next == at {
		follower = busy
	}
	src, problems := sitemodel.Read(sitemodel.Files{"items.csv": []byte(bigger(before.Files, 1500, "M")["items.csv"])})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var p *sitemodel.Plan
	follower.must(follower.gw.agent.view(func(r warehouse.Reader) (err error) {
		p, err = sitemodel.Make(r, src, sitemodel.Options{})
		return err
	}))
	cmds := []warehouse.Command{warehouse.BeginModel{ID: "m2", Parts: len(p.Parts()), Counts: p.Counts}}
	for n, part := range p.Parts() {
		cmds = append(cmds, warehouse.StageModel{ID: "m2", N: n, Part: part})
	}
	for _, cmd := range append(cmds, warehouse.CommitModel{ID: "m2"}) {
		res, err := follower.gw.agent.do(follower.ctx(), "test", cmd)
		if follower.must(err); !res.OK {
			t.Fatalf("%T: %+v", cmd, res)
		}
	}
	next.stop()
	for _, s := range []*site{leader, follower} {
		s.eventually("it is written to the end", func() bool { return s.begun() == "" && s.model().Hash == p.Hash })
	}
}
