package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Sessions are not desired state: no State holds them, and writing them appends no Change. They go with their
// Client and with their access key (foreign keys of the table).

// SaveSession keeps a session, in place of one with its id. One whose Client or access key is gone is
// refused with not_found: nobody could use it again.
func (s *Store) SaveSession(ctx context.Context, ses mcpmux.Session) error {
	subscriptions, err := textsFor(ses.Subscriptions)
	if err != nil {
		return err
	}
	_, err = s.write(ctx, func(ctx context.Context, t *tx) error {
		key, authorization, err := checkOwner(ctx, t, ses)
		if err != nil {
			return err
		}
		return t.exec(ctx, `INSERT INTO sessions
			(id, client_id, key_id, alias, version, capabilities, client_info, level, subscriptions, created_at, used_at, authorization_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO UPDATE SET client_id = $2, key_id = $3, alias = $4, version = $5, capabilities = $6,
			client_info = $7, level = $8, subscriptions = $9, created_at = $10, used_at = $11, authorization_id = $12`,
			ses.ID, string(ses.Client), key, ses.Alias, ses.Version, []byte(ses.Capabilities), []byte(ses.ClientInfo), ses.Level,
			subscriptions, ses.CreatedAt.UnixMicro(), ses.UsedAt.UnixMicro(), authorization)
	})
	return attempted("keep a session", err)
}

// checkOwner finds what a session's key is, an access key or an Authorization, and says in words what a violated
// foreign key would not.
func checkOwner(ctx context.Context, t *tx, ses mcpmux.Session) (key, authorization sql.NullString, err error) {
	if _, err := findClient(ctx, t, ses.Client); err != nil || ses.Key == "" {
		return key, authorization, err
	}
	for _, kind := range []struct {
		table string
		into  *sql.NullString
	}{{"access_keys", &key}, {"authorizations", &authorization}} {
		n, err := t.count(ctx, "SELECT count(*) FROM "+kind.table+" WHERE id = $1 AND client_id = $2", string(ses.Key), string(ses.Client))
		if err != nil {
			return key, authorization, err
		}
		if n > 0 {
			*kind.into = sql.NullString{String: string(ses.Key), Valid: true}
			return key, authorization, nil
		}
	}
	return key, authorization, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such access key")
}

// Session is the session with an id, and whether there is one.
func (s *Store) Session(ctx context.Context, id string) (ses mcpmux.Session, found bool, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		ses, err = scanSession(t.row(ctx, `SELECT id, client_id, coalesce(key_id, authorization_id), alias, version, capabilities, client_info, level, subscriptions,
			created_at, used_at FROM sessions WHERE id = $1`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return mcpmux.Session{}, false, nil
	}
	if err != nil {
		return mcpmux.Session{}, false, fmt.Errorf("read a session: %w", err)
	}
	return ses, true, nil
}

func scanSession(row *sql.Row) (mcpmux.Session, error) {
	var (
		ses                mcpmux.Session
		key                sql.NullString
		capabilities, info []byte
		subscriptions      string
		created, used      int64
	)
	err := row.Scan(&ses.ID, &ses.Client, &key, &ses.Alias, &ses.Version, &capabilities, &info, &ses.Level, &subscriptions, &created, &used)
	if err != nil {
		return ses, err
	}
	ses.Key, ses.Capabilities, ses.ClientInfo = mcpmux.KeyID(key.String), capabilities, info
	ses.CreatedAt, ses.UsedAt = timeOf(created), timeOf(used)
	ses.Subscriptions, err = textsOf(subscriptions)
	return ses, err
}

// DeleteSession forgets a session. One that is not there is forgotten already.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, "DELETE FROM sessions WHERE id = $1", id)
	})
	return attempted("forget a session", err)
}

// PruneSessions forgets the sessions that were last used before a time, and answers how many those were.
func (s *Store) PruneSessions(ctx context.Context, usedBefore time.Time) (int, error) {
	var n int64
	_, err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = t.affect(ctx, "DELETE FROM sessions WHERE used_at < $1", usedBefore.UnixMicro())
		return err
	})
	return int(n), attempted("prune the sessions", err)
}

// attempted says what an error came of.
func attempted(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// textsOf reads a JSON array of texts; an empty one is nil.
func textsOf(text string) (all []string, err error) {
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// textsFor is a JSON array of texts as the database keeps it.
func textsFor(all []string) (string, error) {
	text, err := json.Marshal(append([]string{}, all...))
	return string(text), err
}
