package authclient

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an Engine over a real store, with its pages on a real listener, and a scripted server to log in to.
type world struct {
	*Engine
	t     *testing.T
	store *store.Store
	at    *oauthtest.Server
	pages *httptest.Server
	log   *strings.Builder

	dir string // of the database

	// mu guards the following.
	mu      sync.Mutex
	targets map[mcpmux.ServerID]Target
	needed  []string
	told    []string // what people and logs were told
	skew    time.Duration
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

// pass lets time pass for the Engine.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skew += d
}

func newWorld(t *testing.T, script oauthtest.Script) *world {
	t.Helper()
	w := &world{t: t, at: oauthtest.New(t, script), log: &strings.Builder{}, dir: t.TempDir(), targets: make(map[mcpmux.ServerID]Target)}
	if err := os.WriteFile(filepath.Join(w.dir, "db"), emptyDatabase(t), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.tellsNoSecret)
	st := openStore(t, filepath.Join(w.dir, "db"))
	t.Cleanup(func() { _ = st.Close() })
	w.store = st
	var handler http.Handler
	w.pages = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(&listening{ResponseWriter: rw, w: w}, r)
	}))
	t.Cleanup(w.pages.Close)
	u, err := url.Parse(w.pages.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.Engine, err = New(Config{
		Store: st, pause: w.pause, Now: w.now, Log: slog.New(slog.NewTextHandler(&locked{w: w.log}, nil)),
		Target: func(_ context.Context, id mcpmux.ServerID) (Target, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.targets[id], nil
		},
		Origin: func(host string) string { return "http://" + host + ":" + u.Port() },
		Needed: func(_ mcpmux.ServerID, n *NeedsLogin) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.needed = append(w.needed, n.Reason)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	handler = w.Pages()
	return w
}

// emptyDatabase is one that has been migrated, which takes longer than most tests.
func emptyDatabase(t *testing.T) []byte {
	t.Helper()
	migrated.Do(func() {
		path := filepath.Join(t.TempDir(), "db")
		if err := openStore(t, path).Close(); err != nil {
			t.Fatal(err)
		}
		database, _ = os.ReadFile(path) // an empty one is migrated again
	})
	return database
}

var (
	migrated sync.Once
	database []byte
)

// openStore opens a database and unlocks it. Whoever calls it closes it.
func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	box, err := secret.NewBox([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Unlock(box); err != nil {
		t.Fatal(err)
	}
	return st
}

// pause lets time pass for the Engine and nobody wait.
func (w *world) pause(ctx context.Context, d time.Duration) error {
	w.pass(d)
	return ctx.Err()
}

// tell keeps what was told, to be searched when the test has ended.
func (w *world) tell(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, text)
}

func (w *world) hear(err error) error {
	if err != nil {
		w.tell(err.Error())
	}
	return err
}

// listening hears what pages say. Where they send browsers is for those alone.
type listening struct {
	http.ResponseWriter
	w *world
}

func (l *listening) Write(p []byte) (int, error) {
	l.w.tell(string(p))
	return l.ResponseWriter.Write(p)
}

// What the Engine answers is heard.

func (w *world) Begin(ctx context.Context, id mcpmux.ServerID, method Method, insist bool) (Begun, error) {
	b, err := w.Engine.Begin(ctx, id, method, insist)
	return b, w.hear(err)
}

func (w *world) Renew(ctx context.Context, id mcpmux.ServerID, r Refusal) error {
	return w.hear(w.Engine.Renew(ctx, id, r))
}

func (w *world) Paste(ctx context.Context, id mcpmux.ServerID, address string) error {
	return w.hear(w.Engine.Paste(ctx, id, address))
}

func (w *world) Offer(ctx context.Context, id mcpmux.ServerID) (string, error) {
	address, err := w.Engine.Offer(ctx, id)
	return address, w.hear(err)
}

func (w *world) Logout(ctx context.Context, id mcpmux.ServerID) (int64, error) {
	rev, err := w.Engine.Logout(ctx, id)
	return rev, w.hear(err)
}

func (w *world) Progress(ctx context.Context, id mcpmux.ServerID) Progress {
	p := w.Engine.Progress(ctx, id)
	w.tell(p.Reason)
	return p
}

// tellsNoSecret searches everything that anybody was told, and the database as it is on the disk, for every secret
// that there was.
func (w *world) tellsNoSecret() {
	secrets := w.at.Tokens()
	for _, q := range w.at.Log() {
		for _, name := range []string{"code_verifier", "state", "client_assertion", "client_secret", "device_code"} {
			secrets = append(secrets, q.Form[name]...)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, target := range w.targets {
		secrets = append(secrets, target.Secret.Reveal())
		for line := range strings.Lines(target.Key.Reveal()) {
			if !strings.HasPrefix(line, "-----") {
				secrets = append(secrets, strings.TrimSpace(line))
			}
		}
	}
	known := secret.NewScrubber(secrets) // knows them in every form
	for _, text := range slices.Concat(w.told, w.needed, []string{w.log.String()}) {
		if clean := known.Text(text); clean != text {
			w.t.Errorf("a secret is told: %s", clean)
		}
	}
	for _, name := range []string{"db", "db-wal"} {
		stored, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Error(err)
		}
		if text := string(stored); known.Text(text) != text {
			w.t.Errorf("a secret is in the file %s as it is", name)
		}
	}
}

// locked is a log that several write to.
type locked struct {
	mu sync.Mutex
	w  *strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// server installs a Server at an address of the scripted one.
func (w *world) server(alias string, login mcpmux.LoginConfig) mcpmux.ServerID {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	srv, _, err := w.store.CreateServer(w.t.Context(), store.NewServer{
		Space: st.Spaces[0].ID, Alias: alias, Enabled: true, Login: login,
		Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: w.at.MCP()},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.target(srv.ID, Target{Alias: alias, URL: w.at.MCP(), Login: login})
	return srv.ID
}

func (w *world) target(id mcpmux.ServerID, t Target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets[id] = t
}

// browser is one that follows no redirect by itself and keeps cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// open opens an address in a browser and answers the status and where it is sent.
func open(t *testing.T, c *http.Client, address string) (status int, location string) {
	t.Helper()
	resp, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

// login goes the whole way, and answers the status of the last page.
func (w *world) login(id mcpmux.ServerID) (status int) {
	w.t.Helper()
	b, err := w.Begin(w.t.Context(), id, MethodBrowser, false)
	if err != nil {
		w.t.Fatal(err)
	}
	c := browser(w.t)
	status, next := open(w.t, c, b.URL)
	if status == http.StatusFound {
		status, _ = open(w.t, c, oauthtest.Approve(w.t, c, next))
	}
	return status
}

// use sends a request as the Server's connection would, and answers how it was refused.
func (w *world) use(id mcpmux.ServerID) *Refusal {
	w.t.Helper()
	access, err := w.Access(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	header := ""
	if access.Reveal() != "" {
		header = Bearer(access.Reveal())
	}
	return w.send(header)
}

func (w *world) send(authorization string) *Refusal {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.at.MCP(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return nil
	}
	return &Refusal{Status: resp.StatusCode, Challenges: resp.Header.Values("Www-Authenticate"), Used: digestOf(authorization)}
}

// mustUse wants the Server to take what there is.
func (w *world) mustUse(id mcpmux.ServerID) {
	w.t.Helper()
	if r := w.use(id); r != nil {
		w.t.Fatalf("refused: %d %s", r.Status, r.Challenges)
	}
}

func TestEngine_ALoginFromChallengeToTokens(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	r := w.use(id)
	if r == nil || r.Status != 401 {
		t.Fatalf("the server let us in: %v", r)
	}
	need, ok := errors.AsType[*NeedsLogin](w.Renew(t.Context(), id, *r))
	if !ok || !strings.Contains(need.Reason, "wants a login") {
		t.Fatalf("renew: %v", need)
	}
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("the last page: %d", status)
	}
	w.mustUse(id)
	for _, endpoint := range []string{oauthtest.Register, oauthtest.Authorize, oauthtest.Token} {
		if n := w.at.Count(endpoint); n != 1 {
			t.Errorf("%s: %d requests", endpoint, n)
		}
	}
	if p := w.Progress(t.Context(), id); p.State != ProgressDone {
		t.Errorf("progress: %+v", p)
	}
	// The registration is used again.
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("the second login: %d", status)
	}
	if n := w.at.Count(oauthtest.Register); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

func TestEngine_AHundredCallersOneRefresh(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Life: 60})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	access, err := w.Access(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.at.ExpireAll()
	w.pass(time.Minute)
	r := w.send(Bearer(access.Reveal()))
	if r == nil {
		t.Fatal("an expired token was taken")
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := w.Renew(t.Context(), id, *r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.mustUse(id)
	refreshes := 0
	for _, q := range w.at.Log() {
		if q.Endpoint == oauthtest.Token && q.Form.Get("grant_type") == "refresh_token" {
			refreshes++
			if q.Form.Get("resource") != w.at.MCP() {
				t.Errorf("resource %q", q.Form.Get("resource"))
			}
		}
	}
	if refreshes != 1 {
		t.Errorf("%d refreshes", refreshes)
	}
}

func TestEngine_RefusedRefreshNeedsAPerson(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Life: 60})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	access, _ := w.Access(t.Context(), id)
	w.at.RevokeAll()
	w.pass(time.Minute)
	r := w.send(Bearer(access.Reveal()))
	need, ok := errors.AsType[*NeedsLogin](w.Renew(t.Context(), id, *r))
	if !ok || !strings.Contains(need.Reason, "log in again") {
		t.Fatalf("%v", need)
	}
	tokens := w.at.Count(oauthtest.Token)
	for range 3 {
		r = w.use(id)
		if err := w.Renew(t.Context(), id, *r); err == nil {
			t.Error("renewed out of nothing")
		}
	}
	if n := w.at.Count(oauthtest.Token); n != tokens {
		t.Errorf("%d further requests for tokens", n-tokens)
	}
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	w.mustUse(id)
}
