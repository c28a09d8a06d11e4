// Package seglog is the Raft log of a gateway: a chain of segment files that
// survives a power cut at any moment. It implements raft.LogStore,
// raft.MonotonicLogStore and raft.StableStore.
//
// # Why it is safe
//
// One StoreLogs is one batch: one write and one sync. A batch is padded to
// 4 KiB, so no block that holds acknowledged data is ever written again, and a
// card that tears the block it is writing cannot harm an older batch. Each
// batch carries the checksum of the batch before it, so a lost batch in the
// middle is found. At start a bad last batch with nothing valid after it is a
// torn write nobody was told of, and is dropped; anything valid behind a bad
// batch proves that acknowledged data is gone, and is ErrCorrupt. After the
// first failed write or sync everything is refused (ErrLatched): after a
// failed sync nobody knows what is on the disk.
//
// # Files
//
//	<seq, 16 digits>.seg  a segment, pre-sized; seq rises by one
//	meta                  where the log begins, two alternating 4 KiB slots
//	stable                term and vote, two alternating 4 KiB slots
//
// # Batch, little-endian, at a multiple of 4 KiB
//
//	magic u32 | ver u8 | flags u8 | n u16 | firstIndex u64 | term u64 |
//	commitIndex u64 | prevCRC u32 | len u32 | entries (len bytes) | crc32c u32
//
// entry = type u8 | term u64 if type has bit 7 | appendedAt i64 | len u32 |
// data | extLen u32 | ext. The checksum covers everything before it. A batch
// with flag 1 and no entries is a cut: the log ends before firstIndex.
// The format changes only with the version byte and with golden files.
//
// # Goroutines
//
// A Log may be used from several goroutines. One goroutine of its own prepares
// the next segment; Close waits for it.
package seglog
