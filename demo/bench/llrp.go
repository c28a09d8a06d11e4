//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp"
)

const (
	llrpTags    = 50_000 // in the field
	llrpReads   = 20_000_000
	llrpMBGoal  = 300
	llrpReadsPS = 1_000_000
)

// llrpReports measures reports from the port to the sink of the driver, on one
// core: framing, decoding, the clock, the EPC's text, the read. Goal: so many
// megabytes or so many reads a second, and hardly an allocation for a report.
func llrpReports(ctx context.Context, _ string) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, shape := range []struct {
		name string
		tags int // in a report
		tag  func(n int) []byte
	}{
		{"one tag a report", 1, fullTag},
		{"20 tags a report", 20, fullTag},
		{"sparse, 60 tags a report", 60, sparseTag},
	} {
		if err := measureReports(ctx, shape.name, shape.tags, shape.tag); err != nil {
			return fmt.Errorf("llrp, %s: %w", shape.name, err)
		}
	}
	return nil
}

func measureReports(ctx context.Context, name string, perReport int, tag func(int) []byte) error {
	r := newBenchReader(perReport, tag)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reads, strong := 0, 0
	d, err := llrp.New(llrp.Config{Name: "bench", Open: r.open, Antennas: []int{1, 2, 3, 4}, Sink: func(read rfid.Read) {
		if reads++; reads == llrpReads {
			cancel()
		}
		if read.RSSI > -60 {
			strong++
		}
	}})
	if err != nil {
		return err
	}
	var before, after runtime.MemStats
	r.started = func() { runtime.ReadMemStats(&before) }
	if err := d.Run(ctx); err != nil {
		return err
	}
	took := time.Since(r.began)
	runtime.ReadMemStats(&after)
	if reads < llrpReads {
		return errors.New("stopped early")
	}
	mb, ps := float64(r.sent)/1e6/took.Seconds(), float64(reads)/took.Seconds()
	// One of the two goals is enough; both are shown.
	goal := newFigure("llrp_read_rate: "+name, ps, "reads/s", -llrpReadsPS)
	goal.OK = goal.OK || mb >= llrpMBGoal
	show(goal)
	report("llrp_decode: "+name, mb, "MB/s", 0)
	report("llrp_allocations: "+name, float64(after.Mallocs-before.Mallocs)/float64(d.Stats().Reports), "per report", 0.5)
	return nil
}

// fullTag is a TagReportData with EPC96, antenna, strength, both times, count and
// PC word.
func fullTag(n int) []byte {
	now := uint64(time.Now().UnixMicro())
	b := append([]byte{0, 240, 0, 0, 0x8D}, epcBytes(n)...)
	b = append(b, 0x81, 0, byte(1+n%4), 0x86, byte(256-50-n%30), 0x82)
	b = binary.BigEndian.AppendUint64(b, now)
	b = append(b, 0x84)
	b = binary.BigEndian.AppendUint64(b, now)
	b = append(b, 0x88, 0, 1, 0x8C, 0x30, 0)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// sparseTag has EPC96 and PC word alone, as golemu sends them.
func sparseTag(n int) []byte {
	b := append([]byte{0, 240, 0, 0, 0x8D}, epcBytes(n)...)
	b = append(b, 0x8C, 0x30, 0)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func epcBytes(n int) []byte {
	b := append([]byte{0x30, 0x74, 0x25, 0x7B, 0xF7, 0x19, 0x4E, 0x40}, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[8:], uint32(n))
	return b
}

// benchReader is a reader in memory that answers a set-up and then reports
// without a pause.
type benchReader struct {
	reports []byte // what it says, again and again
	answers []byte // come first
	at      int
	running bool
	started func()
	began   time.Time
	sent    int
}

func newBenchReader(perReport int, tag func(int) []byte) *benchReader {
	r := &benchReader{}
	for n := 0; n < llrpTags; n += perReport {
		var body []byte
		for i := range perReport {
			body = append(body, tag(n+i)...)
		}
		r.reports = append(r.reports, benchMessage(61, 1, body)...)
	}
	return r
}

func benchMessage(typ uint16, id uint32, body []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, 0x0400|typ)
	b = binary.BigEndian.AppendUint32(b, uint32(10+len(body)))
	return append(binary.BigEndian.AppendUint32(b, id), body...)
}

func (r *benchReader) open(context.Context) (drivers.Port, error) {
	event := []byte{0, 246, 0, 22, 0, 128, 0, 12}
	event = binary.BigEndian.AppendUint64(event, uint64(time.Now().UnixMicro()))
	r.answers = benchMessage(63, 0, append(event, 1, 0, 0, 6, 0, 0))
	return r, nil
}

// Read implements drivers.Port.
func (r *benchReader) Read(ctx context.Context, p []byte) (int, error) {
	switch {
	case len(r.answers) > 0:
		n := copy(p, r.answers)
		r.answers = r.answers[n:]
		return n, nil
	case !r.running:
		<-ctx.Done()
		return 0, ctx.Err()
	case r.sent == 0:
		r.started()
		r.began = time.Now()
	}
	n := copy(p[:min(len(p), 16<<10)], r.reports[r.at:]) // as the port of a network line reads
	r.at, r.sent = (r.at+n)%len(r.reports), r.sent+n
	return n, nil
}

// Write implements drivers.Port: every request is answered with success.
func (r *benchReader) Write(_ context.Context, p []byte) (int, error) {
	typ := binary.BigEndian.Uint16(p) & 0x3FF
	answer := typ + 10
	if typ == 14 {
		answer = 4
	}
	r.answers = append(r.answers, benchMessage(answer, binary.BigEndian.Uint32(p[6:]), []byte{1, 31, 0, 8, 0, 0, 0, 0})...)
	r.running = r.running || typ == 22
	return len(p), nil
}

// Close implements drivers.Port.
func (r *benchReader) Close() error { return nil }
