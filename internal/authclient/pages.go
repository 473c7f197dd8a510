package authclient

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/page"
)

// flowCookie, with flowName behind it, binds a login to the browser that began it. Cookies know no ports, so its path
// is all it is kept to.
const flowCookie = "mcpmux_login_"

// flowName is the name of the cookie of one login: a browser may be about to log in to several Servers.
func flowName(state string) string {
	sum := sha256.Sum256([]byte("cookie " + state))
	return flowCookie + hex.EncodeToString(sum[:8])
}

// Pages serves the two addresses that browsers see in the course of a login: our own start address, and the
// callback. Whoever mounts it has checked Host and Origin. Both addresses are good once, and HEAD, by which programs
// look at an address before a person does, uses none up.
func (e *Engine) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+startPath+"{ticket}", e.serveStart)
	mux.HandleFunc("GET "+callbackPath, e.serveCallback)
	for _, path := range []string{startPath + "{ticket}", callbackPath} {
		mux.HandleFunc("HEAD "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodGet)
			w.WriteHeader(http.StatusMethodNotAllowed)
		})
	}
	return mux
}

// serveStart sends the browser to the authorization server. GET changes nothing but what its ticket was made for.
func (e *Engine) serveStart(w http.ResponseWriter, r *http.Request) {
	address, cookie, err := e.Start(r.Context(), r.PathValue("ticket"))
	if err != nil {
		e.show(w, err, "")
		return
	}
	u, err := url.Parse(address)
	if err != nil { // it would quote what binds the login
		e.show(w, errTicket, "")
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: the callback is http on this machine, where Safari keeps no Secure cookie; Lax, since the way back comes from another site.
		Name: flowName(u.Query().Get("state")), Value: cookie, Path: callbackPath, MaxAge: int(loginLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	page.Headers(w.Header())
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusFound)
}

func (e *Engine) serveCallback(w http.ResponseWriter, r *http.Request) {
	cookie, name := "", flowName(r.URL.Query().Get("state"))
	if c, err := r.Cookie(name); err == nil {
		cookie = c.Value
	}
	id, err := e.Callback(r.Context(), r.URL.Query(), cookie)
	alias := ""
	if id != "" { // A login has ended; anything else leaves the browser's own alone.
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // as above
			Name: name, Path: callbackPath, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		if t, err := e.cfg.Target(r.Context(), id); err == nil {
			alias = t.Alias
		}
	}
	e.show(w, err, alias)
}

// show answers a person.
func (e *Engine) show(w http.ResponseWriter, err error, alias string) {
	status, title, text := http.StatusOK, "Logged in to "+alias, "McpMux connects to it now. You can close this page."
	if err != nil {
		status, title, text = http.StatusBadRequest, "Not logged in", "Something went wrong; the log of McpMux says more."
		if known, ok := errors.AsType[*mcpmux.Error](err); ok {
			text = strings.ToUpper(known.Message[:1]) + known.Message[1:] + "."
			if known.Code == mcpmux.CodeNotFound {
				status = http.StatusNotFound
			}
		} else {
			e.cfg.Log.Error("a login failed", "err", err)
			status = http.StatusInternalServerError
		}
	}
	page.Write(w, status, title, text)
}
