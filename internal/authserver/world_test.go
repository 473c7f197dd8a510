package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

const (
	origin   = "http://localhost:45818"
	callback = "http://localhost:51234/callback"
	verifier = "0123456789-0123456789-0123456789-0123456789"
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// world is an authorization server over a real database, and the verifier that follows it. The test plays the
// applications, the browsers and the user.
type world struct {
	t        *testing.T
	path     string
	store    *store.Store
	server   *Server
	verifier *Verifier
	ago      atomic.Int64 // how far the clock went, in nanoseconds
	change   func(*Config)

	applying sync.Mutex // held while a State is loaded and applied

	// mu guards the following.
	mu     sync.Mutex
	record []mcpmux.Activity
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "data", "mcpmux.db"), change: func(*Config) {}}
	if len(change) > 0 {
		w.change = change[0]
	}
	w.begin()
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

// begin is a start of the daemon.
func (w *world) begin() {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.t.Context(), w.path, nil); err != nil {
		w.t.Fatal(err)
	}
	key, err := w.store.RegistrationKey(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.verifier = NewVerifier(w.now)
	cfg := Config{
		Store: w.store, Key: key, Now: w.now, Audit: w.keep,
		Origins:    func() []string { return []string{origin, "http://127.0.0.1:45818"} },
		ConsentURL: func(hostname, request string) string { return "http://" + hostname + ":45819/consent/" + request },
		Applied:    func(ctx context.Context, _ int64) error { return w.apply(ctx) },
	}
	w.change(&cfg)
	w.server = New(cfg)
	if err := w.apply(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) restart() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.begin()
}

// apply is what the daemon's follower does: one State after the other.
func (w *world) apply(ctx context.Context) error {
	w.applying.Lock()
	defer w.applying.Unlock()
	st, err := w.store.Load(ctx)
	if err == nil {
		w.verifier.Apply(st)
	}
	return err
}

func (w *world) now() time.Time         { return time.Now().Add(time.Duration(w.ago.Load())) }
func (w *world) later(d time.Duration)  { w.ago.Add(int64(d)) }
func (w *world) keep(a mcpmux.Activity) { w.mu.Lock(); w.record = append(w.record, a); w.mu.Unlock() }

func (w *world) records(m string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.record {
		if a.Method == m {
			n++
		}
	}
	return n
}

// answer is what the server answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// is wants a status, and an error code in the body where one is given.
func (a answer) is(t *testing.T, status int, code string) {
	t.Helper()
	var body struct {
		Error string `json:"error"`
	}
	if a.status != status {
		t.Errorf("got %d %s, want %d", a.status, a.body, status)
		return
	}
	if _ = json.Unmarshal([]byte(a.body), &body); body.Error != code {
		t.Errorf("got the error %q (%s), want %q", body.Error, a.body, code)
	}
}

func (w *world) send(r *http.Request) answer {
	rec := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(rec, r)
	return answer{rec.Code, rec.Header(), rec.Body.String()}
}

func (w *world) get(path string) answer {
	return w.send(httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, origin+path, nil))
}

func (w *world) post(path, contentType, body string) answer {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, origin+path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return w.send(r)
}

func (w *world) register(body string) answer { return w.post(registerPath, "application/json", body) }

// client registers an application.
func (w *world) client(name string) (id string) {
	w.t.Helper()
	body, _ := json.Marshal(map[string]any{"client_name": name, "redirect_uris": []string{"http://localhost/callback"}})
	a := w.register(string(body))
	var got registered
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusCreated {
		w.t.Fatalf("register: %d %s", a.status, a.body)
	}
	return got.ClientID
}

// wish is what an application asks for, with changes; "-" leaves a parameter out.
func wish(client string, change map[string]string) url.Values {
	q := map[string]string{
		"response_type": "code", "client_id": client, "redirect_uri": callback, "state": "st&1", "resource": origin + "/mcp",
		"code_challenge": challengeOf(verifier), "code_challenge_method": "S256", "scope": "mcp offline_access",
	}
	maps.Copy(q, change)
	out := url.Values{}
	for name, value := range q {
		if value != "-" {
			out.Set(name, value)
		}
	}
	return out
}

func (w *world) authorize(client string, change map[string]string) answer {
	return w.get(authorizePath + "?" + wish(client, change).Encode())
}

// browser is one in which a request was begun.
type browser struct {
	id     string
	cookie *http.Cookie
}

// begun opens the address that an application asks to open, and wants the consent page.
func (w *world) begun(client string, change map[string]string) browser {
	w.t.Helper()
	a := w.authorize(client, change)
	id, ok := strings.CutPrefix(a.header.Get("Location"), "http://localhost:45819/consent/")
	cookies := (&http.Response{Header: a.header}).Cookies()
	if a.status != http.StatusFound || !ok || len(cookies) != 1 {
		w.t.Fatalf("authorize: %d %v %s", a.status, a.header, a.body)
	}
	return browser{id, cookies[0]}
}

// state is what a browser is told of a request.
func (w *world) state(b browser, query string) (int, requestState) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://localhost:45819"+StatePath+b.id+query, nil)
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	rec := httptest.NewRecorder()
	w.server.StateHandler().ServeHTTP(rec, r)
	var st requestState
	if err := json.Unmarshal(rec.Body.Bytes(), &st); err != nil {
		w.t.Fatalf("%s: %v", rec.Body, err)
	}
	return rec.Code, st
}

func (w *world) approve(b browser) mcpmux.ClientID {
	w.t.Helper()
	id, err := w.server.Approve(w.t.Context(), b.id, Approval{New: store.NewClient{Mode: mcpmux.ModeFollow}, By: "user"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// landed is what a browser brings to the application.
func (w *world) landed(b browser) url.Values {
	w.t.Helper()
	_, st := w.state(b, "")
	u, err := url.Parse(st.Redirect)
	if err != nil || !strings.HasPrefix(st.Redirect, callback+"?") {
		w.t.Fatalf("the browser goes to %q", st.Redirect)
	}
	return u.Query()
}

// code is what an application gets that the user approves.
func (w *world) code(client string, change map[string]string) string {
	w.t.Helper()
	b := w.begun(client, change)
	w.approve(b)
	return w.landed(b).Get("code")
}

func (w *world) token(form map[string]string) answer {
	values := url.Values{}
	for name, value := range form {
		if value != "-" {
			values.Set(name, value)
		}
	}
	return w.post(tokenPath, "application/x-www-form-urlencoded", values.Encode())
}

func (w *world) exchange(client, code string, change map[string]string) answer {
	form := map[string]string{"grant_type": grantCode, "client_id": client, "code": code, "code_verifier": verifier, "redirect_uri": callback, "resource": origin + "/mcp"}
	maps.Copy(form, change)
	return w.token(form)
}

func (w *world) refresh(client, token string, change map[string]string) answer {
	form := map[string]string{"grant_type": grantRefresh, "client_id": client, "refresh_token": token}
	maps.Copy(form, change)
	return w.token(form)
}

// tokens reads an answer that has some.
func (w *world) tokens(a answer) granted {
	w.t.Helper()
	var g granted
	if err := json.Unmarshal([]byte(a.body), &g); err != nil || a.status != http.StatusOK || g.Access == "" || g.Refresh == "" || g.Type != "Bearer" {
		w.t.Fatalf("no tokens: %d %s", a.status, a.body)
	}
	return g
}

// login is a whole one.
func (w *world) login(client string, change map[string]string) granted {
	w.t.Helper()
	return w.tokens(w.exchange(client, w.code(client, change), nil))
}

// good says whether an access token lets a request in.
func (w *world) good(token string) bool {
	_, err := w.verifier.Verify("Bearer " + token)
	return err == nil
}
