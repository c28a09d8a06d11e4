package web

import (
	"fmt"

	"tote/warehouse"
)

// openFallouts is the fallouts that need a decision, by id.
func openFallouts(r warehouse.Reader) (map[string]warehouse.Fallout, error) {
	open, err := warehouse.Fallouts(r, true)
	byID := make(map[string]warehouse.Fallout, len(open))
	for _, f := range open {
		byID[f.ID] = f
	}
	return byID, err
}

// why answers "why is it not moving" for an order. It always gives at least one
// reason, the most pressing first.
func (s *server) why(r warehouse.Reader, c clock, o *warehouse.Order, open map[string]warehouse.Fallout) ([]reason, error) {
	var out []reason
	for _, id := range o.Fallout {
		row, err := s.falloutRow(r, c, open[id])
		if err != nil {
			return nil, err
		}
		what := row.Cause
		if row.Facts != "" {
			what += " (" + row.Facts + ")"
		}
		out = append(out, reason{Level: levelBad, Code: row.Code, What: what, Since: row.Since, Action: row.Action})
	}
	if len(out) > 0 && o.State == warehouse.OrderShortWaiting {
		return out, nil // the fallouts are the reason
	}
	now, err := s.whyState(r, c, o)
	if err != nil {
		return nil, err
	}
	if now.Since == (stamp{}) {
		now.Since = c.ms(o.Since)
	}
	return append(out, now), nil
}

// whyState is the reason that lies in the state of the order.
func (s *server) whyState(r warehouse.Reader, c clock, o *warehouse.Order) (reason, error) {
	switch o.State {
	case warehouse.OrderShortWaiting:
		cause, action := s.explain(warehouse.FalloutOutOfStock)
		return reason{Level: levelBad, Code: warehouse.FalloutOutOfStock, What: cause, Action: action}, nil
	case warehouse.OrderReleased, warehouse.OrderPicking:
		if o.Batch != "" {
			return inBatch(r, c, o)
		}
		if len(o.Fallout) > 0 {
			return reason{Level: levelBad, What: "It is out of the pool until its fallout is decided.", Action: "Decide the fallout, then retry the order."}, nil
		}
		return inPool(r)
	case warehouse.OrderPicked:
		return picked(r, c, o)
	case warehouse.OrderPacking, warehouse.OrderPacked:
		return s.atStation(r, c, o)
	case warehouse.OrderLabelled:
		return s.labelled(r, o)
	case warehouse.OrderStaged:
		dock := ""
		if len(o.Parcels) > 0 {
			dock = "dock " + o.Parcels[0].Dock
		}
		return reason{Level: levelWarn, What: "It is on the truck and waits for the departure.", Where: dock, Action: "Scan the departure code at the dock when the truck leaves."}, nil
	case warehouse.OrderShipped:
		return reason{Level: levelOK, What: "It has left with the carrier.", Since: c.ms(o.ShippedAt)}, nil
	case warehouse.OrderCancelled:
		return reason{Level: levelOK, What: "It is cancelled."}, nil
	}
	return reason{Level: levelWarn, What: "It is being taken in."}, nil
}

// inPool says whether workers or orders are what is missing.
func inPool(r warehouse.Reader) (reason, error) {
	waiting, err := warehouse.WaitingWorkers(r)
	if err != nil {
		return reason{}, err
	}
	if len(waiting) > 0 {
		return reason{Level: levelOK, What: "It is free to pick; the dispatcher plans it now.", Action: plural(len(waiting), "worker waits", "workers wait") + " for it: nothing to do."}, nil
	}
	return reason{Level: levelWarn, What: "It is in the pool: no worker is free.", Action: "A worker asks for work on a handheld; orders of higher priority go first."}, nil
}

func inBatch(r warehouse.Reader, c clock, o *warehouse.Order) (reason, error) {
	b, who, err := batchOf(r, o.Batch)
	if err != nil || b == nil {
		return reason{Level: levelWarn, What: "Its batch is not known."}, err
	}
	re := reason{Level: levelOK, Who: who, What: "All its tasks are done; the batch goes to the pack drop next."}
	if b.At < len(b.Walk) {
		t, err := warehouse.GetTask(r, b.Walk[b.At])
		if err != nil {
			return re, err
		}
		bin := ""
		if t != nil {
			bin = ", now at bin " + t.Bin
		}
		re.What = fmt.Sprintf("It is picked in batch %s: task %d of %d%s.", short(b.ID), b.At+1, len(b.Walk), bin)
	}
	if lease := c.ms(b.Lease); o.State == warehouse.OrderReleased && lease.Known() {
		re.Action = "If nothing is scanned until " + lease.Hour() + " it goes back to the pool by itself."
	}
	return re, nil
}

// atStation covers an order on a bench and one whose label is on its way.
func (s *server) atStation(r warehouse.Reader, c clock, o *warehouse.Order) (reason, error) {
	re := reason{Level: levelOK, Where: "pack station " + o.Station}
	if o.State == warehouse.OrderPacking {
		re.What, re.Action = "It is being packed.", "Put the carton on the scale."
		st, err := warehouse.GetStation(r, o.Station)
		if err == nil && st.Order == o.Spec.ID && st.ExpectedMg > 0 {
			re.What = "It is being packed; the scale should show " + kilograms(st.ExpectedMg) + "."
		}
		return re, err
	}
	re.What = "Its label is on its way to the printer."
	if len(o.Parcels) == 0 {
		return re, nil
	}
	job, err := warehouse.GetJob(r, o.Parcels[len(o.Parcels)-1].Job)
	if err != nil || job == nil {
		return re, err
	}
	re.Where, re.Since = "pack station "+job.Station, c.ms(job.Since)
	re.Level, re.Action = levelWarn, "Look at the printer of the station; the label is sent as soon as it is ready."
	return re, nil
}

func (s *server) labelled(r warehouse.Reader, o *warehouse.Order) (reason, error) {
	re := reason{Level: levelWarn, What: "The parcel is labelled and waits to be loaded.", Action: "Scan its label at the dock."}
	if len(o.Parcels) == 0 {
		return re, nil
	}
	p := o.Parcels[len(o.Parcels)-1]
	job, err := warehouse.GetJob(r, p.Job)
	if err != nil || job == nil {
		return re, err
	}
	switch job.State {
	case warehouse.JobSent:
		re.What, re.Action = "The label was sent; the printer has not answered yet.", "Nothing: the answer comes within seconds."
	case warehouse.JobFailed, warehouse.JobUnknown:
		re.What, re.Where = "Its label is not proven to be printed.", "pack station "+job.Station
		_, re.Action = s.explain(warehouse.CodeNotLabelled)
	case warehouse.JobPrinted:
		return onBelt(r, re, p.SSCC)
	}
	return re, nil
}

// onBelt adds what the conveyor knows of a labelled parcel.
func onBelt(r warehouse.Reader, re reason, sscc string) (reason, error) {
	ride, err := warehouse.GetCarriage(r, sscc)
	if err != nil || ride == nil {
		return re, err
	}
	switch ride.State {
	case warehouse.CarriageAssigned:
		re.Where = "conveyor " + ride.Conveyor
		re.What, re.Action = "The parcel is on the conveyor, bound for lane "+ride.Lane+".", "If it is not there after a minute, look along the conveyor."
	case warehouse.CarriageDiverted, warehouse.CarriageMissorted, warehouse.CarriageExpired:
		re.Where = "lane " + ride.Exit
	}
	return re, nil
}

// picked covers a tote that waits for a pack station or is carried to one.
func picked(r warehouse.Reader, c clock, o *warehouse.Order) (reason, error) {
	re := reason{
		Level: levelWarn, What: fmt.Sprintf("Tote %s waits for a pack station.", o.Tote), Action: "Scan the tote at a free pack station.",
	}
	var err error
	if re.Where, err = placeOf(r, o.Tote); err != nil || o.Tote == "" {
		return re, err
	}
	trip, err := warehouse.TransportOf(r, o.Tote)
	if err != nil || trip == nil {
		return re, err
	}
	switch trip.State {
	case warehouse.TransportRequested:
		re.What, re.Action = fmt.Sprintf("Tote %s waits for a robot to carry it to %s.", o.Tote, trip.To), "A robot takes it when it is free; or carry the tote to a pack station."
	case warehouse.TransportAssigned:
		re.Level, re.Action = levelOK, ""
		re.What, re.Who = fmt.Sprintf("A robot comes for tote %s and brings it to %s.", o.Tote, trip.To), "robot "+trip.Robot
	case warehouse.TransportLoaded:
		re.Level, re.Action = levelOK, ""
		re.What, re.Who = fmt.Sprintf("A robot carries tote %s to %s.", o.Tote, trip.To), "robot "+trip.Robot
	}
	re.Since = c.ms(trip.Since)
	return re, nil
}

// placeOf says where a logistic unit stands.
func placeOf(r warehouse.Reader, lu string) (string, error) {
	if lu == "" {
		return "", nil
	}
	u, err := warehouse.GetLU(r, lu)
	if err != nil || u == nil {
		return "", err
	}
	return u.Place, nil
}
