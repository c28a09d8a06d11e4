-- What carriers said of parcels that arrived. One row a parcel; the first word
-- stands.
CREATE TABLE deliveries (
  sscc     TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  at       INTEGER NOT NULL, -- ms since 1970 UTC, as the carrier said
  proof    TEXT NOT NULL     -- the carrier's: a name, a number, an address
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_order ON deliveries (order_id);
CREATE INDEX timeline_type ON timeline (type, n);
