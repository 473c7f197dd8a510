package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/guard"
)

// somePath is a path of a route, its parameters being names that there are in a world with github and cursor.
func somePath(rt *route) string {
	names := map[string]string{"/spaces": "My Space", "/featuresets": "All", "/clients": "cursor"}
	path := rt.path
	for prefix, name := range names {
		if strings.HasPrefix(path, prefix+"/") {
			path = strings.Replace(path, "{name}", name, 1)
		}
	}
	path = strings.NewReplacer("{alias}", "github", "{key}", "log.level", "{id}", "none", "{name}", "none").Replace(path)
	return prefix + strings.ReplaceAll(path, " ", "%20")
}

// someRequest is a request of a route whose reader goes away at once, so that streams end.
func someRequest(t *testing.T, method, path string, rt *route) *http.Request {
	t.Helper()
	body := ""
	if rt != nil && rt.body != nil {
		body = "{}"
	}
	ctx, cancel := context.WithCancel(t.Context())
	if rt != nil && rt.stream != "" {
		cancel()
	}
	t.Cleanup(cancel)
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost:45819"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func TestU01_EveryRouteIsForWhoIsLoggedIn(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	gate := guard.Guard(guard.Config{Port: 45819, Keep: []string{sessionHeader}})(w.desk)
	before := w.revision()
	for i := range w.admin.routes {
		rt := &w.admin.routes[i]
		for _, method := range []string{rt.method, http.MethodHead, http.MethodOptions, "BREW"} {
			for _, c := range []struct {
				name string
				with func(*http.Request)
				want int
			}{
				{"nothing", func(*http.Request) {}, 401},
				{"the secret alone", func(r *http.Request) { r.Header.Set(sessionHeader, secret) }, 401},
				{"a cookie of nobody", func(r *http.Request) { r.Header.Set("Cookie", cookie.Name+"=x"); r.Header.Set(sessionHeader, secret) }, 401},
				{"a bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }, 401},
				{"the cookie alone", func(r *http.Request) { r.AddCookie(cookie) }, 403},
				{"the cookie and another secret", func(r *http.Request) { r.AddCookie(cookie); r.Header.Set(sessionHeader, cookie.Value) }, 403},
				{"all, from another origin", func(r *http.Request) {
					r.AddCookie(cookie)
					r.Header.Set(sessionHeader, secret)
					r.Header.Set("Origin", "https://evil.example")
				}, 403},
				{"all, from another port", func(r *http.Request) {
					r.AddCookie(cookie)
					r.Header.Set(sessionHeader, secret)
					r.Header.Set("Origin", "http://localhost:3000")
				}, 403},
				{"all, from a frame without an origin", func(r *http.Request) {
					r.AddCookie(cookie)
					r.Header.Set(sessionHeader, secret)
					r.Header.Set("Origin", "null")
				}, 403},
				{"all, by another site", func(r *http.Request) {
					r.AddCookie(cookie)
					r.Header.Set(sessionHeader, secret)
					r.Header.Set("Sec-Fetch-Site", "cross-site")
				}, 403},
			} {
				r := someRequest(t, method, somePath(rt), rt)
				c.with(r)
				if status, text := serve(gate, r); status != c.want {
					t.Errorf("%s %s with %s: %d %s, want %d", method, rt.path, c.name, status, text, c.want)
				}
			}
		}
	}
	if after := w.revision(); after != before {
		t.Errorf("something was changed: revision %d, then %d", before, after)
	}
	if !w.alive(cookie, secret) {
		t.Error("the session ended")
	}
}

// Following a link changes nothing: what changes something has no GET, and what has one changes nothing.
func TestRoutes_ReadingChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.must("POST", "/clients", `{"name":"cursor"}`)
	cookie, secret := w.login()
	reads := map[string]bool{}
	for _, rt := range w.admin.routes {
		reads[rt.path] = reads[rt.path] || rt.method == http.MethodGet
	}
	before := w.revision()
	for i := range w.admin.routes {
		rt := &w.admin.routes[i]
		if rt.body != nil && rt.method == http.MethodGet {
			t.Errorf("GET %s has a body", rt.path)
		}
		get := &route{path: rt.path, stream: rt.stream}
		r := someRequest(t, http.MethodGet, somePath(rt), get)
		r.AddCookie(cookie)
		r.Header.Set(sessionHeader, secret)
		rec := httptest.NewRecorder()
		w.desk.ServeHTTP(rec, r)
		if !reads[rt.path] && (rec.Code != 405 || strings.Contains(rec.Header().Get("Allow"), "GET")) {
			t.Errorf("GET %s: %d, Allow %q", rt.path, rec.Code, rec.Header().Get("Allow"))
		}
		if rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s may be kept: %v", rt.path, rec.Header())
		}
	}
	if after := w.revision(); after != before {
		t.Errorf("something was changed: revision %d, then %d", before, after)
	}
}

func TestRoutes_TheControlSocketHasEachOfThem(t *testing.T) {
	w := newWorld(t)
	for i := range w.admin.routes {
		w.ask("POST", "/servers", github) // again, where the route before removed it
		w.ask("POST", "/clients", `{"name":"cursor"}`)
		w.ask("POST", "/clients/cursor/approve", "")
		rt := &w.admin.routes[i]
		status, text := serve(w.socket, someRequest(t, rt.method, somePath(rt), rt))
		if slices.Contains([]int{401, 403, 405, 415, 500}, status) || strings.Contains(text, "openapi.json lists") {
			t.Errorf("%s %s: %d %s", rt.method, rt.path, status, text)
		}
	}
}

func TestU06_NoAnswerHoldsAStoredSecret(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github) // its value is hush-hush
	key := read[struct {
		AccessKey string `json:"access_key"`
	}](t, w.must("POST", "/clients", `{"name":"cursor"}`)).AccessKey
	cookie, secret := w.login()
	ticket, pairing := w.newTicket(), w.newPairing()
	for i := range w.admin.routes {
		rt := &w.admin.routes[i]
		if rt.method != http.MethodGet {
			continue
		}
		r := someRequest(t, http.MethodGet, somePath(rt), rt)
		r.AddCookie(cookie)
		r.Header.Set(sessionHeader, secret)
		_, text := serve(w.desk, r)
		for _, hidden := range []string{"hush-hush", key, cookie.Value, secret, ticket, pairing.Code, pairing.Poll} {
			if hidden == "" || strings.Contains(text, hidden) {
				t.Errorf("GET %s has a secret: %s", rt.path, text)
			}
		}
	}
}

func (w *world) revision() int64 {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return st.Revision
}
