package report

import (
	"errors"
	"fmt"

	"tote/gs1/ai"
	"tote/gs1/epc"
	"tote/gs1/fault"
	"tote/gs1/link"
)

// Encode makes of elements, a Digital Link or an EPC URI what is to be printed or
// written on a tag. Unlike Decode it is strict: what is wrong is an error, lists
// of codes and pairs of AIs included, and an EPC that cannot be made is one too,
// unless no tag was asked for. One barcode is a whole item here; what stands on
// another one is to be given, too.
func Encode(code string, o Options) (Report, error) {
	if o.PC >= 0 {
		return Report{}, fmt.Errorf("a tag's control word is read, not written: %w", fault.EPC)
	}
	o.Scanner.Strict = true
	prefix := o.Prefix
	o.Prefix = 0
	r, err := Decode(code, o)
	if err != nil {
		return Report{}, err
	}
	if err := errors.Join(r.noted...); err != nil {
		return Report{}, err
	}
	if r.Form == "text" {
		return Report{}, fmt.Errorf("%.100q is no GS1 data: %w", code, fault.UnknownAI)
	}
	if r.EPC != nil {
		return r.onTag(code, o)
	}
	if o.Stem != "" && r.Link == "" {
		_, err := link.Build(o.Stem, plain(r.Elements), ai.Listed)
		return Report{}, err
	}
	if prefix == 0 {
		if o.Tag != "" {
			return Report{}, fmt.Errorf("%s: %w", o.Tag, fault.EPCPrefix)
		}
		return r, nil
	}
	e, err := epc.FromElements(plain(r.Elements), prefix)
	if err == nil {
		e, err = e.On(o.Tag, o.Filter)
	}
	if err != nil {
		return Report{}, err
	}
	r.EPC = spell(e)
	return r, nil
}

// onTag puts an EPC on the tag that was asked for.
func (r Report) onTag(code string, o Options) (Report, error) {
	e, err := epc.ParseURI(code)
	if err != nil { // hexadecimal digits: they are a tag's already
		if e, err = epc.Decode(code); err != nil {
			return Report{}, err
		}
	}
	if e.Scheme == "" {
		return Report{}, fmt.Errorf("%.100q: %w", code, fault.EPCNone)
	}
	if e.Tag != "" && o.Tag == "" {
		return r, nil // it says itself where it belongs
	}
	if e, err = e.On(o.Tag, o.Filter); err != nil {
		return Report{}, err
	}
	r.EPC = spell(e)
	return r, nil
}

func plain(elements []Element) []ai.Element {
	out := make([]ai.Element, len(elements))
	for i, e := range elements {
		out[i] = ai.Element{AI: e.AI, Value: e.Value}
	}
	return out
}
