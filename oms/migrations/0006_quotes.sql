-- What a site asks for a change of an order, and how it ended. The newest of an
-- order stands.
CREATE TABLE quotes (
  order_id     TEXT PRIMARY KEY,
  epoch        INTEGER NOT NULL, -- place of the event that told it last
  seq          INTEGER NOT NULL,
  at           INTEGER NOT NULL, -- ms since 1970 UTC, of the quote
  cancel       INTEGER NOT NULL, -- 1: of a cancel, 0: of an amendment
  revision     INTEGER NOT NULL,
  charge       INTEGER NOT NULL, -- minor units
  restrictions TEXT NOT NULL,    -- JSON
  state        TEXT NOT NULL,    -- open, accepted, rejected
  code         TEXT NOT NULL     -- why it was rejected
) STRICT, WITHOUT ROWID;
