package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	w, r       *sql.DB
	log        *slog.Logger
	install    string
	box        atomic.Pointer[secret.Box] // nil until Unlock
	keying     sync.RWMutex               // held by each write, and alone by a change of the master key
	statements atomic.Int64
	changed    chan struct{}
	packed     atomic.Int64 // every record before this one is packed (PackActivity)

	// scrubbing is read-locked by each read transaction and locked by scrub, which has to be alone.
	scrubbing sync.RWMutex
}

// Open opens the database file at path and brings its schema up to date; it makes the file and its folder
// if need be. A new database has one Space, which is active and the default. One process may have a
// database open; the caller sees to that with a lock of its own.
func Open(ctx context.Context, path string, log *slog.Logger) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	dir, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s, err := open(ctx, path, log, dir)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, log *slog.Logger, migrations fs.FS) (_ *Store, err error) {
	steps, err := readMigrations(migrations)
	if err != nil {
		return nil, err
	}
	_, err = os.Lstat(path)
	there := err == nil
	existed, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	if there && !existed {
		log.WarnContext(ctx, "the database file was empty, as one is whose making was interrupted; everything begins anew. If there was something in it, restore a backup", "path", path)
	}
	s := &Store{log: log, changed: make(chan struct{}, 1)}
	if s.w, s.r, err = openSQLite(ctx, path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if existed {
		if err := checkFile(ctx, s.w); err != nil {
			return nil, err
		}
	}
	if err := migrate(ctx, s.w, path, existed, steps); err != nil {
		return nil, err
	}
	return s, s.firstStart(ctx)
}

// firstSpaceName is the name of a new database's only Space.
const firstSpaceName = "My Space"

// firstStart reads the installation's uuid; at the first start it makes it, with the first Space.
func (s *Store) firstStart(ctx context.Context) error {
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		err := t.row(ctx, "SELECT id FROM installation").Scan(&s.install)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		s.install = newID()
		if err := t.exec(ctx, "INSERT INTO installation (one, id) VALUES (1, $1)", s.install); err != nil {
			return err
		}
		sp := mcpmux.Space{ID: mcpmux.SpaceID(newID()), Name: firstSpaceName, Active: true, Default: true, CreatedAt: t.now}
		return insertSpace(ctx, t, sp)
	})
	return err
}

// Close closes the database. It waits for the transactions that are open.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.r, s.w} { // The writer is last: it folds the write-ahead log in.
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Install is the installation's uuid. It is made once, when the database is.
func (s *Store) Install() string { return s.install }

// Changed wakes after commits: it holds one signal at most, so one follower may wait for it. The follower
// reads Changes after the revision it knows; several commits may share a signal.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// Statements is the number of SQL statements executed so far, with BEGIN and COMMIT. It lets a test show
// that serving a request asks the database nothing.
func (s *Store) Statements() int64 { return s.statements.Load() }

// tx is one transaction. Its now is the time that everything written in it bears.
type tx struct {
	sql      *sql.Tx
	store    *Store
	now      time.Time
	revision int64
}

// write runs f in one write transaction and answers the revision of the last Change that f appended, 0 if
// f appended none. After a commit with a Change it wakes the follower. f may run only once: its errors end
// the transaction.
func (s *Store) write(ctx context.Context, f func(context.Context, *tx) error) (int64, error) {
	s.keying.RLock()
	defer s.keying.RUnlock()
	return s.transact(ctx, f)
}

// transact is write for who holds keying.
func (s *Store) transact(ctx context.Context, f func(context.Context, *tx) error) (int64, error) {
	s.statements.Add(2) // BEGIN and COMMIT, or ROLLBACK
	raw, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = raw.Rollback() }() // after Commit it does nothing
	t := &tx{sql: raw, store: s, now: now()}
	if err := f(ctx, t); err != nil {
		return 0, err
	}
	if err := raw.Commit(); err != nil {
		return 0, err
	}
	if t.revision != 0 {
		select {
		case s.changed <- struct{}{}:
		default: // A signal is waiting already; its reader will find this Change too.
		}
	}
	return t.revision, nil
}

// read runs f in one read transaction, which sees one commit's state throughout.
func (s *Store) read(ctx context.Context, f func(context.Context, *tx) error) error {
	s.scrubbing.RLock()
	defer s.scrubbing.RUnlock()
	s.statements.Add(2)
	raw, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = raw.Rollback() }() // nothing was written
	return f(ctx, &tx{sql: raw, store: s, now: now()})
}

// now is the time to a precision that the database keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (t *tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.affect(ctx, query, args...)
	return err
}

// affect executes a statement and answers how many rows it touched.
func (t *tx) affect(ctx context.Context, query string, args ...any) (int64, error) {
	t.store.statements.Add(1)
	res, err := t.sql.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	t.store.statements.Add(1)
	return t.sql.QueryRowContext(ctx, query, args...)
}

// each calls scan for every row of a query.
func (t *tx) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	t.store.statements.Add(1)
	rows, err := t.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// count answers a query of one number.
func (t *tx) count(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = t.row(ctx, query, args...).Scan(&n)
	return n, err
}

// change appends a Change. A transaction that writes desired state appends at least one.
func (t *tx) change(ctx context.Context, kind string, space mcpmux.SpaceID, subject string) error {
	return t.row(ctx, "INSERT INTO changes (at, kind, space_id, subject) VALUES ($1, $2, $3, $4) RETURNING revision",
		t.now.UnixMicro(), kind, string(space), subject).Scan(&t.revision)
}

// newID makes an identifier that sorts by the time of its making.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// isID says whether a text is such an identifier, as it is written here.
func isID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text
}

// timeOf turns a stored time into a Time.
func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func timeOrNil(micros sql.NullInt64) *time.Time {
	if !micros.Valid {
		return nil
	}
	t := timeOf(micros.Int64)
	return &t
}

func microsOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}
