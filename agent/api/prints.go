package api

import (
	"fmt"
	"net/http"
	"time"

	"tote/drivers"
	"tote/warehouse"
)

// untaken is how long the first print of a station waits before it is said that no
// printer took it: longer than a printer that works needs for one.
const untaken = 30 * time.Second

// printRow is a print with what it waits for.
type printRow struct {
	warehouse.PrintJob
	Waits string `json:"waits,omitempty"`
}

// prints are what was asked for with PrintLabels at a station: what waits, then
// what is over and kept. ?printer=STATION
func (s *server) prints(w http.ResponseWriter, r *http.Request) error {
	at := r.URL.Query().Get("printer")
	if at == "" {
		return refuse(http.StatusBadRequest, CodeBadRequest, "printer is missing")
	}
	var waiting, over []warehouse.PrintJob
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		if waiting, err = warehouse.PrintsWaiting(rd, at, 0); err != nil {
			return err
		}
		over, err = warehouse.PrintsOver(rd, at)
		return err
	})
	if err != nil {
		return err
	}
	list := make([]printRow, 0, len(waiting)+len(over))
	last := s.printed(waiting, over)
	for _, p := range waiting {
		list = append(list, printRow{p, s.waits(p, last)})
	}
	for _, p := range over {
		list = append(list, printRow{PrintJob: p})
	}
	reply(w, http.StatusOK, list)
	return nil
}

// printed is when a printer of a station did something last, in Unix milliseconds.
func (s *server) printed(waiting, over []warehouse.PrintJob) (last int64) {
	for _, p := range waiting {
		if p.State == warehouse.JobSent {
			return s.cfg.Now().UnixMilli()
		}
	}
	for _, p := range over {
		if p.State != warehouse.JobCancelled {
			last = max(last, p.Since)
		}
	}
	return last
}

// waits says what a print waits for: what its printer says, when that is at this
// gateway. The site does not know which stations have a printer, so of another
// station it is said when nothing was printed there for a while.
func (s *server) waits(p warehouse.PrintJob, last int64) string {
	if p.State != warehouse.JobRequested || s.cfg.PrintWaits == nil {
		return ""
	}
	why, here := s.cfg.PrintWaits(p)
	if here {
		return why
	}
	quiet := s.cfg.Now().Sub(time.UnixMilli(max(p.Since, last)))
	if quiet < untaken {
		return ""
	}
	return fmt.Sprintf("%s for %d s no printer of station %s took it: %s",
		drivers.CodePrintUntaken, int(quiet.Seconds()), p.Station, drivers.FaultOf(drivers.CodePrintUntaken).Action)
}
