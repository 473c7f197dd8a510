package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// farm is many scripted MCP servers (2025-11-25, Streamable HTTP) that are reached through pipes in memory, so
// that they live in a synctest bubble and time is the test's.
type farm struct {
	t         *testing.T
	transport *http.Transport

	mu      sync.Mutex
	servers map[string]*scripted // by host
}

// scripted is one server of a farm. farm.mu guards it.
type scripted struct {
	tools    []string
	hang     bool     // answers nothing at all
	deaf     bool     // answers no ping
	listFail bool     // answers lists with an error
	login    bool     // answers 401
	versions []string // of server/discover; nil: it is of the older era alone
	forgets  bool     // has forgotten a session by the time its stream is opened
	keys     []string
	lists    int
	streams  map[chan string]struct{} // the open GET streams
	release  chan struct{}            // tools/call waits for it
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	f := &farm{t: t, servers: make(map[string]*scripted)}
	conns := make(pipes)
	srv := &http.Server{Handler: f}
	stopped := make(chan struct{})
	go func() {
		_ = srv.Serve(conns) // Ends with Close below.
		close(stopped)
	}()
	f.transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		f.transport.CloseIdleConnections()
		_ = srv.Close()
		<-stopped
	})
	return f
}

// pipes is a listener whose connections come from a channel.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// add adds a server and returns its definition.
func (f *farm) add(name string, s *scripted) mcpmux.Definition {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.streams = make(map[chan string]struct{})
	s.release = make(chan struct{})
	f.servers[name+".test"] = s
	return httpDefinition("http://" + name + ".test/mcp")
}

// with changes or reads a server.
func (f *farm) with(name string, do func(*scripted)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f.servers[name+".test"])
}

// notify sends a notification on every open stream of a server.
func (f *farm) notify(name, method string) {
	f.with(name, func(s *scripted) {
		if len(s.streams) == 0 {
			f.t.Errorf("server %s has no stream for notifications", name)
		}
		for ch := range s.streams {
			ch <- fmt.Sprintf(`{"jsonrpc":"2.0","method":%q}`, method)
		}
	})
}

func (f *farm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	s := f.servers[r.Host]
	hang, login, forgets := s.hang, s.login, s.forgets
	f.mu.Unlock()
	switch {
	case login:
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	case forgets && r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if hang {
		_, _ = io.Copy(io.Discard, r.Body) // Only then does the server notice that the client has gone.
		<-r.Context().Done()
		return
	}
	switch r.Method {
	case http.MethodPost:
		f.post(w, r, s)
	case http.MethodGet:
		f.stream(w, r, s)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (f *farm) post(w http.ResponseWriter, r *http.Request, s *scripted) {
	body, _ := io.ReadAll(r.Body) // A cut body is no JSON.
	var m struct {
		ID     json.RawMessage
		Method string
	}
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result := f.answer(r, m.Method, s)
	if result == "" {
		if m.Method == "server/discover" {
			http.Error(w, "no session", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"no %s today"}}`, m.ID, m.Method)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if m.Method == "initialize" {
		w.Header().Set("Mcp-Session-Id", "one")
	}
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

// answer is the result of a request; "" is an error.
func (f *farm) answer(r *http.Request, method string, s *scripted) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch method {
	case "server/discover":
		if s.versions == nil {
			return ""
		}
		versions, _ := json.Marshal(s.versions) // texts always marshal
		return `{"supportedVersions":` + string(versions) + `,"capabilities":{"tools":{}},"instructions":"be kind"}`
	case "initialize":
		s.keys = append(s.keys, r.Header.Get("X-Key"))
		return `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"logging":{}},"serverInfo":{"name":"scripted","version":"1"}}`
	case "ping":
		if s.deaf {
			f.mu.Unlock()
			<-r.Context().Done()
			f.mu.Lock()
		}
		return `{}`
	case "tools/list":
		s.lists++
		if s.listFail {
			return ""
		}
		var tools []string
		for _, name := range s.tools {
			tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		}
		return `{"tools":[` + strings.Join(tools, ",") + `]}`
	case "tools/call":
		release := s.release
		f.mu.Unlock()
		select {
		case <-release:
		case <-r.Context().Done():
		}
		f.mu.Lock()
		return `{"content":[]}`
	}
	return ""
}

func (f *farm) stream(w http.ResponseWriter, r *http.Request, s *scripted) {
	ch := make(chan string, 10_000)
	f.mu.Lock()
	s.streams[ch] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(s.streams, ch)
		f.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // A reader that is gone ends the loop below.
	for {
		select {
		case text := <-ch:
			fmt.Fprintf(w, "data: %s\n\n", text)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}
