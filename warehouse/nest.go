package warehouse

import (
	"fmt"
	"strings"

	"tote/gs1"
)

// Units for stock: items in a carton, the carton on a pallet. Its rules:
//
//   - A unit has one place: a bin, station or dock, the hands of a worker or
//     robot, or another unit ("lu/P1"). To nest, to unnest and to move are the
//     same act: PlaceLU.
//   - What is inside goes along, because its place is the unit. Moving a full
//     pallet writes one record.
//   - Units are nested maxNesting deep and never in themselves. A pallet stands
//     in nothing.
//   - Goods in a unit are not allocated: somebody takes them into a bin first
//     (MoveStock).
//   - Codes of totes belong to the pick, SSCCs with the site's own prefix are
//     given by the site.

// maxNesting is how many units may stand in each other, the outer one included.
const maxNesting = 3

// Kinds of logistic units.
const (
	LUTote   = "tote"
	LUCarton = "carton"
	LUPallet = "pallet"
)

type (
	// PutLU registers a unit for stock. Without an ID it gets a new SSCC of
	// the site; the answer's Ref names it.
	PutLU struct {
		LU   string `cbor:"1,keyasint,omitempty" json:"lu,omitempty"`
		Type string `cbor:"2,keyasint" json:"type"` // LUCarton, LUPallet
		At   string `cbor:"3,keyasint" json:"at"`   // place
	}
	// PlaceLU says where a unit for stock stands now. "" takes an empty one
	// off the books.
	PlaceLU struct {
		LU string `cbor:"1,keyasint" json:"lu"`
		At string `cbor:"2,keyasint,omitempty" json:"at,omitempty"`
	}
)

// Kind numbers the command.
func (PutLU) Kind() Kind { return KindPutLU }

// Kind numbers the command.
func (PlaceLU) Kind() Kind { return KindPlaceLU }

func putLU(c *change, cmd PutLU) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	if cmd.Type != LUCarton && cmd.Type != LUPallet {
		return Result{}, refuse(CodeInvalid, `type: "carton" or "pallet"`)
	}
	id := cmd.LU
	if id == "" {
		if id, err = c.newSSCC(site); err != nil {
			return Result{}, err
		}
	} else if why := checkUnitID(site, id); why != "" {
		return Result{}, refuse(CodeInvalid, "%s", why)
	}
	switch old, err := GetLU(c, id); {
	case err != nil:
		return Result{}, err
	case old != nil:
		return Result{}, refuse(CodeConflict, "unit %s is here already", id)
	}
	return Result{Ref: id}, c.stand(&LU{ID: id, Kind: cmd.Type, Stock: true}, cmd.At)
}

// checkUnitID says why a unit for stock cannot have an id, "" when it can.
func checkUnitID(site *Site, id string) string {
	switch {
	case !validID(id):
		return "unit id"
	case isTote(site, id):
		return "the code is one of a tote"
	case len(id) != 18 || !digits(id):
		return ""
	}
	if d, err := gs1.CheckDigit(id[:17]); err != nil || d != id[17] {
		return "SSCC: the check digit is wrong"
	}
	if strings.HasPrefix(id[1:], site.CompanyPrefix) {
		return "SSCCs of this site are given by the site"
	}
	return ""
}

func placeUnit(c *change, cmd PlaceLU) (Result, error) {
	if !validID(cmd.LU) {
		return Result{}, refuse(CodeUnknownLU, "unit %q", cmd.LU)
	}
	lu, err := c.stockUnit(cmd.LU)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: lu.ID}
	if cmd.At == lu.Place {
		res.Text = "it stands there already"
		return res, nil
	}
	if cmd.At != "" {
		return res, c.stand(lu, cmd.At)
	}
	switch holds, err := c.holds(lu.ID); {
	case err != nil:
		return res, err
	case holds:
		return res, refuse(CodeNesting, "unit %s is not empty", lu.ID)
	}
	if err := c.unnest(lu); err != nil {
		return res, err
	}
	c.touch("lu", lu.ID)
	if err := c.drop(key(kSight, sightUnit, lu.ID)); err != nil {
		return res, err
	}
	return res, c.Delete(key(kLU, lu.ID))
}

// stand puts a unit into a place, with all that is in it.
func (c *change) stand(lu *LU, place string) error {
	if err := c.checkStand(lu, place); err != nil {
		return err
	}
	if err := c.unnest(lu); err != nil {
		return err
	}
	lu.Place = place
	if parent, ok := strings.CutPrefix(place, placeLU); ok {
		if err := c.index(key(kIn, parent, lu.ID), true); err != nil {
			return err
		}
	}
	c.touch("lu", lu.ID)
	return save(c, key(kLU, lu.ID), lu)
}

// unnest takes a unit out of the one it stands in.
func (c *change) unnest(lu *LU) error {
	if parent, ok := strings.CutPrefix(lu.Place, placeLU); ok {
		return c.index(key(kIn, parent, lu.ID), false)
	}
	return nil
}

// checkStand finds the place and the reason why the unit cannot stand there.
func (c *change) checkStand(lu *LU, place string) error {
	kind, id, _ := strings.Cut(place, "/")
	if !validID(id) {
		return refuse(CodeInvalid, `place: "bin", "lu", "worker", "robot", "station" or "dock", "/" and an id`)
	}
	switch kind + "/" {
	case placeBin:
		return c.checkPlace(place)
	case placeWorker:
		w, err := GetWorker(c, id)
		if err == nil && w == nil {
			err = refuse(CodeInvalid, "worker %s is not known", id)
		}
		return err
	case placeRobot, placeStation, placeDock:
		return nil
	case placeLU:
		return c.checkNesting(lu, id)
	}
	return refuse(CodeInvalid, "place %q", place)
}

func (c *change) checkNesting(lu *LU, parent string) error {
	if lu.Kind == LUPallet {
		return refuse(CodeNesting, "pallet %s stands in no other unit", lu.ID)
	}
	above := 0
	for id, up := parent, true; up; above++ {
		if id == lu.ID {
			return refuse(CodeNesting, "unit %s would stand in itself", lu.ID)
		}
		if above == maxNesting {
			return refuse(CodeNesting, "more than %d units in each other", maxNesting)
		}
		p, err := c.stockUnit(id)
		if err != nil {
			return err
		}
		id, up = strings.CutPrefix(p.Place, placeLU)
	}
	below, err := c.depth(lu.ID, maxNesting)
	if err == nil && above+below > maxNesting {
		err = refuse(CodeNesting, "more than %d units in each other", maxNesting)
	}
	return err
}

// depth is how many units stand in each other from this one down, at most most.
func (c *change) depth(id string, most int) (int, error) {
	if most <= 1 {
		return 1, nil
	}
	inside, err := UnitsIn(c, id)
	if err != nil {
		return 0, err
	}
	deepest := 0
	for _, u := range inside {
		d, err := c.depth(u, most-1)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, d)
	}
	return 1 + deepest, nil
}

// holds tells whether goods or units are in a unit.
func (c *change) holds(id string) (bool, error) {
	for _, prefix := range [][]byte{under(kAt, LUPlace(id)), under(kIn, id)} {
		in, err := tails(c, prefix, 1)
		if err != nil || len(in) > 0 {
			return true, err
		}
	}
	return false, nil
}

// UnitsIn lists the units that stand in a unit for stock.
func UnitsIn(r Reader, unit string) ([]string, error) { return tails(r, under(kIn, unit), 0) }

// Holder says who or what answers for goods in a place: the bin, worker, robot,
// station, dock or virtual place at the end of the chain of units they are in;
// "" when the chain is broken.
func Holder(r Reader, place string) (string, error) {
	for range maxNesting + 1 {
		id, ok := strings.CutPrefix(place, placeLU)
		if !ok {
			return place, nil
		}
		lu, err := GetLU(r, id)
		if err != nil || lu == nil {
			return "", err
		}
		place = lu.Place
	}
	return "", fmt.Errorf("%w: units are nested too deep in %s", ErrCorrupt, place)
}
