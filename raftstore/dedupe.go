package raftstore

import (
	"encoding/binary"
	"fmt"
)

// Repeats are recognised by rows of their own, written in the transaction of
// the command:
//
//	device  → last sequence and a bitmap: bit i is set when last-i was applied
//	answer  → one row for each (device, sequence mod 64)
//	id      → the answer of a command with a random id
//	queue   → number → id, so that the oldest id can be forgotten
//
// Device rows are never removed: an offline device may come back after weeks.

// answer is the stored outcome of a command.
type answer struct {
	number   uint64
	seq      uint64 // of a device; 0 for a random id
	rejected bool
	tooBig   bool // refused by the store for what it wrote
	body     []byte
}

const (
	answerVer      = 1
	answerRejected = 1
	answerTooBig   = 2
	answerHeader   = 2 + 8 + 8
)

func (a answer) encode() []byte {
	var flags byte
	if a.rejected {
		flags |= answerRejected
	}
	if a.tooBig {
		flags |= answerTooBig
	}
	b := make([]byte, 0, answerHeader+len(a.body))
	b = append(b, answerVer, flags)
	b = binary.LittleEndian.AppendUint64(b, a.number)
	b = binary.LittleEndian.AppendUint64(b, a.seq)
	return append(b, a.body...)
}

func decodeAnswer(b []byte) (answer, error) {
	if len(b) < answerHeader || b[0] != answerVer || b[1]&^(answerRejected|answerTooBig) != 0 {
		return answer{}, fmt.Errorf("stored answer of %d bytes does not decode", len(b))
	}
	a := answer{
		rejected: b[1]&answerRejected != 0, tooBig: b[1]&answerTooBig != 0,
		number: binary.LittleEndian.Uint64(b[2:]), seq: binary.LittleEndian.Uint64(b[10:]),
	}
	if len(b) > answerHeader {
		a.body = b[answerHeader:]
	}
	return a, nil
}

// reply is what Propose returns for the answer.
func (a answer) reply(duplicate bool) reply {
	r := reply{res: Result{Index: a.number, Body: a.body, Rejected: a.rejected, Duplicate: duplicate}}
	if a.tooBig {
		r.err = fmt.Errorf("%w: it writes too much", ErrTooBig)
	}
	return r
}

// reply answers one command of an entry.
type reply struct {
	res Result
	err error
}

// deviceState is the window of one device.
type deviceState struct {
	last uint64
	seen uint64 // bit i: last-i was applied
}

func (d deviceState) encode() []byte {
	b := binary.LittleEndian.AppendUint64(nil, d.last)
	return binary.LittleEndian.AppendUint64(b, d.seen)
}

func decodeDevice(b []byte) (deviceState, error) {
	if b == nil {
		return deviceState{}, nil
	}
	if len(b) != 16 {
		return deviceState{}, fmt.Errorf("device row of %d bytes does not decode", len(b))
	}
	return deviceState{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// seqState is what the window says of a sequence.
type seqState int

const (
	seqNew seqState = iota
	seqSeen
	seqTooOld
)

func (d deviceState) check(seq uint64) seqState {
	switch {
	case seq > d.last:
		return seqNew
	case d.last-seq >= Window:
		return seqTooOld
	case d.seen>>(d.last-seq)&1 == 1:
		return seqSeen
	}
	return seqNew // it was overtaken by later ones
}

func (d deviceState) mark(seq uint64) deviceState {
	if seq > d.last {
		if shift := seq - d.last; shift < Window {
			d.seen <<= shift
		} else {
			d.seen = 0
		}
		d.last = seq
	}
	d.seen |= 1 << (d.last - seq)
	return d
}

func deviceKey(device string) []byte { return append([]byte{spaceDevice}, device...) }

func answerKey(device string, seq uint64) []byte {
	k := append([]byte{spaceAnswer, byte(len(device))}, device...)
	return append(k, byte(seq%Window))
}

func idKey(id [16]byte) []byte { return append([]byte{spaceID}, id[:]...) }

func queueKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{spaceQueue}, n) }

// known looks for the stored answer of a command; nil when it is new. For a
// command of a device it also returns the device's window.
func (a *applier) known(c *Command) (*reply, deviceState, error) {
	if c.Device == "" {
		r, err := a.storedReply(idKey(c.ID), 0)
		return r, deviceState{}, err
	}
	dev, err := a.device(c.Device)
	if err != nil {
		return nil, dev, err
	}
	switch dev.check(c.Seq) {
	case seqTooOld:
		return &reply{
			res: Result{Rejected: true, Duplicate: true},
			err: fmt.Errorf("%w: %s sent %d after %d", ErrSeqTooOld, c.Device, c.Seq, dev.last),
		}, dev, nil
	case seqSeen:
		r, err := a.storedReply(answerKey(c.Device, c.Seq), c.Seq)
		if err == nil && r == nil {
			err = fmt.Errorf("the answer of %s/%d is missing", c.Device, c.Seq)
		}
		return r, dev, err
	}
	return nil, dev, nil
}

// maxDevices bounds the windows kept in memory. A site has tens of devices; when
// there are more, all are read again.
const maxDevices = 4096

// device reads the window of a device. Every command needs it, and Badger would
// look through all its tables for it.
func (a *applier) device(name string) (deviceState, error) {
	if d, ok := a.devices[name]; ok {
		return d, nil
	}
	b, err := a.o.get(deviceKey(name))
	if err != nil {
		return deviceState{}, err
	}
	d, err := decodeDevice(b)
	if err == nil {
		a.keepDevice(name, d)
	}
	return d, err
}

// keepDevice must be told whatever is written to the row: nobody takes that back.
func (a *applier) keepDevice(name string, d deviceState) {
	if len(a.devices) >= maxDevices {
		clear(a.devices)
	}
	a.devices[name] = d
}

func (a *applier) storedReply(key []byte, seq uint64) (*reply, error) {
	b, err := a.o.get(key)
	if err != nil || b == nil {
		return nil, err
	}
	ans, err := decodeAnswer(b)
	if err != nil {
		return nil, err
	}
	if ans.seq != seq {
		return nil, fmt.Errorf("stored answer of sequence %d where %d must be", ans.seq, seq)
	}
	r := ans.reply(true)
	return &r, nil
}

// remember stores the answer of a command; dev is what known returned.
func (a *applier) remember(c *Command, dev deviceState, ans answer) error {
	if c.Device != "" {
		ans.seq = c.Seq
		dev = dev.mark(c.Seq)
		a.keepDevice(c.Device, dev)
		a.o.put(string(deviceKey(c.Device)), dev.encode(), false)
		a.o.put(string(answerKey(c.Device, c.Seq)), ans.encode(), false)
		return nil
	}
	a.o.put(string(idKey(c.ID)), ans.encode(), false)
	val := binary.LittleEndian.AppendUint64(c.ID[:len(c.ID):len(c.ID)], uint64(a.m.clock))
	a.o.put(string(queueKey(a.m.queueTail)), val, false)
	a.m.queueTail++
	return a.forget()
}

// forget drops random ids that left the window, at most two for each new one,
// so that no command pays for many. Every gateway drops the same ones.
func (a *applier) forget() error {
	for range 2 {
		if a.m.queueHead == a.m.queueTail {
			return nil
		}
		key := queueKey(a.m.queueHead)
		b, err := a.o.get(key)
		if err != nil {
			return err
		}
		if len(b) != 24 {
			return fmt.Errorf("queue row %d of %d bytes does not decode", a.m.queueHead, len(b))
		}
		at := int64(binary.LittleEndian.Uint64(b[16:]))
		if a.m.queueTail-a.m.queueHead <= a.idWindow && a.m.clock-at < IDWindowAge {
			return nil
		}
		a.o.put(string(key), nil, true)
		a.o.put(string(idKey([16]byte(b[:16]))), nil, true)
		a.m.queueHead++
	}
	return nil
}
