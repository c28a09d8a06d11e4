-- Orders in several parcels: the number of each, what is in it, and when it left
-- before the last one of its order did.
ALTER TABLE parcels ADD COLUMN no INTEGER NOT NULL DEFAULT 0;          -- 0 = the only one
ALTER TABLE parcels ADD COLUMN lines TEXT NOT NULL DEFAULT '';         -- JSON
ALTER TABLE parcels ADD COLUMN departed_at INTEGER NOT NULL DEFAULT 0; -- ms since 1970 UTC
