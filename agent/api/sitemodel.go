package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tote/agent/sitemodel"
	"tote/warehouse"
)

// The site as files: GET /v1/model writes them, POST /v1/model/plan says what bringing
// them in would change, POST /v1/model/apply does it, GET /v1/model/log tells who did.

// CodeModelRefused: a model is refused; the plan says why.
const CodeModelRefused = "MODEL_REFUSED"

type (
	// ModelFiles is the site as files.
	ModelFiles struct {
		Version uint64            `json:"version"`
		Hash    string            `json:"hash"`
		Files   map[string]string `json:"files"`
	}
	// modelRequest is what a person wants of the site.
	modelRequest struct {
		Files map[string]string `json:"files"`
		Prune bool              `json:"prune"`
		Base  string            `json:"base"` // of the plan; "" = whatever is here
		Note  string            `json:"note"`
		All   bool              `json:"all"` // list every change
	}
	// ModelApplied is the answer to an apply.
	ModelApplied struct {
		Version uint64          `json:"version"` // 0 = nothing was to be changed
		Plan    *sitemodel.Plan `json:"plan"`
	}
	// modelRefusal is a refusal with its plan or its problems.
	modelRefusal struct {
		Refusal
		Model []sitemodel.Problem `json:"modelProblems,omitempty"`
		Plan  *sitemodel.Plan     `json:"plan,omitempty"`
	}
	// ModelLog is what became of the model, the newest first.
	ModelLog struct {
		Head     warehouse.ModelHead      `json:"head"`
		Writing  string                   `json:"writing,omitempty"` // id of the model that is still being written
		Versions []warehouse.ModelVersion `json:"versions"`
	}
)

// listedChanges is how many changes of a kind a plan lists unless all are asked for.
const listedChanges = 100

func (s *server) getModel(w http.ResponseWriter, _ *http.Request) error {
	out := ModelFiles{Files: map[string]string{}}
	err := s.cfg.View(func(rd warehouse.Reader) error {
		head, err := warehouse.GetModelHead(rd)
		if err != nil {
			return err
		}
		m, err := sitemodel.Current(rd)
		if err != nil {
			return err
		}
		files, err := sitemodel.Write(&m)
		for name, b := range files {
			out.Files[name] = string(b)
		}
		out.Version, out.Hash = head.Version, sitemodel.Hash(files)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, out)
	return nil
}

func (s *server) modelLog(w http.ResponseWriter, _ *http.Request) error {
	out := ModelLog{Versions: []warehouse.ModelVersion{}}
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		if out.Head, err = warehouse.GetModelHead(rd); err != nil {
			return err
		}
		if out.Writing, err = warehouse.ModelOnItsWay(rd); err != nil {
			return err
		}
		versions, err := warehouse.ModelVersions(rd, 0)
		out.Versions = append(out.Versions, versions...)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, out)
	return nil
}

// readModel reads the request and its files; false when the refusal was answered.
func readModel(w http.ResponseWriter, r *http.Request) (*modelRequest, *sitemodel.Source, error) {
	var req modelRequest
	if err := readJSON(w, r, MaxFile, &req, "the body must be {\"files\": {\"bins.csv\": \"…\"}}"); err != nil {
		return nil, nil, err
	}
	files := sitemodel.Files{}
	for name, text := range req.Files {
		files[name] = []byte(text)
	}
	src, problems := sitemodel.Read(files)
	if len(problems) > 0 {
		reply(w, http.StatusUnprocessableEntity, modelRefusal{
			Refusal: Refusal{Code: problems[0].Code, Text: "nothing was changed: " + problems[0].String()}, Model: problems,
		})
		return nil, nil, nil
	}
	return &req, src, nil
}

func (s *server) makePlan(src *sitemodel.Source, prune bool) (p *sitemodel.Plan, err error) {
	err = s.cfg.View(func(rd warehouse.Reader) error {
		p, err = sitemodel.Make(rd, src, sitemodel.Options{Prune: prune, Check: s.checkSite})
		return err
	})
	return p, err
}

func (s *server) planModel(w http.ResponseWriter, r *http.Request) error {
	req, src, err := readModel(w, r)
	if err != nil || src == nil {
		return err
	}
	p, err := s.makePlan(src, req.Prune)
	if err != nil {
		return err
	}
	if !req.All {
		p.Trim(listedChanges)
	}
	reply(w, http.StatusOK, p)
	return nil
}

func (s *server) applyModel(w http.ResponseWriter, r *http.Request) error {
	// Unsupported by a recorder, and then there is no sleepy writer either.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(backupLimit))
	actor, err := actorOf(r)
	if err != nil {
		return err
	}
	req, src, err := readModel(w, r)
	if err != nil || src == nil {
		return err
	}
	a := &applying{s: s, r: r, actor: actor, id: rand.Text(), req: req, src: src}
	version, err := a.run()
	if a.plan != nil && !req.All {
		a.plan.Trim(listedChanges)
	}
	var he *httpError
	if errors.As(err, &he) && a.plan != nil {
		reply(w, he.status, modelRefusal{Refusal: he.body, Plan: a.plan})
		return nil
	}
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, ModelApplied{version, a.plan})
	return nil
}

// applying is one model on its way into the site.
type applying struct {
	s     *server
	r     *http.Request
	actor string
	id    string
	req   *modelRequest
	src   *sitemodel.Source
	plan  *sitemodel.Plan
}

// run plans, puts the parts aside and commits; version 0 = nothing was to be changed.
func (a *applying) run() (version uint64, err error) {
	if err := a.look(a.req.Base); err != nil {
		return 0, err
	}
	if a.plan.Empty() {
		return 0, nil
	}
	p := a.plan
	if err := a.do(warehouse.BeginModel{ID: a.id, Hash: p.Hash, Note: a.req.Note, Parts: len(p.Parts()), Site: p.Site(), Counts: p.Counts}); err != nil {
		return 0, err
	}
	version, err = a.bring()
	if err != nil {
		// Whether that comes through or not, nothing of it holds, and it goes by
		// itself. After a commit nobody answered it is refused, as it should be.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.r.Context()), answerIn)
		defer cancel()
		_, _ = a.s.cfg.Do(ctx, a.actor, warehouse.DropModel{ID: a.id})
		return 0, err
	}
	for {
		res, err := a.answer(warehouse.StepModel{ID: a.id})
		if err != nil || res.Text == warehouse.TextModelDone {
			return version, nil // it holds, and the leader goes on with it by itself
		}
	}
}

// look makes the plan, and refuses when the site is not as it was for base, "" = as
// it may be.
func (a *applying) look(base string) (err error) {
	if a.plan, err = a.s.makePlan(a.src, a.req.Prune); err != nil {
		return err
	}
	switch {
	case base != "" && base != a.plan.Base:
		return refuse(http.StatusConflict, warehouse.CodeModelChanged, "the site is not as it was when the plan was made: "+a.changed())
	case a.plan.Refused() && len(a.plan.Problems) > 0:
		return refuse(http.StatusConflict, CodeModelRefused, "nothing was changed: "+a.plan.Problems[0].String())
	case a.plan.Refused():
		return refuse(http.StatusConflict, warehouse.CodeModelInUse, "nothing was changed: "+a.plan.InUse[0].String())
	}
	return nil
}

// changed says who changed the site last, as far as that is known.
func (a *applying) changed() string {
	who := "nobody noted who changed it"
	_ = a.s.cfg.View(func(rd warehouse.Reader) error { // for the text only
		h, err := warehouse.GetModelHead(rd)
		if err == nil && h.By != "" {
			who = fmt.Sprintf("%s changed it with %s at %s", h.By, h.What, time.UnixMilli(h.At).UTC().Format(time.RFC3339))
		}
		return err
	})
	return who
}

// bring puts the parts aside and commits them.
func (a *applying) bring() (version uint64, err error) {
	// From the begin on the site counts what changes it. What changed before it,
	// since the plan, is seen here.
	if err := a.begun(); err != nil {
		return 0, err
	}
	if err := a.look(a.plan.Base); err != nil {
		return 0, err
	}
	for n, part := range a.plan.Parts() {
		if err := a.do(warehouse.StageModel{ID: a.id, N: n, Part: part}); err != nil {
			return 0, err
		}
	}
	res, err := a.answer(warehouse.CommitModel{ID: a.id})
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(res.Ref, &version)
	return version, err
}

// begun waits until this gateway knows of the begin, so that its view is not older.
func (a *applying) begun() error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(answerIn); ; {
		here := false
		err := a.s.cfg.View(func(rd warehouse.Reader) error {
			id, err := warehouse.ModelBegun(rd)
			here = id == a.id
			return err
		})
		if err != nil || here {
			return err
		}
		if time.Now().After(end) {
			return refuse(http.StatusServiceUnavailable, CodeNotReady, "this gateway is behind the others: try again, or ask another one")
		}
		select {
		case <-a.r.Context().Done():
			return a.r.Context().Err()
		case <-tick.C:
		}
	}
}

// tries is how often a command of a model is given again when nobody knows what
// became of it: the leader may have changed. Each of them counts once.
const tries = 5

// answer gives a command as the person who asked.
func (a *applying) answer(c warehouse.Command) (res warehouse.Result, err error) {
	for range tries {
		res, err = a.s.propose(a.r, func(ctx context.Context) (warehouse.Result, error) { return a.s.cfg.Do(ctx, a.actor, c) })
		var he *httpError
		if !errors.As(err, &he) || he.body.Code != CodeUnknown && he.body.Code != CodeNotReady || a.r.Context().Err() != nil {
			break
		}
	}
	if err == nil && !res.OK {
		err = refuse(statusOf(res.Code), res.Code, "nothing was changed: "+res.Text)
	}
	return res, err
}

func (a *applying) do(c warehouse.Command) error {
	_, err := a.answer(c)
	return err
}
