package admin

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func (a *Admin) service(*http.Request) (api.Service, error) {
	if a.cfg.Autostart == nil {
		return api.Service{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "this McpMux cannot be started at login")
	}
	return a.cfg.Autostart.Status()
}

func (a *Admin) installService(r *http.Request) (api.Service, error) {
	if _, err := a.service(r); err != nil {
		return api.Service{}, err
	}
	if err := a.cfg.Autostart.Install(); err != nil {
		return api.Service{}, err
	}
	return a.service(r)
}

func (a *Admin) removeService(r *http.Request) (api.Service, error) {
	if _, err := a.service(r); err != nil {
		return api.Service{}, err
	}
	if err := a.cfg.Autostart.Remove(); err != nil {
		return api.Service{}, err
	}
	return a.service(r)
}
