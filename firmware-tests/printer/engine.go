package printer

import (
	"context"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// broken tells whether the printer cannot move paper at all.
func (p *Printer) broken() bool {
	return p.faults.On(PaperOut) || p.faults.On(RibbonOut) || p.faults.On(HeadOpen) || p.faults.On(Jam) || p.faults.On(line.Stall)
}

// Run is the print engine: it turns formats into labels until ctx ends. A
// label that is interrupted by a fault is printed again, whole, afterwards.
func (p *Printer) Run(ctx context.Context) {
	for {
		p.mu.Lock()
		p.nextBatchLocked()
		ready := p.batch != nil && !p.broken() && !p.faults.On(Pause) && !p.waiting
		changed := p.changed
		p.mu.Unlock()
		if !ready {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			continue
		}
		if !p.feed(ctx) {
			return
		}
	}
}

// nextBatchLocked takes the next format out of the buffer.
func (p *Printer) nextBatchLocked() {
	if p.batch != nil || len(p.buffer) == 0 || p.faults.On(line.Stall) {
		return
	}
	p.batch, p.buffer = p.buffer[0], p.buffer[1:]
	p.touch()
}

// feed moves one label through the printer. It returns false when ctx ended.
func (p *Printer) feed(ctx context.Context) bool {
	p.mu.Lock()
	j := p.batch
	p.moving = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.moving = false
		p.mu.Unlock()
	}()
	out := time.NewTimer(time.Duration(p.params.LabelMs) * time.Millisecond)
	defer out.Stop()
	for {
		p.mu.Lock()
		changed, broken := p.changed, p.broken()
		p.mu.Unlock()
		if broken {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		case <-out.C:
			p.eject(j)
			return true
		}
	}
}

// eject records a label that has come out.
func (p *Printer) eject(j *job) {
	var marks []func()
	defer func() {
		for _, tell := range marks {
			tell()
		}
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	j.copy++
	p.printed++
	p.waiting = p.params.Peel
	if p.batch == j && j.copy >= j.format.copies {
		p.batch = nil
		marks, j.marks = j.marks, nil
		if p.newest == j {
			p.newest = nil
		}
	}
	l := label(j)
	l.Copy = j.copy
	p.book.Add(record.Entry{Kind: record.Printed, Label: l})
	p.touch()
}

// cancel is ~JA: the buffer is emptied; the label under way still comes out.
func (p *Printer) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.buffer {
		p.cancelledLocked(j)
	}
	p.buffer, p.newest = nil, nil
	if p.batch != nil {
		p.cancelledLocked(p.batch)
		p.batch = nil
	}
	p.touch()
}

func (p *Printer) cancelledLocked(j *job) {
	l := label(j)
	l.Copies = j.format.copies - j.copy
	if j == p.batch && p.moving {
		l.Copies--
	}
	if l.Copies == 0 {
		return
	}
	p.book.Add(record.Entry{Kind: record.Cancelled, Label: l})
}

// label is the record of a job.
func label(j *job) *record.Label {
	return &record.Label{
		Job: j.number, Copies: j.format.copies,
		Texts: j.format.texts, Barcodes: j.format.barcodes,
	}
}
