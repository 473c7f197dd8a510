package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// NewServer is what a Server is made of.
type NewServer struct {
	Space       mcpmux.SpaceID
	Alias       string
	Definition  mcpmux.Definition
	Values      []Value
	Enabled     bool
	Prefix      *string          // nil: the alias
	IdleTimeout *mcpmux.Duration // nil: the setting
	CallTimeout *mcpmux.Duration // nil: the setting
	EverySpace  bool             // all other Spaces, and those made later, get a copy

	// As in mcpmux.Server; what is empty or 0 is the default.
	Isolation    mcpmux.Isolation
	Era          mcpmux.Era
	MaxProcesses int
	Roots        []string
	Login        mcpmux.LoginConfig
}

// CreateServer installs a Server, with its ServerAll set.
func (s *Store) CreateServer(ctx context.Context, n NewServer) (mcpmux.Server, int64, error) {
	srv := mcpmux.Server{
		ID: mcpmux.ServerID(newID()), Space: n.Space, Alias: n.Alias, Enabled: n.Enabled,
		Definition: n.Definition, Values: []mcpmux.ValueName{}, Prefix: n.Prefix,
		IdleTimeout: n.IdleTimeout, CallTimeout: n.CallTimeout, EverySpace: n.EverySpace,
		Isolation: n.Isolation, Era: n.Era, MaxProcesses: n.MaxProcesses, Roots: n.Roots, Login: n.Login,
	}
	foldDefaults(&srv)
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		srv.CreatedAt = t.now
		sp, err := findSpace(ctx, t, n.Space)
		if err != nil {
			return err
		}
		if err := checkServer(&srv); err != nil {
			return err
		}
		if n.EverySpace && !n.Enabled {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "a Server of every Space is added switched on; switch it off in the Spaces that do not want it")
		}
		same, err := t.count(ctx, "SELECT count(*) FROM servers WHERE space_id = $1 AND alias = $2", string(n.Space), n.Alias)
		if err != nil {
			return err
		}
		if same > 0 {
			return mcpmux.Errorf(mcpmux.CodeConflict, "there is a Server %q in the Space %q already", n.Alias, sp.Name)
		}
		if !n.EverySpace {
			return s.addServer(ctx, t, &srv, "", n.Values)
		}
		if err := s.addServer(ctx, t, &srv, srv.ID, n.Values); err != nil {
			return err
		}
		return s.installEverywhere(ctx, t, &srv, n.Values)
	})
	return srv, rev, err
}

// addServer writes a Server whose alias is free in its Space, and fills in its stamp and the names of its
// values. everySpace is the first of the Servers of every Space that it belongs to, empty for any other.
func (s *Store) addServer(ctx context.Context, t *tx, srv *mcpmux.Server, everySpace mcpmux.ServerID, values []Value) (err error) {
	// The Change comes first: its revision is the Server's stamp.
	if err := t.change(ctx, serverCreated, srv.Space, string(srv.ID)); err != nil {
		return err
	}
	srv.Stamp = t.revision
	if err := insertServer(ctx, t, srv, everySpace); err != nil {
		return err
	}
	set := mcpmux.FeatureSet{Space: srv.Space, Name: mcpmux.ServerSetPrefix + srv.Alias, Kind: mcpmux.SetServerAll}
	if err := insertSet(ctx, t, set, srv.ID); err != nil {
		return err
	}
	for _, v := range values {
		if err := s.putValue(ctx, t, srv, v); err != nil {
			return err
		}
	}
	srv.Values, err = valueNames(ctx, t, srv.ID)
	return err
}

func insertServer(ctx context.Context, t *tx, srv *mcpmux.Server, everySpace mcpmux.ServerID) error {
	def, err := json.Marshal(srv.Definition)
	if err != nil {
		return err
	}
	roots, err := textsFor(srv.Roots)
	if err != nil {
		return err
	}
	login, err := json.Marshal(srv.Login)
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO servers (id, space_id, alias, enabled, definition, prefix, idle_timeout, call_timeout, every_space, stamp, created_at,
		isolation, era, max_processes, roots, login) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		string(srv.ID), string(srv.Space), srv.Alias, srv.Enabled, string(def), textOrNil(srv.Prefix),
		durationOrNil(srv.IdleTimeout), durationOrNil(srv.CallTimeout), sql.NullString{String: string(everySpace), Valid: everySpace != ""},
		srv.Stamp, srv.CreatedAt.UnixMicro(), string(srv.Isolation), string(srv.Era), srv.MaxProcesses, roots, string(login))
}

func textOrNil(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func durationOrNil(d *mcpmux.Duration) any {
	if d == nil {
		return nil
	}
	return int64(*d)
}

func durationOf(d sql.NullInt64) *mcpmux.Duration {
	if !d.Valid {
		return nil
	}
	return new(mcpmux.Duration(d.Int64))
}

func checkServer(srv *mcpmux.Server) error {
	if err := checkAlias(srv.Alias); err != nil {
		return err
	}
	if err := checkPrefix(srv.Prefix); err != nil {
		return err
	}
	if d := srv.IdleTimeout; d != nil && *d < 0 {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the idle timeout %s is negative; 0 never closes", time.Duration(*d))
	}
	if d := srv.CallTimeout; d != nil && *d < 0 {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the call timeout %s is negative; 0 sets no limit", time.Duration(*d))
	}
	if err := checkDefinition(srv.Definition); err != nil {
		return err
	}
	if err := checkLogin(srv); err != nil {
		return err
	}
	return checkSharing(srv)
}

// checkDefinition refuses a definition that no connection could be made of.
func checkDefinition(d mcpmux.Definition) error {
	if err := d.CheckInputs(); err != nil {
		return err
	}
	if u, err := url.Parse(d.Homepage); d.Homepage != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http") {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the homepage of a definition begins with https:// or http://")
	}
	switch d.Transport {
	case mcpmux.TransportStdio:
		if d.Command == "" || d.URL != "" {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "a stdio Server has a command and no URL")
		}
	case mcpmux.TransportHTTP, mcpmux.TransportSSE:
		if d.URL == "" || d.Command != "" || len(d.Args) > 0 || d.Cwd != "" {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "a Server of transport %s has a URL and no command, arguments or folder", d.Transport)
		}
		return checkURL(d.URL)
	default:
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a transport; they are stdio, http and sse", string(d.Transport))
	}
	for _, text := range append([]string{d.Command, d.Cwd}, d.Args...) {
		if strings.ContainsRune(text, 0) {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "a command, its arguments and its folder have no NUL character")
		}
	}
	return nil
}

// checkURL refuses what is no http URL. The message does not quote it: it may hold a secret.
func checkURL(text string) error {
	// An Input may stand anywhere, even in the host; what it stands for is checked when it is dialled.
	if strings.Contains(text, "${input:") {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the URL of a Server begins with http:// or https:// and names a host")
	}
	if u.User != nil {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the URL of a Server holds no user or password; give a header Authorization instead")
	}
	return nil
}

// findServer reads the row of one Server without its values' names and what it said of itself.
func findServer(ctx context.Context, t *tx, id mcpmux.ServerID) (mcpmux.Server, error) {
	var found *mcpmux.Server
	err := t.each(ctx, func(rows *sql.Rows) error {
		srv, err := scanServer(rows)
		found = &srv
		return err
	}, selectServers+" WHERE id = $1", string(id))
	if err == nil && found == nil {
		err = mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such Server")
	}
	if err != nil {
		return mcpmux.Server{}, err
	}
	return *found, nil
}

// SetServerEnabled switches a Server on or off.
func (s *Store) SetServerEnabled(ctx context.Context, id mcpmux.ServerID, enabled bool) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil || srv.Enabled == enabled {
			return err
		}
		if err := t.exec(ctx, "UPDATE servers SET enabled = $1 WHERE id = $2", enabled, string(id)); err != nil {
			return err
		}
		kind := serverDisabled
		if enabled {
			kind = serverEnabled
		}
		return t.change(ctx, kind, srv.Space, string(id))
	})
}

// ServerPatch says what to change about a Server; what is nil or empty stays.
type ServerPatch struct {
	Definition *mcpmux.Definition
	Enabled    *bool

	// Values replaces all values. Put then sets single ones, and Drop removes some by kind and name.
	Values *[]Value
	Put    []Value
	Drop   []mcpmux.ValueName

	// SetPrefix says that Prefix is meant, nil being a meaning; SetIdleTimeout and SetCallTimeout likewise.
	SetPrefix      bool
	Prefix         *string
	SetIdleTimeout bool
	IdleTimeout    *mcpmux.Duration
	SetCallTimeout bool
	CallTimeout    *mcpmux.Duration

	Isolation    *mcpmux.Isolation
	Era          *mcpmux.Era
	MaxProcesses *int
	Roots        *[]string
	Login        *mcpmux.LoginConfig
}

// UpdateServer changes a Server. Its alias stays: names and members are made of it. The Change is
// server.updated whatever was changed, and the stamp moves where a connection would be another. With another
// recipe or other values, a copy of a Server of every Space ceases to be one. With another URL, or another way
// to log in, its login is forgotten: tokens are for the place that they were given for.
func (s *Store) UpdateServer(ctx context.Context, id mcpmux.ServerID, p ServerPatch) (int64, error) {
	newValues := p.Values != nil || len(p.Put) > 0 || len(p.Drop) > 0
	loggedOut := false
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		if !newValues && p.changesNothing(srv) {
			return nil
		}
		before := srv
		p.apply(&srv)
		relocated := srv.Definition.URL != before.Definition.URL || !sameLogin(srv.Login, before.Login)
		another := newValues || relocated || !sameRecipe(srv.Definition, before.Definition)
		if err := checkServer(&srv); err != nil {
			return err
		}
		if err := t.change(ctx, serverUpdated, srv.Space, string(id)); err != nil {
			return err
		}
		if another || srv.Era != before.Era || !slices.Equal(srv.Roots, before.Roots) {
			srv.Stamp = t.revision
		}
		if another {
			if err := leaveEverySpace(ctx, t, id); err != nil {
				return err
			}
		}
		if err := updateServer(ctx, t, srv); err != nil {
			return err
		}
		if relocated {
			if loggedOut, err = dropCredentials(ctx, t, id); err != nil {
				return err
			}
		}
		return s.patchValues(ctx, t, &srv, p)
	})
	if err == nil && (newValues || loggedOut) {
		s.scrub(ctx)
	}
	return rev, err
}

func (p ServerPatch) apply(srv *mcpmux.Server) {
	if p.Definition != nil {
		srv.Definition = *p.Definition
	}
	if p.Enabled != nil {
		srv.Enabled = *p.Enabled
	}
	if p.SetPrefix {
		srv.Prefix = p.Prefix
	}
	if p.SetIdleTimeout {
		srv.IdleTimeout = p.IdleTimeout
	}
	if p.SetCallTimeout {
		srv.CallTimeout = p.CallTimeout
	}
	if p.Isolation != nil {
		srv.Isolation = *p.Isolation
	}
	if p.Era != nil {
		srv.Era = *p.Era
	}
	if p.MaxProcesses != nil {
		srv.MaxProcesses = *p.MaxProcesses
	}
	if p.Roots != nil {
		srv.Roots = *p.Roots
	}
	if p.Login != nil {
		srv.Login = *p.Login
	}
	foldDefaults(srv)
}

// sameRecipe says whether two Definitions make the same connection.
func sameRecipe(a, b mcpmux.Definition) bool {
	return a.Transport == b.Transport && a.Command == b.Command && slices.Equal(a.Args, b.Args) && a.Cwd == b.Cwd && a.URL == b.URL &&
		slices.EqualFunc(a.Inputs, b.Inputs, func(a, b mcpmux.Input) bool { return reflect.DeepEqual(a, b) })
}

func sameDefinition(a, b mcpmux.Definition) bool {
	return sameRecipe(a, b) && a.Title == b.Title && a.Description == b.Description && a.Homepage == b.Homepage
}

// changesNothing compares the parts of p other than values with srv.
func (p ServerPatch) changesNothing(srv mcpmux.Server) bool {
	after := srv
	p.apply(&after)
	return sameDefinition(after.Definition, srv.Definition) && after.Enabled == srv.Enabled &&
		textOrNil(after.Prefix) == textOrNil(srv.Prefix) && durationOrNil(after.IdleTimeout) == durationOrNil(srv.IdleTimeout) &&
		durationOrNil(after.CallTimeout) == durationOrNil(srv.CallTimeout) && sameSharing(after, srv) && sameLogin(after.Login, srv.Login)
}

func updateServer(ctx context.Context, t *tx, srv mcpmux.Server) error {
	def, err := json.Marshal(srv.Definition)
	if err != nil {
		return err
	}
	roots, err := textsFor(srv.Roots)
	if err != nil {
		return err
	}
	login, err := json.Marshal(srv.Login)
	if err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE servers SET enabled = $1, definition = $2, prefix = $3, idle_timeout = $4, call_timeout = $5, stamp = $6,
		isolation = $7, era = $8, max_processes = $9, roots = $10, login = $11 WHERE id = $12`,
		srv.Enabled, string(def), textOrNil(srv.Prefix), durationOrNil(srv.IdleTimeout), durationOrNil(srv.CallTimeout), srv.Stamp,
		string(srv.Isolation), string(srv.Era), srv.MaxProcesses, roots, string(login), string(srv.ID))
}

// DeleteServer deletes a Server with its values, its Features and its ServerAll set. Members of other sets
// that name its alias stay, for the day it is installed again.
func (s *Store) DeleteServer(ctx context.Context, id mcpmux.ServerID) (int64, error) {
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, "DELETE FROM servers WHERE id = $1", string(id)); err != nil {
			return err
		}
		return t.change(ctx, serverDeleted, srv.Space, string(id))
	})
	if err == nil {
		s.scrub(ctx)
	}
	return rev, err
}

// MarkInteractive notes for good that a Server asks clients back.
func (s *Store) MarkInteractive(ctx context.Context, id mcpmux.ServerID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		n, err := t.affect(ctx, "UPDATE servers SET interactive = TRUE WHERE id = $1 AND NOT interactive", string(id))
		if err != nil || n == 0 {
			return err
		}
		return t.change(ctx, featuresChanged, srv.Space, string(id))
	})
}

const selectServers = `SELECT id, space_id, alias, enabled, definition, prefix, idle_timeout, call_timeout, every_space IS NOT NULL,
	stamp, created_at, isolation, era, max_processes, roots, login,
	about_version, about_capabilities, about_server_info, about_instructions, about_versions, interactive FROM servers`

func scanServer(rows *sql.Rows) (mcpmux.Server, error) {
	var (
		srv                mcpmux.Server
		def                string
		prefix, version    sql.NullString
		idle, call         sql.NullInt64
		created            int64
		capabilities, info []byte
		roots, versions    string
		login              string
		about              mcpmux.About
	)
	err := rows.Scan(&srv.ID, &srv.Space, &srv.Alias, &srv.Enabled, &def, &prefix, &idle, &call, &srv.EverySpace, &srv.Stamp, &created,
		&srv.Isolation, &srv.Era, &srv.MaxProcesses, &roots, &login, &version, &capabilities, &info, &about.Instructions, &versions, &about.Interactive)
	if err != nil {
		return srv, err
	}
	if err := json.Unmarshal([]byte(def), &srv.Definition); err != nil {
		return srv, errors.Join(errors.New("read the definition of Server "+srv.Alias), err)
	}
	if err := json.Unmarshal([]byte(login), &srv.Login); err != nil {
		return srv, errors.Join(errors.New("read how to log in to Server "+srv.Alias), err)
	}
	if srv.Roots, err = textsOf(roots); err != nil {
		return srv, errors.Join(errors.New("read the roots of Server "+srv.Alias), err)
	}
	if about.Versions, err = textsOf(versions); err != nil {
		return srv, errors.Join(errors.New("read the revisions of Server "+srv.Alias), err)
	}
	srv.CreatedAt = timeOf(created)
	srv.Values = []mcpmux.ValueName{}
	if prefix.Valid {
		srv.Prefix = &prefix.String
	}
	srv.IdleTimeout, srv.CallTimeout = durationOf(idle), durationOf(call)
	if version.Valid {
		about.ProtocolVersion, about.Capabilities, about.ServerInfo = version.String, capabilities, info
		srv.About = &about
	}
	return srv, nil
}
