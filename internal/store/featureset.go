package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// insertSet inserts a built-in or custom set. Its id and time are made here.
func insertSet(ctx context.Context, t *tx, set mcpmux.FeatureSet, server mcpmux.ServerID) error {
	if set.ID == "" {
		set.ID = mcpmux.FeatureSetID(newID())
	}
	var of any
	if server != "" {
		of = string(server)
	}
	return t.exec(ctx, "INSERT INTO feature_sets (id, space_id, name, name_key, kind, server_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		string(set.ID), string(set.Space), set.Name, nameKey(set.Name), string(set.Kind), of, t.now.UnixMicro())
}

// CreateFeatureSet makes an empty custom set. Names that begin as those of ServerAll sets do are theirs.
func (s *Store) CreateFeatureSet(ctx context.Context, space mcpmux.SpaceID, name string) (mcpmux.FeatureSet, int64, error) {
	set := mcpmux.FeatureSet{
		ID: mcpmux.FeatureSetID(newID()), Space: space, Name: name, Kind: mcpmux.SetCustom, Members: []mcpmux.Member{},
	}
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		set.CreatedAt = t.now
		sp, err := findSpace(ctx, t, space)
		if err != nil {
			return err
		}
		if err := setNameFree(ctx, t, sp, name, ""); err != nil {
			return err
		}
		if err := insertSet(ctx, t, set, ""); err != nil {
			return err
		}
		return t.change(ctx, setCreated, space, string(set.ID))
	})
	return set, rev, err
}

// setNameFree refuses a bad name and one that another set of the Space than except has.
func setNameFree(ctx context.Context, t *tx, sp mcpmux.Space, name string, except mcpmux.FeatureSetID) error {
	if err := checkName("FeatureSet", name); err != nil {
		return err
	}
	if strings.HasPrefix(nameKey(name), nameKey(mcpmux.ServerSetPrefix)) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "names that begin with %s are those of the sets that each Server has", mcpmux.ServerSetPrefix)
	}
	n, err := t.count(ctx, "SELECT count(*) FROM feature_sets WHERE space_id = $1 AND name_key = $2 AND id <> $3", string(sp.ID), nameKey(name), string(except))
	if err == nil && n > 0 {
		return mcpmux.Errorf(mcpmux.CodeConflict, "there is a FeatureSet %q in the Space %q already", name, sp.Name)
	}
	return err
}

// RenameFeatureSet gives a custom set another name. Where it is granted or a member it stays so.
func (s *Store) RenameFeatureSet(ctx context.Context, id mcpmux.FeatureSetID, name string) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		set, err := findSet(ctx, t, id)
		if err != nil || set.Name == name {
			return err
		}
		if set.Kind != mcpmux.SetCustom {
			return mcpmux.Errorf(mcpmux.CodeConflict, "%q is a built-in FeatureSet, which keeps its name", set.Name)
		}
		sp, err := findSpace(ctx, t, set.Space)
		if err != nil {
			return err
		}
		if err := setNameFree(ctx, t, sp, name, id); err != nil {
			return err
		}
		if err := t.exec(ctx, "UPDATE feature_sets SET name = $1, name_key = $2 WHERE id = $3", name, nameKey(name), string(id)); err != nil {
			return err
		}
		return t.change(ctx, setRenamed, set.Space, string(id))
	})
}

// findSet reads one set without its members.
func findSet(ctx context.Context, t *tx, id mcpmux.FeatureSetID) (mcpmux.FeatureSet, error) {
	set := mcpmux.FeatureSet{ID: id}
	err := t.row(ctx, "SELECT space_id, name, kind FROM feature_sets WHERE id = $1", string(id)).Scan(&set.Space, &set.Name, &set.Kind)
	if errors.Is(err, sql.ErrNoRows) {
		err = mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such FeatureSet")
	}
	return set, err
}

// DeleteFeatureSet deletes a custom set, with its grants and its place in other sets. The built-in sets
// stay as long as what they stand for.
func (s *Store) DeleteFeatureSet(ctx context.Context, id mcpmux.FeatureSetID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		set, err := findSet(ctx, t, id)
		if err != nil {
			return err
		}
		if set.Kind != mcpmux.SetCustom {
			return mcpmux.Errorf(mcpmux.CodeConflict, "%q is a built-in FeatureSet, which cannot be deleted", set.Name)
		}
		if err := t.exec(ctx, "DELETE FROM feature_sets WHERE id = $1", string(id)); err != nil {
			return err
		}
		return t.change(ctx, setDeleted, set.Space, string(id))
	})
}

// AddMembers adds members to a custom or Default set. A member that is there already takes the new side
// (include or exclude). A member that would close a cycle is refused, with the way round it.
func (s *Store) AddMembers(ctx context.Context, id mcpmux.FeatureSetID, members []mcpmux.Member) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		set, members, err := memberWrite(ctx, t, id, members)
		if err != nil {
			return err
		}
		sets, err := readSets(ctx, t, set.Space)
		if err != nil {
			return err
		}
		if err := mcpmux.RefuseCycle(sets, id, members); err != nil {
			return err
		}
		changed := false
		for _, m := range members {
			did, err := putMember(ctx, t, id, m)
			if err != nil {
				return err
			}
			changed = changed || did
		}
		if !changed {
			return nil
		}
		return t.change(ctx, setMembersChanged, set.Space, string(id))
	})
}

// SetMembers gives a custom or Default set these members in place of those that it had, in this order. None may be
// there on both sides.
func (s *Store) SetMembers(ctx context.Context, id mcpmux.FeatureSetID, members []mcpmux.Member) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		set, members, err := membersFor(ctx, t, id, members)
		if err != nil {
			return err
		}
		if members, err = eachOnce(ctx, t, members); err != nil {
			return err
		}
		sets, err := readSets(ctx, t, set.Space)
		if err != nil {
			return err
		}
		if err := mcpmux.RefuseCycle(sets, id, members); err != nil {
			return err
		}
		at := slices.IndexFunc(sets, func(s mcpmux.FeatureSet) bool { return s.ID == id })
		if slices.Equal(sets[at].Members, members) {
			return nil
		}
		if err := t.exec(ctx, "DELETE FROM set_members WHERE owner_id = $1", string(id)); err != nil {
			return err
		}
		if err := insertMembers(ctx, t, id, members); err != nil {
			return err
		}
		return t.change(ctx, setMembersChanged, set.Space, string(id))
	})
}

// eachOnce leaves out members that are there twice, and refuses one that is on both sides.
func eachOnce(ctx context.Context, t *tx, members []mcpmux.Member) ([]mcpmux.Member, error) {
	side := make(map[mcpmux.Member]bool, len(members))
	out := make([]mcpmux.Member, 0, len(members))
	for _, m := range members {
		key := m
		key.Exclude = false
		was, twice := side[key]
		if twice && was != m.Exclude {
			return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "%s is included and excluded; a member is one or the other", describe(ctx, t, m))
		}
		if !twice {
			side[key], out = m.Exclude, append(out, m)
		}
	}
	return out, nil
}

// insertMembers writes members of a set that has none of them. Their ids sort in this order.
func insertMembers(ctx context.Context, t *tx, id mcpmux.FeatureSetID, members []mcpmux.Member) error {
	rows := make([][]any, len(members))
	for i, m := range members {
		rows[i] = []any{newID(), string(id), m.Exclude, string(m.Kind), m.Server, m.Name, nestedOf(m)}
	}
	return t.insert(ctx, "INSERT INTO set_members (id, owner_id, is_excluded, kind, server, name, set_id)", rows)
}

// nestedOf is the set_id of a member's row.
func nestedOf(m mcpmux.Member) any {
	if m.Kind == mcpmux.MemberSet {
		return string(m.Set)
	}
	return nil
}

// RemoveMembers removes members, each as it was added: side, kind and names.
func (s *Store) RemoveMembers(ctx context.Context, id mcpmux.FeatureSetID, members []mcpmux.Member) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		set, members, err := memberWrite(ctx, t, id, members)
		if err != nil {
			return err
		}
		for _, m := range members {
			row, exclude, err := findMember(ctx, t, id, m)
			if err != nil {
				return err
			}
			if row == "" || exclude != m.Exclude {
				return mcpmux.Errorf(mcpmux.CodeNotFound, "the FeatureSet %q does not %s %s", set.Name, side(m), describe(ctx, t, m))
			}
			if err := t.exec(ctx, "DELETE FROM set_members WHERE id = $1", row); err != nil {
				return err
			}
		}
		return t.change(ctx, setMembersChanged, set.Space, string(id))
	})
}

func side(m mcpmux.Member) string {
	if m.Exclude {
		return "exclude"
	}
	return "include"
}

func describe(ctx context.Context, t *tx, m mcpmux.Member) string {
	switch m.Kind {
	case mcpmux.MemberSet:
		if set, err := findSet(ctx, t, m.Set); err == nil {
			return "set:" + set.Name
		}
		return "that set"
	case mcpmux.MemberServer:
		return "server:" + m.Server
	default:
		return string(m.Kind) + ":" + m.Server + "/" + m.Name
	}
}

// memberWrite is what every write of members begins with: the set takes members, and each member is well
// formed and of the same Space. A ServerAll set as a member becomes the Server it stands for, so that the
// member survives the Server's reinstallation as others do.
func memberWrite(ctx context.Context, t *tx, id mcpmux.FeatureSetID, members []mcpmux.Member) (mcpmux.FeatureSet, []mcpmux.Member, error) {
	set, out, err := membersFor(ctx, t, id, members)
	if err == nil && len(members) == 0 {
		err = mcpmux.Errorf(mcpmux.CodeInvalid, "no member was given")
	}
	return set, out, err
}

func membersFor(ctx context.Context, t *tx, id mcpmux.FeatureSetID, members []mcpmux.Member) (mcpmux.FeatureSet, []mcpmux.Member, error) {
	set, err := findSet(ctx, t, id)
	if err != nil {
		return set, nil, err
	}
	if err := set.TakesMembers(); err != nil {
		return set, nil, err
	}
	out := make([]mcpmux.Member, len(members))
	for i, m := range members {
		if err := CheckMember(m); err != nil {
			return set, nil, err
		}
		if m.Kind == mcpmux.MemberSet {
			nested, err := findSet(ctx, t, m.Set)
			if err != nil {
				return set, nil, err
			}
			if nested.Space != set.Space {
				return set, nil, mcpmux.Errorf(mcpmux.CodeInvalid, "the FeatureSet %q belongs to another Space", nested.Name)
			}
			if nested.Kind == mcpmux.SetServerAll {
				alias := strings.TrimPrefix(nested.Name, mcpmux.ServerSetPrefix)
				m = mcpmux.Member{Exclude: m.Exclude, Kind: mcpmux.MemberServer, Server: alias}
			}
		}
		out[i] = m
	}
	return set, out, nil
}

// maxFeatureName bounds the name or URI in a member.
const maxFeatureName = 4096

// CheckMember refuses a member that is not well formed.
func CheckMember(m mcpmux.Member) error {
	named := false
	switch m.Kind {
	case mcpmux.MemberSet:
		if m.Set == "" || m.Server != "" || m.Name != "" {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "a member of kind set names a FeatureSet and nothing else")
		}
		return nil
	case mcpmux.MemberServer:
	case mcpmux.MemberKind(mcpmux.KindTool), mcpmux.MemberKind(mcpmux.KindPrompt),
		mcpmux.MemberKind(mcpmux.KindResource), mcpmux.MemberKind(mcpmux.KindTemplate):
		named = true
	default:
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a kind of member; they are tool, prompt, resource, template, server and set", string(m.Kind))
	}
	switch {
	case m.Set != "":
		return mcpmux.Errorf(mcpmux.CodeInvalid, "a member of kind %s names no FeatureSet", m.Kind)
	case !globForm.MatchString(m.Server):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is neither the alias of a Server nor a pattern of one (* and ? stand for any characters)", m.Server)
	case named && (m.Name == "" || len(m.Name) > maxFeatureName || strings.ContainsRune(m.Name, 0)):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "a member of kind %s needs the name of one, of at most %d bytes", m.Kind, maxFeatureName)
	case !named && m.Name != "":
		return mcpmux.Errorf(mcpmux.CodeInvalid, "a member of kind server stands for the whole Server and has no name of its own")
	}
	return nil
}

// findMember finds the row of a member whatever its side; "" means that there is none.
func findMember(ctx context.Context, t *tx, id mcpmux.FeatureSetID, m mcpmux.Member) (row string, exclude bool, err error) {
	if m.Kind == mcpmux.MemberSet {
		err = t.row(ctx, "SELECT id, is_excluded FROM set_members WHERE owner_id = $1 AND set_id = $2", string(id), string(m.Set)).Scan(&row, &exclude)
	} else {
		err = t.row(ctx, "SELECT id, is_excluded FROM set_members WHERE owner_id = $1 AND kind = $2 AND server = $3 AND name = $4 AND set_id IS NULL",
			string(id), string(m.Kind), m.Server, m.Name).Scan(&row, &exclude)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return row, exclude, err
}

// putMember writes one member and says whether anything was to be done.
func putMember(ctx context.Context, t *tx, id mcpmux.FeatureSetID, m mcpmux.Member) (bool, error) {
	row, exclude, err := findMember(ctx, t, id, m)
	if err != nil || row != "" && exclude == m.Exclude {
		return false, err
	}
	if row != "" {
		return true, t.exec(ctx, "UPDATE set_members SET is_excluded = $1 WHERE id = $2", m.Exclude, row)
	}
	return true, t.exec(ctx, "INSERT INTO set_members (id, owner_id, is_excluded, kind, server, name, set_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		newID(), string(id), m.Exclude, string(m.Kind), m.Server, m.Name, nestedOf(m))
}

// readSets reads the sets of one Space, or of all for "", with their members, in order of creation.
func readSets(ctx context.Context, t *tx, space mcpmux.SpaceID) ([]mcpmux.FeatureSet, error) {
	var all []mcpmux.FeatureSet
	at := make(map[mcpmux.FeatureSetID]int)
	err := t.each(ctx, func(rows *sql.Rows) error {
		set := mcpmux.FeatureSet{Members: []mcpmux.Member{}}
		var alias sql.NullString
		var created int64
		if err := rows.Scan(&set.ID, &set.Space, &set.Name, &set.Kind, &alias, &created); err != nil {
			return err
		}
		set.Server, set.CreatedAt = alias.String, timeOf(created)
		at[set.ID] = len(all)
		all = append(all, set)
		return nil
	}, `SELECT f.id, f.space_id, f.name, f.kind, s.alias, f.created_at FROM feature_sets f
		LEFT JOIN servers s ON s.id = f.server_id WHERE $1 = '' OR f.space_id = $1 ORDER BY f.id`, string(space))
	if err != nil {
		return nil, err
	}
	err = t.each(ctx, func(rows *sql.Rows) error {
		var owner mcpmux.FeatureSetID
		var m mcpmux.Member
		var nested sql.NullString
		if err := rows.Scan(&owner, &m.Exclude, &m.Kind, &m.Server, &m.Name, &nested); err != nil {
			return err
		}
		m.Set = mcpmux.FeatureSetID(nested.String)
		all[at[owner]].Members = append(all[at[owner]].Members, m)
		return nil
	}, `SELECT m.owner_id, m.is_excluded, m.kind, m.server, m.name, m.set_id FROM set_members m
		JOIN feature_sets f ON f.id = m.owner_id WHERE $1 = '' OR f.space_id = $1 ORDER BY m.id`, string(space))
	return all, err
}
