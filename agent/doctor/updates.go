package doctor

import (
	"context"
	"strings"

	"tote/agent/update"
)

// updates looks at what runs out of the slots; it asks no agent, because a version that
// was taken back may be why there is none.
func (p Patient) updates(context.Context) []Finding {
	if p.Slots.Dir == "" || p.Slots.InUse() == "" {
		return one(Skipped, "", "this machine has no slots: it is updated by other means")
	}
	j, err := p.Slots.Pending()
	last := p.Slots.Last()
	version := p.Slots.Version(p.Slots.InUse())
	switch {
	case err != nil:
		return one(Warning, update.CodeJournal, "%v", err)
	case j != nil && j.State == update.Back:
		return one(Warning, j.Code, "%s is just being taken back: %s", j.Version, j.Why)
	case j != nil:
		return one(Fine, "", "%s is on trial, before it was %s", j.Version, j.Was)
	case last != nil && last.Result == update.RolledBack && last.Was == version:
		return one(Warning, last.Code, "%s was taken back to %s: %s", last.Version, last.Was, strings.TrimSpace(last.Why))
	}
	return one(Fine, "", "%s is in use, slot %s; the other one holds %s", version, p.Slots.InUse(), orNothing(p.Slots.Version(p.Slots.Other())))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
