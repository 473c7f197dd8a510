package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Load reads the whole desired state in one read transaction, so that it is the state at State.Revision.
func (s *Store) Load(ctx context.Context) (*mcpmux.State, error) {
	st := &mcpmux.State{Settings: make(map[string]string)}
	err := s.read(ctx, func(ctx context.Context, t *tx) (err error) {
		if st.Revision, err = t.count(ctx, "SELECT coalesce(max(revision), 0) FROM changes"); err != nil {
			return err
		}
		if st.FeatureSets, err = readSets(ctx, t, ""); err != nil {
			return err
		}
		if st.Features, err = readFeatures(ctx, t, ""); err != nil {
			return err
		}
		for _, part := range []func(context.Context, *tx, *mcpmux.State) error{loadSpaces, loadServers, loadClients, loadGrants, loadKeys, loadAuthorizations, loadTokens, loadSettings} {
			if err := part(ctx, t, st); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the state: %w", err)
	}
	return st, nil
}

// Identifiers sort by the time of their making, so ORDER BY id is the order of creation.

func loadSpaces(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var sp mcpmux.Space
		var created int64
		err := rows.Scan(&sp.ID, &sp.Name, &sp.Icon, &sp.Active, &sp.Default, &created)
		sp.CreatedAt = timeOf(created)
		st.Spaces = append(st.Spaces, sp)
		return err
	}, "SELECT id, name, icon, active, is_default, created_at FROM spaces ORDER BY id")
}

func loadServers(ctx context.Context, t *tx, st *mcpmux.State) error {
	at := make(map[mcpmux.ServerID]int)
	err := t.each(ctx, func(rows *sql.Rows) error {
		srv, err := scanServer(rows)
		at[srv.ID] = len(st.Servers)
		st.Servers = append(st.Servers, srv)
		return err
	}, selectServers+" ORDER BY id")
	if err != nil {
		return err
	}
	if err := eachLoggedIn(ctx, t, func(id mcpmux.ServerID, l mcpmux.LoggedIn) { st.Servers[at[id]].LoggedIn = &l }); err != nil {
		return err
	}
	return eachValueName(ctx, t, func(id mcpmux.ServerID, v mcpmux.ValueName) {
		srv := &st.Servers[at[id]]
		srv.Values = append(srv.Values, v)
	}, "")
}

func loadClients(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		c, err := scanClient(rows)
		st.Clients = append(st.Clients, c)
		return err
	}, selectClients+" ORDER BY id")
}

func loadGrants(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var g mcpmux.Grant
		err := rows.Scan(&g.Client, &g.Space, &g.Set)
		st.Grants = append(st.Grants, g)
		return err
	}, "SELECT client_id, space_id, set_id FROM grants ORDER BY client_id, space_id, set_id")
}

func loadKeys(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var k mcpmux.AccessKey
		var hash []byte
		var created int64
		var expires, used sql.NullInt64
		if err := rows.Scan(&k.ID, &k.Client, &k.Hint, &hash, &k.Label, &created, &expires, &used); err != nil {
			return err
		}
		if len(hash) != len(k.Hash) {
			return fmt.Errorf("access key %s has a hash of %d bytes", k.ID, len(hash))
		}
		copy(k.Hash[:], hash)
		k.CreatedAt, k.ExpiresAt, k.LastUsed = timeOf(created), timeOrNil(expires), timeOrNil(used)
		st.Keys = append(st.Keys, k)
		return nil
	}, "SELECT id, client_id, hint, hash, label, created_at, expires_at, last_used FROM access_keys ORDER BY id")
}

func loadSettings(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		st.Settings[name] = value
		return err
	}, "SELECT name, value FROM settings")
}
