// Package report says of one code everything there is to say: what it is, what
// is in it, and how else it can be written. For people, and for programs that
// want JSON; the command line prints it.
//
// It is a pure library: no state, no clock, no I/O.
package report

import (
	"errors"
	"fmt"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/epc"
	"tote/gs1/fault"
	"tote/gs1/key"
	"tote/gs1/link"
	"tote/gs1/scan"
)

// Options are what a code does not say itself.
type Options struct {
	Scanner scan.Config // how a barcode was scanned
	Year    int         // the current one, for centuries
	Prefix  int         // digits of the company prefix; 0 = not known, and no EPC is made of a barcode
	PC      int         // protocol control word of a tag; below 0 = not known
	Tag     string      // of the EPC to make: "sgtin-198"; "" = the shortest
	Filter  int         // of the EPC to make
	Stem    string      // of the Digital Link to make; "" = that of GS1
}

// Report is one code in every form.
type Report struct {
	Input         string    `json:"input"`
	Form          string    `json:"form"` // barcode, link, elements, text, tag, tag-uri, pure-uri, raw-uri
	Symbology     string    `json:"symbology,omitempty"`
	SymbologyName string    `json:"symbologyName,omitempty"`
	Rule          scan.Rule `json:"rule,omitempty"` // how a barcode came to be read so
	Text          string    `json:"text,omitempty"`
	Elements      []Element `json:"elements,omitempty"`
	Bracketed     string    `json:"bracketed,omitempty"`
	ElementString string    `json:"elementString,omitempty"` // with GS (1D hex)
	Link          string    `json:"link,omitempty"`
	EPC           *EPC      `json:"epc,omitempty"`
	Notes         []Note    `json:"notes,omitempty"` // what is wrong with it, though it can be read

	noted []error // the same as they came
}

// Element is one AI with what its value means.
type Element struct {
	AI       string `json:"ai"`
	Title    string `json:"title,omitempty"`
	Value    string `json:"value"`
	Date     string `json:"date,omitempty"`
	Number   string `json:"number,omitempty"` // exact decimal
	Unit     string `json:"unit,omitempty"`
	Currency string `json:"currency,omitempty"` // ISO 4217 number
}

// EPC is an EPC in its parts and forms.
type EPC struct {
	Scheme    string `json:"scheme,omitempty"`
	Tag       string `json:"tag,omitempty"` // of what is not decoded what its first byte says
	Filter    int    `json:"filter"`
	Prefix    string `json:"companyPrefix,omitempty"`
	Reference string `json:"reference,omitempty"`
	Piece     string `json:"piece,omitempty"`
	Total     string `json:"total,omitempty"`
	Serial    string `json:"serial,omitempty"`
	URI       string `json:"uri,omitempty"`
	TagURI    string `json:"tagUri,omitempty"`
	RawURI    string `json:"rawUri,omitempty"`
	Hex       string `json:"hex,omitempty"`
	PC        string `json:"pc,omitempty"`
	AFI       string `json:"afi,omitempty"`
}

// Note is a fault that does not keep a code from being read.
type Note struct {
	Code   string `json:"code"`
	Text   string `json:"text"`
	Action string `json:"action"`
}

// Decode reads a code of any form: a barcode with or without identifier, elements
// in brackets, a Digital Link, the hexadecimal digits of a tag, an EPC URI. Errors
// are those of the packages that read it; each has a code of package fault.
func Decode(code string, o Options) (Report, error) {
	r := Report{Input: code}
	if strings.HasPrefix(code, "urn:epc:") {
		e, err := epc.ParseURI(code)
		if err != nil {
			return Report{}, err
		}
		switch {
		case e.Scheme == "":
			r.Form = "raw-uri"
		case e.Tag == "":
			r.Form = "pure-uri"
		default:
			r.Form = "tag-uri"
		}
		return r.ofEPC(e, o)
	}
	reader, err := scan.New(o.Scanner)
	if err != nil {
		return Report{}, err
	}
	if o.PC >= 0 || maybeTag(code, reader) {
		r.Form = "tag"
		var e epc.EPC
		if o.PC >= 0 {
			e, err = epc.DecodeTag(uint16(o.PC), code)
		} else {
			e, err = epc.Decode(code)
		}
		if err != nil {
			return Report{}, err
		}
		return r.ofEPC(e, o)
	}
	return r.ofBarcode(code, reader, o)
}

// ofBarcode reads what a scanner sent.
func (r Report) ofBarcode(code string, reader *scan.Reader, o Options) (Report, error) {
	s, err := reader.Read(code)
	if err != nil {
		return Report{}, err
	}
	r.Symbology, r.SymbologyName, r.Rule, r.Text = s.Symbology, scan.Symbology(s.Symbology), s.Rule, s.Text
	switch s.Rule {
	case scan.RulePlain:
		r.Form = "text"
		return r, nil
	case scan.RuleLink:
		r.Form = "link"
	case scan.RuleBracketed:
		r.Form = "elements"
	default:
		r.Form = "barcode"
	}
	r.elements(s.Elements, o)
	if o.Prefix != 0 {
		e, err := epc.FromElements(s.Elements, o.Prefix)
		if err == nil {
			e, err = e.On(o.Tag, o.Filter)
		}
		if err != nil {
			r.note(err)
		} else {
			r.EPC = spell(e)
		}
	}
	return r, nil
}

// maybeTag tells hexadecimal digits of a tag from a barcode: whole words, as many
// as the shortest scheme has, and no GS1 data in digits alone.
func maybeTag(code string, r *scan.Reader) bool {
	if len(code) < 16 || len(code)%4 != 0 || len(code) > epc.MaxHex {
		return false
	}
	for i := range len(code) {
		if !key.HexDigit(code[i]) {
			return false
		}
	}
	if !key.Digits(code) {
		return true
	}
	s, err := r.Read(code)
	return err == nil && s.Rule == scan.RulePlain
}

func (r Report) ofEPC(e epc.EPC, o Options) (Report, error) {
	r.EPC = spell(e)
	elements, err := e.Elements()
	switch {
	case err == nil:
		r.elements(elements, o)
	case !errors.Is(err, fault.EPCNone):
		r.note(err)
	}
	return r, nil
}

// elements fills in everything that can be made of elements.
func (r *Report) elements(elements []ai.Element, o Options) {
	for _, e := range elements {
		out := Element{AI: e.AI, Title: ai.Title(e.AI), Value: e.Value}
		out.Date, _ = ai.Date(e, o.Year)
		if n, ok := ai.Number(e); ok {
			out.Number, out.Unit, out.Currency = n.String(), n.Unit, n.Currency
		}
		r.Elements = append(r.Elements, out)
		if err := ai.Check(e, ai.Listed); err != nil {
			r.note(err)
		}
	}
	if err := ai.Associate(elements); err != nil {
		r.note(err)
	}
	r.Bracketed = ai.Bracketed(elements)
	r.ElementString, _ = ai.ElementString(elements, ai.Sound) // they were read, so they are good
	stem := o.Stem
	if stem == "" {
		stem = link.CanonicalStem
	}
	// No key, no link: that is nothing to complain of.
	if uri, err := link.Build(stem, elements, ai.Sound); err == nil {
		r.Link = uri
	}
}

// note keeps what is wrong, each of several.
func (r *Report) note(err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			r.note(e)
		}
		return
	}
	n := Note{Text: err.Error()}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		n.Code, n.Action = f.Code, f.Action
	}
	r.Notes, r.noted = append(r.Notes, n), append(r.noted, err)
}

func spell(e epc.EPC) *EPC {
	out := &EPC{
		Scheme: e.Scheme, Tag: e.Tag, Filter: e.Filter, Prefix: e.Prefix, Reference: e.Reference, Piece: e.Piece, Total: e.Total, Serial: e.Serial,
		URI: e.URI(), TagURI: e.TagURI(), RawURI: e.RawURI(), Hex: e.Hex, AFI: e.AFI,
	}
	if e.Scheme != "" && e.Hex != "" {
		out.PC = fmt.Sprintf("%04X", epc.PC(e.Hex))
	}
	return out
}
