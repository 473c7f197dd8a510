package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migration is one numbered step of the schema. A released one never changes: its checksum is kept.
type migration struct {
	version  int
	name     string
	text     string
	checksum string
}

var migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)

// readMigrations reads the steps of a folder, which are numbered from 1 without a gap.
func readMigrations(dir fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(dir, ".") // sorted by name
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, e := range entries {
		m := migrationName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("%s is not named like a migration", e.Name())
		}
		text, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			return nil, err
		}
		version, _ := strconv.Atoi(m[1]) // four digits
		if version != len(all)+1 {
			return nil, fmt.Errorf("migration %s is out of order", e.Name())
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{version, m[2], string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// migrate brings the schema up to date, each step in a transaction of its own:
//
//  1. compare what was applied with what this program knows;
//  2. copy an existing database beside itself (VACUUM INTO), if there is anything to do;
//  3. apply the rest.
func migrate(ctx context.Context, w *sql.DB, path string, existed bool, steps []migration) error {
	applied, err := appliedMigrations(ctx, w)
	if err != nil {
		return err
	}
	for i, a := range applied {
		if i >= len(steps) {
			return mcpmux.Errorf(mcpmux.CodeUnavailable,
				"the database was written by a newer McpMux (schema %d, this one knows %d); use that version, or the backup it left beside the database", len(applied), len(steps))
		}
		if a.version != steps[i].version || a.checksum != steps[i].checksum {
			return mcpmux.Errorf(mcpmux.CodeUnavailable,
				"the database was made by another build of McpMux: its schema step %d (%s) differs from this one's", a.version, a.name)
		}
	}
	rest := steps[len(applied):]
	if len(rest) == 0 {
		return nil
	}
	if existed && len(applied) > 0 {
		to := fmt.Sprintf("%s.schema%d.%s.backup", path, len(applied), time.Now().UTC().Format("20060102T150405.000"))
		if err := backup(ctx, w, to); err != nil {
			return fmt.Errorf("back the database up before its upgrade: %w", err)
		}
	}
	for _, m := range rest {
		if err := apply(ctx, w, m); err != nil {
			return fmt.Errorf("apply migration %d (%s): %w", m.version, m.name, err)
		}
	}
	return nil
}

func appliedMigrations(ctx context.Context, w *sql.DB) ([]migration, error) {
	const table = `CREATE TABLE IF NOT EXISTS migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`
	if _, err := w.ExecContext(ctx, table); err != nil {
		return nil, err
	}
	rows, err := w.QueryContext(ctx, "SELECT version, name, checksum FROM migrations ORDER BY version")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var all []migration
	for rows.Next() {
		var m migration
		if err := rows.Scan(&m.version, &m.name, &m.checksum); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

func apply(ctx context.Context, w *sql.DB, m migration) error {
	tx, err := w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, m.text); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
		m.version, m.name, m.checksum, time.Now().UnixMicro())
	if err != nil {
		return err
	}
	return tx.Commit()
}
