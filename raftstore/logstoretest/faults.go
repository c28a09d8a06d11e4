package logstoretest

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

// FaultOpener opens the one store whose files are on fs; opening it again gives
// the same contents.
type FaultOpener func(fs vfs.FS) (Store, error)

// FaultReport counts what CheckFaults has tried.
type FaultReport struct {
	Faults int // runs in which a call of the disk failed
	Cuts   int // runs in which the power was cut
}

// RunFaults runs CheckFaults as a test.
func RunFaults(t *testing.T, open FaultOpener) {
	report, err := CheckFaults(open)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d failed calls, %d power cuts: what was acknowledged is there", report.Faults, report.Cuts)
}

// CheckFaults plays one life of a store, from its making on, again and again.
// Each time another call of the disk fails, in each way it can, or the power is
// cut in it. It returns the first broken promise of these:
//
//   - what was acknowledged is there, before and after opening again;
//   - a call that failed has happened or has not, nothing half;
//   - after it every call that writes is refused until the store is opened
//     again, though the disk is well: nobody knows what is on it;
//   - an entry that cannot be read is not said to be missing;
//   - opening heals by itself, and what is stored then survives a power cut.
func CheckFaults(open FaultOpener) (FaultReport, error) {
	var report FaultReport
	whole := newBadDisk()
	if err := play(whole, open, nil); err != nil {
		return report, fmt.Errorf("with a good disk: %w", err)
	}
	ops := whole.Ops()
	for _, w := range ways {
		for k := 1; k <= whole.calls(w.op); k++ {
			for _, cut := range []bool{false, true} {
				d := newBadDisk()
				d.way, d.at = w, k
				err := play(d, open, &ending{cut: cut, seed: uint64(k)})
				if err != nil {
					return report, fmt.Errorf("%s %d fails (%s), then a power cut: %v: %w", w.op, k, w.name, cut, err)
				}
				if d.failed() {
					report.Faults++
				}
			}
		}
	}
	for k := 1; k <= ops; k++ {
		for seed := range uint64(4) {
			d := newBadDisk()
			d.CutAfter(k)
			if err := play(d, open, &ending{cut: true, seed: seed<<32 + uint64(k)}); err != nil {
				return report, fmt.Errorf("the power is cut in call %d, seed %d: %w", k, seed, err)
			}
			report.Cuts++
		}
	}
	return report, nil
}

// ending is what comes after the failed call: opened again by the same machine,
// or after a power cut.
type ending struct {
	cut  bool
	seed uint64
}

// life is what a store must hold.
type life struct {
	first, last uint64
	terms       map[uint64]uint64
	values      map[string]string
	number      uint64
}

func (m life) clone() life {
	m.terms, m.values = maps.Clone(m.terms), maps.Clone(m.values)
	return m
}

// lifeSize makes most entries small and some several blocks long.
func lifeSize(index, term uint64) int {
	if index%9 == 0 {
		return 5000
	}
	return int((index*7 + term*13) % 200)
}

// check compares a store with the model. Of what a failing disk did not let it
// read it is no judge; then unread is true.
func (m life) check(s Store) (unread bool, err error) {
	first, err1 := s.FirstIndex()
	last, err2 := s.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	if first != m.first || last != m.last {
		return false, fmt.Errorf("the log holds %d to %d, want %d to %d", first, last, m.first, m.last)
	}
	var got raft.Log
	for i := first; i <= last && i > 0; i++ {
		switch err := s.GetLog(i, &got); {
		case errors.Is(err, errDisk):
			unread = true
		case err != nil:
			return false, fmt.Errorf("entry %d: %w", i, err)
		default:
			if err := Same(Entry(i, m.terms[i], lifeSize(i, m.terms[i])), &got); err != nil {
				return false, err
			}
		}
	}
	if err := s.GetLog(last+1, &got); !errors.Is(err, raft.ErrLogNotFound) {
		return false, fmt.Errorf("entry %d behind the end: %v, want ErrLogNotFound", last+1, err)
	}
	for k, v := range m.values {
		if got, err := s.Get([]byte(k)); err != nil || string(got) != v {
			return false, fmt.Errorf("%q holds %q (%v), want %q", k, got, err, v)
		}
	}
	if n, err := s.GetUint64([]byte("term")); n != m.number || m.number > 0 && err != nil {
		return false, fmt.Errorf("the number is %d (%v), want %d", n, err, m.number)
	}
	return unread, nil
}

// act is one call and what it does to the model. A nil act opens the store again.
type act func(s Store, m *life) error

func storing(from, to, term uint64) act {
	return func(s Store, m *life) error {
		var logs []*raft.Log
		for i := from; i <= to; i++ {
			m.terms[i] = term
			logs = append(logs, Entry(i, term, lifeSize(i, term)))
		}
		if m.last == 0 {
			m.first = from
		}
		m.last = to
		return s.StoreLogs(logs)
	}
}

func cutting(from, to uint64) act {
	return func(s Store, m *life) error {
		switch {
		case from <= m.first && to >= m.last:
			m.first, m.last = 0, 0
		case from <= m.first:
			m.first = to + 1
		default:
			m.last = from - 1
		}
		return s.DeleteRange(from, to)
	}
}

func voting(name string) act {
	return func(s Store, m *life) error {
		m.values["vote"] = name
		return s.Set([]byte("vote"), []byte(name))
	}
}

func termed(n uint64) act {
	return func(s Store, m *life) error {
		m.number = n
		return s.SetUint64([]byte("term"), n)
	}
}

// script is the life: appends over several segments of a small log, both kinds
// of cuts, a reset as after an installed snapshot, a restart in between.
var script = []act{
	termed(1), voting("gw1"), storing(1, 1, 1), storing(2, 8, 1), storing(9, 12, 1),
	termed(2), storing(13, 20, 2), cutting(18, 20), storing(18, 27, 3), cutting(1, 10),
	nil,
	storing(28, 30, 3), voting("gw22"), cutting(0, 17), storing(31, 40, 4), cutting(36, 40), cutting(30, 35),
	storing(30, 31, 5), cutting(1, 99), storing(100, 104, 6), voting(""),
	nil,
	storing(105, 111, 6), termed(9), cutting(1, 105), storing(112, 112, 7), cutting(1, 111),
}

// play lives one life on a disk, with the ending when a call fails.
func play(d *badDisk, open FaultOpener, end *ending) error {
	m := life{terms: map[uint64]uint64{}, values: map[string]string{}}
	s, err := open(d)
	if err != nil {
		s = nil
	}
	for i := 0; err == nil && i < len(script); i++ {
		next := m.clone()
		if script[i] == nil {
			err = s.Close()
			if s = nil; err == nil {
				if s, err = open(d); err != nil {
					s = nil
				}
			}
		} else {
			err = script[i](s, &next)
		}
		if err != nil {
			if err := broken(d, s, err, m, next); err != nil {
				return fmt.Errorf("step %d: %w", i+1, err)
			}
			return endLife(d, open, s, end, m, next)
		}
		m = next
		unread, err := m.check(s)
		if unread {
			_, err = m.check(s) // the disk fails once
		}
		if err != nil && !d.Off() {
			return fmt.Errorf("step %d, acknowledged: %w", i+1, err)
		}
	}
	if err != nil { // it was never open
		if err := broken(d, nil, err, m, m); err != nil {
			return err
		}
	}
	return endLife(d, open, s, end, m, m)
}

// broken checks a store in which a call has failed with cause; nil when the
// store is not open.
func broken(d *badDisk, s Store, cause error, before, after life) error {
	if !d.failed() && !d.Off() {
		return fmt.Errorf("failed on a good disk: %w", cause)
	}
	if d.Off() || s == nil {
		return nil
	}
	var took []string
	for name, call := range map[string]func() error{
		"StoreLogs after the old end": func() error { return s.StoreLog(Entry(before.last+1, 99, 1)) },
		"StoreLogs after the new end": func() error { return s.StoreLog(Entry(after.last+1, 99, 1)) },
		"DeleteRange":                 func() error { return s.DeleteRange(0, before.last) },
		"Set":                         func() error { return s.Set([]byte("vote"), []byte("nobody")) },
		"SetUint64":                   func() error { return s.SetUint64([]byte("term"), 99) },
	} {
		if call() == nil {
			took = append(took, name)
		}
	}
	if len(took) > 0 {
		return fmt.Errorf("failed with %w, and then took %q", cause, took)
	}
	if _, err := either(s, before, after); err != nil {
		return fmt.Errorf("reads after the failure %w: %w", cause, err)
	}
	return nil
}

// either finds out whether the failed call has happened.
func either(s Store, before, after life) (life, error) {
	_, err1 := before.check(s)
	if err1 == nil {
		return before, nil
	}
	_, err2 := after.check(s)
	if err2 == nil {
		return after, nil
	}
	return life{}, fmt.Errorf("neither before the call: %w; nor after it: %w", err1, err2)
}

// endLife opens the store again after the failed call: it must hold what was
// acknowledged, take more, and keep that over one more power cut, even when the
// first try to open is cut short by another one.
func endLife(d *badDisk, open FaultOpener, s Store, end *ending, before, after life) error {
	if end == nil {
		return s.Close()
	}
	d.heal()
	if s != nil {
		_ = s.Close() // it has failed, or its power is off
	}
	if end.cut || d.Off() {
		d.crash(end.seed)
		d.CutAfter(1 + int(end.seed%13))
		if s, err := open(d); err == nil {
			_ = s.Close()
		} else if !d.Off() {
			return fmt.Errorf("open after a power cut: %w", err)
		}
		d.crash(end.seed + 1)
	}
	s, err := open(d)
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	m, err := either(s, before, after)
	if err != nil {
		return errors.Join(fmt.Errorf("opened again: %w", err), s.Close())
	}
	from := m.last + 1
	for _, a := range []act{storing(from, from+2, 50), voting("gw3"), termed(51), storing(from+3, from+9, 51), cutting(0, from+1)} {
		if err := a(s, &m); err != nil {
			return errors.Join(fmt.Errorf("opened again, it takes no more: %w", err), s.Close())
		}
	}
	_ = s.Close()
	d.crash(end.seed + 2)
	if s, err = open(d); err != nil {
		return fmt.Errorf("open after the last power cut: %w", err)
	}
	if _, err = m.check(s); err != nil {
		err = fmt.Errorf("after the last power cut: %w", err)
	}
	return errors.Join(err, s.Close())
}
