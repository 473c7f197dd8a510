package admin

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// spaceNamed finds the Space that the path names.
func (a *Admin) spaceNamed(r *http.Request) (mcpmux.Space, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return mcpmux.Space{}, err
	}
	return findSpace(st, r.PathValue("name"))
}

// spaceAfter is the Space as it is once a write to it is applied.
func (a *Admin) spaceAfter(r *http.Request, id mcpmux.SpaceID, revision int64, err error) (api.Space, error) {
	st, err := a.settled(r.Context(), revision, err)
	if err != nil {
		return api.Space{}, err
	}
	return findSpace(st, string(id))
}

func (a *Admin) listSpaces(r *http.Request) ([]api.Space, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	return some(st.Spaces), nil
}

func (a *Admin) showSpace(r *http.Request) (api.Space, error) { return a.spaceNamed(r) }

func (a *Admin) createSpace(r *http.Request, body api.SpaceName) (api.Space, error) {
	sp, rev, err := a.cfg.Store.CreateSpace(r.Context(), body.Name)
	return a.spaceAfter(r, sp.ID, rev, err)
}

func (a *Admin) renameSpace(r *http.Request, body api.SpaceName) (api.Space, error) {
	sp, err := a.spaceNamed(r)
	if err != nil {
		return sp, err
	}
	rev, err := a.cfg.Store.RenameSpace(r.Context(), sp.ID, body.Name)
	return a.spaceAfter(r, sp.ID, rev, err)
}

func (a *Admin) activateSpace(r *http.Request) (api.Space, error) {
	sp, err := a.spaceNamed(r)
	if err != nil {
		return sp, err
	}
	rev, err := a.cfg.Store.ActivateSpace(r.Context(), sp.ID)
	return a.spaceAfter(r, sp.ID, rev, err)
}

func (a *Admin) deleteSpace(r *http.Request) (api.Space, error) {
	sp, err := a.spaceNamed(r)
	if err != nil {
		return sp, err
	}
	rev, err := a.cfg.Store.DeleteSpace(r.Context(), sp.ID)
	_, err = a.settled(r.Context(), rev, err)
	return sp, err
}

// some is list, or an empty one in place of nil: a list in JSON is an array.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
