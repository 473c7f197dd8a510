package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// Copy is everything that a user has set up, opened, as another installation can take it. What was only learned or
// given out is not in it: what Servers said and offer, sessions, tokens of applications, consents, the record of requests.
type Copy struct {
	Spaces   []mcpmux.Space
	Servers  []CopiedServer
	Sets     []mcpmux.FeatureSet
	Clients  []mcpmux.Client
	Grants   []mcpmux.Grant
	Keys     []mcpmux.AccessKey
	Settings map[string]string
	// Lacks says in words what could not be opened and so is not in it.
	Lacks []string
}

// CopiedServer is a Server with its values, in place of their names, and what its logins gave.
type CopiedServer struct {
	mcpmux.Server
	// First is the Server of every Space that it is a copy of, "" for any other; see everyspace.go.
	First  mcpmux.ServerID
	Values []Value
	Logins []Credential
}

// sealedServer is what is stored sealed for a Server.
type sealedServer struct {
	values []sealedValue
	logins []sealedCredential
}

// Copy reads everything, as of one moment. A value that does not open is left out, and Lacks says so; without the master
// key nothing is answered if there is anything to open.
func (s *Store) Copy(ctx context.Context) (*Copy, error) {
	var c *Copy
	var sealed []sealedServer
	err := s.read(ctx, func(ctx context.Context, t *tx) (err error) {
		c, sealed, err = readCopy(ctx, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("copy everything: %w", err)
	}
	box := s.box.Load()
	for i := range c.Servers {
		if box == nil && len(sealed[i].values)+len(sealed[i].logins) > 0 {
			return nil, errLocked
		}
		s.openCopied(box, c, &c.Servers[i], sealed[i])
	}
	return c, nil
}

func readCopy(ctx context.Context, t *tx) (*Copy, []sealedServer, error) {
	st := &mcpmux.State{Settings: make(map[string]string)}
	for _, part := range []func(context.Context, *tx, *mcpmux.State) error{loadSpaces, loadServers, loadClients, loadGrants, loadKeys, loadSettings} {
		if err := part(ctx, t, st); err != nil {
			return nil, nil, err
		}
	}
	sets, err := readSets(ctx, t, "")
	if err != nil {
		return nil, nil, err
	}
	first, err := readFirsts(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	c := &Copy{Spaces: st.Spaces, Sets: sets, Clients: st.Clients, Grants: st.Grants, Keys: st.Keys, Settings: st.Settings}
	sealed := make([]sealedServer, len(st.Servers))
	for i := range st.Servers {
		srv := st.Servers[i]
		srv.Values, srv.About, srv.LoggedIn, srv.Stamp = nil, nil, nil, 0
		c.Servers = append(c.Servers, CopiedServer{Server: srv, First: first[srv.ID]})
		if sealed[i].values, err = readSealed(ctx, t, srv.ID); err != nil {
			return nil, nil, err
		}
		if sealed[i].logins, err = readCredentials(ctx, t, srv.ID); err != nil {
			return nil, nil, err
		}
	}
	return c, sealed, nil
}

// readFirsts reads which Server each of every Space is a copy of.
func readFirsts(ctx context.Context, t *tx) (map[mcpmux.ServerID]mcpmux.ServerID, error) {
	first := make(map[mcpmux.ServerID]mcpmux.ServerID)
	return first, t.each(ctx, func(rows *sql.Rows) error {
		var id, of mcpmux.ServerID
		err := rows.Scan(&id, &of)
		first[id] = of
		return err
	}, "SELECT id, every_space FROM servers WHERE every_space IS NOT NULL")
}

// openCopied opens what is sealed of a Server.
func (s *Store) openCopied(box *secret.Box, c *Copy, srv *CopiedServer, sealed sealedServer) {
	for _, v := range sealed.values {
		plain, err := box.Open(s.place(v.row, &srv.Server, v.ValueName), v.blob)
		if err != nil {
			c.Lacks = append(c.Lacks, fmt.Sprintf("the %s %q of the server %s, which cannot be opened", v.Kind, v.Name, srv.Alias))
			continue
		}
		srv.Values = append(srv.Values, Value{v.ValueName, secret.NewValue(string(plain))})
	}
	for _, l := range sealed.logins {
		plain, err := box.Open(s.credentialPlace(l.row, &srv.Server, l.Kind, l.Issuer), l.blob)
		if err != nil {
			c.Lacks = append(c.Lacks, fmt.Sprintf("the login to the server %s, which cannot be opened", srv.Alias))
			continue
		}
		l.Body = secret.NewValue(string(plain))
		srv.Logins = append(srv.Logins, l.Credential)
	}
}
