package admin

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// spaceDeletion is what store.DeleteSpace would destroy, told before it does.
func (a *Admin) spaceDeletion(r *http.Request) (api.SpaceDeletion, error) {
	st, sp, err := a.spaceNamed(r)
	if err != nil {
		return api.SpaceDeletion{}, err
	}
	out := api.SpaceDeletion{Space: sp.Name, Servers: []api.DeletedServer{}, FeatureSets: customSets(st, sp.ID), Clients: []api.DeletionEffect{}}
	if sp.Default {
		out.Refused = "this is the default Space, which cannot be deleted"
	}
	for i := range st.Servers {
		if s := &st.Servers[i]; s.Space == sp.ID {
			out.Servers = append(out.Servers, deletedServer(s))
		}
	}
	for _, s := range out.Servers {
		out.Secrets += s.Secrets
		if s.LoggedIn {
			out.Logins++
		}
	}
	for _, other := range st.Spaces {
		if sp.Active && other.Default && other.ID != sp.ID {
			out.NextActive = other.Name
		}
	}
	for _, c := range st.Clients {
		if e, ok := deletionEffect(st, sp, c); ok {
			out.Grants += e.Grants
			out.Clients = append(out.Clients, e)
		}
	}
	return out, nil
}

func deletedServer(s *mcpmux.Server) api.DeletedServer {
	out := api.DeletedServer{Alias: s.Alias, Values: len(s.Values), LoggedIn: s.LoggedIn != nil}
	for _, v := range s.Values {
		if v.Secret {
			out.Secrets++
		}
	}
	return out
}

// deletionEffect is what the deletion of a Space does to a Client, false for nothing.
func deletionEffect(st *mcpmux.State, sp mcpmux.Space, c mcpmux.Client) (api.DeletionEffect, bool) {
	e := api.DeletionEffect{Client: c.Name, Mode: c.Mode}
	for _, g := range st.Grants {
		if g.Client == c.ID && g.Space == sp.ID {
			e.Grants++
		}
	}
	switch {
	case c.Mode != mcpmux.ModeFollow && c.Space == sp.ID:
		e.Effect = api.DeletionStrands
	case c.Mode == mcpmux.ModeFollow && sp.Active:
		e.Effect = api.DeletionMoves
	case e.Grants > 0:
		e.Effect = api.DeletionTakesGrants
	}
	return e, e.Effect != ""
}
