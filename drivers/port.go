// Package drivers holds what every device driver shares: the Port it talks
// through, the state it shows, and the table of faults it can raise.
//
// A driver is an object with New(cfg), which checks the configuration and
// touches no hardware, and Run(ctx), which opens the port, serves the device
// and returns when the device is gone or ctx is done. A supervisor calls Run
// again; each call opens the path anew, so a replugged device is found.
//
// Nothing here starts a goroutine. State is owned by a Tracker per device.
package drivers

import (
	"context"
	"errors"
)

// Port is an open byte line to a device: a serial line or a TCP connection.
//
// Read may be called by one goroutine at a time, Write by any number.
type Port interface {
	// Read copies received bytes to p, at least one. Bytes that are already
	// here are given even when ctx is done; a loop that must end with ctx calls
	// Receive. Only when there are none Read waits, until bytes come, ctx is done (ctx's error) or the port dies
	// (ErrUnplugged, ErrStalled, ErrReader, ErrClosed).
	Read(ctx context.Context, p []byte) (int, error)
	// Write hands all of p to the line and returns how many bytes were taken.
	// Taken means on its way, not arrived. When the line takes nothing for
	// the stall limit the port is dead and the error is ErrStalled.
	Write(ctx context.Context, p []byte) (int, error)
	// Close gives the device back. Output still waiting may be lost. After it
	// every call fails with ErrClosed. Closing again is allowed.
	Close() error
}

// Opener opens the port of one device, resolving its path or name anew.
// ErrUnplugged means that there is no such device at the moment.
type Opener func(ctx context.Context) (Port, error)

// Receive is Read that fails as soon as ctx is done, whatever there is to
// read: a device that sends without a pause must not outlive its time.
func Receive(ctx context.Context, port Port, p []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return port.Read(ctx, p)
}

// Discard throws away everything p has received so far: the late answer to an
// earlier question must not be taken for the answer to the next one.
// It returns how many bytes were thrown away, and the port's error if it died.
// It stops after what a port can hold: a device may send without a pause.
func Discard(p Port) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var buf [512]byte
	total := 0
	for total < 64<<10 {
		n, err := p.Read(ctx, buf[:])
		total += n
		switch {
		case errors.Is(err, context.Canceled):
			return total, nil
		case err != nil:
			return total, err
		}
	}
	return total, nil
}
