package admin

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// spaceNamed finds the Space that the path names.
func (a *Admin) spaceNamed(r *http.Request) (*mcpmux.State, mcpmux.Space, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, mcpmux.Space{}, err
	}
	sp, err := findSpace(st, r.PathValue("name"))
	return st, sp, err
}

// spaceAfter is the Space as it is once a write to it is applied.
func (a *Admin) spaceAfter(r *http.Request, id mcpmux.SpaceID, revision int64, err error) (api.Space, error) {
	st, err := a.settled(r.Context(), revision, err)
	if err != nil {
		return api.Space{}, err
	}
	sp, err := findSpace(st, string(id))
	return spaceResource(st, sp), err
}

func spaceResource(st *mcpmux.State, sp mcpmux.Space) api.Space {
	out := api.Space{Space: sp}
	for i := range st.Servers {
		if st.Servers[i].Space == sp.ID {
			out.Counts.Servers++
		}
	}
	out.Counts.FeatureSets = len(customSets(st, sp.ID))
	for _, c := range st.Clients {
		if id, _, err := catalog.SpaceOf(c, st); err == nil && id == sp.ID {
			out.Counts.Clients++
		}
	}
	return out
}

// customSets are the names of the sets that the user made.
func customSets(st *mcpmux.State, space mcpmux.SpaceID) []string {
	out := []string{}
	for i := range st.FeatureSets {
		if s := &st.FeatureSets[i]; s.Space == space && s.Kind == mcpmux.SetCustom {
			out = append(out, s.Name)
		}
	}
	return out
}

func (a *Admin) listSpaces(r *http.Request) ([]api.Space, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	out := []api.Space{}
	for _, sp := range st.Spaces {
		out = append(out, spaceResource(st, sp))
	}
	return out, nil
}

func (a *Admin) showSpace(r *http.Request) (api.Space, error) {
	st, sp, err := a.spaceNamed(r)
	if err != nil {
		return api.Space{}, err
	}
	return spaceResource(st, sp), nil
}

func (a *Admin) createSpace(r *http.Request, body api.NewSpace) (api.Space, error) {
	sp, rev, err := a.cfg.Store.CreateSpace(r.Context(), body.Name, body.Icon)
	return a.spaceAfter(r, sp.ID, rev, err)
}

func (a *Admin) patchSpace(r *http.Request, body api.SpacePatch) (api.Space, error) {
	_, sp, err := a.spaceNamed(r)
	if err != nil {
		return api.Space{}, err
	}
	rev, err := a.cfg.Store.UpdateSpace(r.Context(), sp.ID, store.SpacePatch{Name: body.Name, Icon: body.Icon})
	return a.spaceAfter(r, sp.ID, rev, err)
}

func (a *Admin) activateSpace(r *http.Request) (api.Space, error) {
	_, sp, err := a.spaceNamed(r)
	if err != nil {
		return api.Space{}, err
	}
	rev, err := a.cfg.Store.ActivateSpace(r.Context(), sp.ID)
	return a.spaceAfter(r, sp.ID, rev, err)
}

func (a *Admin) deleteSpace(r *http.Request) (api.Space, error) {
	st, sp, err := a.spaceNamed(r)
	if err != nil {
		return api.Space{}, err
	}
	rev, err := a.cfg.Store.DeleteSpace(r.Context(), sp.ID)
	_, err = a.settled(r.Context(), rev, err)
	return spaceResource(st, sp), err
}

// some is list, or an empty one in place of nil: a list in JSON is an array.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
