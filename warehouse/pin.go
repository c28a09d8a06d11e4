package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// PINs of workers, from level 5 on. Its rules:
//
//   - Site.Pin says whose sign-in asks for one: nobody's (""), everybody's (PinOn) or
//     that of supervisors (PinSupervisors). Robots have none.
//   - No command holds a PIN. The gateway that hears it compares it with the slow hash
//     that is kept here and says what came of it (SignIn.Pin), with the revision of the
//     hash it compared with: a PIN that was changed meanwhile is asked for again.
//   - A new PIN comes as its hash, from an engineer (SetPin), or from the worker at the
//     first sign-in where the site allows that (Site.PinFirst).
//   - Three wrong ones in a row are free. Then the right one, too, is only heard after a
//     wait that doubles up to two minutes. Attempts are counted here, so that another
//     gateway knows them, and apart for each handheld on which the worker was right
//     before: a stranger with another one does not shut him out of his own. A quarter
//     of an hour without an attempt forgets them; so does the right PIN, which tells
//     how many wrong ones there were.
//   - Where Site.PinIdleMs is set, a session ends that long after the last thing the
//     worker did. Who has nothing in hand is signed out; work in hand stays with its
//     worker, and the handheld asks for badge and PIN before it goes on.

// Values of Site.Pin.
const (
	PinOff         = "off" // as ""
	PinOn          = "on"
	PinSupervisors = "supervisors"
)

// RolePicker is the role of workers of whom nothing else is said.
const RolePicker = "picker"

// Roles are those of workers; leads and engineers are the supervisors. The words are
// those of the table of decisions (ladder.go).
var Roles = []string{RolePicker, RolePacker, RoleStock, RoleDock, RoleLead, RoleEngineer}

var supervisors = []string{RoleLead, RoleEngineer}

// What a gateway says of the PIN of a sign-in.
const (
	PinRight = "right"
	PinWrong = "wrong"
	PinNew   = "new" // the first one of the worker; its hash is SignIn.Hash
)

// Bounds of PINs.
const (
	pinFree     = 3                // wrong ones before the first wait
	pinFirstMs  = 5_000            // the first wait
	pinMostMs   = 120_000          // the longest
	pinForgetMs = 15 * 60 * 1000   // without an attempt
	pinKnown    = 3                // handhelds of a worker
	minIdleMs   = 60_000           // of a session
	maxIdleMs   = 24 * 3600 * 1000 // of a session
	maxPinHash  = 160
)

// SetPin sets the PIN of a worker by its hash, or takes it away. What was tried
// before is forgotten.
type SetPin struct {
	Worker string `cbor:"1,keyasint" json:"worker"`
	Hash   string `cbor:"2,keyasint,omitempty" json:"hash,omitempty"` // "$argon2id$…"; "" = none
}

// Kind implements Command.
func (SetPin) Kind() Kind { return KindSetPin }

// Pin is what is kept of a worker's PIN.
type Pin struct {
	Worker string     `cbor:"1,keyasint"`
	Hash   string     `cbor:"2,keyasint,omitempty"` // "" = none
	Rev    uint64     `cbor:"3,keyasint"`           // of Hash
	At     int64      `cbor:"4,keyasint"`           // when it was set
	By     string     `cbor:"5,keyasint,omitempty"`
	Known  []string   `cbor:"6,keyasint,omitempty"` // handhelds on which it was right, the newest last
	Tries  []PinTries `cbor:"7,keyasint,omitempty"` // wrong ones, by handheld; "" = all that are not known
	Wrong  int64      `cbor:"8,keyasint,omitempty"` // since the last right one
}

// PinTries are the wrong PINs in a row from a handheld.
type PinTries struct {
	Device string `cbor:"1,keyasint,omitempty"`
	Fails  int64  `cbor:"2,keyasint"`
	At     int64  `cbor:"3,keyasint"`           // the newest
	Until  int64  `cbor:"4,keyasint,omitempty"` // before that none is heard
}

// GetPin returns what is kept of a worker's PIN, nil when he never had one.
func GetPin(r Reader, worker string) (*Pin, error) { return load[Pin](r, key(kPin, worker)) }

// WorkerOfBadge is the worker of a badge as it is scanned, nil when nobody has it.
func WorkerOfBadge(r Reader, badge string) (*Worker, error) {
	if badge = plainCode(badge); !scannable(badge) {
		return nil, nil
	}
	id, err := r.Get(key(kBadge, badge))
	if err != nil || id == nil {
		return nil, err
	}
	return GetWorker(r, string(id))
}

// PinWanted tells whether a sign-in of a worker on a device asks for a PIN now.
func PinWanted(r Reader, w *Worker, device string, now int64) (bool, error) {
	site, err := GetSite(r)
	if err != nil || !site.AsksPin(w) {
		return false, err
	}
	ws, err := GetWorkerState(r, w.ID)
	if err != nil || ws == nil {
		return true, err
	}
	return ws.Device != device || ws.over(now), nil
}

// AsksPin tells whether the rule of the site is about a worker.
func (s *Site) AsksPin(w *Worker) bool {
	if s == nil || w == nil || w.Kind == WorkerRobot {
		return false
	}
	return s.Pin == PinOn || s.Pin == PinSupervisors && slices.Contains(supervisors, w.Role)
}

// over tells whether the session of a worker has ended, though work in hand or a
// clock that was not asked yet keeps the device.
func (ws *WorkerState) over(now int64) bool { return ws.Ended || ws.Ends != 0 && now >= ws.Ends }

// bucket is where the attempts of a device are counted.
func (p *Pin) bucket(device string) string {
	if slices.Contains(p.Known, device) {
		return device
	}
	return ""
}

// Wait is how long no PIN is heard from a device, in milliseconds.
func (p *Pin) Wait(device string, now int64) int64 {
	for _, t := range p.Tries {
		if t.Device == p.bucket(device) {
			return max(t.Until-now, 0)
		}
	}
	return 0
}

// noteWrong counts a wrong PIN.
func (p *Pin) noteWrong(device string, now int64) {
	b := p.bucket(device)
	i := slices.IndexFunc(p.Tries, func(t PinTries) bool { return t.Device == b })
	if i < 0 {
		p.Tries = append(p.Tries, PinTries{Device: b})
		i = len(p.Tries) - 1
	}
	t := &p.Tries[i]
	if now-max(t.At, t.Until) >= pinForgetMs {
		t.Fails = 0
	}
	t.Fails, t.At, t.Until = t.Fails+1, now, 0
	if over := t.Fails - pinFree; over >= 0 {
		t.Until = now + min(int64(pinFirstMs)<<min(over, 10), pinMostMs)
	}
	p.Wrong++
}

// noteRight ends the count of a device, which is known from now on.
func (p *Pin) noteRight(device string) {
	b := p.bucket(device)
	p.Tries = slices.DeleteFunc(p.Tries, func(t PinTries) bool { return t.Device == b || t.Device == device })
	p.Known = append(slices.DeleteFunc(p.Known, func(d string) bool { return d == device }), device)
	if n := len(p.Known) - pinKnown; n > 0 {
		gone := p.Known[:n]
		p.Tries = slices.DeleteFunc(p.Tries, func(t PinTries) bool { return slices.Contains(gone, t.Device) })
		p.Known = slices.Clone(p.Known[n:])
	}
	p.Wrong = 0
}

// checkPin refuses a sign-in that lacks its PIN. text is what the worker is told.
func (c *change) checkPin(w *Worker, cmd SignIn) (text string, err error) {
	if !c.since(level5) {
		return "", nil
	}
	wanted, err := PinWanted(c, w, cmd.Device, c.meta.Now)
	if err != nil || !wanted {
		return "", err
	}
	site, err := c.theSite()
	if err != nil {
		return "", err
	}
	p, err := GetPin(c, w.ID)
	if err != nil {
		return "", err
	}
	if p == nil || p.Hash == "" {
		return "", c.firstPin(site, w, p, cmd)
	}
	switch ms := p.Wait(cmd.Device, c.meta.Now); {
	case ms > 0:
		return "", refuse(CodePinWait, "%s", PinWaitText(ms))
	case cmd.Pin != PinRight && cmd.Pin != PinWrong || cmd.Rev != p.Rev:
		return "", refuse(CodePinWanted, "badge of %s: now the PIN", w.ID)
	case cmd.Pin == PinWrong:
		p.noteWrong(cmd.Device, c.meta.Now)
		if err := c.savePin(p); err != nil {
			return "", err
		}
		said := "wrong PIN"
		if ms := p.Wait(cmd.Device, c.meta.Now); ms > 0 {
			said += "; " + PinWaitText(ms)
		}
		return "", refuseKeep(CodePinWrong, "%s", said)
	}
	if p.Wrong > 0 {
		text = fmt.Sprintf("%d wrong PINs since your last sign-in", p.Wrong)
	}
	p.noteRight(cmd.Device)
	return text, c.savePin(p)
}

// PinWaitText says how long to wait.
func PinWaitText(ms int64) string {
	return fmt.Sprintf("too many wrong PINs: wait %d s", (ms+999)/1000)
}

// firstPin takes the PIN a worker chose at the first sign-in, where he may.
func (c *change) firstPin(site *Site, w *Worker, p *Pin, cmd SignIn) error {
	switch {
	case !site.PinFirst:
		return refuse(CodePinNotSet, "%s has no PIN yet", w.ID)
	case cmd.Pin != PinNew:
		return refuse(CodePinNew, "choose a PIN of 4 to 8 digits")
	case checkPinHash(cmd.Hash) != "":
		return refuse(CodeInvalid, "%s", checkPinHash(cmd.Hash))
	}
	p = c.newPin(p, w.ID, cmd.Hash)
	p.By = placeWorker + w.ID
	p.noteRight(cmd.Device)
	return c.savePin(p)
}

// newPin is the record with another PIN, or without one.
func (c *change) newPin(old *Pin, worker, hash string) *Pin {
	p := &Pin{Worker: worker, Hash: hash, Rev: 1, At: c.meta.Now, By: c.meta.Actor}
	if old != nil {
		p.Rev = old.Rev + 1
	}
	return p
}

func (c *change) savePin(p *Pin) error {
	c.touch("worker", p.Worker)
	return save(c, key(kPin, p.Worker), p)
}

func setPin(c *change, cmd SetPin) (Result, error) {
	if cmd.Hash != "" {
		if why := checkPinHash(cmd.Hash); why != "" {
			return Result{}, refuse(CodeInvalid, "%s", why)
		}
	}
	if !validID(cmd.Worker) {
		return Result{}, refuse(CodeInvalid, "worker id")
	}
	w, err := GetWorker(c, cmd.Worker)
	switch {
	case err != nil:
		return Result{}, err
	case w == nil:
		return Result{}, refuse(CodeInvalid, "no worker %s", cmd.Worker)
	case w.Kind == WorkerRobot:
		return Result{}, refuse(CodeInvalid, "%s is a robot", cmd.Worker)
	}
	old, err := GetPin(c, w.ID)
	if err != nil {
		return Result{}, err
	}
	return Result{Ref: w.ID}, c.savePin(c.newPin(old, w.ID, cmd.Hash))
}

// checkPinHash says what is wrong with the form of a hash; only gateways know more.
func checkPinHash(h string) string {
	if !strings.HasPrefix(h, "$argon2id$") || len(h) > maxPinHash || !validBarcode(h[:min(len(h), maxID)]) ||
		strings.ContainsFunc(h, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "hash of a PIN: $argon2id$v=19$m=…,t=…,p=1$salt$hash"
	}
	return ""
}

// checkPinRule looks at the rules of a site.
func checkPinRule(s Site) string {
	switch {
	case !slices.Contains([]string{"", PinOff, PinOn, PinSupervisors}, s.Pin):
		return `pin: "off", "on" or "supervisors"`
	case (s.Pin == "" || s.Pin == PinOff) && (s.PinFirst || s.PinIdleMs != 0):
		return "pinFirst and pinIdleMs: only with pin on or supervisors"
	case s.PinIdleMs != 0 && (s.PinIdleMs < minIdleMs || s.PinIdleMs > maxIdleMs):
		return "pinIdleMs: a minute to a day"
	}
	return ""
}

// beginSession sets when the session of a worker ends by itself.
func (c *change) beginSession(w *Worker, ws *WorkerState) error {
	if !c.since(level5) {
		return nil
	}
	site, err := GetSite(c)
	if err != nil {
		return err
	}
	ws.Ended, ws.Ends = false, 0
	if site.AsksPin(w) && site.PinIdleMs > 0 {
		ws.Ends = c.meta.Now + site.PinIdleMs
	}
	return nil
}

// goOn puts the end of a session off, once a quarter of the time is used up, so that
// not every scan writes. A session that has ended is refused.
func (c *change) goOn(ws *WorkerState) error {
	if !ws.Ended && ws.Ends == 0 {
		return nil
	}
	if ws.over(c.meta.Now) {
		return refuse(CodeNotSignedIn, "the session ended: scan your badge again")
	}
	site, err := c.theSite()
	if err != nil || site.PinIdleMs == 0 || ws.Ends-c.meta.Now > site.PinIdleMs/4*3 {
		return err
	}
	before := *ws
	ws.Ends = c.meta.Now + site.PinIdleMs
	return c.saveWorker(ws, before)
}

// endSession ends a session whose time is over; one that went on has another alarm.
func (c *change) endSession(at int64, worker string) error {
	ws, err := c.workerState(worker)
	if err != nil || ws.Ends != at {
		return err
	}
	before := *ws
	ws.Ends, ws.Ended = 0, true
	if ws.Batch == "" && ws.Floor == "" {
		ws.Ended, ws.Device, ws.WaitingSince, ws.Zone = false, "", 0, ""
	}
	return c.saveWorker(ws, before)
}
