package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

// maxLoginWait is how long a question about a login waits for its end at most.
const maxLoginWait = 60 * time.Second

func (a *Admin) loginServer(r *http.Request, body api.NewLogin) (api.Login, error) {
	_, srv, err := a.server(r)
	if err != nil {
		return api.Login{}, err
	}
	return a.cfg.Logins.Begin(r.Context(), srv.ID, body)
}

// loginProgress says how a login goes; with wait=1, once it has ended or a minute has passed.
func (a *Admin) loginProgress(r *http.Request) (api.LoginProgress, error) {
	_, srv, err := a.server(r)
	if err != nil {
		return api.LoginProgress{}, err
	}
	limit := time.Duration(0)
	if r.URL.Query().Get("wait") == "1" {
		limit = maxLoginWait
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	return a.cfg.Logins.Progress(ctx, srv.ID), nil
}

func (a *Admin) endLogin(r *http.Request, body api.LoginRedirect) (api.Server, error) {
	_, srv, err := a.server(r)
	if err != nil {
		return api.Server{}, err
	}
	return a.serverAfter(r, srv.ID, 0, a.cfg.Logins.Paste(r.Context(), srv.ID, body.URL))
}

func (a *Admin) logoutServer(r *http.Request) (api.Server, error) {
	_, srv, err := a.server(r)
	if err != nil {
		return api.Server{}, err
	}
	rev, err := a.cfg.Logins.Logout(r.Context(), srv.ID)
	return a.serverAfter(r, srv.ID, rev, err)
}
