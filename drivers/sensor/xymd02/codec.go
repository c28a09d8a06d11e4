package xymd02

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Registers of the sensor.
const (
	regTemperature = 0x0001 // input: temperature, signed; humidity follows
	regAddress     = 0x0101 // holding: its own address
)

// Functions of Modbus that are used: both read, none writes.
const (
	readHolding = 0x03
	readInput   = 0x04
	exception   = 0x80 // set in the function of an answer that refuses
)

// Length of a request, and of the shortest answer there is: a refusal.
const (
	requestLen = 8
	refusalLen = 5
)

// Errors of an answer.
var (
	// ErrNoAnswer: what came holds no answer to the question.
	ErrNoAnswer = errors.New("xy-md02: no answer in what came")
	// ErrRefused: the device answers that it cannot; the number is its reason.
	ErrRefused = errors.New("xy-md02: the sensor refuses")
	// ErrRange: the value is nothing this sensor can measure.
	ErrRange = errors.New("xy-md02: a value out of range")
)

// crc is the check of Modbus: CRC-16 with polynomial A001 (reflected) from FFFF,
// sent low byte first (Modbus over serial line V1.02, 6.2.2).
func crc(p []byte) uint16 {
	c := uint16(0xffff)
	for _, b := range p {
		c ^= uint16(b)
		for range 8 {
			low := c & 1
			c >>= 1
			if low == 1 {
				c ^= 0xa001
			}
		}
	}
	return c
}

// request asks for n registers.
func request(address, function byte, register, n uint16) []byte {
	b := []byte{address, function}
	b = binary.BigEndian.AppendUint16(b, register)
	b = binary.BigEndian.AppendUint16(b, n)
	return binary.LittleEndian.AppendUint16(b, crc(b))
}

// whole tells whether p begins with a frame of that length whose check is right.
func whole(p []byte, n int) bool {
	return len(p) >= n && binary.LittleEndian.Uint16(p[n-2:]) == crc(p[:n-2])
}

// find looks for the answer to a question in what came: n registers, or a
// refusal. Modbus has no mark where a frame begins, so every place is tried;
// noise and the echo of the question, which some adapters send back, lie before
// it. ErrNoAnswer: there is none yet.
func find(p []byte, address, function byte, n int) ([]uint16, error) {
	for at := range p {
		f := p[at:]
		switch {
		case len(f) < refusalLen:
			return nil, ErrNoAnswer
		case f[0] != address:
		case f[1] == function && int(f[2]) == 2*n && whole(f, refusalLen+2*n):
			regs := make([]uint16, n)
			for i := range regs {
				regs[i] = binary.BigEndian.Uint16(f[3+2*i:])
			}
			return regs, nil
		case f[1] == function|exception && whole(f, refusalLen):
			return nil, fmt.Errorf("%w: %d", ErrRefused, f[2])
		}
	}
	return nil, ErrNoAnswer
}

// Bounds of what the sensor can measure (data sheet of the SHT20: -40 to 125 °C;
// of the transmitter: -40 to 85), in thousandths.
const (
	minMilliC, maxMilliC = -40_000, 85_000
	maxMilliRH           = 100_000
)

// values turns the two registers into thousandths. perDegree is 10 or 100: both
// kinds are sold under one name, and only the range tells them apart. A little
// over 100 % is what wet sensors say.
func values(regs []uint16, perDegree int) (milliC, milliRH int64, err error) {
	unit := int64(1000 / perDegree)
	milliC, milliRH = int64(int16(regs[0]))*unit, int64(regs[1])*unit
	if milliC < minMilliC || milliC > maxMilliC || milliRH > maxMilliRH+maxMilliRH/20 {
		return 0, 0, fmt.Errorf("%w: %04x %04x", ErrRange, regs[0], regs[1])
	}
	return milliC, min(milliRH, maxMilliRH), nil
}
