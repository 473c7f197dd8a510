package mcptest

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Server is one scripted server.
type Server struct {
	script Script

	// mu guards the following.
	mu       sync.Mutex
	counts   map[string]int  // requests and notifications, by method
	calls    map[string]int  // tools/call, by tool
	added    []string        // tools added by the tools "change" and "flood"
	deleted  map[string]bool // resources taken away by the tool "delete_resource"
	asks     map[string]chan wire.Message
	running  map[string]context.CancelFunc // requests, by session and raw id
	holding  map[string]chan struct{}      // calls of "hold", by their key
	changed  chan struct{}                 // closed and replaced whenever the above changes
	streams  map[int]stream                // where notifications without a request go
	nextKey  int
	sessions map[string]bool
	headers  []map[string]string // of POST requests
	greeted  bool
	peers    map[string]*peer // by session
	tasks    map[string]*task
	nextTask int
	pipes    map[string]*pipes // of HTTP+SSE, by the key in their address
	detached map[int]detached
	offered  map[string]func(context.Context) string // tools, by name
}

// stream is an open GET stream, a listen stream or a process's output.
type stream struct {
	send    func([]byte)
	meta    string // _meta of what it carries, for listen streams
	filter  filter // of a listen stream
	session string // of another
}

// New makes a server that does what the script says.
func New(script Script) *Server {
	return &Server{
		script: script, counts: make(map[string]int), calls: make(map[string]int), asks: make(map[string]chan wire.Message),
		deleted: make(map[string]bool), running: make(map[string]context.CancelFunc), holding: make(map[string]chan struct{}), changed: make(chan struct{}),
		streams: make(map[int]stream), sessions: make(map[string]bool), peers: make(map[string]*peer), pipes: make(map[string]*pipes), detached: make(map[int]detached), tasks: make(map[string]*task),
		offered: make(map[string]func(context.Context) string),
	}
}

// note changes what mu guards and wakes Await.
func (s *Server) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Count is how many messages of a method arrived; responses count as "response".
func (s *Server) Count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[method]
}

// Calls is how often a tool was called.
func (s *Server) Calls(tool string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[tool]
}

// Holding is how many calls of the tool "hold" wait.
func (s *Server) Holding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.holding)
}

// Streams is how many streams are open for what no request caused.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// Headers are those of the POST requests that named the method in their body; see ServeHTTP for which are kept.
func (s *Server) Headers(method string) []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []map[string]string
	for _, h := range s.headers {
		if h["method"] == method {
			found = append(found, h)
		}
	}
	return found
}

// Await waits until ok holds; it is asked again whenever something happened. It reports false when ctx ended
// first.
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

// Release lets every waiting call of "hold" answer and every held task go on.
func (s *Server) Release() {
	s.note(func() {
		for key, c := range s.holding {
			close(c)
			delete(s.holding, key)
		}
	})
	s.goOnAll()
}

// Broadcast sends a notification to whoever has a stream open; params is an object or "".
func (s *Server) Broadcast(method, params string) {
	s.mu.Lock()
	open := slices.Collect(maps.Values(s.streams))
	s.mu.Unlock()
	if params == "" {
		params = "{}"
	}
	for _, st := range open {
		st.notify(method, params)
	}
}

// Send sends raw bytes, as one message, to whoever has a stream open.
func (s *Server) Send(raw string) {
	s.mu.Lock()
	open := slices.Collect(maps.Values(s.streams))
	s.mu.Unlock()
	for _, st := range open {
		st.send([]byte(raw))
	}
}

// open registers a stream and returns how to take it back.
func (s *Server) open(st stream) (closed func()) {
	var key int
	s.note(func() {
		s.nextKey++
		key = s.nextKey
		s.streams[key] = st
	})
	return func() { s.note(func() { delete(s.streams, key) }) }
}

// take handles one message; reply is nil where there is none. out sends what the request causes.
func (s *Server) take(ctx context.Context, session string, m wire.Message, out func([]byte)) (reply []byte) {
	switch m.Kind {
	case wire.Response, wire.Error:
		s.mu.Lock()
		c := s.asks[session+"/"+string(m.Bytes(m.ID))]
		s.mu.Unlock()
		if c != nil {
			c <- m
		}
		s.note(func() { s.counts["response"]++ })
		return nil
	case wire.Notification:
		if m.Method == "notifications/cancelled" {
			s.cancel(session, m)
		}
		s.note(func() {
			s.counts[m.Method]++
			if m.Method == "notifications/initialized" {
				s.peer(session).ready = true
			}
		})
		s.askAtStart(session)
		return nil
	case wire.Request:
	}
	s.note(func() { s.counts[m.Method]++ })
	key := session + "/" + string(m.Bytes(m.ID))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.note(func() { s.running[key] = cancel })
	defer s.note(func() { delete(s.running, key) })
	r := &request{s: s, ctx: ctx, m: m, key: key, out: s.inArrays(session, out), session: session}
	r.know()
	result, fail := r.answer()
	switch {
	case ctx.Err() != nil || (result == "" && fail == nil):
		return nil
	case fail != nil:
		var data []byte
		if fail.data != "" {
			data = []byte(fail.data)
		}
		return wire.NewError(m.Bytes(m.ID), fail.code, fail.message, data)
	}
	return wire.NewResult(m.Bytes(m.ID), []byte(r.complete(result)))
}

func (s *Server) cancel(session string, m wire.Message) {
	var found [1]wire.Span
	if wire.Find(m.Raw, m.Params, []string{"requestId"}, found[:]) != nil {
		return
	}
	s.mu.Lock()
	end := s.running[session+"/"+string(m.Bytes(found[0]))]
	s.mu.Unlock()
	if end != nil {
		end()
	}
}

type failure struct {
	code    int
	message string
	data    string // JSON, or ""
}

// request is one request being answered.
type request struct {
	s   *Server
	ctx context.Context //nolint:containedctx // a request is as short as its context
	m   wire.Message
	key string
	out func([]byte)

	session string
	modern  bool            // of the newer era
	version string          // its revision, or that of its session
	caps    json.RawMessage // what the client can
	envelope
}

// serverInfo is what the server says of itself.
func (s *Server) serverInfo() string {
	name := s.script.Name
	if name == "" {
		name = "mcptest"
	}
	return `{"name":` + quote(name) + `,"version":"1","x-odd":12345678901234567890}`
}

// answer is the result as JSON, or the error. Neither means silence.
func (r *request) answer() (string, *failure) {
	s := r.s
	if r.m.Method == "initialize" {
		return r.initialize()
	}
	s.mu.Lock()
	greeted := s.greeted
	s.mu.Unlock()
	if !greeted && s.script.ExitOnProbe {
		os.Exit(3)
	}
	switch r.m.Method {
	case "server/discover":
		return r.discover()
	case "ping":
		return "{}", nil
	case "logging/setLevel":
		return r.setLevel(), nil
	case "resources/subscribe", "resources/unsubscribe":
		return r.subscribe(r.m.Method == "resources/subscribe"), nil
	case "tools/list":
		return r.list("tools", r.tools())
	case "prompts/list":
		return r.list("prompts", r.more(`{"name":"greet","x-odd":null}`, `{"name":"ask_name"}`))
	case "resources/list":
		return r.list("resources", r.resources())
	case "resources/templates/list":
		return r.list("resourceTemplates", []string{`{"uriTemplate":"test://{name}","name":"t"}`})
	case "prompts/get":
		return r.prompt()
	case "resources/read":
		return r.read()
	case "completion/complete":
		return r.completeArgument(), nil
	case "tools/call":
		return r.call()
	}
	if result, fail, ok := r.taskMethod(); ok {
		return result, fail
	}
	if s.script.EmptyProbe {
		return "{}", nil
	}
	return "", &failure{wire.CodeMethodNotFound, "unknown method", ""}
}

func (r *request) initialize() (string, *failure) {
	if r.s.script.HangInitialize {
		<-r.ctx.Done()
		return "", nil
	}
	if !r.s.script.legacy() {
		return "", &failure{wire.CodeUnsupportedVersion, "only 2026-07-28", ""}
	}
	var p struct {
		ProtocolVersion string
		Capabilities    json.RawMessage
	}
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // A malformed one is answered with "".
	version := r.s.script.Version
	if version == "" {
		version = p.ProtocolVersion
	}
	r.s.note(func() {
		r.s.greeted = true
		peer := r.s.peer(r.session)
		peer.version, peer.caps = version, p.Capabilities
	})
	r.version = version
	return `{"protocolVersion":"` + version + `","capabilities":` + r.capabilities() + `,"serverInfo":` + r.s.serverInfo() + `,"instructions":"be kind"}`, nil
}

const capabilities = `{"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true,"listChanged":true},"logging":{},"completions":{}}`

// capabilities are those of the revision; what it has not is not named.
func (r *request) capabilities() string {
	switch {
	case r.s.script.plain():
	case !r.has(protocol.Completions):
		return strings.Replace(capabilities, `,"completions":{}`, "", 1)
	case r.has(protocol.TasksCore):
		return strings.TrimSuffix(capabilities, "}") + `,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}`
	case r.has(protocol.TasksExtension):
		return strings.TrimSuffix(capabilities, "}") + `,"extensions":{"` + protocol.TasksID + `":{}}}`
	}
	return capabilities
}

func (r *request) discover() (string, *failure) {
	script := r.s.script
	switch {
	case script.HangProbe:
		<-r.ctx.Done()
		return "", nil
	case script.modern():
		versions := `"` + protocol.V20260728 + `"`
		if script.legacy() {
			versions += `,"` + protocol.V20251125 + `"`
		}
		return `{"supportedVersions":[` + versions + `],"capabilities":` + r.capabilities() + `,"instructions":"be kind","_meta":{"` + protocol.MetaServerInfo + `":` + r.s.serverInfo() + `}}`, nil
	case script.EmptyProbe:
		return "{}", nil
	case script.ProbeError != 0:
		return "", &failure{script.ProbeError, "the probe was refused", ""}
	}
	return "", &failure{wire.CodeMethodNotFound, "unknown method", ""}
}

// list is one page of items; cursors are offsets.
func (r *request) list(member string, items []string) (string, *failure) {
	var p struct{ Cursor string }
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No params, no cursor.
	from, _ := strconv.Atoi(p.Cursor)             // "" is the first page.
	to, next := len(items), ""
	if size := r.s.script.PageSize; size > 0 && from+size < to {
		to = from + size
		next = strconv.Itoa(to)
		if r.s.script.RepeatCursor {
			next = strconv.Itoa(size)
		}
	}
	text := `{"` + member + `":[` + strings.Join(items[min(from, to):to], ",") + "]"
	if next != "" {
		text += `,"nextCursor":"` + next + `"`
	}
	return text + "}", nil
}
