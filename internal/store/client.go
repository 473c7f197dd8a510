package store

import (
	"context"
	"database/sql"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// NewClient is what a Client is made of.
type NewClient struct {
	Name     string
	Mode     mcpmux.Mode
	Space    mcpmux.SpaceID // as for SetClientMode
	Approved bool
	Grants   []mcpmux.Grant // Client is filled in
}

// CreateClient makes a Client with its first grants.
func (s *Store) CreateClient(ctx context.Context, n NewClient) (mcpmux.Client, int64, error) {
	var c mcpmux.Client
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
		c, err = insertClient(ctx, t, n)
		return err
	})
	return c, rev, err
}

func insertClient(ctx context.Context, t *tx, n NewClient) (mcpmux.Client, error) {
	c := mcpmux.Client{ID: mcpmux.ClientID(newID()), Name: n.Name, Mode: n.Mode, Approved: n.Approved, CreatedAt: t.now}
	var err error
	if c.Space, err = spaceForMode(ctx, t, n.Mode, n.Space); err != nil {
		return c, err
	}
	if err := clientNameFree(ctx, t, n.Name, ""); err != nil {
		return c, err
	}
	err = t.exec(ctx, `INSERT INTO clients (id, name, name_key, mode, approved, space_id, declined_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, '', $7)`,
		string(c.ID), c.Name, nameKey(c.Name), string(c.Mode), c.Approved, string(c.Space), c.CreatedAt.UnixMicro())
	if err != nil {
		return c, err
	}
	for _, g := range n.Grants {
		g.Client = c.ID
		if _, err := putGrant(ctx, t, g); err != nil {
			return c, err
		}
	}
	return c, t.change(ctx, clientCreated, c.Space, string(c.ID))
}

// clientNameFree refuses a bad name and one that another Client than except has.
func clientNameFree(ctx context.Context, t *tx, name string, except mcpmux.ClientID) error {
	if err := checkName("client", name); err != nil {
		return err
	}
	n, err := t.count(ctx, "SELECT count(*) FROM clients WHERE name_key = $1 AND id <> $2", nameKey(name), string(except))
	if err == nil && n > 0 {
		return mcpmux.Errorf(mcpmux.CodeConflict, "there is a client %q already", name)
	}
	return err
}

// RenameClient gives a Client another name. Its keys, logins and grants stay: none of them knows it by that.
func (s *Store) RenameClient(ctx context.Context, id mcpmux.ClientID, name string) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, id)
		if err != nil || c.Name == name {
			return err
		}
		if err := clientNameFree(ctx, t, name, id); err != nil {
			return err
		}
		if err := t.exec(ctx, "UPDATE clients SET name = $1, name_key = $2 WHERE id = $3", name, nameKey(name), string(id)); err != nil {
			return err
		}
		return t.change(ctx, clientRenamed, c.Space, string(id))
	})
}

// spaceForMode is the Space that a Client of a mode is bound to: none for follow, the given one for locked,
// the given or else the active one for ask.
func spaceForMode(ctx context.Context, t *tx, mode mcpmux.Mode, space mcpmux.SpaceID) (mcpmux.SpaceID, error) {
	switch mode {
	case mcpmux.ModeFollow:
		return "", nil
	case mcpmux.ModeLocked, mcpmux.ModeAsk:
		if space != "" {
			sp, err := findSpace(ctx, t, space)
			return sp.ID, err
		}
		if mode == mcpmux.ModeLocked {
			return "", mcpmux.Errorf(mcpmux.CodeInvalid, "a locked client needs the Space it is locked to")
		}
		return activeSpace(ctx, t)
	}
	return "", mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a connection mode; they are follow, locked and ask", string(mode))
}

func activeSpace(ctx context.Context, t *tx) (id mcpmux.SpaceID, err error) {
	err = t.row(ctx, "SELECT id FROM spaces WHERE active").Scan(&id)
	return id, err
}

const selectClients = "SELECT id, name, mode, approved, space_id, declined_id, created_at, last_seen FROM clients"

func scanClient(rows *sql.Rows) (mcpmux.Client, error) {
	var c mcpmux.Client
	var created int64
	var seen sql.NullInt64
	err := rows.Scan(&c.ID, &c.Name, &c.Mode, &c.Approved, &c.Space, &c.Declined, &created, &seen)
	c.CreatedAt, c.LastSeen = timeOf(created), timeOrNil(seen)
	return c, err
}

func findClient(ctx context.Context, t *tx, id mcpmux.ClientID) (mcpmux.Client, error) {
	var found *mcpmux.Client
	err := t.each(ctx, func(rows *sql.Rows) error {
		c, err := scanClient(rows)
		found = &c
		return err
	}, selectClients+" WHERE id = $1", string(id))
	if err == nil && found == nil {
		err = mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such client")
	}
	if err != nil {
		return mcpmux.Client{}, err
	}
	return *found, nil
}

// DeleteClient deletes a Client with its grants and access keys.
func (s *Store) DeleteClient(ctx context.Context, id mcpmux.ClientID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, id)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, "DELETE FROM clients WHERE id = $1", string(id)); err != nil {
			return err
		}
		return t.change(ctx, clientDeleted, c.Space, string(id))
	})
}

// SetClientMode changes how a Client's Space is chosen. A locked Client needs a Space; one in mode ask
// begins in the given or else in the active Space; a following one has none.
func (s *Store) SetClientMode(ctx context.Context, id mcpmux.ClientID, mode mcpmux.Mode, space mcpmux.SpaceID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, id)
		if err != nil {
			return err
		}
		space, err := spaceForMode(ctx, t, mode, space)
		if err != nil || c.Mode == mode && c.Space == space && c.Declined == "" {
			return err
		}
		err = t.exec(ctx, "UPDATE clients SET mode = $1, space_id = $2, declined_id = '' WHERE id = $3", string(mode), string(space), string(id))
		if err != nil {
			return err
		}
		return t.change(ctx, clientModeChanged, space, string(id))
	})
}

// SetClientApproved approves a Client, or takes its approval back.
func (s *Store) SetClientApproved(ctx context.Context, id mcpmux.ClientID, approved bool) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, id)
		if err != nil || c.Approved == approved {
			return err
		}
		if err := t.exec(ctx, "UPDATE clients SET approved = $1 WHERE id = $2", approved, string(id)); err != nil {
			return err
		}
		kind := clientDenied
		if approved {
			kind = clientApproved
		}
		return t.change(ctx, kind, c.Space, string(id))
	})
}

// AnswerSwitch answers the question of a Client in mode ask, whether it moves to the active Space: it moves,
// or it stays and is not asked again until another Space becomes active. A declined question may still be
// accepted.
func (s *Store) AnswerSwitch(ctx context.Context, id mcpmux.ClientID, accept bool) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, id)
		if err != nil {
			return err
		}
		active, err := activeSpace(ctx, t)
		if err != nil {
			return err
		}
		if c.Mode != mcpmux.ModeAsk || c.Space == active || !accept && c.Declined == active {
			return mcpmux.Errorf(mcpmux.CodeConflict, "no question is open for the client %q", c.Name)
		}
		kind := clientStayed
		if accept {
			kind = clientSwitched
			err = t.exec(ctx, "UPDATE clients SET space_id = $1, declined_id = '' WHERE id = $2", string(active), string(id))
		} else {
			err = t.exec(ctx, "UPDATE clients SET declined_id = $1 WHERE id = $2", string(active), string(id))
		}
		if err != nil {
			return err
		}
		return t.change(ctx, kind, active, string(id))
	})
}

// AddGrant lets a Client use a FeatureSet in a Space.
func (s *Store) AddGrant(ctx context.Context, g mcpmux.Grant) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if _, err := findClient(ctx, t, g.Client); err != nil {
			return err
		}
		did, err := putGrant(ctx, t, g)
		if err != nil || !did {
			return err
		}
		return t.change(ctx, grantAdded, g.Space, string(g.Client))
	})
}

// SetGrants gives a Client these FeatureSets of a Space in place of those that it had there.
func (s *Store) SetGrants(ctx context.Context, id mcpmux.ClientID, space mcpmux.SpaceID, sets []mcpmux.FeatureSetID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if _, err := findClient(ctx, t, id); err != nil {
			return err
		}
		if err := t.exec(ctx, "DELETE FROM grants WHERE client_id = $1 AND space_id = $2", string(id), string(space)); err != nil {
			return err
		}
		for _, set := range sets {
			if _, err := putGrant(ctx, t, mcpmux.Grant{Client: id, Space: space, Set: set}); err != nil {
				return err
			}
		}
		return t.change(ctx, grantAdded, space, string(id))
	})
}

// putGrant writes a grant and says whether it was new.
func putGrant(ctx context.Context, t *tx, g mcpmux.Grant) (bool, error) {
	if _, err := findSpace(ctx, t, g.Space); err != nil {
		return false, err
	}
	set, err := findSet(ctx, t, g.Set)
	if err != nil {
		return false, err
	}
	if set.Space != g.Space {
		return false, mcpmux.Errorf(mcpmux.CodeInvalid, "the FeatureSet %q belongs to another Space", set.Name)
	}
	n, err := t.affect(ctx, "INSERT INTO grants (client_id, space_id, set_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		string(g.Client), string(g.Space), string(g.Set))
	return n > 0, err
}

// RemoveGrant takes a grant back.
func (s *Store) RemoveGrant(ctx context.Context, g mcpmux.Grant) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, g.Client)
		if err != nil {
			return err
		}
		n, err := t.affect(ctx, "DELETE FROM grants WHERE client_id = $1 AND space_id = $2 AND set_id = $3",
			string(g.Client), string(g.Space), string(g.Set))
		if err != nil {
			return err
		}
		if n == 0 {
			return mcpmux.Errorf(mcpmux.CodeNotFound, "the client %q has no such grant", c.Name)
		}
		return t.change(ctx, grantRemoved, g.Space, string(g.Client))
	})
}
