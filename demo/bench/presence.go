//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"time"

	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp/wire"
	"tote/drivers/rfid/presence"
	"tote/gs1/epc"
)

// A hall: eight readers of four antennas, and tags that stand at one and are heard
// by its neighbours too; now and then one is carried elsewhere. Goals of the issue:
// 200,000 reads a second through decoding and presence on one core, in 100 MB.
const (
	hallReaders  = 8
	hallAntennas = 4 // of each reader
	hallTags     = 50_000
	hallReads    = 4_000_000
	hallRate     = 200_000 // reads a second of the hall's own time
	hallReport   = 20      // tags of one report
)

// presenceSpeed measures LLRP reports through decoding and the presence engine.
func presenceSpeed(context.Context, string) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	h, err := newHall()
	if err != nil {
		return err
	}
	var peak uint64
	var busy, cpu time.Duration
	for n := 0; n < hallReads; {
		reader, body, now := h.report(n)
		at, used := time.Now(), cpuTime()
		if err := h.take(reader, body, now); err != nil {
			return err
		}
		cpu += cpuTime() - used
		busy += time.Since(at)
		if n += hallReport; n%200_000 == 0 {
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)
		}
	}
	st := h.engine.Stats()
	if st.Present < hallTags*9/10 || st.Moved == 0 || st.Reads != hallReads || st.Dropped > 0 {
		return fmt.Errorf("the hall is not what it should be: %+v", st)
	}
	report("presence_reads", hallReads/busy.Seconds(), "1/s", -200_000)
	report("presence_reads_by_cpu", hallReads/cpu.Seconds(), "1/s", 0) // without what else ran here
	report("presence_memory", float64(peak)/1e6, "MB", 100)
	report("presence_tags", float64(st.Present), "tags", -hallTags*9/10)
	return nil
}

// cpuTime is what this process has used of the processor.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type hall struct {
	engine *presence.Engine
	rng    *rand.Rand
	tags   [][12]byte
	home   []uint8 // antenna of the hall
	texts  map[[12]byte]string
	body   []byte
	now    time.Time
	reader string
	facts  int
}

func newHall() (*hall, error) {
	h := &hall{rng: rand.New(rand.NewPCG(1, 1)), texts: make(map[[12]byte]string, hallTags)} //nolint:gosec // a repeatable load
	var cfg presence.EngineConfig
	for i := range hallReaders * hallAntennas {
		cfg.Locations = append(cfg.Locations, presence.Location{
			Name: fmt.Sprint("zone", i), Sources: []presence.Source{{Reader: readerName(i / hallAntennas), Antenna: i%hallAntennas + 1}},
		})
	}
	cfg.MaxTags = hallTags
	var err error
	if h.engine, err = presence.NewEngine(cfg); err != nil {
		return nil, err
	}
	for i := range hallTags {
		e, err := epc.EPC{Scheme: epc.SGTIN, Prefix: "0614141", Reference: "812345", Serial: fmt.Sprint(i)}.On("sgtin-96", epc.FilterItem)
		if err != nil {
			return nil, err
		}
		var t [12]byte
		if _, err := hex.Decode(t[:], []byte(e.Hex)); err != nil {
			return nil, err
		}
		h.tags, h.home = append(h.tags, t), append(h.home, uint8(i%(hallReaders*hallAntennas))) //nolint:gosec // below 32
	}
	return h, nil
}

func readerName(i int) string { return readerNames[i] }

var readerNames = [hallReaders]string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"}

// report is the next one: some of the tags of one reader, as it sends them.
func (h *hall) report(n int) (reader string, body []byte, now time.Time) {
	at := n / hallReport % hallReaders
	h.body = h.body[:0]
	for range hallReport {
		// A tag at one of this reader's antennas, or at the one next to it.
		antenna := at*hallAntennas + h.rng.IntN(hallAntennas)
		i := h.rng.IntN(hallTags/(hallReaders*hallAntennas))*hallReaders*hallAntennas + antenna
		rssi := -52 - h.rng.IntN(6)
		if h.rng.IntN(2000) == 0 {
			h.home[i] = uint8(h.rng.IntN(hallReaders * hallAntennas)) //nolint:gosec // below 32
		}
		heard := int(h.home[i])
		if h.rng.IntN(5) == 0 && heard%hallAntennas > 0 {
			heard, rssi = heard-1, rssi-10
		}
		if heard/hallAntennas != at { // it was carried to another reader's zone
			heard = at*hallAntennas + heard%hallAntennas
		}
		h.body = appendTag(h.body, h.tags[i], heard%hallAntennas+1, rssi, uint64(n)) //nolint:gosec // positive
	}
	return readerName(at), h.body, time.Unix(1_800_000_000, 0).Add(time.Duration(n) * time.Second / hallRate)
}

// appendTag writes a TagReportData as fixed readers send it: EPC-96, antenna, peak
// RSSI, last seen, count, PC.
func appendTag(b []byte, tag [12]byte, antenna, rssi int, us uint64) []byte {
	start := len(b)
	b = append(b, 0, 240, 0, 0, 0x8D)
	b = append(b, tag[:]...)
	b = append(b, 0x81, 0, byte(antenna), 0x86, byte(int8(rssi)), 0x84) //nolint:gosec // small
	b = binary.BigEndian.AppendUint64(b, us)
	b = append(b, 0x88, 0, 1, 0x8C, 0x30, 0)
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start)) //nolint:gosec // some 40 bytes
	return b
}

// take is what is measured.
func (h *hall) take(reader string, body []byte, now time.Time) error {
	h.reader, h.now = reader, now
	skipped, err := wire.Report(body, h.tag)
	if err == nil && skipped > 0 {
		err = fmt.Errorf("%d tags were not read", skipped)
	}
	return err
}

func (h *hall) tag(t *wire.Tag) {
	k := [12]byte(t.EPC)
	text, known := h.texts[k] // as the driver does: each tag's digits are written once
	if !known {
		text = strings.ToUpper(hex.EncodeToString(t.EPC))
		h.texts[k] = text
	}
	h.facts += len(h.engine.Read(h.reader, rfid.Read{EPC: text, PC: t.PC, Antenna: t.Antenna, RSSI: t.RSSI, At: h.now}))
}
