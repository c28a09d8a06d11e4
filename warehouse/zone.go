package warehouse

// Zones: parts of a site that are picked by themselves (Bin.Zone). A batch of one
// zone (AssignBatch.Zone) takes only what lies there of its orders. An order that
// has more elsewhere goes back to the pool when the walk is over, and its tote
// goes on with it: the batch of the next zone brings it along from the pack drop
// (pick and pass). What a short pick or a change finds in another zone waits
// there as well. A bin without a zone belongs to no zone: batches of everywhere
// pick it.
//
// At a site with zone picking the dispatcher gives the zone of the most urgent
// order, unless the picker chose one with the scan of any bin in it (AskWork.Bin).
// The choice holds for one batch.

// zoneAsked is the zone of a bin that a picker scanned, "" for no bin.
func (c *change) zoneAsked(bin string) (string, error) {
	if bin == "" {
		return "", nil
	}
	site, err := c.theSite()
	if err != nil {
		return "", err
	}
	if !site.ZonePicking {
		return "", refuse(CodeInvalid, "this site does not pick by zone")
	}
	var rec *Bin
	if validID(bin) {
		if rec, err = GetBin(c, bin); err != nil {
			return "", err
		}
	}
	switch {
	case rec == nil:
		return "", refuse(CodeUnknownBin, "%.70q: scan a bin of the zone", bin)
	case rec.Zone == "":
		return "", refuse(CodeInvalid, "bin %s is in no zone", bin)
	}
	return rec.Zone, nil
}

// inZone tells whether a bin is one that a batch picks from.
func (c *change) inZone(b *Batch, bin string) (bool, error) {
	if b == nil || b.Zone == "" {
		return true, nil
	}
	rec, err := GetBin(c, bin)
	return rec != nil && rec.Zone == b.Zone, err
}

// makeInZone is makeTasks for an order in a batch b: what lies in another zone
// goes into the pool. It returns the ids of those for the batch; with batch ""
// all go into the pool.
func (c *change) makeInZone(o *Order, l *LineState, takes []take, b *Batch, batch string, slot int) ([]string, error) {
	if batch == "" {
		return c.makeTasks(o, l, takes, "", 0)
	}
	var here, there []take
	for _, tk := range takes {
		in, err := c.inZone(b, tk.bin)
		if err != nil {
			return nil, err
		}
		if in {
			here = append(here, tk)
		} else {
			there = append(there, tk)
		}
	}
	if _, err := c.makeTasks(o, l, there, "", 0); err != nil {
		return nil, err
	}
	return c.makeTasks(o, l, here, batch, slot)
}
