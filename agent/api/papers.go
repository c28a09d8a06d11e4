package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"tote/agent/papers"
	"tote/warehouse"
)

// awaiting lists the parcels that wait for a carrier's label: what its port has
// to ask for and answer with LabelGiven or LabelRefused. ?carrier=CODE&limit=N.
func (s *server) awaiting(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	carrier := r.URL.Query().Get("carrier")
	if carrier == "" {
		return refuse(http.StatusBadRequest, CodeBadRequest, "carrier is missing")
	}
	jobs := []warehouse.LabelJob{}
	err = s.cfg.View(func(rd warehouse.Reader) error {
		list, err := warehouse.AwaitingLabel(rd, carrier, limit)
		jobs = append(jobs, list...)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, jobs)
	return nil
}

// makers are the papers by the name of their kind.
var makers = map[string]func(warehouse.Reader, string) (*papers.Paper, error){
	warehouse.DocTicket: papers.Ticket, warehouse.DocSlip: papers.Slip, warehouse.DocManifest: papers.Manifest,
	warehouse.DocLading: papers.Lading,
}

// printable is a paper as it can be printed now.
type printable struct {
	Kind string `json:"kind"`
	Ref  string `json:"ref"`
	Text string `json:"text"`
	ZPL  string `json:"zpl"`
	Hash string `json:"hash"` // SHA-256 of zpl
}

func (s *server) paper(w http.ResponseWriter, r *http.Request) error {
	maker := makers[r.PathValue("paper")]
	if maker == nil {
		return refuse(http.StatusNotFound, CodeNotFound, "papers are ticket, slip, lading and manifest")
	}
	var p *papers.Paper
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		p, err = maker(rd, r.PathValue("id"))
		return err
	})
	if errors.Is(err, papers.ErrNone) {
		return refuse(http.StatusNotFound, CodeNotFound, "there is nothing of that name")
	}
	if err != nil {
		return err
	}
	zpl := p.ZPL()
	sum := sha256.Sum256(zpl)
	reply(w, http.StatusOK, printable{p.Kind, p.Ref, string(p.Text()), string(zpl), hex.EncodeToString(sum[:])})
	return nil
}

// document is an archived document with its bytes.
func (s *server) document(w http.ResponseWriter, r *http.Request) error {
	var d *warehouse.Document
	var body []byte
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		if d, err = warehouse.GetDocument(rd, r.PathValue("id")); err == nil && d != nil {
			body, err = warehouse.DocumentBody(rd, d.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if d == nil {
		return refuse(http.StatusNotFound, warehouse.CodeUnknownDocument, "no document has this id")
	}
	if body == nil {
		return refuse(http.StatusGone, warehouse.CodeArchived, "the bytes of document "+d.ID+" were purged with the person in them; their SHA-256 was "+d.Hash)
	}
	reply(w, http.StatusOK, struct {
		warehouse.Document
		Body string `json:"body"`
	}{*d, string(body)})
	return nil
}

// documents lists what is archived about an order with its parcels, a parcel or a
// manifest. ?of=REF
func (s *server) documents(w http.ResponseWriter, r *http.Request) error {
	ref := r.URL.Query().Get("of")
	if ref == "" {
		return refuse(http.StatusBadRequest, CodeBadRequest, "of is missing")
	}
	list := []warehouse.Document{}
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		list, err = papers.Archived(rd, ref)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, list)
	return nil
}
