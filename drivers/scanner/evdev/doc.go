// Package evdev reads barcode scanners that act as a keyboard, through the input
// devices of Linux: the bytes of the kernel's input_event, the keys of a layout,
// and how scanners type what no key stands for. The device is grabbed, so that
// what is scanned types into nothing else on the machine.
//
// Wire reference: linux/input.h and linux/input-event-codes.h. [Keyboard] has no
// clock and does no I/O. [Opener] owns one reading goroutine for each open port.
package evdev
