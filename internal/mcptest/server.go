package mcptest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
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
	ctx    context.Context //nolint:containedctx // the life of the server, ended by Close
	end    context.CancelFunc
	nobody *peer // who comes without a session

	// mu guards the following, and all peers.
	mu        sync.Mutex
	counts    map[string]int  // requests and notifications, by method
	calls     map[string]int  // tools/call, by tool
	added     []string        // tools added by the tools "change" and "flood"
	removed   map[string]bool // resources removed by the tool "delete_resource"
	asks      map[messageKey]chan wire.Message
	asked     int
	running   map[messageKey]context.CancelFunc // requests
	holding   map[*request]chan struct{}        // calls of "hold"
	tasks     []*task
	elicited  int
	changed   chan struct{}  // closed and replaced whenever the above changes
	streams   map[int]stream // where notifications without a request go
	nextKey   int
	sessions  map[string]*peer
	endpoints map[string]*pipe // of HTTP+SSE
	peers     map[*peer]bool
	headers   []map[string]string // of POST requests
	greeted   bool
}

// messageKey is a message of a peer: the text of its id.
type messageKey struct {
	peer *peer
	id   string
}

// stream is an open GET stream, a listen stream or a process's output.
type stream struct {
	send   func([]byte)
	meta   string  // _meta of what it carries, for listen streams
	filter *filter // of listen streams
}

// notify sends a notification on the stream; params is an object.
func (st stream) notify(method, params string) {
	p := []byte(params)
	if st.meta != "" {
		p = wire.Splice(nil, p, []wire.Edit{wire.SetMember(p, wire.Span{End: len(p)}, "_meta", []byte(st.meta))})
	}
	st.send(wire.NewNotification(method, p))
}

// New makes a server that does what the script says.
func New(script Script) *Server {
	s := &Server{
		script: script, counts: make(map[string]int), calls: make(map[string]int), removed: make(map[string]bool),
		asks: make(map[messageKey]chan wire.Message), running: make(map[messageKey]context.CancelFunc), holding: make(map[*request]chan struct{}),
		changed: make(chan struct{}), streams: make(map[int]stream), sessions: make(map[string]*peer), endpoints: make(map[string]*pipe),
		peers: make(map[*peer]bool),
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.nobody = s.newPeer(s.ctx)
	return s
}

// Close ends every session and whatever still runs for it. A server that nobody closes keeps calls that wait, as
// long as their client is there.
func (s *Server) Close() { s.end() }

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

// Subscribed is how many sessions, connections or listen streams hear of the changes of a resource.
func (s *Server) Subscribed(uri string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for p := range s.peers {
		if p.uris[uri] {
			n++
		}
	}
	for _, st := range s.streams {
		if st.filter != nil && slices.Contains(st.filter.Resources, uri) {
			n++
		}
	}
	return n
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

// Release lets every waiting call of "hold" answer, and ends every task that waits for it.
func (s *Server) Release() {
	s.note(func() {
		for key, c := range s.holding {
			close(c)
			delete(s.holding, key)
		}
	})
	s.releaseTasks()
}

// Broadcast sends a notification to whoever has a stream open, wanted or not; params is an object or "".
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

// via is the way that a request came by.
type via struct {
	out    func([]byte)          // sends what the request causes
	header http.Header           // nil but over HTTP
	drop   func()                // closes the connection; nil: there is none of its own
	cut    func(context.Context) // ends the response stream until the client resumes it; nil: it cannot
}

// take handles one message; reply is nil where there is none, and status is what it has over HTTP from 2026-07-28.
func (s *Server) take(ctx context.Context, p *peer, m wire.Message, v via) (reply []byte, status int) {
	switch m.Kind {
	case wire.Response, wire.Error:
		s.mu.Lock()
		c := s.asks[messageKey{p, string(m.Bytes(m.ID))}]
		s.mu.Unlock()
		if c != nil {
			c <- m
		}
		s.note(func() { s.counts["response"]++ })
		return nil, 0
	case wire.Notification:
		s.notified(p, m)
		return nil, 0
	case wire.Request:
	}
	s.note(func() { s.counts[m.Method]++ })
	key := messageKey{p, string(m.Bytes(m.ID))}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.note(func() { s.running[key] = cancel })
	defer s.note(func() { delete(s.running, key) })
	send := v.out
	v.out = func(raw []byte) { send(s.wrapped(p, raw)) }
	r := &request{via: v, s: s, ctx: ctx, m: m, p: p}
	result, fail := r.answer()
	switch {
	case ctx.Err() != nil || (result == "" && fail == nil):
		return nil, 0
	case fail != nil:
		var data []byte
		if fail.data != "" {
			data = []byte(fail.data)
		}
		return wire.NewError(m.Bytes(m.ID), fail.code, fail.message, data), fail.status()
	}
	return wire.NewResult(m.Bytes(m.ID), []byte(r.finished(result))), http.StatusOK
}

func (s *Server) notified(p *peer, m wire.Message) {
	switch m.Method {
	case "notifications/cancelled":
		s.cancel(p, m)
	case "notifications/initialized":
		s.note(func() { p.ready = true })
		defer s.askAtStart(p)
	}
	s.note(func() { s.counts[m.Method]++ })
}

func (s *Server) cancel(p *peer, m wire.Message) {
	var found [1]wire.Span
	if wire.Find(m.Raw, m.Params, []string{"requestId"}, found[:]) != nil {
		return
	}
	s.mu.Lock()
	end := s.running[messageKey{p, string(m.Bytes(found[0]))}]
	s.mu.Unlock()
	if end != nil {
		end()
	}
}

// request is one request being answered.
type request struct {
	via
	s       *Server
	ctx     context.Context //nolint:containedctx // a request is as short as its context
	m       wire.Message
	p       *peer
	params  params
	version string // that it is answered in
	caps    clientCapabilities
	state   *requestState // of a retry from 2026-07-28
}

// params are those of all methods that this server reads.
type params struct {
	Name           string
	URI            string
	TaskID         string
	Cursor         string
	Level          string
	Arguments      json.RawMessage
	Task           *struct{ TTL *int64 }
	Notifications  json.RawMessage
	InputResponses map[string]json.RawMessage
	RequestState   *string
	Meta           requestMeta `json:"_meta"`
}

func (r *request) modern() bool { return r.version >= protocol.V20260728 }

const serverInfo = `{"name":"mcptest","version":"1","x-odd":12345678901234567890}`

func (s *Server) info() string {
	return strings.Replace(serverInfo, `"mcptest"`, quote(s.script.name()), 1)
}

// answer is the result as JSON, or the error. Neither means silence.
func (r *request) answer() (string, *failure) {
	s := r.s
	err := json.Unmarshal(r.m.Bytes(r.m.Params), &r.params)
	r.settle()
	if r.m.Method == "initialize" && (!s.script.strict() || !r.modern() || r.params.Meta.Version == nil) {
		return r.initialize()
	}
	s.mu.Lock()
	greeted, known := s.greeted, r.p.greeted
	s.mu.Unlock()
	if !greeted && s.script.ExitOnProbe {
		os.Exit(3)
	}
	if !s.script.strict() {
		return r.method()
	}
	switch {
	case r.modern():
		if fail := r.admit(); fail != nil {
			return "", fail
		}
	case !known && r.m.Method != "ping" && r.m.Method != "server/discover":
		return "", failed(wire.CodeInvalidRequest, "initialize first")
	}
	if err != nil && len(r.m.Bytes(r.m.Params)) > 0 {
		return "", failed(wire.CodeInvalidParams, err.Error())
	}
	return r.method()
}

// settle decides which revision the request is answered in, and what its client can be asked.
func (r *request) settle() {
	s := r.s
	s.mu.Lock()
	r.version, r.caps = r.p.version, r.p.caps
	s.mu.Unlock()
	if s.script.modern() && (!s.script.legacy() || r.params.Meta.Version != nil) {
		r.version = protocol.V20260728
		_ = json.Unmarshal(r.params.Meta.Capabilities, &r.caps) // What is malformed declares nothing.
	}
	if r.version == "" {
		r.version = protocol.NewestLegacy
	}
}

// method answers by the method's name.
func (r *request) method() (string, *failure) {
	switch r.m.Method {
	case "server/discover":
		return r.discover()
	case "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe":
		return r.connection()
	case "subscriptions/listen":
		return r.listen()
	case "tools/list":
		return r.list("tools", r.tools())
	case "prompts/list":
		return r.list("prompts", r.prompts())
	case "resources/list":
		return r.list("resources", r.resources())
	case "resources/templates/list":
		return r.list("resourceTemplates", r.templates())
	case "prompts/get":
		return r.prompt()
	case "resources/read":
		return r.read()
	case "completion/complete":
		return r.complete()
	case "tools/call":
		return r.call()
	case "tasks/get", "tasks/result", "tasks/cancel", "tasks/list", "tasks/update":
		return r.taskMethod()
	}
	return r.unknown()
}

func (r *request) unknown() (string, *failure) {
	if r.s.script.EmptyProbe {
		return "{}", nil
	}
	return "", failed(wire.CodeMethodNotFound, "unknown method")
}

// connection answers the methods that change or try the connection, which 2026-07-28 has no more.
func (r *request) connection() (string, *failure) {
	if !r.s.script.strict() {
		return "{}", nil
	}
	if r.modern() {
		return r.unknown()
	}
	level := rank(r.params.Level)
	switch {
	case r.m.Method == "ping":
	case r.m.Method == "logging/setLevel" && level < 0:
		return "", failed(wire.CodeInvalidParams, "no such level")
	case r.m.Method == "logging/setLevel":
		r.s.note(func() { r.p.level = level })
	case !r.readable(r.params.URI):
		return "", r.notFound()
	case r.m.Method == "resources/subscribe":
		r.s.note(func() { r.p.uris[r.params.URI] = true })
	default:
		r.s.note(func() { delete(r.p.uris, r.params.URI) })
	}
	return "{}", nil
}

func (r *request) initialize() (string, *failure) {
	if r.s.script.HangInitialize {
		<-r.ctx.Done()
		return "", nil
	}
	var p struct {
		ProtocolVersion string
		Capabilities    clientCapabilities
	}
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // A malformed one is answered with "".
	if !r.s.script.legacy() {
		return "", r.unsupported(p.ProtocolVersion)
	}
	version := r.s.script.Version
	if version == "" || version == protocol.V20260728 {
		version = p.ProtocolVersion
	}
	r.s.note(func() { r.s.greeted, r.p.greeted, r.p.version, r.p.caps = true, true, version, p.Capabilities })
	r.version = version
	return `{"protocolVersion":` + quote(version) + `,"capabilities":` + r.capabilities() + `,"serverInfo":` + r.s.info() + `,"instructions":"be kind"}`, nil
}

// capabilities are those that the revision has, or those of every script without a Version.
func (r *request) capabilities() string {
	const common = `{"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true,"listChanged":true},"logging":{}`
	switch {
	case !r.s.script.strict():
		return common + `,"completions":{}}`
	case r.version < protocol.V20250326:
		return common + `}`
	case r.version == protocol.V20251125:
		return common + `,"completions":{},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}`
	case r.modern():
		return common + `,"completions":{},"extensions":{"` + protocol.TasksID + `":{}}}`
	}
	return common + `,"completions":{}}`
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
		return `{"supportedVersions":[` + versions + `],"capabilities":` + r.capabilities() + `,"instructions":"be kind","_meta":{"` + protocol.MetaServerInfo + `":` + r.s.info() + `}}`, nil
	case script.EmptyProbe:
		return "{}", nil
	case script.ProbeError != 0:
		return "", failed(script.ProbeError, "the probe was refused")
	}
	return "", failed(wire.CodeMethodNotFound, "unknown method")
}

// list is one page of items; cursors are offsets.
func (r *request) list(member string, items []string) (string, *failure) {
	from, err := strconv.Atoi(r.params.Cursor) // "" is the first page.
	if r.s.script.strict() && r.params.Cursor != "" && (err != nil || from <= 0 || from >= len(items)) {
		return "", failed(wire.CodeInvalidParams, "no such cursor")
	}
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

func quote(s string) string { return string(wire.Quote(s)) }

// rank is the place of a log level, -1 where it is none (RFC 5424 §6.2.1).
func rank(level string) int {
	return slices.Index([]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}, level)
}
