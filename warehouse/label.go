package warehouse

import (
	"slices"
	"strings"
	"unicode"
)

// Label jobs: one SSCC, one label. What happened at the printer is a fact that
// is told to the state; the state never prints twice by itself.

// openJob tells whether a job still waits for something.
func openJob(state string) bool {
	return state == JobRequested || state == JobSent || state == JobUnknown
}

func (c *change) saveJob(j *LabelJob) error {
	c.touch("job", j.ID)
	if err := c.index(key(kJobs, j.Station, j.ID), openJob(j.State)); err != nil {
		return err
	}
	if err := c.index(key(kAwait, j.Carrier, j.ID), j.State == JobAwaiting); err != nil {
		return err
	}
	return save(c, key(kJob, j.ID), j)
}

// jobAndOrder loads a job by the id of a command.
func (c *change) jobAndOrder(id string) (*LabelJob, *Order, error) {
	if !validID(id) {
		return nil, nil, refuse(CodeUnknownJob, "job %q", id)
	}
	j, err := GetJob(c, id)
	if err != nil {
		return nil, nil, err
	}
	if j == nil {
		return nil, nil, refuse(CodeUnknownJob, "job %s", id)
	}
	o, err := c.order(j.Order)
	if err == nil && o == nil && j.State == JobVoid {
		// Its order was forgotten, and it has not been looked at since.
		return nil, nil, refuse(CodeUnknownJob, "job %s", id)
	}
	_, err = must(o, err, "order", j.Order)
	return j, o, err
}

func (c *change) setJob(j *LabelJob, state, detail string) error {
	j.State, j.Detail, j.Since = state, detail, c.meta.Now
	if state != JobAwaiting {
		if err := c.setJobDue(j, 0); err != nil {
			return err
		}
	}
	return c.saveJob(j)
}

// stationStep shows a step at the job's station while that still stands at the
// job.
func (c *change) stationStep(j *LabelJob, step string) error {
	st, err := c.station(j.Station)
	if err != nil || st.Job != j.ID {
		return err
	}
	if step == StepScanTote {
		return c.cartonDone(st, "")
	}
	st.Step = step
	return c.saveStation(st)
}

func labelSent(c *change, cmd LabelSent) (Result, error) {
	res := Result{Ref: cmd.Job}
	j, o, err := c.jobAndOrder(cmd.Job)
	if err != nil {
		return res, err
	}
	if j.State != JobRequested {
		return res, refuse(CodeLabelState, "job is %s, not %s", j.State, JobRequested)
	}
	if len(j.Voided) > 0 && cmd.Tracking != j.Tracking {
		return res, refuse(CodeLabelState, "the label with number %.70q is void", cmd.Tracking)
	}
	if o.State == OrderPacked || o.parted() {
		if err := c.firstSent(o, j.ID); err != nil {
			return res, err
		}
	}
	return res, c.setJob(j, JobSent, "")
}

// firstSent makes the sending of a label the hard point of its order. The order
// is LABELLED when it was the last one.
func (c *change) firstSent(o *Order, job string) error {
	if err := c.labelsOut(o, job); err != nil {
		return err
	}
	if o.State != OrderLabelled {
		o.Hard = true
		if err := c.endQuote(o); err != nil {
			return err
		}
	}
	return c.saveOrder(o)
}

// outcomes lists what may become of a job. A label that somebody scanned is
// printed, whatever the printer said.
var outcomes = []struct{ from, to string }{
	{JobSent, JobPrinted},
	{JobSent, JobFailed},
	{JobSent, JobUnknown},
	{JobUnknown, JobPrinted},
	{JobFailed, JobPrinted},
}

func labelOutcome(c *change, cmd LabelOutcome) (Result, error) {
	res := Result{Ref: cmd.Job}
	j, o, err := c.jobAndOrder(cmd.Job)
	if err != nil {
		return res, err
	}
	switch cmd.Outcome {
	case JobPrinted, JobFailed, JobUnknown:
	default:
		return res, refuse(CodeInvalid, "outcome %q", cmd.Outcome)
	}
	if j.State == cmd.Outcome {
		return res, nil
	}
	if !slices.ContainsFunc(outcomes, func(t struct{ from, to string }) bool { return t.from == j.State && t.to == cmd.Outcome }) {
		return res, refuse(CodeLabelState, "job is %s", j.State)
	}
	detail := cleanText(cmd.Detail)
	if err := c.setJob(j, cmd.Outcome, detail); err != nil {
		return res, err
	}
	if cmd.Outcome == JobPrinted {
		if err := c.publish(j.Doc); err != nil {
			return res, err
		}
		if err := c.setReady(j.Carrier, j.ID, true); err != nil {
			return res, err
		}
		if err := c.clearFallouts(o, c.meta.Actor, j.fallout); err != nil {
			return res, err
		}
		if err := c.saveOrder(o); err != nil {
			return res, err
		}
		return res, c.stationStep(j, StepScanTote)
	}
	code := FalloutLabelFailed
	if cmd.Outcome == JobUnknown {
		code = FalloutLabelUnknown
	}
	f := Fallout{Code: code, Detail: detail}
	if o.parted() {
		f.LU = j.ID
	}
	if err := c.openFallout(o, f); err != nil {
		return res, err
	}
	if err := c.saveOrder(o); err != nil {
		return res, err
	}
	return res, c.stationStep(j, StepCheckLabel)
}

// fallout tells whether a fallout is about the label of a job.
func (j *LabelJob) fallout(f *Fallout) bool { return isLabelFallout(f) && f.about(j.ID) }

func isLabelFallout(f *Fallout) bool {
	return f.Code == FalloutLabelFailed || f.Code == FalloutLabelUnknown
}

// cleanText makes a line for people of what a device said.
func cleanText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

func reprint(c *change, cmd Reprint) (Result, error) {
	res := Result{Ref: cmd.Job}
	j, o, err := c.jobAndOrder(cmd.Job)
	if err != nil {
		return res, err
	}
	if j.State != JobFailed && j.State != JobUnknown {
		return res, refuse(CodeLabelState, "job is %s", j.State)
	}
	j.Copies++
	if err := c.copyDoc(j.Doc, "the label is "+j.State); err != nil {
		return res, err
	}
	if err := c.setJob(j, JobRequested, ""); err != nil {
		return res, err
	}
	if err := c.clearFallouts(o, c.meta.Actor, j.fallout); err != nil {
		return res, err
	}
	if err := c.saveOrder(o); err != nil {
		return res, err
	}
	return res, c.stationStep(j, StepPrint)
}
