package admin

import (
	"context"
	"net/http"
	"runtime"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func (a *Admin) status(r *http.Request) (api.Status, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return api.Status{}, err
	}
	p := a.cfg.Process()
	out := api.Status{
		Gateway: api.GatewayStopped, RegisteredClients: len(st.Clients), Servers: len(st.Servers), Spaces: len(st.Spaces),
		GatewayAddr: a.cfg.Gateway.Addr(), DashboardAddr: p.DashboardAddr, Version: p.Version, PID: p.PID, StartedAt: p.StartedAt,
		Secrets: a.cfg.Secrets.Status(r.Context()), Warnings: []string{}, Attention: []api.Attention{}, Questions: questions(st), Ready: p.Ready, ReadyReason: p.ReadyReason, Sessions: p.Sessions,
		Statements: a.cfg.Store.Statements(), Revision: st.Revision,
	}
	if a.cfg.Gateway.Running() {
		out.Gateway = api.GatewayRunning
	}
	out.GatewayURL, out.DashboardURL = p.GatewayURL+"/mcp", p.DashboardURL
	if sp, err := findSpace(st, ""); err == nil {
		out.ActiveSpace = sp.Name
	}
	if out.Secrets.Warning != "" {
		out.Attention = append(out.Attention, api.Attention{Kind: api.AttentionKeyStore, Text: out.Secrets.Warning})
	}
	if out.Secrets.Reason != "" {
		out.Attention = append(out.Attention, api.Attention{Kind: api.AttentionLocked, Text: out.Secrets.Reason})
	}
	a.countServers(st, &out)
	for _, c := range st.Clients {
		if !c.Approved {
			out.Attention = append(out.Attention, api.Attention{Kind: api.AttentionClient, Text: "the client " + c.Name + " is not approved", Client: c.Name})
		}
	}
	for _, at := range out.Attention {
		out.Warnings = append(out.Warnings, at.Text)
	}
	return out, nil
}

// countServers counts what runs, and names what does not.
func (a *Admin) countServers(st *mcpmux.State, out *api.Status) {
	for i := range st.Servers {
		srv := &st.Servers[i]
		s := a.cfg.Servers.Status(srv.ID)
		switch s.State {
		case mcpmux.StateConnected:
			out.ConnectedServers++
		case mcpmux.StateIdle:
			out.IdleServers++
		default: // does not run
		}
		kind := api.AttentionServer
		if s.LoginWanted || s.State == mcpmux.StateLoginRequired {
			kind = api.AttentionLogin
		} else if s.State != mcpmux.StateError {
			continue
		}
		out.Attention = append(out.Attention, api.Attention{
			Kind: kind, Text: trouble(st, srv, s), Space: spaceName(st, srv.Space), SpaceID: srv.Space, Server: srv.Alias, Reason: s.Reason,
		})
	}
}

// trouble is what a person is told of a Server that does not work.
func trouble(st *mcpmux.State, srv *mcpmux.Server, s mcpmux.ServerStatus) string {
	text := "the server " + srv.Alias + " of the Space " + spaceName(st, srv.Space) + " is in state " + string(s.State)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// questions are the open ones: Clients in mode ask that are not in the active Space.
func questions(st *mcpmux.State) []api.Question {
	out := []api.Question{}
	active, err := findSpace(st, "")
	if err != nil {
		return out
	}
	for _, c := range st.Clients {
		if _, ask, _ := catalog.SpaceOf(c, st); ask { // a Space that is gone may be asked about too
			out = append(out, api.Question{Client: c.Name, From: spaceName(st, c.Space), To: active.Name})
		}
	}
	return out
}

func (a *Admin) version(*http.Request) (api.Version, error) {
	return api.Version{Version: a.cfg.Process().Version, Go: runtime.Version()}, nil
}

// doctor looks at everything once. A check that fails says what to do.
func (a *Admin) doctor(r *http.Request) (api.Doctor, error) {
	d := api.Doctor{OK: true}
	check := func(name string, ok bool, good, bad string) {
		c := api.Check{Name: name, OK: ok, Message: good}
		if !ok {
			c.Message, d.OK = bad, false
		}
		d.Checks = append(d.Checks, c)
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		a.log.Error("doctor", "err", err)
		check("database", false, "", "it cannot be read; the daemon's log says why")
		return d, nil
	}
	p := a.cfg.Process()
	check("database", true, "it can be read ("+p.DataDir+")", "")
	s := a.cfg.Secrets.Status(r.Context())
	check("secrets", s.State != SecretsLocked, "the master key is in: "+s.Source, s.Reason+"; `mcpmux secrets unlock` tries again")
	if s.State != SecretsLocked && s.Warning != "" {
		check("secrets warning", true, s.Warning, "") // it works, and is told for as long as it lasts
	}
	check("gateway", a.cfg.Gateway.Running(), "it listens on "+a.cfg.Gateway.Addr(), "it is stopped; start it with `mcpmux gateway start`")
	for i := range st.Servers {
		srv := &st.Servers[i]
		s := a.cfg.Servers.Status(srv.ID)
		bad := s.State == mcpmux.StateError || s.State == mcpmux.StateLoginRequired
		check("server "+srv.Alias, !bad, string(s.State), trouble(st, srv, s)+"; see `mcpmux server logs "+srv.Alias+"`")
	}
	for _, c := range st.Clients {
		_, _, err := catalog.SpaceOf(c, st)
		if err != nil {
			check("client "+c.Name, false, "", err.Error())
		} else {
			check("client "+c.Name, c.Approved, "approved", "it is not approved; `mcpmux client approve` lets it in")
		}
	}
	return d, nil
}

func (a *Admin) startGateway(r *http.Request) (api.Status, error) {
	if err := a.cfg.Gateway.Start(r.Context()); err != nil {
		return api.Status{}, err
	}
	return a.status(r)
}

func (a *Admin) stopGateway(r *http.Request) (api.Status, error) {
	if err := a.cfg.Gateway.Stop(r.Context()); err != nil {
		return api.Status{}, err
	}
	return a.status(r)
}

func (a *Admin) restartGateway(r *http.Request) (api.Status, error) {
	if err := a.cfg.Gateway.Stop(r.Context()); err != nil {
		return api.Status{}, err
	}
	return a.startGateway(r)
}

func (a *Admin) settingResource(st *mcpmux.State, s mcpmux.Setting) api.Setting {
	return api.Setting{Setting: s, Value: st.Setting(s.Name), Overridden: a.cfg.Process().Overridden[s.Name]}
}

func (a *Admin) listSettings(r *http.Request) ([]api.Setting, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	out := []api.Setting{}
	for _, s := range mcpmux.Settings() {
		out = append(out, a.settingResource(st, s))
	}
	return out, nil
}

func (a *Admin) showSetting(r *http.Request) (api.Setting, error) {
	s, err := settingNamed(r)
	if err != nil {
		return api.Setting{}, err
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return api.Setting{}, err
	}
	return a.settingResource(st, s), nil
}

func settingNamed(r *http.Request) (mcpmux.Setting, error) {
	s, ok := mcpmux.FindSetting(r.PathValue("key"))
	if !ok {
		return s, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no setting %.100q; there %s", r.PathValue("key"),
			listed(mcpmux.Settings(), func(s mcpmux.Setting) string { return s.Name }))
	}
	return s, nil
}

func (a *Admin) setSetting(r *http.Request, body api.SettingValue) (api.Setting, error) {
	s, err := settingNamed(r)
	if err != nil {
		return api.Setting{}, err
	}
	if err := a.move(r.Context(), s, body.Value); err != nil {
		return api.Setting{}, err
	}
	rev, err := a.cfg.Store.SetSetting(r.Context(), s.Name, body.Value)
	st, err := a.settled(r.Context(), rev, err)
	if err != nil {
		return api.Setting{}, err
	}
	return a.settingResource(st, s), nil
}

// move opens the gateway at another address before that is its setting: one that cannot be had is refused, and the
// gateway stays where it is.
func (a *Admin) move(ctx context.Context, s mcpmux.Setting, addr string) error {
	if s.Name != mcpmux.SettingGatewayAddr || a.cfg.Move == nil || a.cfg.Process().Overridden[s.Name] != "" || s.Check(addr) != nil {
		return nil // Store says what is wrong with a value
	}
	return a.cfg.Move(ctx, addr)
}
