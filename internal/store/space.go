package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// CreateSpace makes a Space with its sets All and Default, and its copies of the Servers of every Space. It
// is not active, and an empty icon is none. Where such a Server has values that cannot be opened, no Space is made.
func (s *Store) CreateSpace(ctx context.Context, name, icon string) (mcpmux.Space, int64, error) {
	sp := mcpmux.Space{ID: mcpmux.SpaceID(newID()), Name: name, Icon: icon}
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		sp.CreatedAt = t.now
		if err := spaceNameFree(ctx, t, name, ""); err != nil {
			return err
		}
		if err := insertSpace(ctx, t, sp); err != nil {
			return err
		}
		if err := putIcon(ctx, t, sp.ID, icon); err != nil {
			return err
		}
		return s.installEverySpaceServers(ctx, t, sp.ID)
	})
	return sp, rev, err
}

func insertSpace(ctx context.Context, t *tx, sp mcpmux.Space) error {
	err := t.exec(ctx, "INSERT INTO spaces (id, name, name_key, active, is_default, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
		string(sp.ID), sp.Name, nameKey(sp.Name), sp.Active, sp.Default, sp.CreatedAt.UnixMicro())
	if err != nil {
		return err
	}
	if err := insertSet(ctx, t, mcpmux.FeatureSet{Space: sp.ID, Name: mcpmux.AllSetName, Kind: mcpmux.SetAll}, ""); err != nil {
		return err
	}
	if err := insertSet(ctx, t, mcpmux.FeatureSet{Space: sp.ID, Name: mcpmux.DefaultSetName, Kind: mcpmux.SetDefault}, ""); err != nil {
		return err
	}
	return t.change(ctx, spaceCreated, sp.ID, string(sp.ID))
}

// spaceNameFree refuses a bad name and one that another Space than except has.
func spaceNameFree(ctx context.Context, t *tx, name string, except mcpmux.SpaceID) error {
	if err := checkName("Space", name); err != nil {
		return err
	}
	n, err := t.count(ctx, "SELECT count(*) FROM spaces WHERE name_key = $1 AND id <> $2", nameKey(name), string(except))
	if err == nil && n > 0 {
		return mcpmux.Errorf(mcpmux.CodeConflict, "there is a Space %q already", name)
	}
	return err
}

// findSpace reads one Space, or says that there is none.
func findSpace(ctx context.Context, t *tx, id mcpmux.SpaceID) (mcpmux.Space, error) {
	sp := mcpmux.Space{ID: id}
	var created int64
	err := t.row(ctx, "SELECT name, icon, active, is_default, created_at FROM spaces WHERE id = $1", string(id)).
		Scan(&sp.Name, &sp.Icon, &sp.Active, &sp.Default, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return sp, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such Space")
	}
	sp.CreatedAt = timeOf(created)
	return sp, err
}

// SpacePatch says what to change about a Space; nil stays. An empty Icon takes it away.
type SpacePatch struct {
	Name, Icon *string
}

// UpdateSpace changes a Space's name, icon or both.
func (s *Store) UpdateSpace(ctx context.Context, id mcpmux.SpaceID, p SpacePatch) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		sp, err := findSpace(ctx, t, id)
		if err != nil {
			return err
		}
		if p.Name != nil && *p.Name != sp.Name {
			if err := renameSpace(ctx, t, id, *p.Name); err != nil {
				return err
			}
		}
		if p.Icon == nil || *p.Icon == sp.Icon {
			return nil
		}
		if err := putIcon(ctx, t, id, *p.Icon); err != nil {
			return err
		}
		return t.change(ctx, spaceIconChanged, id, string(id))
	})
}

func putIcon(ctx context.Context, t *tx, id mcpmux.SpaceID, icon string) error {
	if err := checkIcon(icon); err != nil {
		return err
	}
	return t.exec(ctx, "UPDATE spaces SET icon = $1 WHERE id = $2", icon, string(id))
}

// RenameSpace gives a Space another name.
func (s *Store) RenameSpace(ctx context.Context, id mcpmux.SpaceID, name string) (int64, error) {
	return s.UpdateSpace(ctx, id, SpacePatch{Name: &name})
}

func renameSpace(ctx context.Context, t *tx, id mcpmux.SpaceID, name string) error {
	if err := spaceNameFree(ctx, t, name, id); err != nil {
		return err
	}
	if err := t.exec(ctx, "UPDATE spaces SET name = $1, name_key = $2 WHERE id = $3", name, nameKey(name), string(id)); err != nil {
		return err
	}
	return t.change(ctx, spaceRenamed, id, string(id))
}

// ActivateSpace makes a Space the active one.
func (s *Store) ActivateSpace(ctx context.Context, id mcpmux.SpaceID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		sp, err := findSpace(ctx, t, id)
		if err != nil || sp.Active {
			return err
		}
		return activate(ctx, t, id)
	})
}

// activate moves the active mark. Clients that declined to move to another Space are asked anew should that
// one become active again.
func activate(ctx context.Context, t *tx, id mcpmux.SpaceID) error {
	if err := t.exec(ctx, "UPDATE spaces SET active = FALSE WHERE active"); err != nil {
		return err
	}
	if err := t.exec(ctx, "UPDATE spaces SET active = TRUE WHERE id = $1", string(id)); err != nil {
		return err
	}
	if err := t.exec(ctx, "UPDATE clients SET declined_id = '' WHERE declined_id <> $1", string(id)); err != nil {
		return err
	}
	return t.change(ctx, spaceActivated, id, string(id))
}

// DeleteSpace deletes a Space and everything in it: Servers, sealed values, Features, FeatureSets and
// grants. The default Space stays. Where the active Space goes, the default becomes active in the same
// transaction. Clients keep the id of the Space they are locked to, and so see nothing, not another Space.
func (s *Store) DeleteSpace(ctx context.Context, id mcpmux.SpaceID) (int64, error) {
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		sp, err := findSpace(ctx, t, id)
		if err != nil {
			return err
		}
		if sp.Default {
			return mcpmux.Errorf(mcpmux.CodeConflict, "%q is the default Space, which cannot be deleted", sp.Name)
		}
		if sp.Active {
			var def string
			if err := t.row(ctx, "SELECT id FROM spaces WHERE is_default").Scan(&def); err != nil {
				return err
			}
			if err := activate(ctx, t, mcpmux.SpaceID(def)); err != nil {
				return err
			}
		}
		if err := t.exec(ctx, "DELETE FROM spaces WHERE id = $1", string(id)); err != nil {
			return err
		}
		return t.change(ctx, spaceDeleted, id, string(id))
	})
	if err == nil {
		s.scrub(ctx)
	}
	return rev, err
}
