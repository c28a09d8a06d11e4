// Package gpio reads signals (photo-eye, button) and drives light towers on
// GPIO lines. It is the only importer of periph.io.
//
// A [Bank] finds lines by name: the machine's own through periph, or emulated
// ones behind a unix socket, which a test or the demo moves. [Input] and
// [Tower] work on either in the same way; each owns one goroutine, its Run.
//
// What periph's gpioioctl does, and what is done about it here: reading an
// output turns it into an input, so output levels are remembered, never read;
// a read error looks like Low, so Low should be the safe meaning of an input, as
// it is of one that is active low ([Pull] sees to cut wires either way); edges may be lost, so the level is polled as well; WaitForEdge is
// only called with a positive timeout.
package gpio
