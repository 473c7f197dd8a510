package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"slices"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/connect"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// gatewayURL is the address that applications are given.
func (a *Admin) gatewayURL() string { return a.cfg.Process().GatewayURL + "/mcp" }

// listApplications answers every application that is known, those that are here first.
func (a *Admin) listApplications(*http.Request) ([]api.Application, error) {
	all := connect.Applications()
	out := make([]api.Application, len(all))
	for i := range all {
		out[i] = a.application(&all[i])
	}
	slices.SortStableFunc(out, func(x, y api.Application) int { return order(x.State) - order(y.State) })
	return out, nil
}

func order(s api.ApplicationState) int {
	if s == api.ApplicationAbsent {
		return 1
	}
	return 0
}

func (a *Admin) application(app *connect.Application) api.Application {
	address := a.gatewayURL()
	seen, say := a.cfg.Host.See(app, address), app.Advise(address)
	return api.Application{
		ID: app.ID, Name: app.Name, State: api.ApplicationState(seen.State), File: seen.File, Reason: seen.Why, Servers: seen.Servers,
		Format: string(say.Format), Config: say.Config, ConfigWithKey: say.Keyed, Command: say.Command, Link: say.Link,
		Next: say.Next, Note: say.Note, Unsure: say.Unsure, Checked: say.Checked,
	}
}

// showApplication is one of them.
func (a *Admin) showApplication(r *http.Request) (api.Application, error) {
	app, err := findApplication(r.PathValue("id"))
	if err != nil {
		return api.Application{}, err
	}
	return a.application(&app), nil
}

func findApplication(id string) (connect.Application, error) {
	app, ok := connect.Find(id)
	if !ok {
		return app, mcpmux.Errorf(mcpmux.CodeNotFound, "%.50q is not an application that is known; there %s", id,
			listed(connect.Applications(), func(a connect.Application) string { return a.ID }))
	}
	return app, nil
}

// source reads what is to be imported, and compares it with what a Space has.
func (a *Admin) source(st *mcpmux.State, sp mcpmux.Space, text, application string) (found connect.Found, file string, err error) {
	switch {
	case (text == "") == (application == ""):
		return found, "", mcpmux.Errorf(mcpmux.CodeInvalid, "give a text, or the id of an application")
	case text != "":
		if found, err = connect.Parse(text); err != nil {
			return found, "", mcpmux.Errorf(mcpmux.CodeInvalid, "%s", err)
		}
	default:
		app, err := findApplication(application)
		if err != nil {
			return found, "", err
		}
		if !app.Importable() {
			return found, "", mcpmux.Errorf(mcpmux.CodeInvalid, "%s does not keep its servers in a file; copy them from its settings, and paste them", app.Name)
		}
		found, file, err = a.cfg.Host.Read(&app)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return found, "", mcpmux.Errorf(mcpmux.CodeNotFound, "%s has no servers on this machine", app.Name)
		case err != nil:
			return found, file, mcpmux.Errorf(mcpmux.CodeInvalid, "%s: %s", file, err)
		}
	}
	there := slices.DeleteFunc(slices.Clone(st.Servers), func(s mcpmux.Server) bool { return s.Space != sp.ID })
	return connect.Plan(found, there, a.gatewayURL()), file, nil
}

// previewImport says what a source has, and writes nothing.
func (a *Admin) previewImport(r *http.Request, body api.ImportSource) (api.ImportPreview, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return api.ImportPreview{}, err
	}
	found, file, err := a.source(st, sp, body.Text, body.Application)
	if err != nil {
		return api.ImportPreview{}, err
	}
	out := api.ImportPreview{File: file, Servers: []api.ImportServer{}, Problems: []api.ImportProblem{}}
	for i := range found.Proposals {
		out.Servers = append(out.Servers, a.importServer(sp, &found.Proposals[i]))
	}
	for _, p := range found.Problems {
		out.Problems = append(out.Problems, api.ImportProblem(p))
	}
	return out, nil
}

func (a *Admin) importServer(sp mcpmux.Space, p *connect.Proposal) api.ImportServer {
	out := api.ImportServer{
		Digest: a.digest(sp, p), Name: p.Name, Alias: p.Alias, Definition: p.Definition, Values: []api.ImportValue{}, Enabled: !p.Stopped(),
		Warnings: []api.ImportWarning{}, DuplicateOf: p.DuplicateOf, Own: p.Own,
	}
	for _, v := range p.Values {
		shown := api.ImportValue{Kind: v.Kind, Name: v.Name, Secret: v.Secret, Hidden: v.Hidden, From: v.From, Missing: v.Missing, Prompt: v.Prompt}
		if !v.Secret && !v.Hidden {
			shown.Value = v.Text
		}
		out.Values = append(out.Values, shown)
	}
	for _, w := range p.Warnings {
		out.Warnings = append(out.Warnings, api.ImportWarning(w))
	}
	return out
}

// digest is what everything about a Proposal comes to that decides what the Server would be: its values too, which the
// preview does not show. It is keyed, so that no value can be guessed from it, and good as long as the daemon runs.
func (a *Admin) digest(sp mcpmux.Space, p *connect.Proposal) string {
	type value struct {
		Name mcpmux.ValueName
		Text string
	}
	values := make([]value, len(p.Values))
	for i, v := range p.Values {
		values[i] = value{v.ValueName, v.Text}
	}
	text, err := json.Marshal(struct {
		Space      mcpmux.SpaceID
		Name       string
		Definition mcpmux.Definition
		Values     []value
		Off, Own   bool
	}{sp.ID, p.Name, p.Definition, values, p.Stopped(), p.Own})
	if err != nil {
		panic(err) // texts always marshal
	}
	sum := hmac.New(sha256.New, a.digests[:])
	sum.Write(text)
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// importServers adds what was chosen, each as createServer would. The source is read anew, and nothing is added
// unless all that was chosen is in it as it was shown.
func (a *Admin) importServers(r *http.Request, body api.Import) (api.Imported, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return api.Imported{}, err
	}
	if len(body.Servers) == 0 {
		return api.Imported{}, mcpmux.Errorf(mcpmux.CodeInvalid, "nothing is chosen: \"servers\" has the digests of the preview")
	}
	found, _, err := a.source(st, sp, body.Text, body.Application)
	if err != nil {
		return api.Imported{}, err
	}
	shown := map[string]*connect.Proposal{}
	for i := range found.Proposals {
		p := &found.Proposals[i]
		shown[a.digest(sp, p)] = p
	}
	adds := make([]api.NewServer, len(body.Servers))
	for i, choice := range body.Servers {
		p := shown[choice.Digest]
		switch {
		case p == nil:
			return api.Imported{}, mcpmux.Errorf(mcpmux.CodeConflict, "what is to be added is not what was shown, so nothing was added: look at the preview again")
		case p.Own:
			return api.Imported{}, mcpmux.Errorf(mcpmux.CodeInvalid, "%q is McpMux itself", p.Name)
		}
		if adds[i], err = newServer(p, choice); err != nil {
			return api.Imported{}, err
		}
	}
	out := api.Imported{}
	for _, add := range adds {
		result := api.ImportResult{Alias: add.Alias}
		made, err := a.createServer(r, add)
		switch {
		case err == nil:
			result.Added, result.Enabled = true, made.Enabled
		case mcpmux.CodeOf(err) == mcpmux.CodeInternal:
			return api.Imported{}, err
		default:
			result.Error = a.cfg.Hide(err.Error())
		}
		out.Servers = append(out.Servers, result)
	}
	return out, nil
}

// newServer is the Server that a choice asks for. Values can be given where the source has none, and nowhere else:
// the others were looked at.
func newServer(p *connect.Proposal, choice api.ImportChoice) (api.NewServer, error) {
	on := !p.Stopped()
	add := api.NewServer{Alias: choice.Alias, Definition: p.Definition, Enabled: &on}
	if add.Alias == "" {
		add.Alias = p.Alias
	}
	given := slices.Clone(choice.Values)
	for _, v := range p.Values {
		text, known := v.Text, !v.Missing
		for j, g := range given {
			if g.Kind == v.Kind && g.Name == v.Name && v.Missing {
				text, known = g.Value, true
				given = slices.Delete(given, j, j+1)
				break
			}
		}
		if known {
			add.Values = append(add.Values, api.Value{Kind: v.Kind, Name: v.Name, Secret: v.Secret, Value: text})
		}
	}
	if len(given) > 0 {
		return add, mcpmux.Errorf(mcpmux.CodeInvalid, "%.100q is not a value that %q lacks; change it once the server is added", given[0].Name, add.Alias)
	}
	return add, nil
}
