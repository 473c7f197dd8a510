package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/demo"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
)

// beServer makes the test binary the demo server.
const beServer = "GATEWAY_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(beServer) != "" {
		if err := demo.Run(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	// net/http waits half a second before it closes a connection whose request it did not read to the end.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// rig is a Gateway behind a real listener, with real connections to the Servers of its State. The bearer is
// the Client's id.
type rig struct {
	t     *testing.T
	gw    *Gateway
	pool  *pool.Pool[*backend.Conn]
	url   string
	state *mcpmux.State
	http  *http.Client
}

func newRig(t *testing.T, st *mcpmux.State, specs map[mcpmux.ServerID]backend.Spec) *rig {
	t.Helper()
	return newRigWith(t, st, specs, nil)
}

// newRigWith is newRig with a change of the Gateway's configuration, which may be nil.
func newRigWith(t *testing.T, st *mcpmux.State, specs map[mcpmux.ServerID]backend.Spec, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	transport := backend.NewTransport()
	r.pool = pool.New(func(ctx context.Context, target pool.Target, scope string) (*backend.Conn, error) {
		server := target.Server
		spec, opt := backend.Scoped(target.Spec, backend.Options{
			Transport: transport,
			Events: backend.Events{
				Updated:  func(uri string, raw []byte) { r.gw.Updated(server, scope, uri, raw) },
				Notified: func(method string, raw []byte) { r.gw.Notified(server, method, raw) },
			},
		}, scope)
		return backend.Dial(ctx, spec, opt)
	}, pool.Observer[*backend.Conn]{}, 10*time.Second)
	for _, s := range st.Servers {
		if spec, ok := specs[s.ID]; ok {
			r.pool.Set(pool.Target{Space: s.Space, Server: s.ID, Spec: spec})
		}
	}
	cfg := Config{
		Pool: r.pool,
		Verify: func(authorization string) (Identity, error) {
			name, ok := strings.CutPrefix(authorization, "Bearer ")
			if !ok {
				return Identity{}, mcpmux.Errorf(mcpmux.CodeDenied, "no key")
			}
			return Identity{Client: mcpmux.ClientID(name), Key: mcpmux.KeyID("key-" + name)}, nil
		},
		Challenge: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusUnauthorized) },
		Version:   "test", Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.gw, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	r.gw.Apply(st)
	srv := httptest.NewServer(http.MaxBytesHandler(r.gw.Handler(), 4<<20))
	r.url = srv.URL
	t.Cleanup(func() {
		r.gw.Close()
		srv.CloseClientConnections()
		srv.Close()
		for id, q := range r.gw.current.Load().quotas {
			if n := q.inFlight.Load() + q.listening.Load(); n != 0 {
				t.Errorf("%d requests of %s are still counted when all are over", n, id)
			}
		}
		r.pool.Close()
		transport.CloseIdleConnections()
	})
	return r
}

// answer is what an HTTP request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes one HTTP request. Headers are "Name: value"; a later one of the same name is added.
func (r *rig) send(method, path, client, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if client != "" {
		req.Header.Set("Authorization", "Bearer "+client)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Content-Type" {
			req.Header.Del(name)
		}
		req.Header.Add(name, value)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// open initializes a session and returns its header.
func (r *rig) open(client, path, capabilities string) string {
	r.t.Helper()
	a := r.send("POST", path, client, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":`+
		capabilities+`,"clientInfo":{"name":"t","version":"1"}}}`)
	id := a.header.Get("Mcp-Session-Id")
	if a.status != 200 || id == "" {
		r.t.Fatalf("initialize: %d %s", a.status, a.body)
	}
	return "Mcp-Session-Id: " + id
}

// modern is a request of 2026-07-28 with its headers.
func (r *rig) modern(path, client, method, params string, headers ...string) answer {
	r.t.Helper()
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	if params != "" {
		meta += ","
	}
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + meta + params + `}}`
	return r.send("POST", path, client, body, append([]string{"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: " + method}, headers...)...)
}

// oneServer is a State with a Space, a Server "be" with a tool each, and a client "c" that has All.
func oneServer() *mcpmux.State {
	return &mcpmux.State{
		Revision: 1,
		Spaces:   []mcpmux.Space{{ID: "s", Name: "s", Active: true, Default: true}},
		Servers:  []mcpmux.Server{{ID: "v", Space: "s", Alias: "be", Enabled: true}},
		Features: []mcpmux.Feature{
			{Server: "v", Kind: mcpmux.KindTool, Name: "echo", Raw: []byte(`{"name":"echo","inputSchema":{"type":"object"}}`)},
			{Server: "v", Kind: mcpmux.KindTool, Name: "hidden", Raw: []byte(`{"name":"hidden","inputSchema":{"type":"object"}}`)},
			{Server: "v", Kind: mcpmux.KindResource, Name: "test://a", Raw: []byte(`{"uri":"test://a","name":"a"}`)},
			{Server: "v", Kind: mcpmux.KindResource, Name: "test://hidden", Raw: []byte(`{"uri":"test://hidden","name":"hidden"}`)},
			{Server: "v", Kind: mcpmux.KindPrompt, Name: "greet", Raw: []byte(`{"name":"greet"}`)},
			{Server: "v", Kind: mcpmux.KindPrompt, Name: "hidden", Raw: []byte(`{"name":"hidden"}`)},
		},
		FeatureSets: []mcpmux.FeatureSet{
			{ID: "all", Space: "s", Name: "All", Kind: mcpmux.SetAll},
			{ID: "some", Space: "s", Name: "some", Kind: mcpmux.SetCustom, Members: []mcpmux.Member{
				{Kind: "server", Server: "be"},
				{Exclude: true, Kind: "tool", Server: "be", Name: "hidden"},
				{Exclude: true, Kind: "prompt", Server: "be", Name: "hidden"},
				{Exclude: true, Kind: "resource", Server: "be", Name: "test://hidden"},
			}},
		},
		Clients: []mcpmux.Client{{ID: "c", Name: "c", Approved: true, Mode: mcpmux.ModeFollow}, {ID: "d", Name: "d", Approved: true, Mode: mcpmux.ModeFollow}},
		Grants:  []mcpmux.Grant{{Client: "c", Space: "s", Set: "some"}, {Client: "d", Space: "s", Set: "all"}},
		Keys:    []mcpmux.AccessKey{{ID: "key-c", Client: "c"}, {ID: "key-d", Client: "d"}},
	}
}
