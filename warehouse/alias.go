package warehouse

import "slices"

// Aliases: a barcode nobody knows, found while receiving or picking, is bound
// to an item. One person proposes, a lead who is somebody else decides; the
// accepted alias is proposed to the OMS, which owns the item.

// maxAliases bounds the barcodes of one item.
const maxAliases = 16

// Alias is a barcode that waits for a decision.
type Alias struct {
	Barcode string `cbor:"1,keyasint" json:"barcode"`
	SKU     string `cbor:"2,keyasint" json:"sku"`
	By      string `cbor:"3,keyasint" json:"by"`
	Since   int64  `cbor:"4,keyasint" json:"since"`
}

type (
	// ProposeAlias says which item an unknown barcode belongs to.
	ProposeAlias struct {
		Barcode string `cbor:"1,keyasint" json:"barcode"`
		SKU     string `cbor:"2,keyasint" json:"sku"`
	}
	// DecideAlias accepts or refuses a proposal of somebody else.
	DecideAlias struct {
		Barcode string `cbor:"1,keyasint" json:"barcode"`
		Accept  bool   `cbor:"2,keyasint,omitempty" json:"accept,omitempty"`
	}
)

// Kind implements Command.
func (ProposeAlias) Kind() Kind { return KindProposeAlias }

// Kind implements Command.
func (DecideAlias) Kind() Kind { return KindDecideAlias }

func proposeAlias(c *change, cmd ProposeAlias) (Result, error) {
	code := plainCode(cmd.Barcode)
	if !validBarcode(code) || !validID(cmd.SKU) {
		return Result{}, refuse(CodeInvalid, "barcode or sku")
	}
	it, err := GetItem(c, cmd.SKU)
	if err != nil {
		return Result{}, err
	}
	if it == nil {
		return Result{}, refuse(CodeUnknownItem, "item %s", cmd.SKU)
	}
	if len(it.Barcodes) >= maxAliases {
		return Result{}, refuse(CodeTooBig, "item %s has %d barcodes", it.SKU, len(it.Barcodes))
	}
	had, err := c.Get(codeKey(code))
	if err != nil {
		return Result{}, err
	}
	switch {
	case string(had) == it.SKU:
		return Result{Ref: it.SKU, Text: "known already"}, nil
	case had != nil:
		return Result{}, refuse(CodeConflict, "barcode %s belongs to item %s", code, had)
	}
	c.touch("aliases", "")
	return Result{Ref: code}, save(c, key(kAlias, code), &Alias{Barcode: code, SKU: it.SKU, By: c.meta.Actor, Since: c.meta.Now})
}

func decideAlias(c *change, cmd DecideAlias) (Result, error) {
	code := plainCode(cmd.Barcode)
	var a *Alias
	var err error
	if validBarcode(code) {
		a, err = load[Alias](c, key(kAlias, code))
	}
	switch {
	case err != nil:
		return Result{}, err
	case a == nil:
		return Result{}, refuse(CodeUnknownBarcode, "nobody proposed %.70q", code)
	case a.By == c.meta.Actor:
		return Result{}, refuse(CodeSamePerson, "%s proposed it: somebody else decides", a.By)
	}
	if err := c.Delete(key(kAlias, code)); err != nil {
		return Result{}, err
	}
	c.touch("aliases", "")
	res := Result{Ref: a.SKU}
	if !cmd.Accept {
		return res, nil
	}
	it, err := must2(GetItem(c, a.SKU))("item", a.SKU)
	if err != nil {
		return res, err
	}
	had, err := c.Get(codeKey(code))
	if err != nil {
		return res, err
	}
	if had != nil || len(it.Barcodes) >= maxAliases {
		return res, refuse(CodeConflict, "barcode %s belongs to item %s, or %s has too many", code, had, it.SKU)
	}
	it.Barcodes = append(slices.Clone(it.Barcodes), code)
	if err := save(c, key(kItem, it.SKU), it); err != nil {
		return res, err
	}
	if err := c.Set(codeKey(code), []byte(it.SKU)); err != nil {
		return res, err
	}
	c.touch("items", "")
	return res, c.emit(EvAliasProposed, "", EventData{SKU: it.SKU, Text: code})
}

// Aliases lists the barcodes that wait for a decision.
func Aliases(r Reader) ([]Alias, error) { return list[Alias](r, under(kAlias), 0) }
