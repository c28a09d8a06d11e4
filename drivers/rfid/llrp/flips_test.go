package llrp

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp/wire"
)

// part is a run of bytes of a sample frame.
type part struct{ from, to int }

func (p part) has(bit int) bool { return bit/8 >= p.from && bit/8 < p.to }

// Every single bit of sample frames is changed. LLRP has no check (TCP has), so
// the policy is: a change within an EPC, or of its length, is another EPC; a
// change of its type may make an EPC of what stands there, or none; everywhere
// else the EPC is the one that was sent or none at all. Nothing panics, hangs or
// asks for memory, and the good report that follows is read.
func TestBitFlips(t *testing.T) {
	for _, c := range []struct {
		name, frame, epc string
		spoils           []part // where a change may make another EPC
	}{
		{
			// ROAccessReport-001 of an Impinj without its time, which is years old.
			"EPC96", "043d 00000020 00000000 00f0 0016 8d 3000abcdef00000000000003 81 0001 86 d0", "3000ABCDEF00000000000003",
			[]part{{15, 27}},
		},
		{
			// llrpjs, devices reference section 1.5.
			"EPCData", "043d 00000029 000003e8 00f0 001f 00f1 0016 0080 e20034120102030405060708090a0b0c 81 0001 86 c3", epc2,
			[]part{{18, 20}, {20, 36}},
		},
	} {
		sample := unhex(t, c.frame)
		said := map[string]int{}
		for bit := range len(sample) * 8 {
			f := standard()
			with(t, f, Config{}, func(b *bench) {
				spoiled := bytes.Clone(sample)
				spoiled[bit/8] ^= 0x80 >> (bit % 8)
				f.peer.Send(string(spoiled))
				b.after(time.Second)
				for _, r := range b.take() {
					switch {
					case r.EPC == c.epc:
						said["the same EPC"]++
					case !within(bit, c.spoils):
						t.Errorf("%s, bit %d of byte %d: %+v", c.name, bit%8, bit/8, r)
					default:
						said["another EPC"]++
					}
				}
				// A length that grew swallows what follows, until there is enough of it or
				// the silence is noticed.
				b.after(3 * DefaultKeepalive)
				for _, r := range b.take() {
					if r.EPC != c.epc {
						t.Errorf("%s, bit %d of byte %d, late: %+v", c.name, bit%8, bit/8, r)
					}
				}
				f.report(c.epc)
				if r := b.take(); len(r) != 1 || r[0].EPC != c.epc {
					t.Errorf("%s, bit %d of byte %d: the good report is read as %+v, %+v", c.name, bit%8, bit/8, r, b.d.Status())
				}
				b.after(DefaultKeepalive)
				b.state(drivers.Ready, "")
			})
		}
		t.Logf("%s: %d flips: %v", c.name, len(sample)*8, said)
		if said["another EPC"] < 96 {
			t.Errorf("%s: the flips within the EPC are not seen: %v", c.name, said)
		}
	}
}

func within(bit int, parts []part) bool {
	for _, p := range parts {
		if p.has(bit) {
			return true
		}
	}
	return false
}

// Twenty-four hours with a trouble in each: the driver comes back from every
// one, and holds no more goroutines and memory in the evening than in the
// morning.
func TestDay(t *testing.T) {
	if testing.Short() {
		t.Skip("24 hours of simulated time")
	}
	f := standard()
	troubles := []struct {
		name    string
		on, off func()
	}{
		{"nothing", func() {}, func() {}},
		{"unplugged", func() { f.peer.Plug(false) }, func() { f.peer.Plug(true) }},
		{"no keepalives", func() { f.change(func() { f.keepalive = false }) }, func() { f.change(func() { f.keepalive = true }) }},
		{"noise", func() { f.peer.Send(strings.Repeat("noise", 100)) }, func() {}},
		{"half a message", func() { f.peer.Send("\x04\x3d\x00\x00\x01\x00\x00\x00\x00\x01\x00\xf0") }, func() {}},
		{"bad parameters", func() { f.peer.Send(strings.Repeat("\x04\x3d\x00\x00\x00\x0e\x00\x00\x00\x01\x00\xf0\xff\xff", 10)) }, func() {}},
		{"held by another", func() { f.change(func() { f.attempt = 2 }); f.peer.Send("out!") }, func() { f.change(func() { f.attempt = 0 }) }},
		{"not answered", func() {
			f.change(func() { f.deaf[wire.SetReaderConfig] = true })
			f.peer.Send("out!")
		}, func() { f.change(func() { f.deaf[wire.SetReaderConfig] = false }) }},
	}
	with(t, f, Config{}, func(b *bench) {
		var morning, evening footprint
		for hour := range 24 {
			trouble := troubles[hour%len(troubles)]
			trouble.on()
			b.after(10 * time.Minute)
			trouble.off()
			b.after(2 * time.Minute)
			b.state(drivers.Ready, "")
			b.take()
			for n := range 48 {
				f.report(fmt.Sprintf("30000000000000000000%04X", n), param("AntennaID", 1+n%4))
				b.after(time.Minute)
			}
			if r := b.take(); len(r) != 48 {
				t.Errorf("hour %d, %s: %d of 48 reads", hour, trouble.name, len(r))
			}
			switch hour {
			case len(troubles) - 1: // each trouble has been once
				morning = b.footprint()
			case 23:
				evening = b.footprint()
			}
		}
		if evening.goroutines > morning.goroutines || evening.heap > morning.heap+1<<20 {
			t.Errorf("in the evening %+v, in the morning %+v", evening, morning)
		}
		t.Logf("morning %+v, evening %+v", morning, evening)
	})
}

type footprint struct {
	goroutines int
	heap       uint64
}

// footprint is what is held when all that belongs to the test is thrown away.
func (b *bench) footprint() footprint {
	b.f.heard()
	b.log.Reset()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), m.HeapAlloc}
}

// A report of tags that were read before costs no memory.
func TestReportsDoNotAllocate(t *testing.T) {
	n := 0
	d, err := New(Config{Name: "x", Open: standard().opener, Sink: func(rfid.Read) { n++ }})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{d: d, cleared: true, now: time.Now(), began: time.Now()}
	body := unhex(t, "00f0 001f 00f1 0016 0080 e20034120102030405060708090a0b0c 81 0001 86 c3")
	s.report(body)
	if a := testing.AllocsPerRun(1000, func() { s.report(body) }); a > 2 {
		t.Errorf("%v allocations for a report", a)
	}
	// What is remembered of EPCs is bounded.
	for i := range maxEPCs + 10 {
		d.epcs.text([]byte{byte(i >> 16), byte(i >> 8), byte(i)})
	}
	if len(d.epcs.known) > maxEPCs {
		t.Errorf("%d EPCs are remembered", len(d.epcs.known))
	}
}
