// Package oms is the small central order management system that ships with
// Tote: order capture (JSON, CSV), payment gate, the inbox feed of each site,
// the uplink of site events, and what people look at: order, timeline, parcels,
// tracking page, summary. It owns commercial truth; the site owns physical
// truth, and everything here about the site is what its events said.
//
// One SQLite file holds everything: WAL, synchronous FULL, one writer. What a
// client got a 2xx for is on disk. [Server] owns the database and the HTTP
// server; handlers run on the server's goroutines, writes are serialised by
// the single write connection. The wire types are those of cloudsync/wire.
package oms
