package web

import (
	"cmp"
	"net/http"
	"strings"

	"tote/warehouse"
)

// A lead gives the walk an order is on, with its cart, to another worker.

// walkPanel is the walk of an order and who could take it over; nil when a robot
// has it, as a robot is its own cart, or nobody does.
type walkPanel struct {
	Batch, Worker string
	Hands         []warehouse.Worker // people signed in who have nothing in hand
}

func readWalk(r warehouse.Reader, o *warehouse.Order) (*walkPanel, error) {
	if o.Batch == "" {
		return nil, nil
	}
	b, err := warehouse.GetBatch(r, o.Batch)
	if err != nil || b == nil || b.State != warehouse.BatchActive {
		return nil, err
	}
	if kind, err := warehouse.WorkerKind(r, b.Worker); err != nil || kind == warehouse.WorkerRobot {
		return nil, err
	}
	p := &walkPanel{Batch: b.ID, Worker: b.Worker}
	states, err := warehouse.WorkerStates(r)
	if err != nil {
		return nil, err
	}
	for _, ws := range states {
		if ws.Device == "" || ws.Batch != "" || ws.Floor != "" {
			continue
		}
		w, err := warehouse.GetWorker(r, ws.Worker)
		if err != nil {
			return nil, err
		}
		if w != nil && w.Kind != warehouse.WorkerRobot {
			p.Hands = append(p.Hands, *w)
		}
	}
	return p, nil
}

// handOver gives the walk that the page showed to the worker who was chosen.
func (s *server) handOver(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		s.message(w, http.StatusBadRequest, "The form cannot be read.", "Open the order again.")
		return
	}
	f := r.PostForm
	reason := cmp.Or(strings.TrimSpace(f.Get("reason")), "handed over at the console")
	s.act(w, r, r.PathValue("id"), "Handed over.", warehouse.ReassignBatch{Batch: f.Get("batch"), Worker: f.Get("worker"), Reason: reason})
}
