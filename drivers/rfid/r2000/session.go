package r2000

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
)

const (
	// askTries is how often a question is put: the reader may be in the middle
	// of a round that another program started.
	askTries = 3
	// partialLimit is how long the rest of a packet may take. A packet of 80
	// bytes takes 7 ms at 115200 baud.
	partialLimit = 50 * time.Millisecond
	// minRound is the shortest time between two rounds: a reader that ends
	// them at once must not keep a processor busy.
	minRound = 10 * time.Millisecond
	// failLimit is how many rounds in a row may fail until the reader is
	// degraded.
	failLimit = 3
)

// session is what is kept while one port is open.
type session struct {
	d      *Driver
	port   drivers.Port
	framer Framer
	bad    uint64 // of the framer, counted already
	resets int    // in a row, without a round in between
	raw    bool   // bytes came since the last packet
}

// setUp asks who is there and makes the settings. It returns the code of what
// is wrong, "" when the reader can read; the error is the port's.
func (s *session) setUp(ctx context.Context) (code string, err error) {
	if _, err := drivers.Discard(s.port); err != nil {
		return "", err
	}
	s.framer.Reset()
	s.raw = false
	cfg := &s.d.cfg
	version, code, err := s.ask(ctx, CmdFirmware)
	if err != nil || code != "" {
		return code, err
	}
	if len(version) != 2 {
		return drivers.CodeRFIDRefuses, nil
	}
	text := fmt.Sprintf("%d.%d", version[0], version[1])
	s.d.firmware.Store(&text)
	if cfg.Power > 0 {
		// The setting is kept in flash, which wears out: it is only written
		// when it is another.
		has, code, err := s.ask(ctx, CmdGetPower)
		if err != nil || code != "" {
			return code, err
		}
		other := func(dBm byte) bool { return int(dBm) != cfg.Power } // one for all antennas, or one for each
		if len(has) == 0 || slices.ContainsFunc(has, other) {
			if code, err := s.set(ctx, CmdSetPower, byte(cfg.Power)); err != nil || code != "" {
				return code, err
			}
		}
	}
	if len(cfg.Antennas) == 1 {
		return s.set(ctx, CmdSetAntenna, byte(cfg.Antennas[0]-1))
	}
	return "", nil
}

// set makes a setting.
func (s *session) set(ctx context.Context, cmd byte, data ...byte) (code string, err error) {
	answer, code, err := s.ask(ctx, cmd, data...)
	switch {
	case err != nil || code != "":
		return code, err
	case len(answer) == 1 && answer[0] == StatusOK:
		return "", nil
	case len(answer) == 1 && answer[0] == StatusAntennaMissing:
		return drivers.CodeRFIDAntenna, nil
	}
	return drivers.CodeRFIDRefuses, nil
}

// ask puts a question and waits for its answer.
func (s *session) ask(ctx context.Context, cmd byte, data ...byte) (answer []byte, code string, err error) {
	for range askTries {
		if err := s.write(ctx, cmd, data...); err != nil {
			return nil, "", err
		}
		found := false
		end := time.Now().Add(s.d.cfg.Answer)
		for !found && time.Now().Before(end) {
			_, err := s.receive(ctx, time.Until(end), func(f Frame) {
				if f.Cmd == cmd && !found {
					answer, found = append([]byte(nil), f.Data...), true
				}
			})
			if err != nil {
				return nil, "", err
			}
		}
		if found {
			return answer, "", nil
		}
	}
	return nil, s.silent(), nil
}

// silent is the code for no packets: there may have been bytes all the same.
func (s *session) silent() string {
	if s.raw {
		return drivers.CodeRFIDUnreadable
	}
	return drivers.CodeRFIDSilent
}

// round gathers what one round says.
type round struct {
	over    bool
	status  byte // of an error, 0 = none
	missing []int
	frames  int
}

// inventory runs round after round until something is wrong and returns its
// code. A missing antenna among several does not end it.
func (s *session) inventory(ctx context.Context) (code string, err error) {
	d := s.d
	cmd, data := d.roundCommand()
	heard, fails := time.Now(), 0
	for {
		began := time.Now()
		if err := s.write(ctx, cmd, data...); err != nil {
			return "", err
		}
		var r round
		for quiet := began; !r.over && time.Since(quiet) < d.cfg.Answer && time.Since(began) < d.cfg.Silence; {
			before := r.frames
			heardFrame, err := s.receive(ctx, d.cfg.Answer-time.Since(quiet), func(f Frame) { s.report(f, cmd, &r) })
			if err != nil {
				return "", err
			}
			if heardFrame && r.frames > before {
				quiet = time.Now()
				heard = quiet
			}
		}
		switch {
		case !r.over:
			d.stats.late.Add(1)
			if r.frames > 0 {
				d.reading(r.missing) // only the end was lost
			}
			if time.Since(heard) >= d.cfg.Silence {
				return s.silent(), nil
			}
			continue
		case r.status == StatusAntennaMissing:
			d.stats.missing.Add(1)
			return drivers.CodeRFIDAntenna, nil
		case r.status >= statusParameter && r.status <= statusParameterLast:
			return drivers.CodeRFIDRefuses, nil
		case r.status != 0:
			if fails++; fails >= failLimit {
				return drivers.CodeRFIDInventory, nil
			}
		default:
			s.resets, fails = 0, 0
			d.stats.rounds.Add(1)
			d.reading(r.missing)
			if len(r.missing) >= len(d.cfg.Antennas) {
				return drivers.CodeRFIDAntenna, nil
			}
		}
		select {
		case <-time.After(minRound - time.Since(began)):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// reading sets the state after a round that went through.
func (d *Driver) reading(missing []int) {
	if len(missing) == 0 {
		d.tracker.Set(drivers.Ready, "", "the reader is reading, firmware "+d.Firmware())
		return
	}
	d.stats.missing.Add(uint64(len(missing)))
	d.tracker.Set(drivers.Degraded, drivers.CodeRFIDAntenna,
		fmt.Sprintf("antenna %s is not connected or broken", strings.Trim(fmt.Sprint(missing), "[]")))
}

// report takes one packet of a round.
func (s *session) report(f Frame, cmd byte, r *round) {
	if f.Cmd != cmd {
		return
	}
	d := s.d
	switch a := Sort(f); a.Kind {
	case KindEnd:
		r.over = true
	case KindError:
		r.over = true
		if a.Status != StatusNoTag && a.Status != StatusBufferEmpty && a.Status != StatusOK {
			r.status = a.Status
		}
	case KindAntenna:
		r.missing = append(r.missing, a.Antenna)
	case KindTag:
		tag, err := ParseTag(f, d.cfg.Ports)
		if err != nil {
			d.stats.bad.Add(1)
			return
		}
		if len(tag.EPC) == 0 {
			d.stats.blank.Add(1)
			break
		}
		d.stats.reads.Add(1)
		d.cfg.Sink(rfid.Read{
			EPC: fmt.Sprintf("%X", tag.EPC), PC: tag.PC, Antenna: tag.Antenna,
			RSSI: int(tag.RSSI) + d.cfg.RSSIOffset, At: d.cfg.Now(),
		})
	}
	r.frames++
}

// roundCommand is what starts a round.
func (d *Driver) roundCommand() (cmd byte, data []byte) {
	if len(d.cfg.Antennas) == 1 {
		return CmdRealTime, []byte{1} // one repetition
	}
	// A slot for each port, antenna and stay; an antenna of FF is skipped.
	for i := range d.cfg.Ports {
		if i < len(d.cfg.Antennas) {
			data = append(data, byte(d.cfg.Antennas[i]-1), 1)
		} else {
			data = append(data, 0xFF, 0)
		}
	}
	return CmdFastSwitch, append(data, 0, 1) // no pause between antennas, one repetition
}

func (s *session) write(ctx context.Context, cmd byte, data ...byte) error {
	_, err := s.port.Write(ctx, Frame{byte(s.d.cfg.Address), cmd, data}.Append(nil))
	return err
}

// receive waits for bytes, for wait at most, and hands on the packets of our
// reader; heard tells whether there were any. The error is the port's or that
// of ctx.
func (s *session) receive(ctx context.Context, wait time.Duration, frame func(Frame)) (heard bool, err error) {
	mine := func(f Frame) {
		if a := s.d.cfg.Address; a != AddrBroadcast && f.Addr != byte(a) {
			return
		}
		heard, s.raw = true, false
		frame(f)
	}
	if s.framer.Pending() {
		wait = min(wait, partialLimit)
	}
	var buf [1024]byte
	limited, cancel := context.WithTimeout(ctx, max(wait, time.Millisecond))
	defer cancel()
	n, err := drivers.Receive(limited, s.port, buf[:])
	switch {
	case err == nil:
		s.raw = true
		s.framer.Push(buf[:n], mine)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		s.framer.Skip(mine)
		err = nil
	}
	if bad := s.framer.Bad(); bad != s.bad {
		s.d.stats.bad.Add(bad - s.bad)
		s.bad = bad
	}
	return heard, err
}

// pause waits and throws away what comes meanwhile, so that a talking device
// does not fill the queue; the port's end is seen.
func (s *session) pause(ctx context.Context, wait time.Duration) error {
	end := time.Now().Add(wait)
	for left := wait; left > 0; left = time.Until(end) {
		limited, cancel := context.WithTimeout(ctx, left)
		var buf [256]byte
		_, err := drivers.Receive(limited, s.port, buf[:])
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err
		}
	}
	return nil
}
