-- Times are milliseconds since 1970 UTC, weights milligrams.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
  n            INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival; the list cursor
  id           TEXT NOT NULL UNIQUE,
  site         TEXT NOT NULL,
  origin       TEXT NOT NULL,              -- 'oms', or 'site' for an order born at the site
  payment      TEXT NOT NULL,              -- pending, authorised, settled, failed; '' for origin 'site'
  state        TEXT NOT NULL,
  code         TEXT NOT NULL DEFAULT '',   -- why it was rejected
  text         TEXT NOT NULL DEFAULT '',
  request      TEXT NOT NULL DEFAULT '',   -- cancel request axis
  request_code TEXT NOT NULL DEFAULT '',
  reason       TEXT NOT NULL DEFAULT '',   -- of the cancel request
  cancels      INTEGER NOT NULL DEFAULT 0, -- cancel requests sent so far
  note         TEXT NOT NULL DEFAULT '',   -- opaque, from the caller
  spec         TEXT NOT NULL,              -- wire.Order as JSON
  hash         TEXT NOT NULL,              -- of the content as it was submitted
  site_lines   TEXT NOT NULL DEFAULT '',   -- newest lines the site told of, JSON
  state_epoch  INTEGER NOT NULL DEFAULT 0, -- place of the event that set the state, so that
  state_seq    INTEGER NOT NULL DEFAULT 0, -- one that was held and comes late does not turn it back
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_state ON orders (state, n);

-- What the sites are told, in order. Rows are never changed.
CREATE TABLE feed (
  n        INTEGER PRIMARY KEY AUTOINCREMENT,
  site     TEXT NOT NULL,
  msg_id   TEXT NOT NULL UNIQUE,
  order_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  type     TEXT NOT NULL,
  data     TEXT NOT NULL
) STRICT;
CREATE INDEX feed_site ON feed (site, n);

-- The uplink: the highest contiguous seq of each stream, the highest sender,
-- and the result of every seq, so that a repeat gets the first answer again.
CREATE TABLE streams (
  site   TEXT NOT NULL,
  epoch  INTEGER NOT NULL,
  stream TEXT NOT NULL,
  ack    INTEGER NOT NULL,
  PRIMARY KEY (site, epoch, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE fences (
  site  TEXT PRIMARY KEY,
  epoch INTEGER NOT NULL,
  term  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  site   TEXT NOT NULL,
  epoch  INTEGER NOT NULL,
  stream TEXT NOT NULL,
  seq    INTEGER NOT NULL,
  type   TEXT NOT NULL,
  status TEXT NOT NULL, -- applied, rejected, held, duplicate (of what it supersedes)
  code   TEXT NOT NULL,
  place  INTEGER NOT NULL, -- its seq, or that of the event it stands for in the end
  PRIMARY KEY (site, epoch, stream, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_type ON events (type, status);

-- What people read: site events and the OMS's own acts, in order of arrival.
CREATE TABLE timeline (
  n        INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id TEXT NOT NULL,
  at       INTEGER NOT NULL,
  source   TEXT NOT NULL, -- 'oms' or '/sites/<site>'
  type     TEXT NOT NULL,
  event_id TEXT NOT NULL DEFAULT '',
  code     TEXT NOT NULL DEFAULT '',
  text     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX timeline_order ON timeline (order_id, n);

CREATE TABLE parcels (
  sscc      TEXT PRIMARY KEY,
  order_id  TEXT NOT NULL,
  weight_mg INTEGER NOT NULL,
  carrier   TEXT NOT NULL,
  tracking  TEXT NOT NULL,
  dock      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX parcels_order ON parcels (order_id);

CREATE TABLE fallouts (
  site       TEXT NOT NULL,
  id         TEXT NOT NULL,
  order_id   TEXT NOT NULL,
  code       TEXT NOT NULL,
  line       INTEGER NOT NULL,
  sku        TEXT NOT NULL,
  bin        TEXT NOT NULL,
  qty        INTEGER NOT NULL,
  text       TEXT NOT NULL,
  opened_at  INTEGER NOT NULL,
  cleared_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fallouts_order ON fallouts (order_id);
