package api

import (
	"net/http"
	"slices"
	"strings"

	"tote/agent/handheld"
	"tote/warehouse"
)

// floorTasks lists the floor tasks that are not done, a page at a time:
// ?kind=KIND&after=ID&limit=N.
func (s *server) floorTasks(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	kind, after := r.URL.Query().Get("kind"), r.URL.Query().Get("after")
	if kinds := handheld.FloorKinds(); kind != "" && !slices.Contains(kinds, kind) {
		return refuse(http.StatusBadRequest, CodeBadRequest, "kind must be one of "+strings.Join(kinds, ", "))
	}
	page := struct {
		Tasks []warehouse.FloorTask `json:"tasks"`
		Next  string                `json:"next,omitempty"` // give it as after for the next page
	}{Tasks: []warehouse.FloorTask{}}
	err = s.cfg.View(func(rd warehouse.Reader) error {
		all, err := warehouse.FloorTasks(rd, 0)
		for _, t := range all {
			if t.ID <= after || kind != "" && t.Kind != kind {
				continue
			}
			if len(page.Tasks) == limit {
				page.Next = page.Tasks[limit-1].ID
				break
			}
			page.Tasks = append(page.Tasks, t)
		}
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, page)
	return nil
}
