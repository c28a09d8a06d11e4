package warehouse

import (
	"cmp"
	"slices"
)

// The site model: the rules of the site, its items, bins and workers, changed as
// one. A model is too big for one command, so it comes in parts that lie aside and
// mean nothing (StageModel) until one command makes all of them true (CommitModel).
//
//   - Who brings a model compares it with what is here and sends the differences.
//     They are right only against that: whatever else writes master data between
//     BeginModel and CommitModel makes the commit be refused (ModelHead.Changes).
//   - Each part is checked when it is put aside, against what is here and against
//     the parts before it; barcodes and badges may move from one thing to another
//     in any order (sitemodelpart.go).
//   - What the state of the floor could still refuse is in parts that are written
//     by the commit itself (ModelPart.Now): removals, lots and serials of items
//     that have moved, the kind of workers, the rules. The commit looks at all of
//     them in the state of that moment and changes everything or nothing
//     (sitemodelcommit.go, sitemodeluses.go).
//   - The other parts can be refused by nothing any more. They are written after
//     the commit a part at a time, by StepModel and by AdvanceTime, whoever lives;
//     until the last one is, other commands that write master data wait.
//
// Nothing of this is written at a site that never had a model: old logs keep their
// bytes.

// Bounds of a model.
const (
	// MaxModelParts is the most parts of one model.
	MaxModelParts = 5000
	// MaxModelRows is the most things in one part, and MaxModelCodes the most
	// barcodes they may have together.
	MaxModelRows  = 250
	MaxModelCodes = 600

	modelVersions = 200             // that are remembered
	modelIdleMs   = 2 * 60 * 1000   // a model nobody went on with is dropped
	modelKeys     = 1200            // of one step
	modelBytes    = 150 << 10       //
	modelNote     = maxText         //
	modelHash     = 64              // hex
	modelStaging  = "staging"       // parts come in
	modelWriting  = "writing"       // it holds; parts are still to be written
	modelOver     = "over"          // what lay aside is being taken away
	alarmModel    = "model"         // a model goes on, or is dropped
	modelText     = "the model of " // begins what is said of another one
)

type (
	// ModelCounts are how many things a model adds, changes and takes away.
	ModelCounts struct {
		Added   int `cbor:"1,keyasint,omitempty" json:"added"`
		Changed int `cbor:"2,keyasint,omitempty" json:"changed"`
		Removed int `cbor:"3,keyasint,omitempty" json:"removed"`
	}
	// BeginModel begins to bring in a model of so many parts. Site are the new
	// rules, nil = they stay. One model is brought in at a time; the same ID
	// again is a no-op.
	BeginModel struct {
		ID     string      `cbor:"1,keyasint" json:"id"`
		Hash   string      `cbor:"2,keyasint,omitempty" json:"hash,omitempty"` // of the files, hex
		Note   string      `cbor:"3,keyasint,omitempty" json:"note,omitempty"`
		Parts  int         `cbor:"4,keyasint,omitempty" json:"parts,omitempty"`
		Site   *Site       `cbor:"5,keyasint,omitempty" json:"site,omitempty"`
		Counts ModelCounts `cbor:"6,keyasint" json:"counts"`
	}
	// ModelPart is a part of the differences. Drop… are removed.
	ModelPart struct {
		// Now: it is written by the commit itself. Such parts come first.
		Now         bool     `cbor:"1,keyasint,omitempty" json:"now,omitempty"`
		Items       []Item   `cbor:"2,keyasint,omitempty" json:"items,omitempty"`
		Bins        []Bin    `cbor:"3,keyasint,omitempty" json:"bins,omitempty"`
		Workers     []Worker `cbor:"4,keyasint,omitempty" json:"workers,omitempty"`
		DropItems   []string `cbor:"5,keyasint,omitempty" json:"dropItems,omitempty"`
		DropBins    []string `cbor:"6,keyasint,omitempty" json:"dropBins,omitempty"`
		DropWorkers []string `cbor:"7,keyasint,omitempty" json:"dropWorkers,omitempty"`
	}
	// StageModel puts a part aside; N is its number, from 0 without gaps. The
	// same again is a no-op.
	StageModel struct {
		ID   string    `cbor:"1,keyasint" json:"id"`
		N    int       `cbor:"2,keyasint,omitempty" json:"n,omitempty"`
		Part ModelPart `cbor:"3,keyasint" json:"part"`
	}
	// CommitModel makes the model true, as a whole or not at all. Ref of the
	// answer is its version. The same again is a no-op.
	CommitModel struct {
		ID string `cbor:"1,keyasint" json:"id"`
	}
	// StepModel writes the next parts of a model that was committed, or takes
	// away what lay aside. Text of the answer is TextModelDone when nothing is
	// left to do.
	StepModel struct {
		ID string `cbor:"1,keyasint" json:"id"`
	}
	// DropModel ends a model that was not committed; nothing of it remains.
	DropModel struct {
		ID string `cbor:"1,keyasint" json:"id"`
	}

	// ModelHead is what the site knows of its model: how often master data was
	// written since models are kept, what did it last, and the newest version.
	ModelHead struct {
		Changes uint64 `cbor:"1,keyasint,omitempty" json:"changes"`
		By      string `cbor:"2,keyasint,omitempty" json:"by,omitempty"`
		At      int64  `cbor:"3,keyasint,omitempty" json:"at,omitempty"`
		What    string `cbor:"4,keyasint,omitempty" json:"what,omitempty"` // the command
		Version uint64 `cbor:"5,keyasint,omitempty" json:"version"`
		// AtVersion is what Changes was when that version was committed.
		AtVersion uint64 `cbor:"6,keyasint,omitempty" json:"atVersion,omitempty"`
		Open      uint64 `cbor:"7,keyasint,omitempty" json:"-"` // the session that is going on; 0 = none
	}
	// ModelVersion is a model that was committed.
	ModelVersion struct {
		N      uint64      `cbor:"1,keyasint" json:"version"`
		ID     string      `cbor:"2,keyasint" json:"id"`
		Hash   string      `cbor:"3,keyasint,omitempty" json:"hash,omitempty"`
		By     string      `cbor:"4,keyasint" json:"by"`
		At     int64       `cbor:"5,keyasint" json:"at"`
		Note   string      `cbor:"6,keyasint,omitempty" json:"note,omitempty"`
		Counts ModelCounts `cbor:"7,keyasint" json:"counts"`
		// Between is how many commands wrote master data since the version
		// before, by other ways.
		Between uint64 `cbor:"8,keyasint,omitempty" json:"between,omitempty"`
	}
	// modelSession is a model on its way.
	modelSession struct {
		No     uint64      `cbor:"1,keyasint"`
		ID     string      `cbor:"2,keyasint"`
		Hash   string      `cbor:"3,keyasint,omitempty"`
		Note   string      `cbor:"4,keyasint,omitempty"`
		Parts  int         `cbor:"5,keyasint,omitempty"`
		Staged int         `cbor:"6,keyasint,omitempty"` // parts that lie aside
		Now    int         `cbor:"7,keyasint,omitempty"` // of them, for the commit
		Next   int         `cbor:"8,keyasint,omitempty"` // part to be written next
		Wants  int         `cbor:"9,keyasint,omitempty"` // codes that others still have
		Base   uint64      `cbor:"10,keyasint,omitempty"`
		State  string      `cbor:"11,keyasint"`
		By     string      `cbor:"12,keyasint"`
		At     int64       `cbor:"13,keyasint"`
		Alarm  int64       `cbor:"14,keyasint"`
		Site   bool        `cbor:"15,keyasint,omitempty"` // it brings rules
		Counts ModelCounts `cbor:"16,keyasint"`
		Row    int         `cbor:"17,keyasint,omitempty"` // item of part Next to be written next
	}
)

// TextModelDone is the Text of StepModel when nothing is left to do.
const TextModelDone = "done"

// Kind implements Command.
func (BeginModel) Kind() Kind { return KindBeginModel }

// Kind implements Command.
func (StageModel) Kind() Kind { return KindStageModel }

// Kind implements Command.
func (CommitModel) Kind() Kind { return KindCommitModel }

// Kind implements Command.
func (StepModel) Kind() Kind { return KindStepModel }

// Kind implements Command.
func (DropModel) Kind() Kind { return KindDropModel }

func sessionKey(no uint64) []byte { return key(kModelSession, num(no)) }

func partKey(no uint64, n int) []byte { return key(kModelPart, num(no), num(uint64(n))) }

// GetModelHead is what is known of the model; the zero value at a site that never
// had one.
func GetModelHead(r Reader) (ModelHead, error) {
	h, err := load[ModelHead](r, key(kModel))
	if err != nil || h == nil {
		return ModelHead{}, err
	}
	return *h, nil
}

// ModelVersions lists the versions that are remembered, the newest first, at most
// limit, all when 0.
func ModelVersions(r Reader, limit int) ([]ModelVersion, error) {
	all, err := list[ModelVersion](r, under(kModelVersion), 0)
	slices.Reverse(all)
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, err
}

// ModelOnItsWay is the id of the model whose parts are still being written after its
// commit, "" when none is.
func ModelOnItsWay(r Reader) (string, error) {
	h, err := GetModelHead(r)
	if err != nil || h.Open == 0 {
		return "", err
	}
	s, err := load[modelSession](r, sessionKey(h.Open))
	if _, err := must(s, err, "session of a model", h.What); err != nil || s.State != modelWriting {
		return "", err
	}
	return s.ID, nil
}

// ModelBegun is the id of the model that is being brought in or written, "" when none
// is.
func ModelBegun(r Reader) (string, error) {
	h, err := GetModelHead(r)
	if err != nil || h.Open == 0 {
		return "", err
	}
	s, err := must2(load[modelSession](r, sessionKey(h.Open)))("session of a model", h.What)
	if err != nil {
		return "", err
	}
	return s.ID, nil
}

// session is the model that is going on; a refusal when it is not that of id.
func (c *change) session(id string) (*ModelHead, *modelSession, error) {
	c.ofModel = true
	h, err := GetModelHead(c)
	if err != nil {
		return nil, nil, err
	}
	if h.Open == 0 {
		return &h, nil, nil
	}
	s, err := load[modelSession](c, sessionKey(h.Open))
	if _, err := must(s, err, "session of a model", id); err != nil {
		return nil, nil, err
	}
	if s.ID != id {
		return &h, s, refuse(CodeModelBusy, "%s%s is being brought in since %s", modelText, s.By, clock(s.At))
	}
	return &h, s, nil
}

// saveSession writes a session and sets its alarm.
func (c *change) saveSession(s *modelSession, alarm int64) error {
	if err := c.setAlarm(alarmModel, num(s.No), s.Alarm, alarm); err != nil {
		return err
	}
	s.Alarm = alarm
	return save(c, sessionKey(s.No), s)
}

func beginModel(c *change, cmd BeginModel) (Result, error) {
	switch {
	case !validID(cmd.ID):
		return Result{}, refuse(CodeInvalid, "id")
	case cmd.Hash != "" && (!validID(cmd.Hash) || len(cmd.Hash) > modelHash):
		return Result{}, refuse(CodeInvalid, "hash")
	case cmd.Note != "" && !validText(cmd.Note, modelNote):
		return Result{}, refuse(CodeInvalid, "note: at most %d bytes", modelNote)
	case cmd.Parts < 0 || cmd.Parts > MaxModelParts:
		return Result{}, refuse(CodeInvalid, "parts: 0 to %d", MaxModelParts)
	case min(cmd.Counts.Added, cmd.Counts.Changed, cmd.Counts.Removed) < 0:
		return Result{}, refuse(CodeInvalid, "counts")
	}
	if err := c.checkNewRules(cmd.Site); err != nil {
		return Result{}, err
	}
	h, s, err := c.session(cmd.ID)
	if s != nil && s.ID != cmd.ID && s.State == modelStaging && s.Alarm <= c.meta.Now {
		err = c.endModel(h, s) // nobody goes on with it
	} else if s != nil && err == nil {
		return Result{Ref: s.ID}, nil
	}
	if err != nil {
		return Result{}, err
	}
	no, err := c.next("model")
	if err != nil {
		return Result{}, err
	}
	s = &modelSession{
		No: no, ID: cmd.ID, Hash: cmd.Hash, Note: cmd.Note, Parts: cmd.Parts, Counts: cmd.Counts,
		Base: h.Changes, State: modelStaging, By: c.meta.Actor, At: c.meta.Now, Site: cmd.Site != nil,
	}
	if s.Site {
		if err := save(c, key(kModelSite, num(no)), cmd.Site); err != nil {
			return Result{}, err
		}
	}
	h.Open = no
	if err := save(c, key(kModel), h); err != nil {
		return Result{}, err
	}
	return Result{Ref: s.ID}, c.saveSession(s, c.meta.Now+modelIdleMs)
}

// checkNewRules looks at the rules a model brings; nil is none.
func (c *change) checkNewRules(site *Site) error {
	old, err := GetSite(c)
	switch {
	case err != nil:
		return err
	case site == nil && old == nil:
		return refuse(CodeSiteNotSet, "the site has no rules yet, and the model brings none")
	case site == nil:
		return nil
	}
	if why := cmp.Or(checkSite(*site), c.newID("site id", site.ID)); why != "" {
		return refuse(CodeInvalid, "%s", why)
	}
	before := map[string]bool{} // what is so already keeps nobody from changing something else
	if old != nil {
		for _, p := range checkRules(old) {
			before[p.Text] = true
		}
	}
	for _, p := range checkRules(site) {
		if !p.Warning && !before[p.Text] {
			return refuse(CodeInvalid, "%s: %s", p.Field, p.Text)
		}
	}
	if old != nil && old.ID != site.ID {
		return refuse(CodeConflict, "this is site %s, not %s", old.ID, site.ID)
	}
	return nil
}

// rulesOf are the rules that hold when the model does.
func (c *change) rulesOf(s *modelSession) (*Site, error) {
	if !s.Site {
		return c.theSite()
	}
	return must2(load[Site](c, key(kModelSite, num(s.No))))("rules of the model", s.ID)
}

func dropModel(c *change, cmd DropModel) (Result, error) {
	if !validID(cmd.ID) {
		return Result{}, refuse(CodeInvalid, "id")
	}
	h, s, err := c.session(cmd.ID)
	switch {
	case err != nil:
		return Result{}, err
	case s == nil:
		return Result{}, nil
	case s.State != modelStaging:
		return Result{}, refuse(CodeConflict, "the model holds already")
	}
	return Result{}, c.endModel(h, s)
}

// endModel ends what is going on; what lay aside is taken away from now on.
func (c *change) endModel(h *ModelHead, s *modelSession) error {
	h.Open = 0
	if err := save(c, key(kModel), h); err != nil {
		return err
	}
	s.State = modelOver
	return c.saveSession(s, max(c.meta.Now, 1))
}

// countMaster notes that a command wrote master data. It is refused while a model
// is being written: half of what the model says would be laid over it.
func (c *change) countMaster() error {
	if c.ofModel || !c.since(level5) || !c.wroteMaster() {
		return nil
	}
	h, err := load[ModelHead](c, key(kModel))
	if err != nil || h == nil {
		return err
	}
	if h.Open != 0 {
		s, err := load[modelSession](c, sessionKey(h.Open))
		if _, err := must(s, err, "session of a model", h.What); err != nil {
			return err
		}
		if s.State == modelWriting {
			return refuse(CodeModelBusy, "%s%s is being written; try again in a minute", modelText, s.By)
		}
	}
	h.Changes++
	h.By, h.At, h.What = c.meta.Actor, c.meta.Now, c.reason
	return save(c, key(kModel), h)
}

// wroteMaster tells whether the command writes rules, items, bins or workers.
func (c *change) wroteMaster() bool {
	for _, prefix := range []string{kBin, kItem, kSite, kWorker} {
		from := key(prefix)
		at, found := c.find(from)
		if found {
			return true
		}
		from = under(prefix)
		if at, _ = c.find(from); at < len(c.rows) && len(c.rows[at].key) > len(from) && string(c.rows[at].key[:len(from)]) == string(from) {
			return true
		}
	}
	return false
}
