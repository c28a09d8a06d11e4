// Package ssi is the codec of Zebra's Simple Serial Interface, which barcode
// scanners of Zebra, Symbol and Motorola speak on a serial line: packets of
//
//	length  operation  source  status  data…  checksum (2 bytes)
//
// where length counts all bytes but the checksum, and the checksum is the two's
// complement of their sum. Reference: Simple Serial Interface Programmer's Guide,
// 72E-40451, and the chapter Simple Serial Interface of the integration guides.
//
// Pure functions and a [Splitter] without clock or I/O; no goroutine.
package ssi
