package warehouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Documents: labels, packing slips, pick tickets, manifests, bills of lading.
//
// What was printed is kept with its bytes, their hash, when it was made and
// first came out, and where it is archived. A reprint is the same bytes and is
// counted and told; a document is never changed, a newer one is another. A
// document that must not be used any more is void.

// Kinds of documents.
const (
	DocLabel    = "label"    // of the SSCC
	DocSlip     = "slip"     // packing slip of an order, or of the SSCC of one of its parcels
	DocTicket   = "ticket"   // pick ticket of an order
	DocManifest = "manifest" // of a carrier's truck
	DocLading   = "lading"   // bill of lading of an order
)

// Languages documents are written in.
const (
	DocZPL  = "zpl"
	DocText = "text"
	DocPDF  = "pdf;base64"
	DocPNG  = "png;base64"

	// Of level 5: what printers of other languages take.
	DocTSPL   = "tspl"
	DocEPL2   = "epl2;base64"
	DocESCPOS = "escpos;base64"
)

// maxDocs bounds the documents about one thing.
const maxDocs = 20

type (
	// Document is the record of one document.
	Document struct {
		ID        string `cbor:"1,keyasint" json:"id"`
		Kind      string `cbor:"2,keyasint" json:"kind"`
		Type      string `cbor:"3,keyasint" json:"type"`
		Ref       string `cbor:"4,keyasint" json:"ref"` // SSCC, order or manifest
		Order     string `cbor:"5,keyasint,omitempty" json:"order,omitempty"`
		Hash      string `cbor:"6,keyasint" json:"hash"` // SHA-256 of the bytes, hex
		Size      int    `cbor:"7,keyasint" json:"size"`
		Created   int64  `cbor:"8,keyasint" json:"created"`
		Published int64  `cbor:"9,keyasint,omitempty" json:"published,omitempty"` // first came out of a printer
		Archive   string `cbor:"10,keyasint" json:"archive"`                      // where the bytes are
		Copies    int    `cbor:"11,keyasint,omitempty" json:"copies,omitempty"`   // reprints
		CopyAt    int64  `cbor:"12,keyasint,omitempty" json:"copyAt,omitempty"`   // the newest of them
		CopyBy    string `cbor:"13,keyasint,omitempty" json:"copyBy,omitempty"`
		CopyWhy   string `cbor:"14,keyasint,omitempty" json:"copyWhy,omitempty"`
		VoidAt    int64  `cbor:"15,keyasint,omitempty" json:"voidAt,omitempty"`
	}
	// FileDocument archives what was printed. Filed again with the same bytes it
	// is the same document. Archive names a place outside, physical or digital,
	// where it lies as well.
	FileDocument struct {
		What    string `cbor:"1,keyasint" json:"kind"`
		Type    string `cbor:"2,keyasint" json:"type"`
		Ref     string `cbor:"3,keyasint" json:"ref"`
		Body    string `cbor:"4,keyasint" json:"body"`
		Archive string `cbor:"5,keyasint,omitempty" json:"archive,omitempty"`
	}
	// ReprintDocument notes that one more copy was asked for: the same bytes.
	ReprintDocument struct {
		Document string `cbor:"1,keyasint" json:"document"`
		Reason   string `cbor:"2,keyasint" json:"reason"`
	}
)

// Kind implements Command.
func (FileDocument) Kind() Kind { return KindFileDocument }

// Kind implements Command.
func (ReprintDocument) Kind() Kind { return KindReprintDocument }

// docType tells whether documents of a language are taken in.
func (c *change) docType(t string) bool {
	return slices.Contains([]string{DocZPL, DocText, DocPDF, DocPNG}, t) ||
		c.since(level5) && slices.Contains([]string{DocTSPL, DocEPL2, DocESCPOS}, t)
}

// GetDocument returns a document by id.
func GetDocument(r Reader, id string) (*Document, error) { return load[Document](r, key(kDoc, id)) }

// DocumentBody returns the bytes of a document, nil when there is none.
func DocumentBody(r Reader, id string) ([]byte, error) { return r.Get(key(kDocBody, id)) }

// DocumentsOf lists the documents about an SSCC, an order or a manifest, oldest
// first.
func DocumentsOf(r Reader, ref string) ([]Document, error) {
	return named(r, under(kDocOf, ref), 0, GetDocument, "document")
}

func (c *change) saveDoc(d *Document) error {
	c.touch("document", d.ID)
	return save(c, key(kDoc, d.ID), d)
}

// fileDoc archives a document, or finds the one with the same bytes.
func (c *change) fileDoc(d Document, body string) (*Document, error) {
	sum := sha256.Sum256([]byte(body))
	d.Hash, d.Size = hex.EncodeToString(sum[:]), len(body)
	have, err := DocumentsOf(c, d.Ref)
	if err != nil {
		return nil, err
	}
	for _, h := range have {
		if h.Kind == d.Kind && h.Type == d.Type && h.Hash == d.Hash && h.VoidAt == 0 {
			return &h, nil
		}
	}
	if len(have) >= maxDocs {
		return nil, refuse(CodeConflict, "%s has %d documents already", d.Ref, len(have))
	}
	n, err := c.next(kDoc)
	if err != nil {
		return nil, err
	}
	d.ID, d.Created = fmt.Sprintf("D%06d", n), c.meta.Now
	d.Archive = cmp.Or(d.Archive, "site/documents/"+d.ID)
	if err := c.Set(key(kDocBody, d.ID), []byte(body)); err != nil {
		return nil, err
	}
	if err := c.index(key(kDocOf, d.Ref, d.ID), true); err != nil {
		return nil, err
	}
	return &d, c.saveDoc(&d)
}

// changeDoc changes the record of a document; "" is none.
func (c *change) changeDoc(id string, fn func(*Document)) error {
	if id == "" {
		return nil
	}
	d, err := must2(GetDocument(c, id))("document", id)
	if err != nil {
		return err
	}
	fn(d)
	return c.saveDoc(d)
}

// voidDocs ends the documents of a carton that is none any more: what they say is
// in it is not, and nobody prints them again.
func (c *change) voidDocs(sscc string) error {
	if !c.since(level4) {
		return nil
	}
	docs, err := DocumentsOf(c, sscc)
	if err != nil {
		return err
	}
	for i := range docs {
		if docs[i].VoidAt != 0 {
			continue
		}
		docs[i].VoidAt = max(c.meta.Now, 1)
		if err := c.saveDoc(&docs[i]); err != nil {
			return err
		}
	}
	return nil
}

// publish notes that a document came out.
func (c *change) publish(id string) error {
	return c.changeDoc(id, func(d *Document) { d.Published = cmp.Or(d.Published, max(c.meta.Now, 1)) })
}

// copyDoc counts a reprint and tells of it; "" is none.
func (c *change) copyDoc(id, why string) error {
	var d Document
	err := c.changeDoc(id, func(x *Document) {
		x.Copies, x.CopyAt, x.CopyBy, x.CopyWhy = x.Copies+1, c.meta.Now, c.meta.Actor, why
		d = *x
	})
	if err != nil || id == "" {
		return err
	}
	return c.emit(EvDocumentReprinted, d.Order, EventData{Doc: d.ID, Hash: d.Hash, Ref: d.Ref, Text: why, Qty: int64(d.Copies)})
}

func fileDocument(c *change, cmd FileDocument) (Result, error) {
	switch {
	case !slices.Contains([]string{DocLabel, DocSlip, DocTicket, DocManifest, DocLading}, cmd.What):
		return Result{}, refuse(CodeInvalid, "kind")
	case !c.docType(cmd.Type):
		return Result{}, refuse(CodeInvalid, "type")
	case cmd.Body == "" || len(cmd.Body) > maxDocBody:
		return Result{}, refuse(CodeInvalid, "body of %d bytes, 1 to %d", len(cmd.Body), maxDocBody)
	case cmd.Archive != "" && !validText(cmd.Archive, maxText):
		return Result{}, refuse(CodeInvalid, "archive")
	case !validID(cmd.Ref):
		return Result{}, refuse(CodeInvalid, "ref")
	}
	d := Document{Kind: cmd.What, Type: cmd.Type, Ref: cmd.Ref, Archive: cmd.Archive}
	var j *LabelJob
	switch cmd.What {
	case DocLabel:
		var err error
		var o *Order
		if j, o, err = c.jobAndOrder(cmd.Ref); err != nil {
			return Result{}, err
		}
		d.Order = o.Spec.ID
		switch {
		case j.State == JobAwaiting:
			return Result{}, refuse(CodeLabelState, "job is %s", j.State)
		case j.ShipTo.Name == "":
			return Result{}, refuse(CodeArchived, "the person was taken out of label %s", j.ID)
		}
	case DocManifest:
		m, err := GetManifest(c, cmd.Ref)
		if err != nil {
			return Result{}, err
		}
		if m == nil {
			return Result{}, refuse(CodeUnknownManifest, "manifest %s", cmd.Ref)
		}
	default:
		o, err := c.order(cmd.Ref)
		if err != nil {
			return Result{}, err
		}
		if o == nil && cmd.What == DocSlip && c.since(level4) {
			// Of one of several parcels.
			if o, _, err = c.parcel(cmd.Ref); err != nil {
				return Result{}, err
			}
		}
		if o == nil {
			return Result{}, refuse(CodeUnknownOrder, "order %s", cmd.Ref)
		}
		if left := o.leftOn(); left != "" {
			return Result{}, refuse(CodeArchived, "order %s is %s", cmd.Ref, left)
		}
		if o.Purged != 0 { // nothing would take the name out again
			return Result{}, refuse(CodeArchived, "the person was taken out of order %s", o.Spec.ID)
		}
		d.Order = cmd.Ref
		if o.InParcel(cmd.Ref) != nil {
			d.Order = o.Spec.ID
		}
	}
	filed, err := c.fileDoc(d, cmd.Body)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: filed.ID, Text: filed.Hash}
	if j == nil {
		return res, c.publish(filed.ID)
	}
	if j.Doc != "" && j.Doc != filed.ID {
		return res, refuse(CodeConflict, "the label of %s is document %s", j.ID, j.Doc)
	}
	j.Doc = filed.ID
	if j.State == JobPrinted {
		if err := c.publish(filed.ID); err != nil {
			return res, err
		}
	}
	return res, c.saveJob(j)
}

func reprintDocument(c *change, cmd ReprintDocument) (Result, error) {
	res := Result{Ref: cmd.Document}
	var d *Document
	var err error
	if validID(cmd.Document) {
		d, err = GetDocument(c, cmd.Document)
	}
	switch {
	case err != nil:
		return res, err
	case d == nil:
		return res, refuse(CodeUnknownDocument, "document %.70q", cmd.Document)
	case d.VoidAt != 0:
		return res, refuse(CodeLabelState, "document %s is void", d.ID)
	case d.Kind == DocLabel:
		return res, refuse(CodeLabelState, "a label is reprinted by its job")
	case !validText(cmd.Reason, maxText):
		return res, refuse(CodeInvalid, "reason")
	}
	if body, err := DocumentBody(c, d.ID); err != nil || body == nil {
		if err == nil {
			err = refuse(CodeUnknownDocument, "the bytes of document %s were purged", d.ID)
		}
		return res, err
	}
	res.Text = d.Hash
	return res, c.copyDoc(d.ID, cmd.Reason)
}
