package admin

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// pageHeaders are those of every answer on the dashboard's address. The page loads nothing from elsewhere,
// runs no inline script, and is in nobody's frame.
var pageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'",
	"X-Frame-Options":              "DENY",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

// What a page asks that is not logged in.
const (
	sessionPath = "/session"
	pairPath    = "/session/pair"
)

// Dashboard serves the page, /session where it logs in, and the API to whoever is logged in.
func (a *Admin) Dashboard(static http.Handler) http.Handler {
	api := a.loggedIn(a.Socket())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range pageHeaders {
			w.Header().Set(name, value)
		}
		switch path := r.URL.Path; {
		case path == sessionPath || path == pairPath:
			a.serveSession(w, r)
		case path == "/api" || strings.HasPrefix(path, "/api/"):
			w.Header().Set("Cache-Control", "no-store")
			api.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			a.fail(w, r, badForm(http.StatusMethodNotAllowed, "pages are only read"))
		default:
			w.Header().Set("Cache-Control", "no-cache") // asked for anew, so that an upgrade is seen
			static.ServeHTTP(w, r)
		}
	})
}

func (a *Admin) serveSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	methods := map[string]func(http.ResponseWriter, *http.Request) error{http.MethodDelete: a.logout, http.MethodPost: a.login}
	if r.URL.Path == pairPath {
		methods = map[string]func(http.ResponseWriter, *http.Request) error{http.MethodPost: a.pair}
	}
	do := methods[r.Method]
	if do == nil {
		allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allow)
		a.fail(w, r, badForm(http.StatusMethodNotAllowed, "%s takes %s", r.URL.Path, allow))
		return
	}
	if err := do(w, r); err != nil {
		a.fail(w, r, err)
	}
}
