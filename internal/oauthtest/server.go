package oauthtest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// Server is an authorization server and what it protects. All its methods are safe for concurrent use.
type Server struct {
	// host, issuerPath and paths are those of the Script that the server was started with; origin is the address of
	// the MCP servers, by path in resources.
	host, issuerPath string
	paths            []string
	shared           bool
	origin           string
	resources        map[string]*mcptest.Server
	closing          chan struct{}
	started          chan struct{} // closed when all of this is there

	// authorities are the authorization servers, the last is in charge. atMu guards them, apart from mu: addresses may
	// be asked for while a Script is changed.
	atMu        sync.Mutex
	authorities []string // their addresses
	listeners   []*httptest.Server

	// mu guards the following.
	mu      sync.Mutex
	script  Script
	log     []*Request
	changed chan struct{} // closed and replaced whenever something of this changes
	held    map[string]int
	release chan struct{} // closed and replaced by Release
	clients map[string]*Client
	codes   map[string]*code
	tokens  map[string]*token
	devices map[string]*device
	jtis    map[string]bool
	secrets []string
	serial  int
}

// Request is one that came.
type Request struct {
	Endpoint string
	AS       int // which authorization server, counted from 0; -1 is the MCP server's listener
	Method   string
	Path     string
	Form     url.Values // of the query, and of a form in the body
	Header   http.Header
	Body     []byte // at most 64 KiB of it
	At       time.Time
	Status   int // of the answer, 0 before there is one
}

// bodyKept is how much of a body is recorded.
const bodyKept = 64 << 10

// New starts the servers of a Script and ends them with the test.
func New(tb testing.TB, script Script) *Server {
	tb.Helper()
	s := Start(script)
	tb.Cleanup(s.Close)
	return s
}

// Start starts the servers of a Script, which run until Close.
func Start(script Script) *Server {
	s := &Server{
		host: script.Host, issuerPath: script.IssuerPath, paths: slices.Clone(script.Paths), shared: script.Shared,
		resources: make(map[string]*mcptest.Server), closing: make(chan struct{}),
		script: script.clone(), changed: make(chan struct{}), held: make(map[string]int), release: make(chan struct{}),
		clients: make(map[string]*Client), codes: make(map[string]*code), tokens: make(map[string]*token),
		devices: make(map[string]*device), jtis: make(map[string]bool), started: make(chan struct{}),
	}
	defer close(s.started)
	if len(s.paths) == 0 {
		s.paths = []string{"/mcp"}
	}
	for _, path := range s.paths {
		s.resources[path] = s.newResource(script.MCP)
	}
	if s.shared {
		s.origin = s.listen(0, true)
		s.authorities = []string{s.origin}
		return s
	}
	s.origin = s.listen(noAS, true)
	s.authorities = []string{s.listen(0, false)}
	return s
}

// noAS is the listener of the MCP servers, where it has no authorization server.
const noAS = -1

// listen starts a listener for authorization server as and, or, the MCP servers, and answers its address.
func (s *Server) listen(as int, mcp bool) string {
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-s.started // what a request reads was written before
		s.serve(w, r, as, mcp)
	}))
	s.atMu.Lock()
	defer s.atMu.Unlock()
	s.listeners = append(s.listeners, l)
	return "http://" + cmp.Or(s.host, "127.0.0.1") + ":" + l.URL[strings.LastIndexByte(l.URL, ':')+1:]
}

// Close ends the servers and every connection to them.
func (s *Server) Close() {
	close(s.closing)
	s.atMu.Lock()
	listeners := s.listeners
	s.atMu.Unlock()
	for _, l := range listeners {
		l.CloseClientConnections()
		l.Close()
	}
}

// URL is the address of the authorization server in charge, without a path.
func (s *Server) URL() string {
	s.atMu.Lock()
	defer s.atMu.Unlock()
	return s.authorities[len(s.authorities)-1]
}

// Issuer is the issuer in charge.
func (s *Server) Issuer() string { return s.URL() + s.issuerPath }

// Origin is the address of the MCP servers, without a path.
func (s *Server) Origin() string { return s.origin }

// MCP is the address of the first MCP server.
func (s *Server) MCP() string { return s.origin + s.paths[0] }

// MCPAt is the address of the MCP server of one of Script.Paths.
func (s *Server) MCPAt(path string) string { return s.origin + path }

// Resource is the first MCP server, without the door in front of it: it counts calls.
func (s *Server) Resource() *mcptest.Server { return s.resources[s.paths[0]] }

// ResourceAt is the MCP server of one of Script.Paths.
func (s *Server) ResourceAt(path string) *mcptest.Server { return s.resources[path] }

// Migrate puts another authorization server in charge, which knows nothing of the one before: from now on the
// metadata name it, and only its tokens are good. The one before goes on answering. It returns the new issuer.
func (s *Server) Migrate() string {
	s.atMu.Lock()
	as := len(s.authorities)
	s.atMu.Unlock()
	address := s.listen(as, false)
	s.atMu.Lock()
	s.authorities = append(s.authorities, address)
	s.atMu.Unlock()
	return s.Issuer()
}

// issuerOf is the issuer of authorization server as, current is the number of the one in charge.
func (s *Server) issuerOf(as int) string {
	s.atMu.Lock()
	defer s.atMu.Unlock()
	return s.authorities[as] + s.issuerPath
}

func (s *Server) current() int {
	s.atMu.Lock()
	defer s.atMu.Unlock()
	return len(s.authorities) - 1
}

// Update changes how the servers behave from now on. change may ask s for addresses, but for nothing else.
func (s *Server) Update(change func(*Script)) {
	s.note(func() {
		s.script = s.script.clone()
		change(&s.script)
	})
}

// says is the Script of the moment. Nothing in it may be changed.
func (s *Server) says() Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.script
}

// note changes what mu guards and wakes Await.
func (s *Server) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Log is every request that came, in their order.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, 0, len(s.log))
	for _, r := range s.log {
		out = append(out, *r)
	}
	return out
}

// Requests are those of one endpoint.
func (s *Server) Requests(endpoint string) []Request {
	return slices.DeleteFunc(s.Log(), func(r Request) bool { return r.Endpoint != endpoint })
}

// Count is how many requests came to an endpoint.
func (s *Server) Count(endpoint string) int { return len(s.Requests(endpoint)) }

// Await waits until ok holds; it is asked again whenever something happened. It reports false when ctx ended first.
func (s *Server) Await(ctx context.Context, ok func() bool) bool {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok() {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Held is how many requests of an endpoint wait for Release; Slow are calls of that tool.
func (s *Server) Held(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[endpoint]
}

// Slow is what calls of the tool slow are held under.
const Slow = "slow"

// Release lets everything go on that is held at the moment.
func (s *Server) Release() {
	s.note(func() {
		close(s.release)
		s.release = make(chan struct{})
	})
}

// hold waits for Release, the end of ctx, or that of the server.
func (s *Server) hold(ctx context.Context, name string) {
	var release chan struct{}
	s.note(func() {
		release = s.release
		s.held[name]++
	})
	defer s.note(func() { s.held[name]-- })
	select {
	case <-release:
	case <-ctx.Done():
	case <-s.closing:
	}
}

// serve records a request and answers it: as the Script's Answers say, or as its endpoint does.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, as int, mcp bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
	if err != nil {
		return // The client has gone, or is no client of this protocol.
	}
	endpoint, handle := s.route(r, as, mcp)
	entry := s.record(r, endpoint, as, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if skew := s.says().DateSkew; skew != 0 {
		w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
	}
	sw := &statusWriter{ResponseWriter: w, said: func(status int) { s.note(func() { entry.Status = status }) }}
	if a, ok := s.answer(endpoint, entry.Form.Get("grant_type")); ok {
		s.give(sw, r, endpoint, a, handle)
	} else {
		handle(sw, r)
	}
	sw.WriteHeader(http.StatusOK) // Where nothing was written.
}

// record keeps a request.
func (s *Server) record(r *http.Request, endpoint string, as int, body []byte) *Request {
	form := maps.Clone(r.URL.Query())
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		fields, _ := url.ParseQuery(string(body)) // What is no form has no fields.
		for name, values := range fields {
			form[name] = append(form[name], values...)
		}
	}
	e := &Request{
		Endpoint: endpoint, AS: as, Method: r.Method, Path: r.URL.Path, Form: form, Header: r.Header.Clone(),
		Body: body[:min(len(body), bodyKept)], At: time.Now(),
	}
	s.note(func() { s.log = append(s.log, e) })
	return e
}

// route finds the endpoint of a request.
func (s *Server) route(r *http.Request, as int, mcp bool) (string, http.HandlerFunc) {
	path, script := r.URL.Path, s.says()
	if as != noAS {
		if endpoint, handle := s.routeAS(path, &script, as); endpoint != Other {
			return endpoint, handle
		}
	}
	if mcp {
		return s.routeMCP(path, &script)
	}
	return Other, http.NotFound
}

// routeAS finds the endpoint of an authorization server.
func (s *Server) routeAS(path string, script *Script, as int) (string, http.HandlerFunc) {
	if path == s.asmPath(script) {
		return ASM, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.asm(as)) }
	}
	if strings.Contains(path, asmOAuth) || strings.Contains(path, asmOIDC) {
		return ASM, http.NotFound
	}
	rest, ok := strings.CutPrefix(path, s.issuerPath)
	if !ok {
		return Other, http.NotFound
	}
	at := map[string]struct {
		endpoint string
		serve    func(http.ResponseWriter, *http.Request, int)
	}{
		"/authorize": {Authorize, s.authorize}, "/token": {Token, s.token}, "/register": {Register, s.register},
		"/revoke": {Revoke, s.revocation}, "/device_authorization": {Device, s.deviceAuthorization}, "/device": {Verify, s.verify},
	}
	found, ok := at[rest]
	if !ok {
		return Other, http.NotFound
	}
	if member := optional[found.endpoint]; member != "" && s.asm(as)[member] == nil {
		return found.endpoint, http.NotFound
	}
	return found.endpoint, func(w http.ResponseWriter, r *http.Request) { found.serve(w, r, as) }
}

// optional are the endpoints that exist only where the metadata name them.
var optional = map[string]string{
	Register: "registration_endpoint", Revoke: "revocation_endpoint", Device: "device_authorization_endpoint",
}

// statusWriter tells the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	said  func(int)
	wrote bool
}

func (w *statusWriter) WriteHeader(status int) {
	if w.wrote {
		return
	}
	w.wrote = true
	w.said(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
