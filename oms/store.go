package oms

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sort"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// ErrNewerDB says that the file was written by a newer version.
var ErrNewerDB = errors.New("the database was written by a newer version of tote; install that version or use a backup")

// Changing a migration that was released breaks every deployed database: add
// a new file instead.
//
//go:embed migrations/*.sql
var migrations embed.FS

// store is the database: one connection that writes, a few that read.
type store struct {
	w, r *sql.DB
	// instance is the random name of this database. It is part of every
	// cursor, so that a cursor of another database is recognised.
	instance string
}

// openStore opens or creates the file and brings it to the newest schema.
func openStore(ctx context.Context, path string) (*store, error) {
	open := func(extra string, conns int) (*sql.DB, error) {
		dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
			"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" + extra
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		return db, nil
	}
	s := &store{}
	var err error
	if s.w, err = open("&_txlock=immediate", 1); err != nil {
		return nil, fmt.Errorf("oms: open %s: %w", path, err)
	}
	if err = s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("oms: open %s: %w", path, err), s.w.Close())
	}
	if s.r, err = open("&_pragma=query_only(1)", 4); err != nil {
		return nil, errors.Join(fmt.Errorf("oms: open %s: %w", path, err), s.w.Close())
	}
	return s, nil
}

func (s *store) close() error { return errors.Join(s.r.Close(), s.w.Close()) }

// migrate runs the migrations the file has not seen, each in its transaction.
func (s *store) migrate(ctx context.Context) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	sort.Strings(names)
	var have int
	if err := s.w.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(names) {
		return fmt.Errorf("%w (schema %d, this version knows %d)", ErrNewerDB, have, len(names))
	}
	for i := have; i < len(names); i++ {
		body, err := migrations.ReadFile(names[i])
		if err != nil {
			return err
		}
		err = s.write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, string(body)); err != nil {
				return err
			}
			// PRAGMA takes no placeholder; i is ours.
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", i+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", strings.TrimPrefix(names[i], "migrations/"), err)
		}
	}
	var raw [8]byte
	rand.Read(raw[:]) //nolint:errcheck // never fails
	if _, err := s.w.ExecContext(ctx, "INSERT INTO meta VALUES ('instance', ?) ON CONFLICT DO NOTHING", hex.EncodeToString(raw[:])); err != nil {
		return err
	}
	return s.w.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'instance'").Scan(&s.instance)
}

// write runs fn in the one write transaction. It is committed to disk when
// write returns nil.
func (s *store) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// read runs fn on one snapshot.
func (s *store) read(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return fn(tx)
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
