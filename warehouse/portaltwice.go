package warehouse

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// One tag at two doors. Doors side by side hear each other's tags. Portals of one
// gateway settle it between themselves; those of two gateways cannot, for law 7
// keeps reads off the log and a message between gateways may be lost. So the last
// pass of each door is remembered here, and of passes at the same time a tag belongs
// to the one that heard it better, whichever is recorded first:
//
//   - heard better, or as well, in the pass that is here: it is left out of the new
//     one;
//   - heard better in the new one: it counts there and is taken from the old. When
//     the old pass was a stray fallout of nothing but such tags, that is cleared:
//     they belong to another door. A parcel it verified stays so, its tags were seen.
//
// A pass is remembered as numbers of its tags, not as tags: some kilobytes for each
// portal, for ever the same.

// passSlackMs is how far apart the clocks of gateways may be.
const passSlackMs = 2000

type (
	lastPass struct {
		From   int64     `cbor:"1,keyasint"`
		To     int64     `cbor:"2,keyasint"`
		Tags   []passTag `cbor:"3,keyasint,omitempty"` // by number
		Stray  string    `cbor:"4,keyasint,omitempty"` // the fallout it opened
		Strays []uint64  `cbor:"5,keyasint,omitempty"` // numbers of the tags that opened it
	}
	passTag struct {
		Tag  uint64 `cbor:"1,keyasint"`
		RSSI int    `cbor:"2,keyasint"`
	}
)

// tagNumber stands for the key of a tag.
func tagNumber(key string) uint64 {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:])
}

func (p *lastPass) find(tag uint64) int {
	return slices.IndexFunc(p.Tags, func(t passTag) bool { return t.Tag == tag })
}

// oneDoor gives the tags of a pass that no other door has a better claim to, takes
// those that others claimed with less from them, and remembers the pass. A pass
// without strengths claims nothing.
func (c *change) oneDoor(site *Site, cmd PortalPass) ([]string, error) {
	if len(cmd.RSSI) == 0 {
		return cmd.EPCs, nil
	}
	type other struct {
		dock    string
		pass    *lastPass
		changed bool
	}
	var others []other
	for _, dock := range site.Portals {
		if dock == cmd.Dock {
			continue
		}
		p, err := load[lastPass](c, key(kPassed, dock))
		if err != nil {
			return nil, err
		}
		if p != nil && cmd.From <= p.To+passSlackMs && p.From <= cmd.To+passSlackMs {
			others = append(others, other{dock: dock, pass: p})
		}
	}
	mine := lastPass{From: cmd.From, To: cmd.To}
	var kept []string
	for i, s := range cmd.EPCs {
		_, k := c.readTag(s)
		tag, better := tagNumber(k), false
		for j := range others {
			at := others[j].pass.find(tag)
			if at < 0 {
				continue
			}
			if better = others[j].pass.Tags[at].RSSI >= cmd.RSSI[i]; better {
				break
			}
			others[j].pass.Tags = slices.Delete(others[j].pass.Tags, at, at+1)
			others[j].pass.Strays = slices.DeleteFunc(others[j].pass.Strays, func(n uint64) bool { return n == tag })
			others[j].changed = true
		}
		if better {
			continue
		}
		kept = append(kept, s)
		if mine.find(tag) < 0 {
			mine.Tags = append(mine.Tags, passTag{tag, cmd.RSSI[i]})
		}
	}
	for _, o := range others {
		if !o.changed {
			continue
		}
		if err := c.unstray(o.dock, cmd.Dock, o.pass); err != nil {
			return nil, err
		}
		if err := save(c, key(kPassed, o.dock), o.pass); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(mine.Tags, func(a, b passTag) int {
		switch {
		case a.Tag < b.Tag:
			return -1
		case a.Tag > b.Tag:
			return 1
		}
		return 0
	})
	return kept, save(c, key(kPassed, cmd.Dock), &mine)
}

// unstray clears the stray fallout of a pass when all of its tags went by another
// door, and nothing was added to it since.
func (c *change) unstray(dock, by string, p *lastPass) error {
	if p.Stray == "" || len(p.Strays) > 0 {
		return nil
	}
	id := p.Stray
	p.Stray = ""
	f, err := GetFallout(c, id)
	if err != nil || f == nil || f.ClearedAt != 0 || len(f.Evidence) > 0 {
		return err
	}
	if err := c.Delete(key(kStray, dock)); err != nil {
		return err
	}
	c.touch("dock", dock)
	return c.end(f, "portal/"+by)
}

// noteStrays remembers which tags of a pass opened the stray fallout of its door.
func (c *change) noteStrays(dock string, p *passed) error {
	id, err := c.Get(key(kStray, dock))
	if err != nil || id == nil {
		return err
	}
	f, err := must2(GetFallout(c, string(id)))("fallout", string(id))
	if err != nil || f.Since != c.meta.Now || len(f.Evidence) > 0 {
		return err
	}
	mine, err := must2(load[lastPass](c, key(kPassed, dock)))("pass at", dock)
	if err != nil {
		return err
	}
	mine.Stray = string(id)
	if len(p.parcels) == 0 {
		for _, t := range mine.Tags {
			mine.Strays = append(mine.Strays, t.Tag)
		}
		return save(c, key(kPassed, dock), mine)
	}
	// What is too much beside settled parcels is told by number, and is then not
	// found again: the fallout stays for a person.
	for _, k := range p.strays {
		mine.Strays = append(mine.Strays, tagNumber(k))
	}
	return save(c, key(kPassed, dock), mine)
}
