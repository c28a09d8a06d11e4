-- What sites say they can take on, and how much they have to sell. The newest
-- word stands; (epoch, seq) is the place of its event.
CREATE TABLE offers (
  site   TEXT PRIMARY KEY,
  epoch  INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  at     INTEGER NOT NULL, -- ms since 1970 UTC
  offers TEXT NOT NULL     -- wire.Offers as JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE levels (
  site      TEXT NOT NULL,
  sku       TEXT NOT NULL,
  owner     TEXT NOT NULL,
  epoch     INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  available INTEGER NOT NULL,
  PRIMARY KEY (site, sku, owner)
) STRICT, WITHOUT ROWID;
