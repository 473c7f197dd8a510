package admin

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// space is the state and the Space that the parameter space names.
func (a *Admin) space(r *http.Request) (*mcpmux.State, mcpmux.Space, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, mcpmux.Space{}, err
	}
	sp, err := findSpace(st, r.URL.Query().Get("space"))
	return st, sp, err
}

// server is the state and the Server that the path names.
func (a *Admin) server(r *http.Request) (*mcpmux.State, mcpmux.Server, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return nil, mcpmux.Server{}, err
	}
	srv, err := findServer(st, sp, r.PathValue("alias"))
	return st, srv, err
}

// serverResource is a Server for the API.
func (a *Admin) serverResource(st *mcpmux.State, srv mcpmux.Server) api.Server {
	srv.Values = some(srv.Values)
	out := api.Server{Server: srv, SpaceName: spaceName(st, srv.Space), Status: a.cfg.Servers.Status(srv.ID)}
	for i := range st.Features {
		if st.Features[i].Server != srv.ID {
			continue
		}
		switch st.Features[i].Kind {
		case mcpmux.KindTool:
			out.Features.Tools++
		case mcpmux.KindPrompt:
			out.Features.Prompts++
		case mcpmux.KindResource:
			out.Features.Resources++
		case mcpmux.KindTemplate:
			out.Features.Templates++
		}
	}
	return out
}

func spaceName(st *mcpmux.State, id mcpmux.SpaceID) string {
	for i := range st.Spaces {
		if st.Spaces[i].ID == id {
			return st.Spaces[i].Name
		}
	}
	return ""
}

// serverAfter is the Server as it is once a write to it is applied.
func (a *Admin) serverAfter(r *http.Request, id mcpmux.ServerID, revision int64, err error) (api.Server, error) {
	st, err := a.settled(r.Context(), revision, err)
	if err != nil {
		return api.Server{}, err
	}
	for i := range st.Servers {
		if st.Servers[i].ID == id {
			return a.serverResource(st, st.Servers[i]), nil
		}
	}
	return api.Server{}, mcpmux.Errorf(mcpmux.CodeNotFound, "the server was removed meanwhile")
}

func (a *Admin) listServers(r *http.Request) ([]api.Server, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return nil, err
	}
	out := []api.Server{}
	for i := range st.Servers {
		if st.Servers[i].Space == sp.ID {
			out = append(out, a.serverResource(st, st.Servers[i]))
		}
	}
	return out, nil
}

func (a *Admin) showServer(r *http.Request) (api.Server, error) {
	st, srv, err := a.server(r)
	if err != nil {
		return api.Server{}, err
	}
	return a.serverResource(st, srv), nil
}

func (a *Admin) createServer(r *http.Request, body api.NewServer) (api.Server, error) {
	_, sp, err := a.space(r)
	if err != nil {
		return api.Server{}, err
	}
	srv, rev, err := a.cfg.Store.CreateServer(r.Context(), store.NewServer{
		Space: sp.ID, Alias: body.Alias, Definition: body.Definition, Values: sealable(body.Values),
		Enabled: body.Enabled == nil || *body.Enabled, Prefix: body.Prefix,
		IdleTimeout: body.IdleTimeout, CallTimeout: body.CallTimeout, EverySpace: body.EverySpace,
		Isolation: body.Isolation, Era: body.Era, MaxProcesses: body.MaxProcesses, Roots: body.Roots, Login: orDefault(body.Login),
	})
	return a.serverAfter(r, srv.ID, rev, err)
}

// sealable is values as the store takes them.
func sealable(values []api.Value) []store.Value {
	out := make([]store.Value, len(values))
	for i, v := range values {
		out[i] = store.Value{ValueName: mcpmux.ValueName{Kind: v.Kind, Name: v.Name, Secret: v.Secret}, Value: secret.NewValue(v.Value)}
	}
	return out
}

func (a *Admin) patchServer(r *http.Request, body api.ServerPatch) (api.Server, error) {
	_, srv, err := a.server(r)
	if err != nil {
		return api.Server{}, err
	}
	patch := store.ServerPatch{Definition: body.Definition, Enabled: body.Enabled, Put: sealable(body.Put)}
	if body.Values != nil {
		values := sealable(*body.Values)
		patch.Values = &values
	}
	for _, d := range body.Drop {
		patch.Drop = append(patch.Drop, mcpmux.ValueName{Kind: d.Kind, Name: d.Name})
	}
	if patch.SetPrefix, patch.Prefix, err = nullable[string](body.Prefix, "prefix", "a text, or null for the alias"); err != nil {
		return api.Server{}, err
	}
	const timeout = `a duration such as "5m", or null for the setting`
	if patch.SetIdleTimeout, patch.IdleTimeout, err = nullable[mcpmux.Duration](body.IdleTimeout, "idle_timeout", timeout); err != nil {
		return api.Server{}, err
	}
	if patch.SetCallTimeout, patch.CallTimeout, err = nullable[mcpmux.Duration](body.CallTimeout, "call_timeout", timeout); err != nil {
		return api.Server{}, err
	}
	if err := patchSharing(&patch, body); err != nil {
		return api.Server{}, err
	}
	if patch.Login, err = orZero[mcpmux.LoginConfig](body.Login, "login", "an object that says how to log in, or null for what the server says"); err != nil {
		return api.Server{}, err
	}
	rev, err := a.cfg.Store.UpdateServer(r.Context(), srv.ID, patch)
	return a.serverAfter(r, srv.ID, rev, err)
}

// patchSharing reads the members about what a Server's connections are and who shares them.
func patchSharing(patch *store.ServerPatch, body api.ServerPatch) (err error) {
	if patch.Isolation, err = orZero[mcpmux.Isolation](body.Isolation, "isolation", "auto, shared, session or none, or null for auto"); err != nil {
		return err
	}
	if patch.Era, err = orZero[mcpmux.Era](body.Era, "era", "auto, legacy or modern, or null for auto"); err != nil {
		return err
	}
	if patch.MaxProcesses, err = orZero[int](body.MaxProcesses, "max_processes", "a whole number, or null for the default"); err != nil {
		return err
	}
	patch.Roots, err = orZero[[]string](body.Roots, "roots", "an array of file:// URIs, or null for none")
	return err
}

func orDefault[T any](v *T) T {
	if v == nil {
		return *new(T)
	}
	return *v
}

// orZero reads a member for which null means the zero value; one that was not given is nil.
func orZero[T any](raw json.RawMessage, name, form string) (*T, error) {
	given, v, err := nullable[T](raw, name, form)
	if given && v == nil {
		v = new(T)
	}
	return v, err
}

// nullable reads a member for which null has a meaning of its own: whether it was given, and its value.
func nullable[T any](raw json.RawMessage, name, form string) (given bool, v *T, err error) {
	switch {
	case len(raw) == 0:
		return false, nil, nil
	case bytes.Equal(bytes.TrimSpace(raw), []byte("null")):
		return true, nil, nil
	}
	v = new(T)
	if json.Unmarshal(raw, v) != nil {
		return false, nil, mcpmux.Errorf(mcpmux.CodeInvalid, "%q must be %s", name, form)
	}
	return true, v, nil
}

// serverValues are the values of a Server for a form to begin with: of the Inputs that its user said are no secrets.
// Environments and headers often hold one that nobody said is.
func (a *Admin) serverValues(r *http.Request) ([]api.ServerValue, error) {
	_, srv, err := a.server(r)
	if err != nil {
		return nil, err
	}
	values, err := a.cfg.Store.Values(r.Context(), srv.ID)
	if err != nil {
		return nil, err
	}
	out := []api.ServerValue{}
	for _, v := range values {
		shown := api.ServerValue{ValueName: v.ValueName}
		if !v.Secret && v.Kind == mcpmux.ValueInput {
			text := v.Reveal()
			shown.Value = &text
		}
		out = append(out, shown)
	}
	return out, nil
}

func (a *Admin) deleteServer(r *http.Request) (api.Server, error) {
	st, srv, err := a.server(r)
	if err != nil {
		return api.Server{}, err
	}
	gone := a.serverResource(st, srv)
	rev, err := a.cfg.Store.DeleteServer(r.Context(), srv.ID)
	_, err = a.settled(r.Context(), rev, err)
	return gone, err
}

// switchServer makes the handler of enable or disable.
func switchServer(on bool) func(*Admin, *http.Request) (api.Server, error) {
	return func(a *Admin, r *http.Request) (api.Server, error) {
		_, srv, err := a.server(r)
		if err != nil {
			return api.Server{}, err
		}
		rev, err := a.cfg.Store.SetServerEnabled(r.Context(), srv.ID, on)
		return a.serverAfter(r, srv.ID, rev, err)
	}
}

func (a *Admin) restartServer(r *http.Request) (api.Server, error) {
	st, srv, err := a.server(r)
	if err != nil {
		return api.Server{}, err
	}
	if !srv.Enabled {
		return api.Server{}, mcpmux.Errorf(mcpmux.CodeConflict, "the server %q is switched off; switch it on with `mcpmux server enable %s`", srv.Alias, srv.Alias)
	}
	if !a.cfg.Gateway.Running() {
		return api.Server{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "the gateway is stopped, so no server runs; start it with `mcpmux gateway start`")
	}
	if err := a.cfg.Servers.Restart(srv.ID); err != nil {
		return api.Server{}, err
	}
	return a.serverResource(st, srv), nil
}

func (a *Admin) listFeatures(r *http.Request) ([]api.Feature, error) {
	st, srv, err := a.server(r)
	if err != nil {
		return nil, err
	}
	out := []api.Feature{}
	for i := range st.Features {
		if f := &st.Features[i]; f.Server == srv.ID {
			about := describe(f.Raw)
			out = append(out, api.Feature{Kind: f.Kind, Name: f.Name, Description: about.Description, Raw: f.Raw})
		}
	}
	return out, nil
}

// description is what of a listed Feature people are shown.
type description struct {
	Title       string          `json:"title"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"inputSchema"`
}

// describe reads what it can; a Feature that says nothing of itself is fine.
func describe(raw []byte) (d description) {
	_ = json.Unmarshal(raw, &d) // of a member that is no text nothing is shown
	return d
}
