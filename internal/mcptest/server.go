package mcptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Server is one scripted server. Over HTTP it has many sessions, on stdio one.
type Server struct {
	script Script

	// mu guards the following.
	mu       sync.Mutex
	counts   map[string]int
	arrived  chan struct{} // closed and replaced at every message
	last     map[string][]byte
	headers  map[string]map[string][]string
	sessions map[string]*session
	added    []string
	nextID   int
	events   map[string][]byte // what a cut stream still has to say, by event id
}

// New makes a Server. It is an http.Handler.
func New(script Script) *Server {
	if script.Era == "" {
		script.Era = Legacy
	}
	return &Server{
		script: script, counts: make(map[string]int), arrived: make(chan struct{}), last: make(map[string][]byte),
		headers: make(map[string]map[string][]string), sessions: make(map[string]*session), events: make(map[string][]byte),
	}
}

// session is one client's state: a session over HTTP, the process on stdio. Modern HTTP requests share one.
type session struct {
	id string

	// mu guards the following.
	mu      sync.Mutex
	asked   map[string]chan wire.Message
	running map[string]context.CancelFunc
	streams map[*stream]struct{} // where unasked messages go
	nextAsk int
}

func newSession(id string) *session {
	return &session{id: id, asked: make(map[string]chan wire.Message), running: make(map[string]context.CancelFunc), streams: make(map[*stream]struct{})}
}

// stream takes messages that no request caused. listen is the raw id of a subscriptions/listen request.
type stream struct {
	write  func(raw []byte)
	listen []byte
	uris   map[string]bool
}

func (s *session) add(st *stream) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[st] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, st)
	}
}

// Count is how many messages of a method have come; responses count under "response".
func (s *Server) Count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[method]
}

// Last is the last message of a method as it came, nil for none.
func (s *Server) Last(method string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[method]
}

// LastHeader is a header of the HTTP request that brought the last message of a method ("GET" and "DELETE" are
// methods of their own).
func (s *Server) LastHeader(method, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.headers[method][name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Await waits until at least n messages of a method have come.
func (s *Server) Await(ctx context.Context, method string, n int) error {
	for {
		s.mu.Lock()
		have, arrived := s.counts[method], s.arrived
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d %s: %w", have, n, method, ctx.Err())
		}
	}
}

// ForgetSessions ends all sessions: further requests in them get 404.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// Notify sends a notification on every stream that is open for what no request caused.
func (s *Server) Notify(method, params string) {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for _, sess := range s.sessions {
		all = append(all, sess)
	}
	s.mu.Unlock()
	for _, sess := range all {
		sess.notify(method, params, "")
	}
}

// notify sends a notification on the session's streams; uri is set where only subscribers of it hear it.
func (s *session) notify(method, params, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		if uri != "" && st.uris != nil && !st.uris[uri] {
			continue
		}
		body := []byte(params)
		if st.listen != nil {
			meta := append(append([]byte(`{"`+protocol.MetaSubscription+`":`), st.listen...), '}')
			body = wire.Splice(nil, body, []wire.Edit{wire.SetMember(body, wire.Span{End: len(body)}, "_meta", meta)})
		}
		st.write(wire.NewNotification(method, body))
	}
}

func (s *Server) note(m wire.Message, header map[string][]string) {
	name := m.Method
	if name == "" {
		name = "response"
	}
	s.noteName(name, m.Raw, header)
}

func (s *Server) noteName(name string, raw []byte, header map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name]++
	s.last[name] = bytes.Clone(raw)
	s.headers[name] = header
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// exchange is one request and where its answer goes.
type exchange struct {
	srv   *Server
	sess  *session
	m     wire.Message
	write func(raw []byte) // on the request's own stream
	hang  func()           // cuts the request's stream without an answer
	stdio bool
}

// fault is an error answer.
type fault struct {
	code int
	text string
	data string
}

func faultf(code int, format string, args ...any) *fault {
	return &fault{code: code, text: fmt.Sprintf(format, args...)}
}

// serve answers one request.
func (x *exchange) serve(ctx context.Context) {
	result, err := x.srv.handle(ctx, x)
	id := x.m.Bytes(x.m.ID)
	switch {
	case err != nil:
		var data []byte
		if err.data != "" {
			data = []byte(err.data)
		}
		x.write(wire.NewError(id, err.code, err.text, data))
	case result != nil:
		x.write(wire.NewResult(id, result))
	}
}

// response gives an answer of the client to who asked.
func (s *session) response(m wire.Message) {
	id := string(m.Bytes(m.ID))
	s.mu.Lock()
	ch := s.asked[id]
	delete(s.asked, id)
	s.mu.Unlock()
	if ch != nil {
		m.Raw = bytes.Clone(m.Raw)
		ch <- m // has room for one
	}
}

// begin makes a request cancellable by notifications/cancelled.
func (s *session) begin(ctx context.Context, m wire.Message) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	id := string(m.Bytes(m.ID))
	s.mu.Lock()
	s.running[id] = cancel
	s.mu.Unlock()
	return ctx, func() {
		cancel()
		s.mu.Lock()
		delete(s.running, id)
		s.mu.Unlock()
	}
}

func (s *session) notification(m wire.Message) {
	if m.Method != "notifications/cancelled" {
		return
	}
	var found [1]wire.Span
	if wire.Find(m.Raw, m.Params, []string{"requestId"}, found[:]) != nil {
		return
	}
	s.mu.Lock()
	cancel := s.running[string(m.Bytes(found[0]))]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// ask puts a request to the client and waits for the answer.
func (x *exchange) ask(ctx context.Context, method, params string) (wire.Message, error) {
	s := x.sess
	ch := make(chan wire.Message, 1)
	s.mu.Lock()
	s.nextAsk++
	id := `"ask-` + strconv.Itoa(s.nextAsk) + `"`
	s.asked[id] = ch
	write := x.write
	if x.srv.script.AskOnUnasked {
		for st := range s.streams {
			write = st.write
		}
	}
	s.mu.Unlock()
	write([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`))
	select {
	case m := <-ch:
		return m, nil
	case <-ctx.Done():
		write(wire.NewNotification("notifications/cancelled", []byte(`{"requestId":`+id+`}`)))
		return wire.Message{}, ctx.Err()
	}
}

// handle gives the result of a request; nil and nil means no answer.
func (s *Server) handle(ctx context.Context, x *exchange) ([]byte, *fault) {
	m := x.m
	switch m.Method {
	case "initialize":
		return s.initialize(m)
	case "server/discover":
		return s.discover(x)
	case "ping", "logging/setLevel":
		if s.script.Era == Modern {
			break
		}
		return []byte(`{}`), nil
	case "resources/subscribe", "resources/unsubscribe":
		if s.script.Era == Modern {
			break
		}
		return []byte(`{}`), nil
	case "tools/list":
		return s.page(m, "tools", s.tools())
	case "prompts/list":
		return s.page(m, "prompts", []string{`{"name":"greet","description":"Greets.","arguments":[{"name":"who","required":true}]}`})
	case "resources/list":
		return s.page(m, "resources", []string{`{"uri":"test://a","name":"a","mimeType":"text/plain"}`, `{"uri":"test://b","name":"b"}`})
	case "resources/templates/list":
		return s.page(m, "resourceTemplates", []string{`{"uriTemplate":"test://items/{id}","name":"item"}`})
	case "prompts/get":
		return s.prompt(m)
	case "resources/read":
		return s.resource(m)
	case "completion/complete":
		return s.modernize(m, []byte(`{"completion":{"values":["alpha","beta"],"total":2,"hasMore":false}}`)), nil
	case "tools/call":
		return s.call(ctx, x)
	}
	return nil, faultf(wire.CodeMethodNotFound, "method %s is not known here", m.Method)
}

const capabilities = `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"completions":{},"logging":{}}`

const serverInfo = `{"name":"mcptest","version":"1.0.0"}`

func (s *Server) initialize(m wire.Message) ([]byte, *fault) {
	if s.script.Era == Modern {
		return nil, faultf(wire.CodeMethodNotFound, "method %s is not known here", m.Method)
	}
	if s.script.HangOnInitialize {
		return nil, nil
	}
	version := s.script.Version
	if version == "" {
		version = protocol.NewestLegacy
	}
	return []byte(`{"protocolVersion":"` + version + `","capabilities":` + capabilities + `,"serverInfo":` + serverInfo + `,"instructions":"Use echo."}`), nil
}

func (s *Server) discover(x *exchange) ([]byte, *fault) {
	if s.script.Era == Legacy {
		switch s.script.Probe {
		case "silent":
			x.hang()
			return nil, nil
		case "empty":
			return []byte(`{}`), nil
		}
		return nil, faultf(wire.CodeMethodNotFound, "method %s is not known here", x.m.Method)
	}
	return []byte(`{"resultType":"complete","supportedVersions":["` + protocol.Newest + `"],"capabilities":` + capabilities +
		`,"instructions":"Use echo.","ttlMs":0,"cacheScope":"private","_meta":{"` + protocol.MetaServerInfo + `":` + serverInfo + `}}`), nil
}

// isModern says whether a request is of the modern era: its _meta says so.
func isModern(m wire.Message) bool {
	var found [1]wire.Span
	if !m.Params.OK() || wire.Find(m.Raw, m.Params, []string{"_meta"}, found[:]) != nil || !found[0].OK() {
		return false
	}
	meta := found[0]
	if wire.Find(m.Raw, meta, []string{protocol.MetaVersion}, found[:]) != nil {
		return false
	}
	v, ok := wire.String(m.Raw, found[0])
	return ok && protocol.Modern(v)
}

// modernize adds what the modern era wants in a result.
func (s *Server) modernize(m wire.Message, result []byte) []byte {
	if !isModern(m) {
		return result
	}
	add := `"resultType":"complete"`
	if t, ok := protocol.Lookup(m.Method); ok && t.Cacheable {
		add += `,"ttlMs":0,"cacheScope":"private"`
	}
	return append([]byte(`{`+add+`,`), result[1:]...)
}

// page is one page of a list. A cursor is the index of its first item.
func (s *Server) page(m wire.Message, member string, items []string) ([]byte, *fault) {
	var p struct {
		Cursor string `json:"cursor"`
	}
	_ = json.Unmarshal(m.Bytes(m.Params), &p) // without params there is no cursor
	from := 0
	if p.Cursor != "" {
		n, err := strconv.Atoi(p.Cursor)
		if err != nil || n < 0 || n > len(items) {
			return nil, faultf(wire.CodeInvalidParams, "unknown cursor")
		}
		from = n
	}
	to, next := len(items), ""
	if s.script.PageSize > 0 && from+s.script.PageSize < to {
		to = from + s.script.PageSize
		next = strconv.Itoa(to)
	}
	if s.script.RepeatCursor {
		next = "0"
	}
	var b bytes.Buffer
	b.WriteString(`{"` + member + `":[`)
	for i, it := range items[from:to] {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(it)
	}
	b.WriteByte(']')
	if next != "" {
		b.WriteString(`,"nextCursor":"` + next + `"`)
	}
	b.WriteByte('}')
	return s.modernize(m, b.Bytes()), nil
}

func (s *Server) prompt(m wire.Message) ([]byte, *fault) {
	var p struct {
		Name      string            `json:"name"`
		Arguments map[string]string `json:"arguments"`
	}
	if err := json.Unmarshal(m.Bytes(m.Params), &p); err != nil || p.Name != "greet" {
		return nil, faultf(wire.CodeInvalidParams, "unknown prompt")
	}
	text := wire.Quote("Hello " + p.Arguments["who"])
	return s.modernize(m, []byte(`{"messages":[{"role":"user","content":{"type":"text","text":`+string(text)+`}}]}`)), nil
}

func (s *Server) resource(m wire.Message) ([]byte, *fault) {
	var p struct {
		URI string `json:"uri"`
	}
	if err := json.Unmarshal(m.Bytes(m.Params), &p); err != nil || len(p.URI) < 8 || p.URI[:7] != "test://" {
		return nil, &fault{code: -32002, text: "resource not found", data: `{"uri":` + string(wire.Quote(p.URI)) + `}`}
	}
	uri := string(wire.Quote(p.URI))
	return s.modernize(m, []byte(`{"contents":[{"uri":`+uri+`,"mimeType":"text/plain","text":"content of `+p.URI+`"}]}`)), nil
}
