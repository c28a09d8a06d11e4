package oms

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
)

const sourceOMS = "oms"

// timelineRow is one thing that happened to an order.
type timelineRow struct {
	order   string
	at      int64 // ms since 1970 UTC
	source  string
	typ     string
	eventID string
	code    string
	text    string
}

func addTimeline(ctx context.Context, tx *sql.Tx, t timelineRow) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO timeline (order_id, at, source, type, event_id, code, text) VALUES (?,?,?,?,?,?,?)`,
		t.order, t.at, t.source, t.typ, t.eventID, t.code, t.text)
	return err
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
