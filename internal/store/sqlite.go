package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// readers is how many connections read at the same time. State is loaded by one follower; the rest are
// requests of a dashboard and command lines.
const readers = 4

// openSQLite opens the database file with one connection that writes and several that read.
//
// busy_timeout comes first, because the pragmas after it may meet a lock. NORMAL is durable against a crash
// of the program in WAL mode (https://sqlite.org/pragma.html#pragma_synchronous). secure_delete overwrites
// what is deleted; trusted_schema is off, as SQLite advises for all.
func openSQLite(ctx context.Context, path string) (w, r *sql.DB, err error) {
	const common = "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)"
	w, err = sql.Open("sqlite", dsn(path, common+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=secure_delete(1)&_txlock=immediate"))
	if err != nil {
		return nil, nil, err
	}
	w.SetMaxOpenConns(1)
	// The file becomes a WAL database before anyone reads it.
	if err = w.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	r, err = sql.Open("sqlite", dsn(path, common+"&_pragma=query_only(1)"))
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	return w, r, nil
}

// dsn is the file URI of path (https://sqlite.org/uri.html): a path may hold any character.
func dsn(path, query string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/… on Windows
	}
	return "file://" + (&url.URL{Path: p}).EscapedPath() + "?" + query
}

// prepareFile makes the folder (0700) and the database file (0600), or narrows their permissions. SQLite
// gives its other files the permissions of the database file. It says whether the file was there.
func prepareFile(path string) (existed bool, err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	if err := narrow(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		return false, f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, mcpmux.Errorf(mcpmux.CodeUnavailable, "%s is not a file of its own (a link, a folder or a device); McpMux does not use it as its database", path)
	}
	if err := narrow(path, 0o600); err != nil {
		return false, err
	}
	// An empty file is one whose creation was interrupted.
	return info.Size() > 0, nil
}

// narrow takes every permission beyond mode away. A folder that others share on purpose, such as /tmp, is
// refused instead.
func narrow(path string, mode fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // A user's folder is the user's own by its access list.
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&^mode == 0 {
		return nil
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "%s is shared with other users; choose a data folder of your own", path)
	}
	if err := os.Chmod(path, info.Mode().Perm()&mode); err != nil {
		return fmt.Errorf("take others' permissions on %s away: %w", path, err)
	}
	return nil
}

// backup writes a consistent copy of the database to path, which must not exist.
func backup(ctx context.Context, w *sql.DB, path string) error {
	// SQLite would make the file with the permissions that the umask leaves.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := w.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// checkFile finds a damaged file before anything is built on it.
func checkFile(ctx context.Context, w *sql.DB) error {
	var answer string
	if err := w.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the database is damaged (%s); restore a backup", answer)
	}
	return nil
}

// scrub empties the write-ahead log, so that deleted secrets are not left in it. SQLite can do that only
// while nobody reads; reads take milliseconds, and nothing that serves a request waits for one.
func (s *Store) scrub(ctx context.Context) {
	s.scrubbing.Lock()
	defer s.scrubbing.Unlock()
	s.statements.Add(1)
	var busy, log, moved int
	err := s.w.QueryRowContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved)
	if err != nil || busy != 0 {
		// Another program reads the file. What is left in the log is sealed, and goes with the next scrub.
		s.log.WarnContext(ctx, "write-ahead log not emptied", "busy", busy, "err", err)
	}
}
