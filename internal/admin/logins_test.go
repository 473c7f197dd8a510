package admin

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// played logs in to nothing.
type played struct{}

func (played) Begin(_ context.Context, _ mcpmux.ServerID, n api.NewLogin) (api.Login, error) {
	if n.Method == "pigeon" {
		return api.Login{}, mcpmux.Errorf(mcpmux.CodeInvalid, "no pigeons")
	}
	ends := time.Unix(1, 0).UTC()
	return api.Login{URL: "http://127.0.0.1:45819/login/x", ExpiresAt: &ends}, nil
}

func (played) Paste(_ context.Context, _ mcpmux.ServerID, address string) error {
	if !strings.Contains(address, "code=") {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "no code")
	}
	return nil
}

func (played) Progress(ctx context.Context, _ mcpmux.ServerID) api.LoginProgress {
	<-ctx.Done()
	return api.LoginProgress{State: "waiting"}
}

func (played) Logout(context.Context, mcpmux.ServerID) (int64, error) { return 0, nil }

func TestLogins_AreBegunEndedAndForgottenThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	w.must(http.MethodPost, "/servers", `{"alias":"gh","definition":{"transport":"http","url":"https://example.com/mcp"},"login":{"client_id":"me","scopes":["a"]}}`)
	for _, row := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodGet, "/servers/gh", "", 200, `"login":{"client_id":"me","scopes":["a"]}`},
		{http.MethodPost, "/servers/gh/login", "", 200, `"url":"http://127.0.0.1:45819/login/x"`},
		{http.MethodPost, "/servers/gh/login", `{"method":"pigeon"}`, 400, "no pigeons"},
		{http.MethodPost, "/servers/gh/login", `{"methid":"paste"}`, 400, "methid"},
		{http.MethodPost, "/servers/none/login", "", 404, "none"},
		{http.MethodGet, "/servers/gh/login", "", 200, `"state":"waiting"`},
		{http.MethodPost, "/servers/gh/login/redirect", `{"url":"http://x/?code=1"}`, 200, `"alias":"gh"`},
		{http.MethodPost, "/servers/gh/login/redirect", `{"url":"http://x/"}`, 400, "no code"},
		{http.MethodPost, "/servers/gh/logout", "", 200, `"alias":"gh"`},
		{http.MethodPatch, "/servers/gh", `{"login":{"grant":"magic"}}`, 400, "magic"},
		{http.MethodPatch, "/servers/gh", `{"login":null}`, 200, `"login":{}`},
	} {
		status, body := w.ask(row.method, row.path, row.body)
		if status != row.status || !strings.Contains(body, row.want) {
			t.Errorf("%s %s %s: %d %s, want %d with %s", row.method, row.path, row.body, status, body, row.status, row.want)
		}
	}
}

// playedKey is a master key in a keychain that is always open.
type playedKey struct{}

func (playedKey) Status(context.Context) api.Secrets {
	return api.Secrets{Source: "keychain", State: "unlocked", KeyVersion: 1}
}
func (playedKey) Unlock(context.Context, secret.Value) error        { return nil }
func (playedKey) Lock(context.Context) error                        { return nil }
func (playedKey) Rekey(context.Context, string, secret.Value) error { return nil }
