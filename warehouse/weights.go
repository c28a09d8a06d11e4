package warehouse

// What the scale and the tape teach: the weight and the sides of one piece.
//
// A parcel of one item alone says what a piece of it weighs: its weight less the
// carton's, by the number of pieces. The mean over such parcels is stable when
// ten more of them change it by a hundredth at most. A stable mean that is not
// what the master data say is proposed to the OMS, once, and again only when it
// has moved on; sides that somebody measured are proposed in the same way. The
// OMS owns the item: nothing here writes it. A site may use a stable mean for
// what a carton must weigh before the OMS has answered.

// Values of Site.Weights; "" = nothing is learned.
const (
	WeightsPropose = "propose"
	WeightsUse     = "use" // and expect what was learned
)

const (
	learnEvery   = 10   // parcels between two looks at the mean
	learnMost    = 1000 // then all is halved: what is old counts less, and no sum grows for ever
	learnSteady  = 10   // per mille a stable mean moves at most
	learnDiffers = 20   // per mille from which on it is worth telling
	learnMinMg   = 100  // a scale does not see less
)

type (
	// ItemLearned is what is known of a piece of an item beside its master data.
	ItemLearned struct {
		SKU     string `cbor:"1,keyasint" json:"sku"`
		Parcels int64  `cbor:"2,keyasint,omitempty" json:"parcels,omitempty"`
		Units   int64  `cbor:"3,keyasint,omitempty" json:"units,omitempty"`
		SumMg   int64  `cbor:"4,keyasint,omitempty" json:"sumMg,omitempty"`
		LookMg  int64  `cbor:"5,keyasint,omitempty" json:"lookMg,omitempty"` // the mean when it was last looked at
		Stable  bool   `cbor:"6,keyasint,omitempty" json:"stable,omitempty"`
		ToldMg  int64  `cbor:"7,keyasint,omitempty" json:"toldMg,omitempty"`    // proposed last
		ToldMm  *Sides `cbor:"8,keyasint,omitempty" json:"toldSides,omitempty"` // proposed last
	}
	// Sides are those of a piece, in millimetres.
	Sides struct {
		LengthMm int64 `cbor:"1,keyasint" json:"lengthMm"`
		WidthMm  int64 `cbor:"2,keyasint" json:"widthMm"`
		HeightMm int64 `cbor:"3,keyasint" json:"heightMm"`
	}
	// MeasureItem proposes the sides of an item that were measured here.
	MeasureItem struct {
		SKU      string `cbor:"1,keyasint" json:"sku"`
		LengthMm int64  `cbor:"2,keyasint" json:"lengthMm"`
		WidthMm  int64  `cbor:"3,keyasint" json:"widthMm"`
		HeightMm int64  `cbor:"4,keyasint" json:"heightMm"`
	}
)

// Kind implements Command.
func (MeasureItem) Kind() Kind { return KindMeasureItem }

// GetLearned returns what was learned of an item, nil when nothing was.
func GetLearned(r Reader, sku string) (*ItemLearned, error) {
	return load[ItemLearned](r, key(kLearned, sku))
}

// MeanMg is what a piece weighs on average, rounded; 0 = not known.
func (l *ItemLearned) MeanMg() int64 {
	if l == nil || l.Units == 0 {
		return 0
	}
	return max((l.SumMg+l.Units/2)/l.Units, 1)
}

// far tells whether two weights differ by more than some per mille of the second.
func far(a, b, permil int64) bool {
	diff := max(a-b, b-a)
	return diff > learnMinMg && diff > b/1000*permil+b%1000*permil/1000
}

// unitMg is what a piece of an item is expected to weigh.
func (c *change) unitMg(site *Site, it *Item) (int64, error) {
	if site.Weights != WeightsUse {
		return it.WeightMg, nil
	}
	l, err := GetLearned(c, it.SKU)
	if err != nil || l == nil || !l.Stable {
		return it.WeightMg, err
	}
	return l.MeanMg(), nil
}

// learnWeight takes what a good parcel says of the only item in it.
func (c *change) learnWeight(site *Site, goods []ParcelLine, netMg int64) error {
	if site.Weights == "" || netMg < 1 {
		return nil
	}
	sku, units := "", int64(0)
	for _, g := range goods {
		if sku != "" && sku != g.SKU {
			return nil
		}
		sku, units = g.SKU, units+g.Qty
	}
	if units == 0 {
		return nil
	}
	it, err := must2(GetItem(c, sku))("item", sku)
	if err != nil {
		return err
	}
	l, err := GetLearned(c, sku)
	if err != nil {
		return err
	}
	if l == nil {
		l = &ItemLearned{SKU: sku}
	}
	l.Parcels, l.Units, l.SumMg = l.Parcels+1, l.Units+units, l.SumMg+netMg
	if l.Parcels%learnEvery == 0 {
		mean := l.MeanMg()
		l.Stable = l.LookMg != 0 && !far(mean, l.LookMg, learnSteady)
		l.LookMg = mean
		if l.Stable && far(mean, it.WeightMg, learnDiffers) && far(mean, l.ToldMg, learnDiffers) {
			l.ToldMg = mean
			err := c.emit(EvWeightProposed, "", EventData{SKU: sku, WeightMg: mean, WasMg: it.WeightMg, Qty: l.Parcels})
			if err != nil {
				return err
			}
		}
	}
	if l.Parcels == learnMost {
		l.Parcels, l.Units, l.SumMg = l.Parcels/2, l.Units/2, l.SumMg/2
	}
	return save(c, key(kLearned, sku), l)
}

func measureItem(c *change, cmd MeasureItem) (Result, error) {
	res := Result{Ref: cmd.SKU}
	now := Sides{cmd.LengthMm, cmd.WidthMm, cmd.HeightMm}
	if !validID(cmd.SKU) || now == (Sides{}) || checkSides(Item{LengthMm: now.LengthMm, WidthMm: now.WidthMm, HeightMm: now.HeightMm}) != "" {
		return res, refuse(CodeInvalid, "sku and sides, 1 mm to 10 m")
	}
	it, err := GetItem(c, cmd.SKU)
	if err != nil {
		return res, err
	}
	if it == nil {
		return res, refuse(CodeUnknownItem, "item %s", cmd.SKU)
	}
	l, err := GetLearned(c, cmd.SKU)
	if err != nil {
		return res, err
	}
	if l == nil {
		l = &ItemLearned{SKU: cmd.SKU}
	}
	if now == (Sides{it.LengthMm, it.WidthMm, it.HeightMm}) || l.ToldMm != nil && *l.ToldMm == now {
		res.Text = "known"
		return res, nil
	}
	l.ToldMm = &now
	if err := save(c, key(kLearned, cmd.SKU), l); err != nil {
		return res, err
	}
	return res, c.emit(EvSidesProposed, "", EventData{SKU: cmd.SKU, Sides: &now})
}
