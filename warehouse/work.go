package warehouse

// Workers and handhelds: who is signed in where, and who waits for work.

// workerState loads what a worker does; a worker never seen before is idle.
func (c *change) workerState(id string) (*WorkerState, error) {
	ws, err := c.lastWorker.load(c, key(kWState, id))
	if ws == nil {
		ws = &WorkerState{Worker: id}
	}
	return ws, err
}

// saveWorker writes ws over the state it had before, with the rows of the
// device and of the waiting workers.
func (c *change) saveWorker(ws *WorkerState, before WorkerState) error {
	for _, w := range []struct {
		state WorkerState
		on    bool
	}{{before, false}, {*ws, true}} {
		if s := w.state.WaitingSince; s != 0 {
			if err := c.index(key(kAskers, num(uint64(s)), ws.Worker), w.on); err != nil {
				return err
			}
		}
		d := w.state.Device
		if d == "" {
			continue
		}
		c.touch("device", d)
		var err error
		if w.on {
			err = c.Set(key(kDevice, d), []byte(ws.Worker))
		} else if d != ws.Device {
			err = c.Delete(key(kDevice, d))
		}
		if err != nil {
			return err
		}
	}
	c.touch("worker", ws.Worker)
	if err := c.setAlarm(alarmIdle, ws.Worker, before.Ends, ws.Ends); err != nil {
		return err
	}
	return save(c, key(kWState, ws.Worker), ws)
}

// onDevice is the state of the worker signed in on a device.
func (c *change) onDevice(device string) (*WorkerState, error) {
	if !validID(device) {
		return nil, refuse(CodeInvalid, "device id")
	}
	id, err := WorkerOfDevice(c, device)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, refuse(CodeNotSignedIn, "nobody is signed in on %s", device)
	}
	ws, err := c.workerState(id)
	if err == nil {
		err = c.goOn(ws)
	}
	return ws, err
}

func signIn(c *change, cmd SignIn) (Result, error) {
	if !validID(cmd.Device) {
		return Result{}, refuse(CodeInvalid, "device id")
	}
	badge := plainCode(cmd.Badge)
	if !scannable(badge) {
		return Result{}, refuse(CodeUnknownBadge, "no badge")
	}
	id, err := c.Get(key(kBadge, badge))
	if err != nil {
		return Result{}, err
	}
	if id == nil {
		return Result{}, refuse(CodeUnknownBadge, "badge %s", badge)
	}
	worker := string(id)
	w, err := GetWorker(c, worker)
	if err != nil {
		return Result{}, err
	}
	text, err := c.checkPin(w, cmd)
	if err != nil {
		return Result{}, err
	}
	other, err := WorkerOfDevice(c, cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if other != "" && other != worker {
		if err := c.leaveDevice(other); err != nil {
			return Result{}, err
		}
	}
	ws, err := c.workerState(worker)
	if err != nil {
		return Result{}, err
	}
	before := *ws
	ws.Device = cmd.Device
	if err := c.beginSession(w, ws); err != nil {
		return Result{}, err
	}
	if ws.Batch != "" {
		if err := c.extendLease(ws.Batch); err != nil {
			return Result{}, err
		}
	}
	return Result{Ref: worker, Text: text}, c.saveWorker(ws, before)
}

// leaveDevice signs a worker out; work in hand keeps the device.
func (c *change) leaveDevice(worker string) error {
	ws, err := c.workerState(worker)
	if err != nil {
		return err
	}
	if ws.Batch != "" {
		return refuse(CodeHasWork, "%s has batch %s on %s", worker, ws.Batch, ws.Device)
	}
	if ws.Floor != "" {
		return refuse(CodeHasWork, "%s has task %s on %s", worker, ws.Floor, ws.Device)
	}
	before := *ws
	ws.Device, ws.WaitingSince, ws.Zone, ws.Ends, ws.Ended = "", 0, "", 0, false
	return c.saveWorker(ws, before)
}

func signOut(c *change, cmd SignOut) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	return Result{Ref: ws.Worker}, c.leaveDevice(ws.Worker)
}

func askWork(c *change, cmd AskWork) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if ws.Batch != "" {
		return Result{}, refuse(CodeHasWork, "batch %s", ws.Batch)
	}
	if ws.Floor != "" {
		return Result{}, refuse(CodeHasWork, "task %s", ws.Floor)
	}
	zone, err := c.zoneAsked(cmd.Bin)
	if err != nil {
		return Result{}, err
	}
	res := Result{Code: CodeWait, Ref: ws.Worker}
	if zone != "" {
		res.Text = "zone " + zone
	}
	if ws.WaitingSince != 0 && ws.Zone == zone {
		return res, nil
	}
	before := *ws
	ws.Zone = zone
	if ws.WaitingSince == 0 {
		ws.WaitingSince = max(c.meta.Now, 1) // who names another zone keeps the place
	}
	c.touch("waiting", "")
	return res, c.saveWorker(ws, before)
}
