//go:build 386 || arm || mips || mipsle

package raftstore

// Badger v4 loses data silently on 32-bit platforms: its table arena computes
// a 64-bit position in an int. A 32-bit gateway runs as a satellite, without a
// store. The name below is undefined on purpose, so that the build stops here.
const _ = raftstore_needs_a_64_bit_platform
