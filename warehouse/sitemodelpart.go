package warehouse

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A part that is put aside is checked as if all parts before it were true. What a
// thing of the model is scanned by is claimed; what it is not scanned by any more is
// freed. A code that somebody else still has is wanted: that one has to free it in a
// later part, or the commit is refused. So barcodes may change places in any order,
// and nobody has to look at the whole model at once.
//
//	modelc no space code   what claims it, as "item/CUP"
//	modelf no space code   1: who has it gives it up
//	modelw no space code   what wants it
//
// The space is kItem, kBin or kWorker: within one, a code is there once.

// codeSpaces are what codes may belong to.
var codeSpaces = []string{kItem, kBin, kWorker}

// stager checks one part.
type stager struct {
	c    *change
	s    *modelSession
	site *Site // the rules that will hold
	now  bool
}

func stageModel(c *change, cmd StageModel) (Result, error) {
	_, s, err := c.session(cmd.ID)
	if err != nil {
		return Result{}, err
	}
	if s == nil || s.State != modelStaging {
		return Result{}, refuse(CodeConflict, "no such model is being brought in: it took too long, or holds already")
	}
	b, err := marshal(nil, &cmd.Part)
	if err != nil {
		return Result{}, err
	}
	if cmd.N == s.Staged-1 {
		had, err := c.Get(partKey(s.No, cmd.N))
		if err == nil && bytes.Equal(had, b) {
			return Result{Ref: s.ID}, nil
		}
		if err != nil {
			return Result{}, err
		}
	}
	if cmd.N != s.Staged || cmd.N >= s.Parts {
		return Result{}, refuse(CodeConflict, "part %d of %d: part %d is the next", cmd.N, s.Parts, s.Staged)
	}
	p := &cmd.Part
	if p.Now && s.Now < s.Staged {
		return Result{}, refuse(CodeInvalid, "parts for the commit come first")
	}
	site, err := c.rulesOf(s)
	if err != nil {
		return Result{}, err
	}
	st := &stager{c, s, site, p.Now}
	if err := st.part(p); err != nil {
		return Result{}, err
	}
	s.Staged++
	if p.Now {
		s.Now++
	}
	if err := c.Set(partKey(s.No, cmd.N), b); err != nil {
		return Result{}, err
	}
	return Result{Ref: s.ID}, c.saveSession(s, c.meta.Now+modelIdleMs)
}

// part checks and claims everything of a part.
func (st *stager) part(p *ModelPart) error {
	rows, codes := len(p.Items)+len(p.Bins)+len(p.Workers)+len(p.DropItems)+len(p.DropBins)+len(p.DropWorkers), 0
	for i := range p.Items {
		codes += len(codesOf(&p.Items[i]))
	}
	switch {
	case rows == 0:
		return refuse(CodeInvalid, "the part is empty")
	case rows > MaxModelRows || codes > MaxModelCodes:
		return refuse(CodeInvalid, "the part has %d rows and %d barcodes, the most is %d and %d", rows, codes, MaxModelRows, MaxModelCodes)
	case !st.now && rows > len(p.Items)+len(p.Bins)+len(p.Workers):
		return refuse(CodeInvalid, "what is removed belongs into a part for the commit")
	}
	for _, d := range []struct {
		space string
		ids   []string
	}{{kItem, p.DropItems}, {kBin, p.DropBins}, {kWorker, p.DropWorkers}} {
		for _, id := range d.ids {
			if err := st.drop(d.space, id); err != nil {
				return err
			}
		}
	}
	for i := range p.Items {
		if err := st.item(&p.Items[i]); err != nil {
			return err
		}
	}
	for i := range p.Bins {
		if err := st.bin(&p.Bins[i]); err != nil {
			return err
		}
	}
	for i := range p.Workers {
		if err := st.worker(&p.Workers[i]); err != nil {
			return err
		}
	}
	return nil
}

// drop frees what a thing is scanned by, and claims its name so that nothing else
// of the model can be it.
func (st *stager) drop(space, id string) error {
	codes, there, err := codesIn(st.c, space, id)
	if err != nil {
		return err
	}
	if !there {
		return refuse(CodeConflict, "%s %.70s is not here: it cannot be removed", space, id)
	}
	if err := st.once(space, id); err != nil {
		return err
	}
	return st.free(space, codes)
}

func (st *stager) item(it *Item) error {
	what := "item " + it.SKU
	if why := cmp.Or(checkItem(*it), st.c.newID("sku", it.SKU), fitsRules(st.site, it)); why != "" {
		return refuse(CodeInvalid, "%s: %s", what, why)
	}
	old, err := GetItem(st.c, it.SKU)
	if err != nil {
		return err
	}
	if old != nil {
		if it.Revision != 0 && it.Revision < old.Revision { // without one a person is heard
			return refuse(CodeConflict, "%s: it is here in revision %d, which is newer than %d", what, old.Revision, it.Revision)
		}
		if (old.LotTracked != it.LotTracked || old.Serials != it.Serials) && !st.now {
			return refuse(CodeInvalid, "%s: lots and serials change in a part for the commit", what)
		}
	}
	return st.thing(kItem, it.SKU, scanKeys(it))
}

func (st *stager) bin(b *Bin) error {
	what := "bin " + b.Code
	if why := cmp.Or(checkBin(*b, st.site.Layout), st.c.newID("bin code", b.Code)); why != "" {
		return refuse(CodeInvalid, "%s: %s", what, why)
	}
	old, err := GetBin(st.c, b.Code)
	if err != nil {
		return err
	}
	if why := st.c.binName(st.site, b.Code); why != "" && old == nil {
		return refuse(CodeInvalid, "%s: %s", what, why)
	}
	return st.thing(kBin, b.Code, []string{b.Code})
}

func (st *stager) worker(w *Worker) error {
	if why := cmp.Or(checkWorker(*w), st.c.newID("worker id", w.ID)); why != "" {
		return refuse(CodeInvalid, "worker %s: %s", w.ID, why)
	}
	old, err := GetWorker(st.c, w.ID)
	if err != nil {
		return err
	}
	if old != nil && old.Kind != w.Kind && !st.now {
		return refuse(CodeInvalid, "worker %s: the kind changes in a part for the commit", w.ID)
	}
	return st.thing(kWorker, w.ID, []string{w.Badge})
}

// thing claims the codes of something that is added or changed.
func (st *stager) thing(space, id string, codes []string) error {
	if err := st.once(space, id); err != nil {
		return err
	}
	had, _, err := codesIn(st.c, space, id)
	if err != nil {
		return err
	}
	for _, code := range codes {
		if err := st.claim(space, id, code, slices.Contains(had, code)); err != nil {
			return err
		}
	}
	return st.free(space, slices.DeleteFunc(had, func(code string) bool { return slices.Contains(codes, code) }))
}

// once notes that the model speaks of a thing, and refuses the second time.
func (st *stager) once(space, id string) error {
	k := st.key(kModelTold, space, id)
	b, err := st.c.Get(k)
	if err != nil {
		return err
	}
	if b != nil {
		return refuse(CodeDuplicateInFile, "%s %s is in the model twice", space, id)
	}
	return st.c.Set(k, set)
}

// claim takes a code for a thing; had tells that it is the thing's already.
func (st *stager) claim(space, id, code string, had bool) error {
	who := space + "/" + id
	k := st.key(kModelClaim, space, code)
	other, err := st.c.Get(k)
	if err != nil {
		return err
	}
	if other != nil {
		return st.taken(space, id, code, string(other))
	}
	if err := st.c.Set(k, []byte(who)); err != nil || had {
		return err
	}
	for _, in := range codeSpaces {
		owner, err := liveOwner(st.c, in, code)
		if err != nil {
			return err
		}
		if owner != "" {
			freed, err := st.c.Get(st.key(kModelFree, in, code))
			if err != nil {
				return err
			}
			if freed != nil {
				owner = ""
			}
		}
		if owner != "" && in == space {
			// Who has it may still give it up.
			st.s.Wants++
			if err := st.c.Set(st.key(kModelWant, space, code), []byte(who)); err != nil {
				return err
			}
			continue
		}
		if owner == "" && in != space {
			b, err := st.c.Get(st.key(kModelClaim, in, code))
			if err != nil {
				return err
			}
			owner = string(b)
		}
		if owner != "" {
			return st.taken(space, id, code, owner)
		}
	}
	return nil
}

func (st *stager) taken(space, id, code, owner string) error {
	kind, other, _ := strings.Cut(owner, "/")
	return refuse(CodeConflict, "%s %s: %s is the barcode of %s %s", space, id, code, kind, other)
}

// free notes that codes are given up by who has them.
func (st *stager) free(space string, codes []string) error {
	for _, code := range codes {
		if err := st.c.Set(st.key(kModelFree, space, code), set); err != nil {
			return err
		}
		k := st.key(kModelWant, space, code)
		b, err := st.c.Get(k)
		if err != nil {
			return err
		}
		if b != nil {
			st.s.Wants--
			if err := st.c.Delete(k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (st *stager) key(prefix, space, code string) []byte {
	return key(prefix, num(st.s.No), space, code)
}

// scanKeys are what an item is scanned by, each once, plain GTINs with 14 digits.
func scanKeys(it *Item) []string {
	prefix := len(under(kCode))
	var out []string
	for _, code := range codesOf(it) {
		if k := string(codeKey(code)[prefix:]); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// codesIn are the codes of a thing as it is here.
func codesIn(r Reader, space, id string) (codes []string, there bool, err error) {
	switch space {
	case kItem:
		it, err := GetItem(r, id)
		if err != nil || it == nil {
			return nil, false, err
		}
		return scanKeys(it), true, nil
	case kBin:
		b, err := GetBin(r, id)
		if err != nil || b == nil {
			return nil, false, err
		}
		return []string{b.Code}, true, nil
	case kWorker:
		w, err := GetWorker(r, id)
		if err != nil || w == nil {
			return nil, false, err
		}
		return []string{w.Badge}, true, nil
	}
	return nil, false, fmt.Errorf("%w: no things of kind %q", ErrCorrupt, space)
}

// liveOwner is the thing of a space that a code means here, "" when none.
func liveOwner(r Reader, space, code string) (string, error) {
	k := map[string][]byte{kItem: key(kCode, code), kBin: key(kBin, code), kWorker: key(kBadge, code)}[space]
	b, err := r.Get(k)
	if err != nil || b == nil {
		return "", err
	}
	if space == kBin {
		return space + "/" + code, nil
	}
	return space + "/" + string(b), nil
}
