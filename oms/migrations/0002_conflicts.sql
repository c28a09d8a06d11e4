-- Orders of a site whose id is that of an order of the OMS. One row for each
-- such order; what the site says of it changes nothing else.
CREATE TABLE conflicts (
  n        INTEGER PRIMARY KEY AUTOINCREMENT,
  site     TEXT NOT NULL,
  order_id TEXT NOT NULL,
  first_at INTEGER NOT NULL, -- ms since 1970 UTC, of the first event
  last_at  INTEGER NOT NULL,
  events   INTEGER NOT NULL, -- how many were rejected
  state    TEXT NOT NULL,    -- of the site's order, as far as it was told
  UNIQUE (site, order_id)
) STRICT;
