package warehouse

import (
	"fmt"
	"strings"
)

// Why an order is not moving. There is always an answer, the most pressing first:
// the fallouts that park it, holds, then what its state waits for. A reason is plain
// text with the facts beside it; whoever shows it puts times and weights into
// the form of his place.

// Levels of a reason.
const (
	ReasonDecide = "bad"  // a person must decide
	ReasonWaits  = "warn" // it waits
	ReasonMoves  = "ok"   // somebody works on it, or it is over
)

// Reason is one answer.
type Reason struct {
	Level   string `json:"level"`             // ReasonDecide, ReasonWaits, ReasonMoves
	Code    string `json:"code,omitempty"`    // of the table of faults
	Fallout string `json:"fallout,omitempty"` // id of the fallout that is the reason
	What    string `json:"what"`
	Who     string `json:"who,omitempty"`   // worker and handheld, or robot
	Where   string `json:"where,omitempty"` // station, dock or place
	Batch   string `json:"batch,omitempty"`
	Since   int64  `json:"since"`
	// Until is when the lease of a batch ends that nothing was picked of: then
	// it goes back to the pool by itself.
	Until  int64  `json:"until,omitempty"`
	Mg     int64  `json:"mg,omitempty"` // what the scale should show
	Action string `json:"action,omitempty"`
}

// Explain is cause and action of a code of the domain; "" for any other.
func Explain(code string) (cause, action string) {
	for _, f := range Faults {
		if f.Code == code {
			return f.Cause, f.Action
		}
	}
	return "", ""
}

// Why says what an order waits for.
func Why(r Reader, o *Order) ([]Reason, error) {
	var out []Reason
	for _, id := range o.Fallout {
		f, err := must2(GetFallout(r, id))("fallout", id)
		if err != nil {
			return nil, err
		}
		cause, action := Explain(f.Code)
		out = append(out, Reason{Level: ReasonDecide, Code: f.Code, Fallout: id, What: cause, Since: f.Since, Action: action})
	}
	if len(out) > 0 && o.State == OrderShortWaiting {
		return out, nil // the fallouts are the reason
	}
	if o.held() && o.State != OrderShipped && o.State != OrderCancelled {
		_, action := Explain(CodeHeld)
		out = append(out, Reason{
			Level: ReasonDecide, Code: CodeHeld, What: "It is held: " + strings.Join(o.Holds, ", ") + ".", Who: strings.Join(o.HeldBy, ", "), Since: o.Since, Action: action,
		})
		if o.Batch == "" && o.Tote == "" {
			return out, nil // it is out of the pool for that
		}
	}
	now, err := whyState(r, o)
	if err != nil {
		return nil, err
	}
	if now.Since == 0 {
		now.Since = o.Since
	}
	return append(out, now), nil
}

// whyState is the reason that lies in the state of the order.
func whyState(r Reader, o *Order) (Reason, error) {
	switch o.State {
	case OrderShortWaiting:
		cause, action := Explain(FalloutOutOfStock)
		return Reason{Level: ReasonDecide, Code: FalloutOutOfStock, What: cause, Action: action}, nil
	case OrderReleased, OrderPicking:
		if o.Batch != "" {
			return whyBatch(r, o)
		}
		if len(o.Fallout) > 0 {
			return Reason{Level: ReasonDecide, What: "It is out of the pool until its fallout is decided.", Action: "Decide the fallout, then retry the order."}, nil
		}
		return whyPool(r)
	case OrderPicked:
		return whyPicked(r, o)
	case OrderPacking, OrderPacked:
		return whyStation(r, o)
	case OrderLabelled:
		return whyLabelled(r, o)
	case OrderStaged:
		dock := ""
		for _, p := range o.Parcels {
			if p.DepartedAt == 0 {
				dock = "dock " + p.Dock
				break
			}
		}
		return Reason{Level: ReasonWaits, What: "It is on the truck and waits for the departure.", Where: dock, Action: "Scan the departure code at the dock when the truck leaves."}, nil
	case OrderShipped:
		return Reason{Level: ReasonMoves, What: "It has left with the carrier.", Since: o.ShippedAt}, nil
	case OrderCancelled:
		return Reason{Level: ReasonMoves, What: "It is cancelled."}, nil
	}
	return Reason{Level: ReasonWaits, What: "It is being taken in."}, nil
}

// whyPool says whether workers or orders are what is missing.
func whyPool(r Reader) (Reason, error) {
	waiting, err := WaitingWorkers(r)
	if err != nil {
		return Reason{}, err
	}
	switch n := len(waiting); n {
	case 0:
		return Reason{Level: ReasonWaits, What: "It is in the pool: no worker is free.", Action: "A worker asks for work on a handheld; orders of higher priority go first."}, nil
	case 1:
		return Reason{Level: ReasonMoves, What: "It is free to pick; the dispatcher plans it now.", Action: "1 worker waits for it: nothing to do."}, nil
	default:
		return Reason{Level: ReasonMoves, What: "It is free to pick; the dispatcher plans it now.", Action: fmt.Sprintf("%d workers wait for it: nothing to do.", n)}, nil
	}
}

func whyBatch(r Reader, o *Order) (Reason, error) {
	b, err := GetBatch(r, o.Batch)
	if err != nil || b == nil {
		return Reason{Level: ReasonWaits, What: "Its batch is not known."}, err
	}
	re := Reason{Level: ReasonMoves, Batch: b.ID, What: "All its tasks are done; the batch goes to the pack drop next."}
	if re.Who, err = whoHas(r, b.Worker); err != nil {
		return re, err
	}
	if b.At < len(b.Walk) {
		t, err := GetTask(r, b.Walk[b.At])
		if err != nil {
			return re, err
		}
		bin := ""
		if t != nil {
			bin = ", now at bin " + t.Bin
		}
		re.What = fmt.Sprintf("It is picked in batch %s: task %d of %d%s.", b.ID, b.At+1, len(b.Walk), bin)
	}
	if o.State == OrderReleased && b.Lease > 0 {
		re.Until = b.Lease
		re.Action = "If nothing is scanned until its lease ends it goes back to the pool by itself."
	}
	return re, nil
}

// whoHas names a worker and the handheld in his hands.
func whoHas(r Reader, worker string) (string, error) {
	who := "worker " + worker
	w, err := GetWorker(r, worker)
	if err != nil {
		return "", err
	}
	if w != nil {
		who = fmt.Sprintf("%s (%s)", w.Name, w.ID)
	}
	ws, err := GetWorkerState(r, worker)
	if err == nil && ws != nil && ws.Device != "" {
		who += " on " + ws.Device
	}
	return who, err
}

// whyStation covers an order on a bench and one whose label is on its way.
func whyStation(r Reader, o *Order) (Reason, error) {
	re := Reason{Level: ReasonMoves, Where: "pack station " + o.Station}
	if o.State == OrderPacking {
		re.What, re.Action = "It is being packed.", "Put the carton on the scale."
		st, err := GetStation(r, o.Station)
		if err == nil && st.Order == o.Spec.ID {
			re.Mg = st.ExpectedMg
			if st.No > 0 {
				re.What = fmt.Sprintf("It is being packed: parcel %d%s.", st.No, ofHowMany(st.Of))
			}
			if st.Step != StepWeigh {
				re.Action = "The label of the carton that was closed comes first: look at the printer of the station."
			}
		}
		return re, err
	}
	re.What = "Its label is on its way to the printer."
	_, job, err := laggard(r, o)
	if err != nil || job == nil {
		return re, err
	}
	if o.parted() {
		re.What = "The label of parcel " + job.ID + " is on its way to the printer."
	}
	re.Where, re.Since = "pack station "+job.Station, job.Since
	re.Level, re.Action = ReasonWaits, "Look at the printer of the station; the label is sent as soon as it is ready."
	return re, nil
}

func whyLabelled(r Reader, o *Order) (Reason, error) {
	re := Reason{Level: ReasonWaits, What: "The parcel is labelled and waits to be loaded.", Action: "Scan its label at the dock."}
	p, job, err := laggard(r, o)
	if err != nil || job == nil {
		return re, err
	}
	if o.parted() {
		re.What = "Parcel " + p.SSCC + " is labelled and waits to be loaded."
	}
	switch job.State {
	case JobSent:
		re.What, re.Action = "The label was sent; the printer has not answered yet.", "Nothing: the answer comes within seconds."
	case JobFailed, JobUnknown:
		re.What, re.Where = "Its label is not proven to be printed.", "pack station "+job.Station
		_, re.Action = Explain(CodeNotLabelled)
	case JobPrinted:
		return whyOnBelt(r, re, p.SSCC)
	}
	return re, nil
}

// ofHowMany reads " of 3", "" when that is not known yet.
func ofHowMany(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", n)
}

// laggard is the parcel an order waits for, with its job: the first whose label
// is not out, else the first that is on no truck, else the last.
func laggard(r Reader, o *Order) (p Parcel, job *LabelJob, err error) {
	rank := 0
	for _, x := range o.Parcels {
		j, err := GetJob(r, x.Job)
		if err != nil || j == nil {
			return p, nil, err
		}
		n := 1
		switch {
		case j.State == JobRequested || j.State == JobAwaiting:
			n = 4
		case j.State != JobPrinted:
			n = 3
		case x.Dock == "":
			n = 2
		}
		if n > rank || n == 1 && rank == 1 {
			rank, p, job = n, x, j
		}
	}
	return p, job, nil
}

// whyOnBelt adds what the conveyor knows of a labelled parcel.
func whyOnBelt(r Reader, re Reason, sscc string) (Reason, error) {
	ride, err := GetCarriage(r, sscc)
	if err != nil || ride == nil {
		return re, err
	}
	switch ride.State {
	case CarriageAssigned:
		re.Where = "conveyor " + ride.Conveyor
		re.What, re.Action = "The parcel is on the conveyor, bound for lane "+ride.Lane+".", "If it is not there after a minute, look along the conveyor."
	case CarriageDiverted, CarriageMissorted, CarriageExpired:
		re.Where = "lane " + ride.Exit
	}
	return re, nil
}

// whyPicked covers a tote that waits for a pack station or is carried to one.
func whyPicked(r Reader, o *Order) (Reason, error) {
	re := Reason{Level: ReasonWaits, What: fmt.Sprintf("Tote %s waits for a pack station.", o.Tote), Action: "Scan the tote at a free pack station."}
	if o.Tote == "" {
		return re, nil
	}
	lu, err := GetLU(r, o.Tote)
	if err != nil {
		return re, err
	}
	if lu != nil {
		re.Where = lu.Place
	}
	trip, err := TransportOf(r, o.Tote)
	if err != nil || trip == nil {
		return re, err
	}
	switch trip.State {
	case TransportRequested:
		re.What, re.Action = fmt.Sprintf("Tote %s waits for a robot to carry it to %s.", o.Tote, trip.To), "A robot takes it when it is free; or carry the tote to a pack station."
	case TransportAssigned:
		re.Level, re.Action = ReasonMoves, ""
		re.What, re.Who = fmt.Sprintf("A robot comes for tote %s and brings it to %s.", o.Tote, trip.To), "robot "+trip.Robot
	case TransportLoaded:
		re.Level, re.Action = ReasonMoves, ""
		re.What, re.Who = fmt.Sprintf("A robot carries tote %s to %s.", o.Tote, trip.To), "robot "+trip.Robot
	}
	re.Since = trip.Since
	return re, nil
}
