package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// sealedTables are all tables with sealed blobs, whose rows have an id and a blob in the column sealed. The query of
// each answers the blob, its row, and what its place is made of.
//
//nolint:gochecknoglobals // constant table
var sealedTables = []struct {
	name, query string
	place       func(s *Store, row string, srv *mcpmux.Server, kind, name string) secret.AAD
}{
	{
		"server_values",
		"SELECT v.sealed, v.id, s.id, s.space_id, v.kind, v.name FROM server_values v JOIN servers s ON s.id = v.server_id",
		func(s *Store, row string, srv *mcpmux.Server, kind, name string) secret.AAD {
			return s.place(row, srv, mcpmux.ValueName{Kind: mcpmux.ValueKind(kind), Name: name})
		},
	},
	{
		"credentials",
		"SELECT c.sealed, c.id, s.id, s.space_id, c.kind, c.issuer FROM credentials c JOIN servers s ON s.id = c.server_id",
		func(s *Store, row string, srv *mcpmux.Server, kind, issuer string) secret.AAD {
			return s.credentialPlace(row, srv, CredentialKind(kind), issuer)
		},
	},
	{
		"pending_logins",
		"SELECT p.sealed, p.id, s.id, s.space_id, '', '' FROM pending_logins p JOIN servers s ON s.id = p.server_id",
		func(s *Store, row string, srv *mcpmux.Server, _, _ string) secret.AAD {
			return s.pendingPlace(row, srv)
		},
	},
}

// sealedRow is one sealed blob and where it belongs.
type sealedRow struct {
	table int
	row   string
	place secret.AAD
	blob  []byte
}

// readAllSealed reads every sealed blob but the canary.
func (s *Store) readAllSealed(ctx context.Context, t *tx) ([]sealedRow, error) {
	var all []sealedRow
	for i, table := range sealedTables {
		err := t.each(ctx, func(rows *sql.Rows) error {
			r := sealedRow{table: i}
			var srv mcpmux.Server
			var kind, name string
			err := rows.Scan(&r.blob, &r.row, &srv.ID, &srv.Space, &kind, &name)
			r.place = table.place(s, r.row, &srv, kind, name)
			all = append(all, r)
			return err
		}, table.query)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// countSealed is how many blobs there are but the canary.
func countSealed(ctx context.Context, t *tx) (n int, err error) {
	for _, table := range sealedTables {
		of, err := t.count(ctx, "SELECT count(*) FROM "+table.name)
		if err != nil {
			return 0, err
		}
		n += int(of)
	}
	return n, nil
}

// KeyPlace is where the master key was last.
func (s *Store) KeyPlace(ctx context.Context) (p secret.Place, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var text string
		if err := t.row(ctx, "SELECT key_place FROM installation").Scan(&text); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &p)
	})
	return p, attempted("read where the master key is", err)
}

// SetKeyPlace keeps where the master key is.
func (s *Store) SetKeyPlace(ctx context.Context, p secret.Place) error {
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error { return setKeyPlace(ctx, t, p) })
	return attempted("keep where the master key is", err)
}

func setKeyPlace(ctx context.Context, t *tx, p secret.Place) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return t.exec(ctx, "UPDATE installation SET key_place = $1", string(text))
}

// SealedCount is how many values are sealed.
func (s *Store) SealedCount(ctx context.Context) (n int, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = countSealed(ctx, t)
		return err
	})
	return n, attempted("count the sealed values", err)
}

// Lock forgets the Box: until Unlock values can neither be read nor written.
func (s *Store) Lock() { s.box.Store(nil) }

// Rekey wraps the key of everything that is sealed anew, for next, and remembers where that key is: in one
// transaction, so that either the key before opens everything or next does, whenever the program is stopped. No
// write is under way meanwhile, and none seals with the key before afterwards. A blob that does not open, since it
// was damaged, stays as it is. When Rekey returns without an error the key before may be removed, for good; after
// an error it may not, and neither may next.
func (s *Store) Rekey(ctx context.Context, next *secret.Box, place secret.Place) error {
	s.keying.Lock()
	defer s.keying.Unlock()
	box := s.box.Load()
	if box == nil {
		return errLocked
	}
	if err := s.sync(ctx, "FULL"); err != nil {
		return err
	}
	defer func() { _ = s.sync(ctx, "NORMAL") }() // Should it fail, commits are slower and no less safe.
	// Readers have rows from before the commit or from after it, and need a Box for both from now on.
	next = next.After(box)
	s.box.Store(next)
	_, err := s.transact(ctx, func(ctx context.Context, t *tx) error { return s.rewrap(ctx, t, next, place) })
	if err != nil {
		s.box.Store(box)
		return fmt.Errorf("change the master key: %w", err)
	}
	s.scrub(ctx)
	return nil
}

// sync sets how durable commits are: in WAL mode those of NORMAL may be lost with the machine's power, and those of
// FULL are not (https://sqlite.org/pragma.html#pragma_synchronous). The master key before must not be removed for a
// commit that is lost.
func (s *Store) sync(ctx context.Context, mode string) error {
	s.statements.Add(1)
	_, err := s.w.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = "+mode)
	return attempted("make commits durable", err)
}

// rewrap is Rekey in its transaction.
func (s *Store) rewrap(ctx context.Context, t *tx, next *secret.Box, place secret.Place) error {
	// Were the key in hand not the one that everything is sealed with, every blob would look damaged.
	old, _, err := readCanary(ctx, t)
	if err != nil {
		return err
	}
	if _, err := next.Open(s.canaryPlace(), old); err != nil {
		return secret.ErrWrongKey
	}
	all, err := s.readAllSealed(ctx, t)
	if err != nil {
		return err
	}
	for _, r := range all {
		blob, err := next.Rewrap(r.place, r.blob)
		if err != nil {
			s.log.WarnContext(ctx, "a sealed value does not open and was left as it is", "table", r.place.Table, "row", r.row)
			continue
		}
		if err := t.exec(ctx, "UPDATE "+sealedTables[r.table].name+" SET sealed = $1 WHERE id = $2", blob, r.row); err != nil {
			return err
		}
	}
	canary, err := next.Seal(s.canaryPlace(), []byte(canaryText))
	if err != nil {
		return err
	}
	if err := t.exec(ctx, "UPDATE installation SET canary = $1", canary); err != nil {
		return err
	}
	return setKeyPlace(ctx, t, place)
}
