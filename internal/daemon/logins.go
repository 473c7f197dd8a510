package daemon

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/authclient"
	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/supervisor"
)

// usedWithin is how long ago an idle Server was used at most for its login to be renewed ahead of need.
const usedWithin = 24 * time.Hour

// newEngine makes what logs in to Servers.
func (d *daemon) newEngine() (*authclient.Engine, error) {
	return authclient.New(authclient.Config{
		Store: d.store, Target: d.loginTarget, Origin: d.loginOrigin, Wanted: d.loginWanted, Log: d.log,
		Applied: func(ctx context.Context, revision int64) error { return d.follow.wait(ctx, revision) },
		Needed: func(id mcpmux.ServerID, need *authclient.NeedsLogin) {
			d.super.RequireLogin(id, mcpmux.Errorf(mcpmux.CodeLoginRequired, "%s", need.Reason), need.Scope)
		},
		LoggedIn: func(id mcpmux.ServerID) { d.gateway.LoggedIn(id) },
	})
}

// renew gets other credentials for a Server that refused some.
func (d *daemon) renew(ctx context.Context, id mcpmux.ServerID, refused *backend.LoginRequiredError) error {
	err := d.auth.Renew(ctx, id, authclient.Refusal{Status: refused.Status, Challenges: refused.Challenges, Used: refused.Used})
	if need, ok := errors.AsType[*authclient.NeedsLogin](err); ok {
		return mcpmux.Errorf(mcpmux.CodeLoginRequired, "%s", need.Reason)
	}
	return err
}

// loginEnded returns when the login of a Server that was begun last does not wait for its person any more.
func (d *daemon) loginEnded(ctx context.Context, id mcpmux.ServerID) { d.auth.Progress(ctx, id) }

// loginTarget is a Server as its login needs it.
func (d *daemon) loginTarget(ctx context.Context, id mcpmux.ServerID) (authclient.Target, error) {
	srv, ok := d.server(id)
	if !ok {
		return authclient.Target{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such server")
	}
	if srv.Definition.Transport == mcpmux.TransportStdio {
		return authclient.Target{}, mcpmux.Errorf(mcpmux.CodeConflict, "%s is a program on this machine: there is nothing to log in to; give it its credentials with --secret", srv.Alias)
	}
	values, err := d.ownValues(ctx, id)
	if err != nil {
		return authclient.Target{}, err
	}
	spec, err := supervisor.ResolveSpec(srv, values)
	if err != nil {
		return authclient.Target{}, err
	}
	t := authclient.Target{Alias: srv.Alias, URL: spec.URL, Login: srv.Login, Own: authorized(values)}
	for _, v := range values {
		if v.Kind != mcpmux.ValueLogin {
			continue
		}
		switch v.Name {
		case mcpmux.LoginClientSecret:
			t.Secret = secret.NewValue(v.Text)
		case mcpmux.LoginPrivateKey:
			t.Key = secret.NewValue(v.Text)
		}
	}
	return t, nil
}

// authorized says whether a Server was given an Authorization header.
func authorized(values []supervisor.Value) bool {
	for _, v := range values {
		if v.Kind == mcpmux.ValueHeader && strings.EqualFold(v.Name, "Authorization") {
			return true
		}
	}
	return false
}

// server is a Server of the state applied last.
func (d *daemon) server(id mcpmux.ServerID) (mcpmux.Server, bool) {
	if st := d.state.Load(); st != nil {
		for i := range st.Servers {
			if st.Servers[i].ID == id {
				return st.Servers[i], true
			}
		}
	}
	return mcpmux.Server{}, false
}

// loginOrigin is where the pages of a login are: on the dashboard's address, under the host that is wished for. Where
// the dashboard has a public origin, it is there: the browser may be on another machine.
func (d *daemon) loginOrigin(host string) string {
	d.desk.mu.Lock()
	l := d.desk.listener
	d.desk.mu.Unlock()
	if l == nil {
		return ""
	}
	return first(l.Public(), "http://"+net.JoinHostPort(host, strconv.Itoa(l.Port())))
}

// loginWanted says whether a Server is in use.
func (d *daemon) loginWanted(id mcpmux.ServerID) bool {
	switch st := d.super.Status(id); st.State {
	case mcpmux.StateConnected:
		return true
	case mcpmux.StateIdle:
		return time.Since(st.Since) < usedWithin
	default:
		srv, ok := d.server(id)
		return ok && srv.Login.KeepAlive
	}
}

// logins is the engine as the admin API uses it.
type logins struct{ d *daemon }

func (l logins) Begin(ctx context.Context, id mcpmux.ServerID, n api.NewLogin) (api.Login, error) {
	b, err := l.d.auth.Begin(ctx, id, authclient.Method(n.Method), n.Again)
	if err != nil || b.URL == "" {
		return api.Login{}, err
	}
	return api.Login{URL: b.URL, UserCode: b.UserCode, ExpiresAt: &b.ExpiresAt}, nil
}

func (l logins) Paste(ctx context.Context, id mcpmux.ServerID, address string) error {
	return l.d.auth.Paste(ctx, id, address)
}

func (l logins) Progress(ctx context.Context, id mcpmux.ServerID) api.LoginProgress {
	p := l.d.auth.Progress(ctx, id)
	return api.LoginProgress{State: string(p.State), Reason: p.Reason}
}

func (l logins) Logout(ctx context.Context, id mcpmux.ServerID) (int64, error) {
	return l.d.auth.Logout(ctx, id)
}
