package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// world is an Admin over a real store; what runs is played.
type world struct {
	t      *testing.T
	store  *store.Store
	admin  *Admin
	front  *front
	socket http.Handler
	desk   http.Handler
	ago    atomic.Int64 // how far the clock went, in nanoseconds
	// origin is the dashboard's, peer the machine of the pages, audited what was recorded.
	origin  string
	peer    string
	host    string // by which they come
	audited []mcpmux.Activity
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), filepath.Join(dir, "data", "mcpmux.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	box, err := secret.NewBox([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Unlock(box); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: st, origin: "http://localhost:45819", peer: "127.0.0.1", host: "localhost:45819", front: &front{reply: `{"jsonrpc":"2.0","id":1,"result":{}}`}}
	w.admin, err = New(Config{
		Store: st, Servers: servers{}, Gateway: w.front, Logins: played{}, Requests: nobodyWaits{}, Secrets: playedKey{}, Undo: Undo{Folder: filepath.Join(dir, "undo"), Key: func() []byte { return bytes.Repeat([]byte{4}, 32) }}, Now: func() time.Time { return time.Now().Add(time.Duration(w.ago.Load())) },
		Audit: func(a mcpmux.Activity) { w.audited = append(w.audited, a) },
		NewKey: func() (string, string, [32]byte) {
			key := "mm_key_" + rand.Text()
			return key, key[:11], sha256.Sum256([]byte(key))
		},
		Process: func() api.Process {
			return api.Process{Version: "1", DashboardAddr: "localhost:45819", DashboardURL: w.origin, GatewayURL: "http://localhost:45818", Ready: true}
		},
		Wait: func(ctx context.Context, _ int64) error {
			state, err := st.Load(ctx)
			if err == nil {
				w.admin.Applied(ctx, state)
			}
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	state, err := st.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.admin.Applied(t.Context(), state)
	w.socket = w.admin.Socket()
	w.desk = w.admin.Dashboard(http.FileServerFS(fstest.MapFS{"index.html": {Data: []byte("<p>page</p>")}}))
	return w
}

type servers struct{}

func (servers) Status(mcpmux.ServerID) mcpmux.ServerStatus {
	return mcpmux.ServerStatus{State: mcpmux.StateConnected}
}
func (servers) Restart(mcpmux.ServerID) error { return nil }
func (servers) Logs(mcpmux.ServerID, int) []api.LogLine {
	return []api.LogLine{{Source: "stderr", Text: "one"}}
}

func (s servers) Follow(id mcpmux.ServerID, tail int) ([]api.LogLine, <-chan api.LogLine, func()) {
	more := make(chan api.LogLine, 1)
	more <- api.LogLine{Source: "stderr", Text: "two"}
	close(more)
	return s.Logs(id, tail), more, func() {}
}

type front struct {
	running bool
	open    map[mcpmux.ClientID]int
	reply   string
	params  string
	asked   string // as whom, of which server, and how
}

func (f *front) Start(context.Context) error        { f.running = true; return nil }
func (f *front) Stop(context.Context) error         { f.running = false; return nil }
func (f *front) Running() bool                      { return f.running }
func (f *front) Connected() map[mcpmux.ClientID]int { return f.open }
func (f *front) Addr() string                       { return "localhost:45818" }
func (f *front) Call(_ context.Context, client mcpmux.ClientID, alias, method string, params []byte) ([]byte, error) {
	f.params, f.asked = string(params), string(client)+"|"+alias+"|"+method
	return []byte(f.reply), nil
}

// ask makes a request of the socket and answers status and body.
func (w *world) ask(method, path, body string) (int, string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://localhost"+prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return serve(w.socket, r)
}

func serve(h http.Handler, r *http.Request) (int, string) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Code, strings.TrimSpace(rec.Body.String())
}

// must asks and wants 200.
func (w *world) must(method, path, body string) string {
	w.t.Helper()
	status, text := w.ask(method, path, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s %s: %d %s", method, path, body, status, text)
	}
	return text
}

// refused asks and wants this status and these words.
func (w *world) refused(want int, words, method, path, body string) {
	w.t.Helper()
	status, text := w.ask(method, path, body)
	var e api.ErrorBody
	if err := json.Unmarshal([]byte(text), &e); err != nil || status != want || e.Error.Code == "" || !strings.Contains(e.Error.Message, words) {
		w.t.Errorf("%s %s %s: %d %s, want %d with %q", method, path, body, status, text, want, words)
	}
}

func read[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

const github = `{"alias":"github","definition":{"transport":"stdio","command":"npx"},"values":[{"kind":"input","name":"TOKEN","secret":true,"value":"hush-hush"}]}`

// nobodyWaits has no application that wants to be let in. Those that do are in the tests of package daemon, with the
// authorization server.
type nobodyWaits struct{ Requests }

func (nobodyWaits) Open() []api.Request { return nil }

func (nobodyWaits) Request(context.Context, string) (api.Request, error) {
	return api.Request{}, mcpmux.Errorf(mcpmux.CodeNotFound, "nobody waits")
}
func (nobodyWaits) Bound(*http.Request, string) bool { return true }
