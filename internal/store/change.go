package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// The kinds of Changes: what was written, and which method wrote it.
const (
	spaceCreated     = "space.created"
	spaceRenamed     = "space.renamed"
	spaceIconChanged = "space.icon_changed"
	spaceActivated   = "space.activated"
	spaceDeleted     = "space.deleted"

	serverCreated  = "server.created"
	serverUpdated  = "server.updated"
	serverEnabled  = "server.enabled"
	serverDisabled = "server.disabled"
	serverDeleted  = "server.deleted"
	// serverLoggedIn says that there are tokens, or others than before; serverLoggedOut that there are none.
	serverLoggedIn  = "server.logged_in"
	serverLoggedOut = "server.logged_out"
	// featuresChanged says that a Server offers something else than before, or says something else of itself.
	featuresChanged = "features.changed"

	setCreated        = "featureset.created"
	setRenamed        = "featureset.renamed"
	setDeleted        = "featureset.deleted"
	setMembersChanged = "featureset.members_changed"

	clientCreated     = "client.created"
	clientRenamed     = "client.renamed"
	clientDeleted     = "client.deleted"
	clientModeChanged = "client.mode_changed"
	clientApproved    = "client.approved"
	clientDenied      = "client.denied"
	clientSwitched    = "client.switched"
	clientStayed      = "client.stayed"
	grantAdded        = "grant.added"
	grantRemoved      = "grant.removed"
	accessKeyCreated  = "key.created"
	accessKeyRevoked  = "key.revoked"
	settingChanged    = "setting.changed"

	// authorizationRenewed says that there are other tokens than before.
	authorizationCreated = "authorization.created"
	authorizationRenewed = "authorization.renewed"
	authorizationEnded   = "authorization.ended"
)

// Changes answers the Changes after a revision, oldest first, at most limit of them.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]mcpmux.Change, error) {
	var all []mcpmux.Change
	err := s.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var c mcpmux.Change
			var at int64
			if err := rows.Scan(&c.Revision, &at, &c.Kind, &c.Space, &c.Subject); err != nil {
				return err
			}
			c.At = timeOf(at)
			all = append(all, c)
			return nil
		}, "SELECT revision, at, kind, space_id, subject FROM changes WHERE revision > $1 ORDER BY revision LIMIT $2", after, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", err)
	}
	return all, nil
}

// PruneChanges removes Changes from before a time, but none of the last keep, and answers how many those
// were. The newest stays in any case: its revision is that of the State.
func (s *Store) PruneChanges(ctx context.Context, before time.Time, keep int64) (int64, error) {
	var n int64
	_, err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = t.affect(ctx, "DELETE FROM changes WHERE at < $1 AND revision <= (SELECT MAX(revision) FROM changes) - $2",
			before.UnixMicro(), max(keep, 1))
		return err
	})
	return n, attempted("prune the changes", err)
}

// FirstChange is the revision of the oldest Change that was kept. Who knows the State of a revision before
// that, and not of the one just before, has missed some.
func (s *Store) FirstChange(ctx context.Context) (revision int64, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		revision, err = t.count(ctx, "SELECT COALESCE(MIN(revision), 0) FROM changes")
		return err
	})
	return revision, attempted("read the first change", err)
}
