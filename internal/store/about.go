package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// SaveAbout replaces what a Server said of itself and what it offers. Where nothing differs, byte for byte
// and in the same order, it writes nothing and answers 0. Interactive is never taken back. Of two Features
// with one kind and name the first counts.
func (s *Store) SaveAbout(ctx context.Context, id mcpmux.ServerID, about mcpmux.About, features []mcpmux.Feature) (int64, error) {
	features = firstOfEach(features)
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		about.Interactive = about.Interactive || srv.About != nil && srv.About.Interactive
		old, err := readFeatures(ctx, t, " WHERE server_id = $1", string(id))
		if err != nil {
			return err
		}
		sameFeatures := equalFeatures(old, features)
		if sameFeatures && equalAbout(srv.About, about) {
			return nil
		}
		if err := updateAbout(ctx, t, id, about); err != nil {
			return err
		}
		if !sameFeatures {
			if err := replaceFeatures(ctx, t, id, features); err != nil {
				return err
			}
		}
		return t.change(ctx, featuresChanged, srv.Space, string(id))
	})
}

func updateAbout(ctx context.Context, t *tx, id mcpmux.ServerID, about mcpmux.About) error {
	versions, err := textsFor(about.Versions)
	if err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE servers SET about_version = $1, about_capabilities = $2, about_server_info = $3,
		about_instructions = $4, about_versions = $5, interactive = interactive OR $6 WHERE id = $7`,
		about.ProtocolVersion, []byte(about.Capabilities), []byte(about.ServerInfo), about.Instructions, versions, about.Interactive, string(id))
}

func firstOfEach(features []mcpmux.Feature) []mcpmux.Feature {
	type key struct {
		kind mcpmux.FeatureKind
		name string
	}
	seen := make(map[key]bool, len(features))
	var out []mcpmux.Feature
	for _, f := range features {
		if k := (key{f.Kind, f.Name}); !seen[k] {
			seen[k] = true
			out = append(out, f)
		}
	}
	return out
}

func equalFeatures(a, b []mcpmux.Feature) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Kind != b[i].Kind || a[i].Name != b[i].Name || !bytes.Equal(a[i].Raw, b[i].Raw) {
			return false
		}
	}
	return true
}

func equalAbout(a *mcpmux.About, b mcpmux.About) bool {
	return a != nil && a.ProtocolVersion == b.ProtocolVersion && a.Instructions == b.Instructions &&
		a.Interactive == b.Interactive && slices.Equal(a.Versions, b.Versions) && bytes.Equal(a.Capabilities, b.Capabilities) && bytes.Equal(a.ServerInfo, b.ServerInfo)
}

func replaceFeatures(ctx context.Context, t *tx, id mcpmux.ServerID, features []mcpmux.Feature) error {
	if err := t.exec(ctx, "DELETE FROM features WHERE server_id = $1", string(id)); err != nil {
		return err
	}
	rows := make([][]any, len(features))
	for i, f := range features {
		// A Feature without text is still a Feature; the column holds text, not NULL.
		raw := append([]byte{}, f.Raw...)
		rows[i] = []any{string(id), i, string(f.Kind), f.Name, raw}
	}
	return t.insert(ctx, "INSERT INTO features (server_id, position, kind, name, raw)", rows)
}

// rowsAtOnce bounds a multi-row insert; PostgreSQL and SQLite both take more parameters than this makes.
const rowsAtOnce = 100

// insert inserts many rows of equal length with few statements.
func (t *tx) insert(ctx context.Context, into string, rows [][]any) error {
	for len(rows) > 0 {
		batch := rows[:min(rowsAtOnce, len(rows))]
		rows = rows[len(batch):]
		var q strings.Builder
		q.WriteString(into)
		q.WriteString(" VALUES ")
		var args []any
		for i, row := range batch {
			if i > 0 {
				q.WriteString(", ")
			}
			q.WriteByte('(')
			for j, v := range row {
				if j > 0 {
					q.WriteString(", ")
				}
				args = append(args, v)
				fmt.Fprintf(&q, "$%d", len(args))
			}
			q.WriteByte(')')
		}
		if err := t.exec(ctx, q.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// readFeatures reads Features in their Servers' order of creation and their own.
func readFeatures(ctx context.Context, t *tx, where string, args ...any) ([]mcpmux.Feature, error) {
	var all []mcpmux.Feature
	err := t.each(ctx, func(rows *sql.Rows) error {
		var f mcpmux.Feature
		var raw []byte
		if err := rows.Scan(&f.Server, &f.Kind, &f.Name, &raw); err != nil {
			return err
		}
		f.Raw = raw
		all = append(all, f)
		return nil
	}, "SELECT server_id, kind, name, raw FROM features"+where+" ORDER BY server_id, position", args...)
	return all, err
}
