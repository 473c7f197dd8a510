package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// A Server of every Space and its copies bear the id of the first in every_space. Each is a Server of its
// own, so that a Space shares nothing with another: what is done to one is done in its Space alone. New
// Spaces get a copy of the first, and where that is gone, of the oldest that is left; a copy that was given
// another recipe or other values is its Space's own from then on and is never copied.

// installEverywhere copies a new Server of every Space into the other Spaces. One where the alias is taken
// is left alone.
func (s *Store) installEverywhere(ctx context.Context, t *tx, first *mcpmux.Server, values []Value) error {
	var spaces []mcpmux.SpaceID
	err := t.each(ctx, func(rows *sql.Rows) error {
		var id mcpmux.SpaceID
		err := rows.Scan(&id)
		spaces = append(spaces, id)
		return err
	}, `SELECT id FROM spaces WHERE NOT EXISTS (SELECT 1 FROM servers WHERE space_id = spaces.id AND alias = $1) ORDER BY id`, first.Alias)
	if err != nil {
		return err
	}
	for _, space := range spaces {
		if err := s.installCopy(ctx, t, first, space, first.ID, values); err != nil {
			return err
		}
	}
	return nil
}

// everySpaceServer is a Server that new Spaces get a copy of.
type everySpaceServer struct {
	mcpmux.Server
	first mcpmux.ServerID
}

// installEverySpaceServers copies the Servers of every Space into a new one. A Server whose values cannot
// be opened fails the whole: a Space that lacks it would look like one that does not want it.
func (s *Store) installEverySpaceServers(ctx context.Context, t *tx, space mcpmux.SpaceID) error {
	sources, err := everySpaceServers(ctx, t)
	if err != nil {
		return err
	}
	for i := range sources {
		src := &sources[i]
		stored, err := readSealed(ctx, t, src.ID)
		if err != nil {
			return err
		}
		values, err := s.openSealed(&src.Server, stored)
		if err == nil {
			err = s.installCopy(ctx, t, &src.Server, space, src.first, values)
		}
		if mcpmux.CodeOf(err) == mcpmux.CodeUnavailable {
			return mcpmux.Errorf(mcpmux.CodeUnavailable, "the Server %q of every Space cannot be copied, so the Space is not made: %v", src.Alias, err)
		}
		if err != nil {
			return fmt.Errorf("copy Server %q: %w", src.Alias, err)
		}
	}
	return nil
}

// everySpaceServers is one Server for each that every Space gets, oldest first, and no two of one alias.
func everySpaceServers(ctx context.Context, t *tx) ([]everySpaceServer, error) {
	type row struct{ id, first mcpmux.ServerID }
	var rows []row
	err := t.each(ctx, func(r *sql.Rows) error {
		var next row
		err := r.Scan(&next.id, &next.first)
		rows = append(rows, next)
		return err
	}, "SELECT id, every_space FROM servers WHERE every_space IS NOT NULL ORDER BY every_space, id")
	if err != nil {
		return nil, err
	}
	var all []everySpaceServer
	last := mcpmux.ServerID("")
	for _, r := range rows {
		if r.first == last {
			continue
		}
		last = r.first
		srv, err := findServer(ctx, t, r.id)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(e everySpaceServer) bool { return e.Alias == srv.Alias }) {
			all = append(all, everySpaceServer{srv, r.first})
		}
	}
	return all, nil
}

// installCopy installs src in another Space, switched on whatever src is by now: a Space that switched its
// own off spoke for itself.
func (s *Store) installCopy(ctx context.Context, t *tx, src *mcpmux.Server, space mcpmux.SpaceID, first mcpmux.ServerID, values []Value) error {
	srv := mcpmux.Server{
		ID: mcpmux.ServerID(newID()), Space: space, Alias: src.Alias, Enabled: true, EverySpace: true, CreatedAt: t.now,
		Definition: src.Definition, Prefix: src.Prefix, IdleTimeout: src.IdleTimeout, CallTimeout: src.CallTimeout,
		Isolation: src.Isolation, Era: src.Era, MaxProcesses: src.MaxProcesses, Roots: src.Roots, Login: src.Login,
	}
	return s.addServer(ctx, t, &srv, first, values)
}

// leaveEverySpace makes a copy its Space's own Server. The first stays what the others are copies of.
func leaveEverySpace(ctx context.Context, t *tx, id mcpmux.ServerID) error {
	return t.exec(ctx, "UPDATE servers SET every_space = NULL WHERE id = $1 AND every_space <> id", string(id))
}
