package accept

import (
	"context"
	"slices"
	"sync"
	"time"

	"tote/drivers"
)

// Figures are what was measured while the suite ran.
type Figures struct {
	Answers int     `json:"answers"`         // questions that were followed by bytes
	P50Ms   float64 `json:"p50Ms,omitempty"` // from a question to the first byte after it, or to the whole answer of who it is
	P99Ms   float64 `json:"p99Ms,omitempty"`
	Bytes   int     `json:"bytes"`  // received
	Frames  int     `json:"frames"` // of these, whole frames; 0 for a driver that cannot read them aloud
	Errors  int     `json:"errors"` // frames that could not be read, or that tell of a fault, as an open head
}

// maxTimes bounds what is kept for the percentiles; the newest stay.
const maxTimes = 10_000

// meter measures what passes. Safe for concurrent use.
type meter struct {
	decode func(toDevice bool) drivers.Decoder

	mu    sync.Mutex
	times []time.Duration
	f     Figures
}

// wrap measures the ports of an opener.
func (m *meter) wrap(open drivers.Opener) drivers.Opener {
	return func(ctx context.Context) (drivers.Port, error) {
		p, err := open(ctx)
		if err != nil {
			return nil, err
		}
		w := &metered{Port: p, m: m}
		if m.decode != nil {
			w.decoder = m.decode(false)
		}
		return w, nil
	}
}

// answered notes how long an answer took.
func (m *meter) answered(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.f.Answers++
	if len(m.times) >= maxTimes {
		m.times = slices.Delete(m.times, 0, maxTimes/2)
	}
	m.times = append(m.times, d)
}

func (m *meter) figures() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, times := m.f, slices.Sorted(slices.Values(m.times))
	if n := len(times); n > 0 {
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		f.P50Ms, f.P99Ms = ms(times[(n-1)/2]), ms(times[(n-1)*99/100])
	}
	return f
}

// metered is one open port.
type metered struct {
	drivers.Port
	m       *meter
	decoder drivers.Decoder // used by Read alone, which has one caller at a time

	mu    sync.Mutex
	asked time.Time // of a question nothing came after yet
}

func (p *metered) Write(ctx context.Context, b []byte) (int, error) {
	p.mu.Lock()
	p.asked = time.Now()
	p.mu.Unlock()
	return p.Port.Write(ctx, b)
}

func (p *metered) Read(ctx context.Context, b []byte) (int, error) {
	n, err := p.Port.Read(ctx, b)
	if n == 0 {
		return n, err
	}
	p.mu.Lock()
	asked := p.asked
	p.asked = time.Time{}
	p.mu.Unlock()
	if !asked.IsZero() {
		p.m.answered(time.Since(asked))
	}
	frames, bad := 0, 0
	if p.decoder != nil {
		p.decoder.Push(b[:n], func(f drivers.Frame) {
			frames++
			if f.Code != "" {
				bad++
			}
		})
	}
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.f.Bytes += n
	p.m.f.Frames += frames
	p.m.f.Errors += bad
	return n, err
}
