package oms

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"tote/cloudsync/wire"
)

// Bounds of one uplink request. The JSON may be larger than a well-behaved
// sender makes it, so that the limit of the sender is not a cliff.
const (
	maxSentBytes  = 2 * wire.MaxBatchBytes
	maxEventBytes = 2 * wire.MaxBatchBytes
)

// gapError refuses a batch that does not follow what is there.
type gapError struct{ expect uint64 }

func (e *gapError) Error() string { return fmt.Sprintf("the stream goes on at %d", e.expect) }

// sender is who sends: compared as (epoch, term).
type sender struct{ epoch, term int64 }

// batch is a parsed uplink request.
type batch struct {
	key    wire.BatchKey
	from   sender
	events []wire.Event
}

func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) error {
	b, err := readBatch(w, r, r.PathValue("site"))
	if err != nil {
		return err
	}
	reply, err := s.applyBatch(r.Context(), b)
	if err != nil {
		return err
	}
	for _, res := range reply.Results {
		if res.Status == wire.StatusRejected {
			s.log.Error("oms: event rejected; its order is held at the site", slog.String("site", b.key.Site),
				slog.String("event", b.events[res.Seq-b.key.First].ID), slog.String("code", res.Code))
		}
	}
	return writeJSON(w, http.StatusOK, reply)
}

// readBatch checks everything that can be checked without the database.
func readBatch(w http.ResponseWriter, r *http.Request, site string) (*batch, error) {
	if mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mt != wire.ContentTypeBatch {
		return nil, &httpError{http.StatusUnsupportedMediaType, wire.ProblemMedia, "send " + wire.ContentTypeBatch}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSentBytes))
	if err != nil {
		return nil, bodyError(err)
	}
	if d := r.Header.Get(wire.HeaderDigest); d != "" && strings.Contains(d, "sha-256=") && !strings.Contains(d, wire.Digest(raw)) {
		return nil, &httpError{http.StatusBadRequest, wire.ProblemDigest, "the body does not match its Content-Digest"}
	}
	body, err := inflate(raw, r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	b := &batch{}
	if b.key, err = wire.ParseBatchKey(r.Header.Get(wire.HeaderIdempotencyKey)); err != nil {
		return nil, &httpError{http.StatusBadRequest, wire.ProblemKey, err.Error()}
	}
	if b.from, err = readSender(r.Header); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &b.events); err != nil {
		return nil, &httpError{http.StatusUnprocessableEntity, wire.ProblemBatch, "not a JSON array of CloudEvents: " + err.Error()}
	}
	return b, b.check(site)
}

func inflate(raw []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return raw, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, &httpError{http.StatusBadRequest, wire.ProblemDigest, "the body is not gzip"}
		}
		body, err := io.ReadAll(io.LimitReader(z, maxEventBytes+1))
		if err != nil {
			return nil, &httpError{http.StatusBadRequest, wire.ProblemDigest, "the gzip body is damaged"}
		}
		if len(body) > maxEventBytes {
			return nil, &httpError{http.StatusRequestEntityTooLarge, wire.ProblemTooLarge, "the batch is too large"}
		}
		return body, nil
	}
	return nil, &httpError{http.StatusUnsupportedMediaType, wire.ProblemMedia, "send gzip or no content encoding"}
}

func readSender(h http.Header) (sender, error) {
	epoch, err1 := strconv.ParseInt(h.Get(wire.HeaderEpoch), 10, 64)
	term, err2 := strconv.ParseInt(h.Get(wire.HeaderFence), 10, 64)
	if err1 != nil || err2 != nil || epoch < 0 || term < 0 {
		return sender{}, &httpError{http.StatusBadRequest, wire.ProblemKey, wire.HeaderEpoch + " and " + wire.HeaderFence + " must be whole numbers"}
	}
	return sender{epoch, term}, nil
}

// check: the batch is one dense run of one stream, the one its key names.
func (b *batch) check(site string) error {
	bad := func(code, format string, args ...any) error {
		return &httpError{http.StatusUnprocessableEntity, code, fmt.Sprintf(format, args...)}
	}
	if len(b.events) == 0 {
		return bad(wire.ProblemBatch, "the batch is empty")
	}
	if len(b.events) > wire.MaxBatchEvents {
		return &httpError{http.StatusRequestEntityTooLarge, wire.ProblemTooLarge, fmt.Sprintf("at most %d events in a batch", wire.MaxBatchEvents)}
	}
	if b.key.Site != site || b.key.Last-b.key.First != uint64(len(b.events)-1) {
		return bad(wire.ProblemKey, "the %s is not of this batch", wire.HeaderIdempotencyKey)
	}
	for i := range b.events {
		id, err := b.events[i].Parse(site)
		if err != nil {
			return bad(wire.ProblemBatch, "event %d: %v", i, err)
		}
		if id.Epoch != b.key.Epoch || id.Stream != b.key.Stream || id.Seq != b.key.First+uint64(i) {
			return bad(wire.ProblemBatch, "event %d is %s: a batch is one dense run of one stream, the one of its key", i, id)
		}
		if id.Seq > 1<<62 {
			return bad(wire.ProblemBatch, "event %d: seq out of range", i)
		}
	}
	return nil
}

// applyBatch has all effects of a batch and its results, or none, on disk.
func (s *Server) applyBatch(ctx context.Context, b *batch) (*wire.Reply, error) {
	site, epoch, stream := b.key.Site, int64(b.key.Epoch), b.key.Stream
	reply := &wire.Reply{}
	now := s.now()
	err := s.db.write(ctx, func(tx *sql.Tx) error {
		if err := fence(ctx, tx, site, b.from); err != nil {
			return err
		}
		var ack int64
		err := tx.QueryRowContext(ctx, `SELECT ack FROM streams WHERE site = ? AND epoch = ? AND stream = ?`, site, epoch, stream).Scan(&ack)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if b.key.First > uint64(ack)+1 {
			return &gapError{uint64(ack) + 1}
		}
		had := ack
		for i := range b.events {
			e := &b.events[i]
			seq := int64(b.key.First) + int64(i)
			res := wire.Result{Seq: uint64(seq)}
			if seq <= ack {
				res.Status = wire.StatusDuplicate
				err := tx.QueryRowContext(ctx, `SELECT status, code FROM events WHERE site = ? AND epoch = ? AND stream = ? AND seq = ?`,
					site, epoch, stream, seq).Scan(&res.Original, &res.Code)
				if err != nil {
					return fmt.Errorf("result of %s: %w", e.ID, err)
				}
				res.Retryable = res.Original == wire.StatusRejected
			} else {
				at, err := origin(ctx, tx, site, e, place{epoch: epoch, seq: seq})
				if err != nil {
					return err
				}
				if res.Status, res.Code, err = s.effect(ctx, tx, site, e, at, now); err != nil {
					return fmt.Errorf("event %s: %w", e.ID, err)
				}
				res.Retryable = res.Status == wire.StatusRejected
				if res.Status == wire.StatusDuplicate {
					res.Original = wire.StatusApplied // under the id it supersedes
				}
				if _, err := tx.ExecContext(ctx, `INSERT INTO events (site, epoch, stream, seq, type, status, code, place) VALUES (?,?,?,?,?,?,?,?)`,
					site, epoch, stream, seq, e.Type, res.Status, res.Code, at.seq); err != nil {
					return err
				}
				ack = seq
			}
			reply.Results = append(reply.Results, res)
		}
		reply.AckSeq, reply.ExpectSeq = uint64(ack), uint64(ack)+1
		if ack == had {
			return nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO streams (site, epoch, stream, ack) VALUES (?,?,?,?)
			ON CONFLICT (site, epoch, stream) DO UPDATE SET ack = excluded.ack`, site, epoch, stream, ack)
		return err
	})
	if err != nil {
		return nil, err
	}
	return reply, nil
}

// fence turns a deposed sender away and remembers the highest one.
func fence(ctx context.Context, tx *sql.Tx, site string, from sender) error {
	var high sender
	err := tx.QueryRowContext(ctx, `SELECT epoch, term FROM fences WHERE site = ?`, site).Scan(&high.epoch, &high.term)
	if errors.Is(err, sql.ErrNoRows) {
		high = sender{-1, -1}
	} else if err != nil {
		return err
	}
	if from == high {
		return nil
	}
	if from.epoch < high.epoch || from.epoch == high.epoch && from.term < high.term {
		return &httpError{
			http.StatusPreconditionFailed, wire.ProblemFenced,
			fmt.Sprintf("a sender with epoch %d, term %d was here; this one has epoch %d, term %d", high.epoch, high.term, from.epoch, from.term),
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO fences (site, epoch, term) VALUES (?,?,?)
		ON CONFLICT (site) DO UPDATE SET epoch = excluded.epoch, term = excluded.term`, site, from.epoch, from.term)
	return err
}
