package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxHint bounds the part of an access key that is kept in the clear; see mcpmux.AccessKey.
const maxHint = 16

// NewKey is what is kept of a new access key.
type NewKey struct {
	Hash      [32]byte
	Hint      string
	Label     string
	ExpiresAt *time.Time // nil: never
}

// CreateKey keeps a new access key.
func (s *Store) CreateKey(ctx context.Context, client mcpmux.ClientID, n NewKey) (k mcpmux.AccessKey, rev int64, err error) {
	rev, err = s.write(ctx, func(ctx context.Context, t *tx) error {
		k, err = insertKey(ctx, t, client, n)
		return err
	})
	return k, rev, err
}

func insertKey(ctx context.Context, t *tx, client mcpmux.ClientID, n NewKey) (mcpmux.AccessKey, error) {
	k := mcpmux.AccessKey{ID: mcpmux.KeyID(newID()), Client: client, Hint: n.Hint, Hash: n.Hash, Label: n.Label, CreatedAt: t.now}
	c, err := findClient(ctx, t, client)
	if err != nil {
		return k, err
	}
	if n.Label != "" {
		if err := checkName("key", n.Label); err != nil {
			return k, err
		}
	}
	if len(n.Hint) > maxHint {
		return k, fmt.Errorf("a hint of %d bytes would give too much of an access key away", len(n.Hint))
	}
	if n.ExpiresAt != nil {
		at := n.ExpiresAt.UTC().Truncate(time.Microsecond)
		if k.ExpiresAt = &at; !at.After(t.now) {
			return k, mcpmux.Errorf(mcpmux.CodeInvalid, "an access key does not expire in the past")
		}
	}
	err = t.exec(ctx, "INSERT INTO access_keys (id, client_id, hint, hash, label, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		string(k.ID), string(client), n.Hint, n.Hash[:], n.Label, k.CreatedAt.UnixMicro(), microsOrNil(k.ExpiresAt))
	if err != nil {
		return k, err
	}
	return k, t.change(ctx, accessKeyCreated, c.Space, string(k.ID))
}

// RotateKey keeps a new access key in place of another of its Client, which ends after grace: at once where that is 0,
// and never later than it was to.
func (s *Store) RotateKey(ctx context.Context, old mcpmux.KeyID, n NewKey, grace time.Duration) (k mcpmux.AccessKey, rev int64, err error) {
	rev, err = s.write(ctx, func(ctx context.Context, t *tx) error {
		var client mcpmux.ClientID
		err := t.row(ctx, "SELECT client_id FROM access_keys WHERE id = $1", string(old)).Scan(&client)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoKey
		}
		if err != nil {
			return err
		}
		if k, err = insertKey(ctx, t, client, n); err != nil {
			return err
		}
		if grace <= 0 {
			return deleteKey(ctx, t, old)
		}
		ends := t.now.Add(grace).UnixMicro()
		return t.exec(ctx, "UPDATE access_keys SET expires_at = $1 WHERE id = $2 AND (expires_at IS NULL OR expires_at > $1)", ends, string(old))
	})
	return k, rev, err
}

var errNoKey = mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such access key")

// RevokeKey deletes an access key; others of its Client stay.
func (s *Store) RevokeKey(ctx context.Context, id mcpmux.KeyID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error { return deleteKey(ctx, t, id) })
}

func deleteKey(ctx context.Context, t *tx, id mcpmux.KeyID) error {
	var space mcpmux.SpaceID
	err := t.row(ctx, "SELECT c.space_id FROM access_keys k JOIN clients c ON c.id = k.client_id WHERE k.id = $1", string(id)).Scan(&space)
	if errors.Is(err, sql.ErrNoRows) {
		return errNoKey
	}
	if err != nil {
		return err
	}
	if err := t.exec(ctx, "DELETE FROM access_keys WHERE id = $1", string(id)); err != nil {
		return err
	}
	return t.change(ctx, accessKeyRevoked, space, string(id))
}

// PruneKeys deletes the access keys that ended before a time, and answers how many.
func (s *Store) PruneKeys(ctx context.Context, before time.Time) (int, error) {
	var ended []string
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		err := t.each(ctx, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ended = append(ended, id)
			return err
		}, "SELECT id FROM access_keys WHERE expires_at < $1", before.UnixMicro())
		if err != nil {
			return err
		}
		for _, id := range ended {
			if err := deleteKey(ctx, t, mcpmux.KeyID(id)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(ended), attempted("prune the access keys", err)
}

// Uses are when Clients, and the access keys and Authorizations by which they came, were last seen.
type Uses struct {
	Clients map[mcpmux.ClientID]time.Time
	Keys    map[mcpmux.KeyID]time.Time
}

// SaveUses notes them. It appends no Change: nothing follows from it. What was deleted in the meantime is no longer of
// interest, and time does not go back.
func (s *Store) SaveUses(ctx context.Context, u Uses) error {
	if len(u.Clients) == 0 && len(u.Keys) == 0 {
		return nil
	}
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		for id, at := range u.Clients {
			if err := t.exec(ctx, "UPDATE clients SET last_seen = $1 WHERE id = $2 AND (last_seen IS NULL OR last_seen < $1)", at.UnixMicro(), string(id)); err != nil {
				return err
			}
		}
		for id, at := range u.Keys {
			for _, table := range []string{"access_keys", "authorizations"} { // an id is in one of them
				err := t.exec(ctx, "UPDATE "+table+" SET last_used = $1 WHERE id = $2 AND (last_used IS NULL OR last_used < $1)", at.UnixMicro(), string(id))
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return attempted("note what was used", err)
}
