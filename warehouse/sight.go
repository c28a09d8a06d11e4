package warehouse

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"tote/gs1"
)

// Where the tag of a unit was seen last, from level 5 on.
//
//   - A gateway whose readers watch places tells when a tag arrives, moves or goes
//     (TagSeen), never that it is still there. A place is a bin, a zone of bins, or
//     any other name people gave it.
//   - A tag means a unit that is here: a logistic unit by its SSCC, a unit of an item
//     with serials by its SGTIN, a tote whose tag spells its code in ASCII. Any other
//     tag is refused and leaves nothing.
//   - A gateway that was restarted learns from here what it said to be at its places
//     (SeenBy), and tells what is not read there any more.
//   - One record is kept for a unit, the newest by the clocks of the gateways, and it
//     goes when the unit goes. What was seen before it changes nothing.
//   - Stock never moves by it. A reader hears through shelves: where it contradicts
//     the ledger that is shown with the answer to where the unit is (Found.Seen), and
//     a person decides.

// Sight is where a unit was seen last.
type Sight struct {
	Place string `cbor:"1,keyasint" json:"place"`
	At    int64  `cbor:"2,keyasint" json:"at"` // milliseconds since 1970 UTC; Gone: when it was read there last
	// Gone: it is not read there any more, nor anywhere else.
	Gone bool `cbor:"3,keyasint,omitempty" json:"gone,omitempty"`
	// Tag and By are of one that is believed to be there: how its tag was told, and
	// the gateway that watches for it to go.
	Tag string `cbor:"4,keyasint,omitempty" json:"-"`
	By  string `cbor:"5,keyasint,omitempty" json:"-"`
	// Differs: the ledger has it elsewhere. It is worked out when it is asked for,
	// like Text, which says it all in words.
	Differs bool   `cbor:"-" json:"differs,omitempty"`
	Text    string `cbor:"-" json:"text,omitempty"`
}

// TagSeen says that the tag of a unit arrived at a place, or went from it.
type TagSeen struct {
	Tag   string `cbor:"1,keyasint"` // pure identity or tag URI, or hex
	Place string `cbor:"2,keyasint"` // bin, zone or another name
	At    int64  `cbor:"3,keyasint"` // milliseconds since 1970 UTC
	Gone  bool   `cbor:"4,keyasint,omitempty"`
	By    string `cbor:"5,keyasint,omitempty"` // the gateway that tells it
}

// Kind implements Command.
func (TagSeen) Kind() Kind { return KindTagSeen }

// What a sight is of: the first component of its key.
const (
	sightUnit   = "lu"
	sightSerial = "sn"
)

// sightSlackMs is how much the last read of a tag may lie before what its reads were
// said to be: an arrival is told with the end of a part of a window.
const sightSlackMs = 1000

func tagSeenAt(c *change, cmd TagSeen) (Result, error) {
	switch {
	case cmd.Tag == "" || len(cmd.Tag) > maxBarcode:
		return Result{}, refuse(CodeInvalid, "tag of %d bytes", len(cmd.Tag))
	case !validID(cmd.Place):
		return Result{}, refuse(CodeInvalid, "place")
	case cmd.At <= 0:
		return Result{}, refuse(CodeInvalid, "time")
	case cmd.By != "" && !validID(cmd.By):
		return Result{}, refuse(CodeInvalid, "gateway")
	}
	k, id, err := c.unitOfTag(cmd.Tag)
	if err != nil {
		return Result{}, err
	}
	// A clock that is fast must not keep others from being heard.
	s := Sight{Place: cmd.Place, At: min(cmd.At, c.meta.Now), Gone: cmd.Gone}
	if cmd.By != "" && !s.Gone {
		s.Tag, s.By = cmd.Tag, cmd.By
	}
	old, err := load[Sight](c, k)
	if err != nil {
		return Result{}, err
	}
	if old != nil {
		if s.Gone && s.Place == old.Place && s.At+sightSlackMs >= old.At {
			s.At = max(s.At, old.At)
		}
		if *old == s || s.At < old.At || s.Gone && s.Place != old.Place {
			return Result{Ref: id, Text: "seen since at " + old.Place}, nil
		}
	}
	return Result{Ref: id}, save(c, k, &s)
}

// unitOfTag is the unit that is here and has the tag: the key of its sight, and its
// id or serial number.
func (c *change) unitOfTag(tag string) (k []byte, id string, err error) {
	e, _ := c.readTag(tag)
	switch e.Scheme {
	case gs1.SchemeSGTIN:
		sku, err := c.Get(codeKey(e.GTIN))
		if err != nil {
			return nil, "", err
		}
		at, err := c.serialAt(string(sku), e.Serial)
		if err == nil && at == nil {
			err = refuse(CodeUnknownTag, "no unit of an item with serials here has the tag %s", tag)
		}
		return key(kSight, sightSerial, e.Serial, string(sku)), e.Serial, err
	case gs1.SchemeSSCC:
		id = e.SSCC
	default:
		id = spelt(tag)
	}
	if !validID(id) {
		return nil, "", refuse(CodeUnknownTag, "%s is the tag of no unit", tag)
	}
	lu, err := GetLU(c, id)
	if err == nil && lu == nil {
		err = refuse(CodeUnknownTag, "unit %s is not here", id)
	}
	return key(kSight, sightUnit, id), id, err
}

// IsTagOfUnit tells whether a tag is that of a unit that is here: of any other nothing
// would be kept.
func IsTagOfUnit(r Reader, tag string) (bool, error) {
	_, _, err := newChange(r, Meta{Level: Level}, "").unitOfTag(tag)
	if _, no := errors.AsType[*refusal](err); no {
		return false, nil
	}
	return err == nil, err
}

// spelt is the text that the bits of a tag spell in ASCII, filled up with zeros; ""
// when they are no hex.
func spelt(tag string) string {
	if raw, ok := strings.CutPrefix(tag, "urn:epc:raw:"); ok {
		tag = raw[strings.LastIndexByte(raw, 'x')+1:]
	}
	b, err := hex.DecodeString(tag)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00")
}

// forgetSerials drops what was seen of serials that the command took off the books.
// One that only changed its place has its index again by now.
func (c *change) forgetSerials() error {
	for _, s := range c.leftSerials {
		at, err := c.serialAt(s.SKU, s.Serial)
		if err != nil {
			return err
		}
		if at == nil {
			if err := c.drop(key(kSight, sightSerial, s.Serial, s.SKU)); err != nil {
				return err
			}
		}
	}
	return nil
}

// UnitSeen is where the tag of a logistic unit was seen last, nil for nowhere.
func UnitSeen(r Reader, id string) (*Sight, error) {
	return load[Sight](r, key(kSight, sightUnit, id))
}

// SerialSeen is where the tag of a unit of an item with serials was seen last, nil
// for nowhere.
func SerialSeen(r Reader, sku, serial string) (*Sight, error) {
	return load[Sight](r, key(kSight, sightSerial, serial, sku))
}

// SeenBy lists what a gateway told to be at a place and has not told to be gone: what
// it has to watch for after a restart.
func SeenBy(r Reader, gateway string) (all []Sight, err error) {
	err = each(r, under(kSight), func(s *Sight) (bool, error) {
		if s.By == gateway && !s.Gone {
			all = append(all, *s)
		}
		return true, nil
	})
	return all, err
}

// differs tells whether a sight contradicts where the ledger has the unit in the
// end. What is in somebody's hands or under way contradicts nothing.
func (s *Sight) differs(r Reader, holder string) (bool, error) {
	kind, id, _ := strings.Cut(holder, "/")
	seen, err := GetBin(r, s.Place)
	if err != nil {
		return false, err
	}
	same := id == s.Place
	switch kind + "/" {
	case placeBin:
		if seen == nil {
			b, err := GetBin(r, id)
			if err != nil || b == nil || b.Zone == "" {
				return false, err // whatever the name means
			}
			same = b.Zone == s.Place
		}
	case placeStation, placeDock:
		if seen == nil && !same {
			return false, nil
		}
	default:
		if holder != PlacePackDrop && holder != PlaceCustomer || seen == nil {
			return false, nil
		}
	}
	return same == s.Gone, nil
}

// noteSeen adds what readers saw to an answer.
func (f *Found) noteSeen(r Reader) error {
	var s *Sight
	var err error
	holder := ""
	switch {
	case f.Kind == FoundUnit && f.Archived == 0:
		if s, err = UnitSeen(r, f.ID); len(f.Path) > 0 {
			holder = f.Path[len(f.Path)-1]
		}
	case f.Serial != "" && len(f.Goods) == 1:
		s, err = SerialSeen(r, f.Goods[0].SKU, f.Serial)
		holder = f.Goods[0].Holder
	}
	if err != nil || s == nil {
		return err
	}
	if s.Gone && holder != BinPlace(s.Place) {
		f.Seen = s // it went from where it is not: nothing contradicts that
		return nil
	}
	s.Differs, err = s.differs(r, holder)
	f.Seen = s
	return err
}

// Say fills Text, now being milliseconds since 1970 UTC: "seen at A-01 12 s ago".
func (s *Sight) Say(now int64) {
	s.Text = fmt.Sprintf("seen at %s %s ago", s.Place, ago(max(now-s.At, 0)/1000))
	if s.Gone {
		s.Text = "last " + s.Text + ", not since"
	}
	if s.Differs {
		s.Text += "; the ledger has it elsewhere"
		if s.Gone {
			s.Text = strings.TrimSuffix(s.Text, "elsewhere") + "still there"
		}
	}
}

// ago is a time in the largest unit that it fills twice.
func ago(s int64) string {
	switch {
	case s < 120:
		return fmt.Sprintf("%d s", s)
	case s < 7200:
		return fmt.Sprintf("%d min", s/60)
	case s < 172_800:
		return fmt.Sprintf("%d h", s/3600)
	}
	return fmt.Sprintf("%d days", s/86_400)
}
