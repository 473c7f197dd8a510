package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// SetSetting sets a setting, after the check of mcpmux.Settings. Only what differs from the default is kept.
func (s *Store) SetSetting(ctx context.Context, name, value string) (int64, error) {
	set, ok := mcpmux.FindSetting(name)
	if !ok {
		return 0, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no setting %q", name)
	}
	if err := set.Check(value); err != nil {
		return 0, mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a value of %s: %v", value, name, err)
	}
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		old := set.Default
		err := t.row(ctx, "SELECT value FROM settings WHERE name = $1", name).Scan(&old)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if old == value {
			return nil
		}
		if value == set.Default {
			err = t.exec(ctx, "DELETE FROM settings WHERE name = $1", name)
		} else {
			err = t.exec(ctx, "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", name, value)
		}
		if err != nil {
			return err
		}
		return t.change(ctx, settingChanged, "", name)
	})
}
