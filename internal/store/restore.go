package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Restore puts a Copy in place of everything that there is, in one transaction:
//
//  1. the Copy is checked as if each thing in it was made anew;
//  2. what there is goes, with every session, token and consent that applications have; which application is which
//     Client stays known of Clients that come back, so that one that logs in again is the same, once it is agreed to;
//  3. what is in the Copy is written under its own ids, its secrets sealed with this installation's master key;
//  4. each thing that goes, comes or may be another has its Change.
//
// The record of requests stays.
func (s *Store) Restore(ctx context.Context, c *Copy) (int64, error) {
	if err := c.Check(); err != nil {
		return 0, err
	}
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		known, err := readRegistrations(ctx, t)
		if err != nil {
			return err
		}
		if err := s.clear(ctx, t, c); err != nil {
			return err
		}
		for _, step := range []func(context.Context, *tx, *Copy) error{restoreSpaces, s.restoreServers, restoreSets, restoreClients, restoreSettings} {
			if err := step(ctx, t, c); err != nil {
				return err
			}
		}
		return restoreRegistrations(ctx, t, c, known)
	})
	if err == nil {
		s.scrub(ctx)
	}
	return rev, attempted("restore a backup", err)
}

// clear deletes everything that a Copy takes the place of. What does not come back has its Change here.
func (s *Store) clear(ctx context.Context, t *tx, c *Copy) error {
	now, _, err := readCopy(ctx, t)
	if err != nil {
		return err
	}
	stays := make(map[string]bool)
	for _, id := range c.ids() {
		stays[id] = true
	}
	gone := func(kind string, space mcpmux.SpaceID, id string) error {
		if stays[id] {
			return nil
		}
		return t.change(ctx, kind, space, id)
	}
	for i := range now.Clients {
		if err := gone(clientDeleted, now.Clients[i].Space, string(now.Clients[i].ID)); err != nil {
			return err
		}
	}
	for i := range now.Servers {
		if err := gone(serverDeleted, now.Servers[i].Space, string(now.Servers[i].ID)); err != nil {
			return err
		}
	}
	for i := range now.Spaces {
		if err := gone(spaceDeleted, now.Spaces[i].ID, string(now.Spaces[i].ID)); err != nil {
			return err
		}
	}
	for _, table := range []string{"clients", "spaces", "settings"} { // what belongs to them goes with them
		if err := t.exec(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	for name := range now.Settings {
		if _, stays := c.Settings[name]; !stays {
			if err := t.change(ctx, settingChanged, "", name); err != nil {
				return err
			}
		}
	}
	return nil
}

func restoreSpaces(ctx context.Context, t *tx, c *Copy) error {
	for _, sp := range c.Spaces {
		err := t.exec(ctx, "INSERT INTO spaces (id, name, name_key, active, is_default, created_at, icon) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			string(sp.ID), sp.Name, nameKey(sp.Name), sp.Active, sp.Default, sp.CreatedAt.UnixMicro(), sp.Icon)
		if err == nil {
			err = t.change(ctx, spaceCreated, sp.ID, string(sp.ID))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restoreServers gives each Server another stamp than any that it had: what is connected by an earlier one is replaced.
func (s *Store) restoreServers(ctx context.Context, t *tx, c *Copy) error {
	for i := range c.Servers {
		srv := &c.Servers[i]
		if err := t.change(ctx, serverCreated, srv.Space, string(srv.ID)); err != nil {
			return err
		}
		row := srv.Server
		row.Stamp = t.revision
		if err := insertServer(ctx, t, &row, srv.First); err != nil {
			return err
		}
		for _, v := range srv.Values {
			if err := s.sealValue(ctx, t, &row, v); err != nil {
				return err
			}
		}
		for _, l := range srv.Logins {
			if err := s.sealCredential(ctx, t, &row, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func restoreSets(ctx context.Context, t *tx, c *Copy) error {
	server := make(map[aliasIn]mcpmux.ServerID, len(c.Servers))
	for i := range c.Servers {
		server[aliasIn{c.Servers[i].Space, c.Servers[i].Alias}] = c.Servers[i].ID
	}
	for i := range c.Sets {
		set := &c.Sets[i]
		of := server[aliasIn{set.Space, set.Server}]
		err := t.exec(ctx, "INSERT INTO feature_sets (id, space_id, name, name_key, kind, server_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			string(set.ID), string(set.Space), set.Name, nameKey(set.Name), string(set.Kind), sql.NullString{String: string(of), Valid: of != ""}, set.CreatedAt.UnixMicro())
		if err == nil {
			err = t.change(ctx, setCreated, set.Space, string(set.ID))
		}
		if err != nil {
			return err
		}
	}
	for i := range c.Sets { // once all of them are there: they name each other
		if err := insertMembers(ctx, t, c.Sets[i].ID, c.Sets[i].Members); err != nil {
			return err
		}
	}
	return nil
}

func restoreClients(ctx context.Context, t *tx, c *Copy) error {
	for i := range c.Clients {
		cl := &c.Clients[i]
		err := t.exec(ctx, `INSERT INTO clients (id, name, name_key, mode, approved, space_id, declined_id, created_at, last_seen)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, string(cl.ID), cl.Name, nameKey(cl.Name), string(cl.Mode), cl.Approved,
			string(cl.Space), string(cl.Declined), cl.CreatedAt.UnixMicro(), microsOrNil(cl.LastSeen))
		if err == nil {
			err = t.change(ctx, clientCreated, cl.Space, string(cl.ID))
		}
		if err != nil {
			return err
		}
	}
	for _, g := range c.Grants {
		err := t.exec(ctx, "INSERT INTO grants (client_id, space_id, set_id) VALUES ($1, $2, $3)", string(g.Client), string(g.Space), string(g.Set))
		if err != nil {
			return err
		}
	}
	for i := range c.Keys {
		k := &c.Keys[i]
		err := t.exec(ctx, "INSERT INTO access_keys (id, client_id, hint, hash, label, created_at, expires_at, last_used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			string(k.ID), string(k.Client), k.Hint, k.Hash[:], k.Label, k.CreatedAt.UnixMicro(), microsOrNil(k.ExpiresAt), microsOrNil(k.LastUsed))
		if err != nil {
			return err
		}
	}
	return nil
}

func restoreSettings(ctx context.Context, t *tx, c *Copy) error {
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if err := t.exec(ctx, "INSERT INTO settings (name, value) VALUES ($1, $2)", name, c.Settings[name]); err != nil {
			return err
		}
		if err := t.change(ctx, settingChanged, "", name); err != nil {
			return err
		}
	}
	return nil
}

// knownAs is an application and the Client that it was.
type knownAs struct {
	id, document string
	client       mcpmux.ClientID
}

func readRegistrations(ctx context.Context, t *tx) (all []knownAs, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var k knownAs
		err := rows.Scan(&k.id, &k.client, &k.document)
		all = append(all, k)
		return err
	}, "SELECT id, client_id, document FROM registrations ORDER BY id")
	return all, err
}

func restoreRegistrations(ctx context.Context, t *tx, c *Copy, known []knownAs) error {
	for _, k := range known {
		if !slices.ContainsFunc(c.Clients, func(cl mcpmux.Client) bool { return cl.ID == k.client }) {
			continue
		}
		err := t.exec(ctx, "INSERT INTO registrations (id, client_id, document) VALUES ($1, $2, $3)", k.id, string(k.client), k.document)
		if err != nil {
			return err
		}
	}
	return nil
}
