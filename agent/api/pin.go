package api

import (
	"crypto/rand"
	"net/http"

	"tote/agent/pins"
	"tote/warehouse"
)

// setPin answers POST /v1/workers/{id}/pin: an engineer gives a worker a PIN, or takes
// it away. The PIN ends here; what goes on is its slow hash.
func (s *server) setPin(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Pin    string `json:"pin"`
		Remove bool   `json:"remove"`
	}
	if err := readJSON(w, r, 4<<10, &in, `the body must be {"pin": "…"} or {"remove": true}`); err != nil {
		return err
	}
	cmd := warehouse.SetPin{Worker: r.PathValue("id")}
	switch {
	case in.Remove == (in.Pin != ""):
		return refuse(http.StatusBadRequest, CodeBadRequest, `the body must be {"pin": "…"} or {"remove": true}`)
	case !in.Remove:
		salt := []byte(rand.Text())[:16]
		hash, err := pins.Hash(r.Context(), in.Pin, salt)
		if err != nil {
			return refuse(http.StatusUnprocessableEntity, warehouse.CodeInvalid, err.Error())
		}
		cmd.Hash = hash
	}
	res, err := s.do(r, cmd)
	if err != nil {
		return err
	}
	return answer(w, res)
}
