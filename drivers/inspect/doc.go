// Package inspect looks at the ports of a machine and at what is plugged into
// them, for people who bring a site up: which ports there are and who holds
// them, what answers at a free one and how to configure it, and what passes on a
// line, in bytes and in words.
//
// It knows no driver by name: everything comes from the rows of drivers/all, so
// a new driver is found, shown and suggested by its row alone. Looking is
// read-only; a port is opened by Probe only, and only when nobody holds it.
//
// Functions block until they are done or ctx is; no goroutine outlives them.
package inspect
