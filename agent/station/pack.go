package station

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tote/gs1"
	"tote/warehouse"
)

// Weight is what a pack station needs of a scale reading. Only stable
// readings are ever booked.
type Weight struct {
	Milligrams int64
	Stable     bool
	Overload   bool
	Underload  bool
	Drift      bool // the empty scale has come to rest beside zero
}

// Printer prints one label job. beforeSend is called after the printer said it
// is ready and before the first byte leaves; when it fails nothing is sent.
// NotReady means that nothing was sent and the job may be tried again.
type Printer func(ctx context.Context, job warehouse.LabelJob, beforeSend func(ctx context.Context) error) (outcome, detail string, err error)

// NotReady is the outcome of a Printer that sent nothing.
const NotReady = "NOT_READY"

// PackConfig is what a pack station needs.
type PackConfig struct {
	ID       string
	Log      *slog.Logger
	Do       Do
	View     View
	Changed  <-chan struct{} // the station's record or one of its label jobs changed
	Answer   func(Answer)    // publishes down/result
	Hint     func(Hint)      // publishes state/hint
	Light    func(Light)     // the station's light tower; nil = none
	NewCmdID func() string   //
	Print    Printer         // nil = no printer
	// Zero makes the scale zero itself and returns what it shows then, or why it
	// did not as a code and a text for the packer; nil = no scale.
	Zero func(ctx context.Context) (shows, code, text string)
	Lost func() Hint // what to show while there is no quorum, else no code; nil = there always is one
	// Passes tells of an error of View whether it passes by itself: the state
	// cannot be read now. The station goes on with what it knows; nil = none does.
	Passes  func(error) bool
	Retry   time.Duration // how soon a printer that is not ready is asked again; 0 = 1 s
	ClearMg int64         // at or below this the scale counts as empty; 0 = 10 g
}

// Pack is one pack station.
type Pack struct {
	cfg     PackConfig
	scans   chan string
	weights chan Weight
	printed chan printEnd

	// The rest belongs to Run's goroutine.
	empty       bool      // the scale was seen empty since the last booked weight
	lastWeight  time.Time // when the scale last said anything
	scaleHint   Hint
	printerHint Hint
	shown       Hint // last published
	shownAt     time.Time
	light       Light                   // last shown
	printing    string                  // id of the job whose print run is under way
	retryAt     time.Time               // when a printer that was not ready is asked again
	owed        *warehouse.LabelOutcome // what became of a label, not yet recorded
	settled     bool                    // what an earlier run had sent is accounted for
	zeroing     chan struct{}           // closed when the scale has been zeroed or not; nil = nobody asked
	last        *warehouse.Step         // read last
}

// printEnd is how a print run ended.
type printEnd struct {
	sent   bool // bytes left for the printer
	detail string
	owed   *warehouse.LabelOutcome // the outcome, when it could not be recorded
}

// tick is how often the station looks at what no event announces: a printer
// to be asked again, a scale that fell silent.
const tick = 250 * time.Millisecond

// repeat is how often an unchanged hint is told again.
const repeat = 5 * time.Second

// silent is how long a scale may say nothing while a weight is waited for.
const silent = 3 * time.Second

// NewPack checks the configuration; it touches no device.
func NewPack(cfg PackConfig) *Pack {
	if cfg.Retry == 0 {
		cfg.Retry = time.Second
	}
	if cfg.ClearMg == 0 {
		cfg.ClearMg = 10_000
	}
	return &Pack{
		cfg:     cfg,
		scans:   make(chan string, 16),
		weights: make(chan Weight, 1),
		printed: make(chan printEnd, 1),
	}
}

// Scanned takes one code of the station's scanner. It never blocks: beyond 16
// waiting scans the newest is dropped and the person told to scan again.
func (p *Pack) Scanned(code string) {
	select {
	case p.scans <- code:
	default:
		p.cfg.Log.Warn("scan dropped: the station is not keeping up", "station", p.cfg.ID, "barcode", code)
		p.cfg.Answer(Answer{CmdID: p.cfg.NewCmdID(), Barcode: code, Code: HintBusy, Text: "scan again"})
	}
}

// Weighed takes one reading of the station's scale; only the newest counts.
func (p *Pack) Weighed(w Weight) {
	for {
		select {
		case p.weights <- w:
			return
		default:
		}
		select {
		case <-p.weights:
		default:
		}
	}
}

// Run works until ctx ends or a command cannot be proposed any more.
func (p *Pack) Run(ctx context.Context) error {
	p.cfg.Hint(p.shown)
	p.lastWeight = time.Now()
	p.settled = false
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer func() {
		if p.printing != "" {
			<-p.printed // the print run ends with ctx
			p.printing = ""
		}
		if p.zeroing != nil {
			<-p.zeroing
			p.zeroing = nil
		}
	}()
	for {
		if err := p.startPrint(ctx); err != nil && !p.passes(err) {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := p.show(); err != nil && !p.passes(err) {
			return err
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case code := <-p.scans:
			err = p.onScan(ctx, code)
		case w := <-p.weights:
			p.lastWeight = time.Now()
			err = p.onWeight(ctx, w)
		case end := <-p.printed:
			p.onPrinted(end)
		case <-p.cfg.Changed:
		case <-ticker.C:
			err = p.onTick()
		}
		if err != nil && !p.passes(err) {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("station %s: %w", p.cfg.ID, err)
		}
	}
}

// settleSent turns label jobs that were on their way when the gateway died
// into UNKNOWN: nobody can say whether the label came out, and an SSCC label is
// never printed a second time without a person.
func (p *Pack) settleSent(ctx context.Context) error {
	jobs, err := p.jobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.State != warehouse.JobSent || p.owed != nil && p.owed.Job == j.ID {
			continue
		}
		c := warehouse.LabelOutcome{Job: j.ID, Outcome: warehouse.JobUnknown, Detail: "the gateway restarted while the label was on its way"}
		if _, err := p.try(ctx, c); err != nil {
			return err
		}
	}
	p.settled = true
	return nil
}

// try proposes a command, in bounded time.
func (p *Pack) try(ctx context.Context, c warehouse.Command) (warehouse.Result, error) {
	return record(ctx, p.cfg.Do, p.cfg.Lost, p.actor(), c)
}

func (p *Pack) onScan(ctx context.Context, code string) error {
	if code == CodeZero {
		p.zero(ctx)
		return nil
	}
	step, err := p.step()
	if err != nil {
		if p.passes(err) {
			p.answer(code, warehouse.Result{Code: HintNotRecorded, Text: err.Error()})
		}
		return err
	}
	var c warehouse.Command
	plain := bare(code)
	switch {
	case plain == CodeReprint && step.Do == warehouse.StepCheckLabel:
		c = warehouse.Reprint{Job: step.SSCC}
	case plain == CodeReprint:
		p.answer(code, warehouse.Result{Code: warehouse.CodeWrongStep, Text: "no label is waiting for a reprint", Next: step})
		return nil
	case step.Do == warehouse.StepCheckLabel && ssccOf(code) == step.SSCC:
		c = warehouse.LabelOutcome{Job: step.SSCC, Outcome: warehouse.JobPrinted, Detail: "the label was scanned at the station"}
	case step.Do == warehouse.StepSecond:
		c = warehouse.DoubleCheck{Station: p.cfg.ID, Badge: plain}
	case plain == CodeNextCarton:
		c = warehouse.NextCarton{Station: p.cfg.ID, Order: step.Order, Scan: true}
		if step.Do != warehouse.StepWeigh {
			p.answer(code, warehouse.Result{Code: warehouse.CodeWrongStep, Text: "no carton is in hand", Next: step})
			return nil
		}
	default:
		if c, err = p.means(code); err != nil {
			return err
		}
	}
	res, err := p.try(ctx, c)
	if no, ok := refusal(err); ok {
		no.Next = step
		p.answer(code, no)
		return nil
	}
	if err != nil {
		if ctx.Err() == nil {
			p.answer(code, warehouse.Result{Code: HintNotRecorded, Text: err.Error(), Next: step})
		}
		return err
	}
	if res.Next == nil {
		if res.Next, err = p.step(); err != nil {
			return err
		}
	}
	p.answer(code, res)
	return nil
}

// zero has the scale zeroed, beside the station's other work: it takes until
// the weights show it. Nothing is recorded, so it needs no quorum.
func (p *Pack) zero(ctx context.Context) {
	if p.zeroing != nil {
		select {
		case <-p.zeroing:
		default:
			p.answer(CodeZero, warehouse.Result{Code: HintBusy, Text: "the scale is being zeroed"})
			return
		}
	}
	if p.cfg.Zero == nil {
		p.answer(CodeZero, warehouse.Result{Code: HintScaleAbsent, Text: "this station has no scale"})
		return
	}
	done := make(chan struct{})
	p.zeroing = done
	go func() {
		defer close(done)
		shows, code, text := p.cfg.Zero(ctx)
		if code == "" {
			code, text = warehouse.CodeOK, "the scale shows "+shows
		}
		p.answer(CodeZero, warehouse.Result{OK: code == warehouse.CodeOK, Code: code, Text: text})
	}()
}

// means is what a scan asks for: a tote to be packed, or a piece for the carton
// in hand.
func (p *Pack) means(code string) (c warehouse.Command, err error) {
	err = p.cfg.View(func(r warehouse.Reader) (err error) {
		c, err = warehouse.StationScan(r, p.cfg.ID, code)
		return err
	})
	if err != nil && p.passes(err) { // the rules look at every command anyway
		return warehouse.StartPack{Station: p.cfg.ID, Barcode: code}, nil
	}
	return c, err
}

// onWeight books a stable weight when the station waits for one. Between two
// cartons the scale must have been seen empty, or the carton that was just
// booked would be booked again for the next order.
func (p *Pack) onWeight(ctx context.Context, w Weight) error {
	step, err := p.step()
	if err != nil {
		return err
	}
	p.scaleHint = Hint{}
	clearMg := p.cfg.ClearMg
	if step.Do == warehouse.StepWeigh { // a carton may be lighter than what counts as nothing
		clearMg = min(clearMg, step.ExpectedMg/2)
	}
	switch {
	case w.Overload:
		p.scaleHint = Hint{HintOverload, "the scale reports overload: take weight off"}
		return nil
	case w.Underload:
		p.scaleHint = Hint{HintUnderload, "the scale reports underload: put the pan back and zero it"}
		return nil
	case w.Stable && w.Milligrams <= clearMg:
		p.empty = true
	}
	if step.Do != warehouse.StepWeigh {
		if w.Drift { // between two cartons there is time for it
			p.scaleHint = Hint{HintRezero, "the empty scale does not show zero: take everything off and wipe it; if it still does not, scan " + CodeZero}
		}
		return nil
	}
	if !p.empty {
		p.scaleHint = Hint{HintClearScale, "take everything off the scale, then put the carton on"}
		return nil
	}
	if !w.Stable || w.Milligrams <= clearMg {
		return nil
	}
	res, err := p.try(ctx, warehouse.Pack{Station: p.cfg.ID, Order: step.Order, WeightMg: w.Milligrams})
	if _, ok := refusal(err); ok {
		// The carton still lies there and is booked with a later reading: by
		// then the step tells whether this one was.
		return nil
	}
	p.empty = false
	if err != nil {
		return err
	}
	if res.Next == nil {
		if res.Next, err = p.step(); err != nil {
			return err
		}
	}
	p.answer(fmt.Sprintf("%d mg", w.Milligrams), res)
	return nil
}

func (p *Pack) onTick() error {
	if time.Since(p.lastWeight) < silent {
		return nil
	}
	step, err := p.step()
	if err != nil {
		return err
	}
	p.scaleHint = Hint{}
	if step.Do == warehouse.StepWeigh {
		p.scaleHint = Hint{HintScaleAbsent, "the scale does not answer: check its cable and power"}
	}
	return nil
}

// startPrint begins the oldest requested label job when no print run is under
// way. The run is a goroutine of its own, so that scans and weights are
// answered while the printer works.
func (p *Pack) startPrint(ctx context.Context) error {
	if p.printing != "" || time.Now().Before(p.retryAt) || hintOf(p.cfg.Lost).Code != "" {
		return nil
	}
	if !p.settled {
		err := p.settleSent(ctx)
		if _, ok := refusal(err); ok {
			p.retryAt = time.Now().Add(p.cfg.Retry)
			return nil
		}
		if err != nil {
			return err
		}
	}
	if p.cfg.Print == nil {
		return nil
	}
	if p.owed != nil {
		if p.owed = p.outcome(ctx, p.try, *p.owed); p.owed != nil {
			p.retryAt = time.Now().Add(p.cfg.Retry)
			return nil
		}
	}
	jobs, err := p.jobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.State == warehouse.JobRequested {
			p.printing = j.ID
			go func() { p.printed <- p.print(ctx, j) }()
			return nil
		}
	}
	return nil
}

func (p *Pack) print(ctx context.Context, job warehouse.LabelJob) printEnd {
	sent := false
	outcome, detail, err := p.cfg.Print(ctx, job, func(ctx context.Context) error {
		// Until it is known: a label recorded as sent that was not would be
		// nobody's any more.
		sends := warehouse.LabelSent{Job: job.ID}
		if len(job.Voided) > 0 {
			sends.Tracking = job.Tracking
		}
		res, err := p.do(ctx, sends)
		if err == nil && !res.OK {
			err = fmt.Errorf("label %s: %s %s", job.ID, res.Code, res.Text)
		}
		sent = err == nil
		return err
	})
	if err != nil && detail == "" {
		detail = err.Error()
	}
	if !sent {
		return printEnd{detail: detail}
	}
	switch outcome {
	case warehouse.JobPrinted, warehouse.JobFailed:
	default:
		outcome = warehouse.JobUnknown // sent, and no proof of what became of it
	}
	owed := p.outcome(ctx, p.do, warehouse.LabelOutcome{Job: job.ID, Outcome: outcome, Detail: detail})
	return printEnd{sent: true, detail: detail, owed: owed}
}

// outcome tells what became of a label. It returns the outcome when that could
// not be recorded: until it is, the station is asked nothing and prints nothing.
func (p *Pack) outcome(ctx context.Context, do func(context.Context, warehouse.Command) (warehouse.Result, error), c warehouse.LabelOutcome) (owed *warehouse.LabelOutcome) {
	res, err := do(ctx, c)
	switch {
	case err != nil:
		p.cfg.Log.Warn("label outcome not recorded, trying again", "station", p.cfg.ID, "job", c.Job, "err", err)
		return &c
	case !res.OK && res.Code != warehouse.CodeLabelState:
		p.cfg.Log.Warn("label outcome refused", "station", p.cfg.ID, "job", c.Job, "code", res.Code, "text", res.Text)
	}
	return nil
}

func (p *Pack) onPrinted(end printEnd) {
	p.printing = ""
	p.printerHint = Hint{}
	p.owed = end.owed
	if p.owed != nil {
		p.retryAt = time.Now().Add(p.cfg.Retry)
	}
	if !end.sent {
		p.settled = false // it may be recorded as sent all the same
		p.retryAt = time.Now().Add(p.cfg.Retry)
		p.printerHint = Hint{HintNoPrinter, end.detail}
	}
}

// do proposes a command and waits for as long as it takes, which only a print
// run may: it has a goroutine of its own.
func (p *Pack) do(ctx context.Context, c warehouse.Command) (warehouse.Result, error) {
	return p.cfg.Do(ctx, p.actor(), c)
}

// show publishes what the worker has to know, when it changed, and lights the
// tower. Without a quorum nothing else matters; nothing gets past the printer.
func (p *Pack) show() error {
	h := hintOf(p.cfg.Lost)
	if h.Code == "" {
		h = p.printerHint
	}
	if h.Code == "" {
		h = p.scaleHint
	}
	// Told again every few seconds: a gateway that comes back, and whose
	// broker a display may have moved to, learns it that way.
	if h != p.shown || time.Since(p.shownAt) > repeat {
		p.shown, p.shownAt = h, time.Now()
		p.cfg.Hint(h)
	}
	if p.cfg.Light == nil {
		return nil
	}
	step, err := p.step()
	if err != nil {
		return err
	}
	light := LightOK
	if h.Code != "" || step.Code != "" || step.Do == warehouse.StepCheckLabel {
		light = LightAttention
	}
	if light != p.light {
		p.light = light
		p.cfg.Light(light)
	}
	return nil
}

// step is what comes next at the station. While the state cannot be read it is
// what was read last: the rules look at every command anyway.
func (p *Pack) step() (*warehouse.Step, error) {
	var step *warehouse.Step
	err := p.cfg.View(func(r warehouse.Reader) (err error) {
		step, err = warehouse.StationStep(r, p.cfg.ID)
		return err
	})
	if err != nil && p.last != nil && p.passes(err) {
		return p.last, nil
	}
	if err == nil {
		p.last = step
	}
	return step, err
}

func (p *Pack) passes(err error) bool { return p.cfg.Passes != nil && p.cfg.Passes(err) }

func (p *Pack) jobs() ([]warehouse.LabelJob, error) {
	var jobs []warehouse.LabelJob
	err := p.cfg.View(func(r warehouse.Reader) (err error) {
		jobs, err = warehouse.PendingJobs(r, p.cfg.ID)
		return err
	})
	return jobs, err
}

func (p *Pack) answer(what string, res warehouse.Result) {
	p.cfg.Answer(Answer{CmdID: p.cfg.NewCmdID(), Barcode: what, OK: res.OK, Code: res.Code, Text: res.Text, Next: res.Next})
}

func (p *Pack) actor() string { return "station/" + p.cfg.ID }

// bare is a scanned code without the AIM identifier of a symbology that says
// nothing of the data: the station's own codes and badges are compared as they
// are printed.
func bare(code string) string {
	if s, err := gs1.Parse(code); err == nil && s.Text != "" {
		return s.Text
	}
	return code
}

// ssccOf is the SSCC in a scanned code, or "".
func ssccOf(code string) string {
	s, err := gs1.Parse(code)
	if err != nil {
		return ""
	}
	sscc, _ := s.Value("00")
	return sscc
}
