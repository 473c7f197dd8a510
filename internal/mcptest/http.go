package mcptest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// EndSessions forgets every session, as a server does that was restarted.
func (s *Server) EndSessions() {
	s.mu.Lock()
	var all []*peer
	for _, p := range s.sessions {
		all = append(all, p)
	}
	s.mu.Unlock()
	for _, p := range all {
		s.forget(p)
	}
	s.note(func() { s.sessions = make(map[string]*peer) })
}

// Sessions is how many sessions there are.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// ServeHTTP is the endpoint, at every path: Streamable HTTP, or with Script.SSE the older transport. Of each POST
// request the headers Authorization, Mcp-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name and Mcp-Param-*
// are kept for Headers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.script.Bearer != "" && r.Header.Get("Authorization") != "Bearer "+s.script.Bearer {
		w.Header().Set("Www-Authenticate", `Bearer resource_metadata="http://`+r.Host+`/meta"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.script.strict() && foreign(r.Header.Get("Origin")) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if s.script.SSE {
		s.serveSSE(w, r)
		return
	}
	session := r.Header.Get("Mcp-Session-Id")
	if !s.script.legacy() && s.script.strict() {
		session = "" // 2026-07-28 ignores it.
	}
	s.mu.Lock()
	p := s.sessions[session]
	s.mu.Unlock()
	if session == "" {
		p = s.nobody
	}
	switch {
	case p == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPost:
		s.post(w, r, p)
	case s.script.strict() && (!s.script.legacy() || p == s.nobody):
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Method == http.MethodGet:
		s.get(w, r, p)
	case r.Method == http.MethodDelete:
		s.forget(p)
		s.note(func() {
			delete(s.sessions, session)
			s.counts["DELETE"]++
		})
	}
}

// foreign says whether a page of another host sent a request (MCP basic/transports §Security Warning).
func foreign(origin string) bool {
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}

// get opens the stream for what no request causes, or resumes another.
func (s *Server) get(w http.ResponseWriter, r *http.Request, p *peer) {
	switch id := r.Header.Get("Last-Event-ID"); {
	case s.script.strict() && !s.fits(r, p):
		w.WriteHeader(http.StatusBadRequest)
	case s.script.strict() && id != "":
		t, from := s.resume(p, id)
		if t == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if t.standing {
			defer s.open(stream{send: t.send})()
		}
		t.play(r.Context(), w, from)
	case s.script.NoStream || !s.script.legacy():
		w.WriteHeader(http.StatusMethodNotAllowed)
	case s.script.strict():
		t := s.newTape(p, true)
		defer s.open(stream{send: t.send})()
		s.attach(p, t.send)
		t.play(r.Context(), w, 0)
	default:
		e := begin(w)
		defer s.open(stream{send: e.send})()
		s.attach(p, e.send)
		<-r.Context().Done()
		e.end()
	}
}

// fits says whether a request of a session names the revision that was agreed on. Up to 2025-03-26 there is no
// header for it.
func (s *Server) fits(r *http.Request, p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.version < protocol.V20250618 || r.Header.Get("Mcp-Protocol-Version") == p.version
}

// keep keeps headers of a POST request.
func (s *Server) keep(method string, h http.Header) {
	kept := map[string]string{"method": method}
	for name, values := range h {
		if name == "Authorization" || (len(name) > 4 && name[:4] == "Mcp-") {
			kept[name] = values[0]
		}
	}
	s.note(func() { s.headers = append(s.headers, kept) })
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, p *peer) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if s.script.strict() && !acceptable(w, r) {
		return
	}
	if wire.IsBatch(body) && s.takesBatches(p) {
		s.postBatch(w, r, p, body)
		return
	}
	m, err := wire.Parse(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.keep(m.Method, r.Header)
	switch {
	case s.script.strict():
		s.postStrict(w, r, p, m)
	case m.Kind != wire.Request:
		s.take(r.Context(), p, m, via{})
		w.WriteHeader(http.StatusAccepted)
	case r.Header.Get("Mcp-Protocol-Version") == protocol.V20260728 && !s.script.modern() && m.Method != "server/discover":
		w.WriteHeader(http.StatusBadRequest)
	default:
		if m.Method == "initialize" && s.script.legacy() {
			p = s.session(w, p)
		}
		s.reply(r.Context(), w, p, m)
	}
}

// acceptable answers what POST requests may not be: they say what they are and what they take
// (MCP basic/transports §Sending Messages to the Server).
func acceptable(w http.ResponseWriter, r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	switch {
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		w.WriteHeader(http.StatusUnsupportedMediaType)
	case !strings.Contains(accept, "application/json") || !strings.Contains(accept, "text/event-stream"):
		w.WriteHeader(http.StatusNotAcceptable)
	default:
		return true
	}
	return false
}

// session makes a session, where the script has them, for initialize.
func (s *Server) session(w http.ResponseWriter, p *peer) *peer {
	if s.script.NoSession {
		return p
	}
	p = s.newPeer(s.ctx)
	var id string
	s.note(func() {
		s.nextKey++
		id = "session-" + strconv.Itoa(s.nextKey)
		s.sessions[id] = p
	})
	w.Header().Set("Mcp-Session-Id", id)
	return p
}

// postStrict takes a message as the revision wants it.
func (s *Server) postStrict(w http.ResponseWriter, r *http.Request, p *peer, m wire.Message) {
	modern := s.script.modern() && (!s.script.legacy() || r.Header.Get("Mcp-Protocol-Version") == protocol.V20260728)
	first := m.Kind == wire.Request && m.Method == "initialize"
	switch {
	case modern && m.Kind == wire.Request:
		s.replyModern(w, r, m)
	case modern && m.Kind == wire.Notification:
		w.WriteHeader(http.StatusAccepted)
	case modern: // Responses are not for this revision.
		w.WriteHeader(http.StatusBadRequest)
	case !first && (p == s.nobody && !s.script.NoSession || !s.fits(r, p)):
		w.WriteHeader(http.StatusBadRequest)
	case m.Kind != wire.Request:
		s.take(p.ctx, p, m, via{})
		w.WriteHeader(http.StatusAccepted)
	default:
		if first {
			p = s.session(w, p)
		}
		s.replyLegacy(w, r, p, []wire.Message{m})
	}
}

// replyModern answers with a status of its own, unless the request caused something before. The end of the
// connection is the end of the request.
func (s *Server) replyModern(w http.ResponseWriter, r *http.Request, m wire.Message) {
	p := s.newPeer(r.Context())
	defer s.forget(p)
	abort := false
	e := &events{w: w, lazy: true}
	v := via{out: e.send, header: r.Header, drop: func() { abort = true }, cut: func(context.Context) { abort = true }}
	if s.script.JSON && m.Method != "subscriptions/listen" {
		v.out = func([]byte) {}
	}
	reply, status := s.take(p.ctx, p, m, v)
	switch {
	case abort:
		panic(http.ErrAbortHandler) // net/http's way to close a connection
	case reply == nil:
	case e.begun() || status == http.StatusOK && !s.script.JSON:
		e.send(reply)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(reply) // The client has gone.
	}
	e.end()
}

// replyLegacy answers requests on a stream that can be resumed: the end of the connection is not the end of a
// request.
func (s *Server) replyLegacy(w http.ResponseWriter, r *http.Request, p *peer, requests []wire.Message) {
	if s.script.JSON {
		s.replyJSON(w, p, requests)
		return
	}
	t := s.newTape(p, false)
	v := via{out: t.send, drop: t.abort, cut: t.cut}
	go func() {
		defer t.end()
		s.takeAll(p.ctx, p, requests, v)
	}()
	t.play(r.Context(), w, 0)
}

// replyJSON answers in the body, several requests with an array. What a request causes goes by the session's
// stream.
func (s *Server) replyJSON(w http.ResponseWriter, p *peer, requests []wire.Message) {
	abort := false
	v := via{out: func(raw []byte) { s.tell(p, raw) }, drop: func() { abort = true }}
	replies := make([][]byte, len(requests))
	for i := range requests {
		replies[i], _ = s.take(p.ctx, p, requests[i], v)
	}
	if abort {
		panic(http.ErrAbortHandler) // net/http's way to close a connection
	}
	body := joined(replies)
	if len(requests) == 1 {
		body = replies[0]
	}
	if body != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // The client has gone.
	}
}

func (s *Server) reply(ctx context.Context, w http.ResponseWriter, p *peer, m wire.Message) {
	if s.script.JSON && m.Method != "subscriptions/listen" {
		if raw, _ := s.take(ctx, p, m, via{out: func([]byte) {}}); raw != nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(raw) // The client has gone.
		}
		return
	}
	e := begin(w)
	if raw, _ := s.take(ctx, p, m, via{out: e.send}); raw != nil {
		e.send(raw)
	}
	e.end()
}

// events writes an event stream.
type events struct {
	mu   sync.Mutex
	w    http.ResponseWriter // nil once the request is over
	lazy bool                // nothing was sent yet, not even the header
}

func begin(w http.ResponseWriter) *events {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // The client has gone.
	return &events{w: w}
}

func (e *events) send(raw []byte) { e.write(wire.AppendEvent(nil, "", "message", raw)) }

func (e *events) write(event []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w == nil {
		return
	}
	if e.lazy {
		e.lazy = false
		begin(e.w)
	}
	_, _ = e.w.Write(event) // The client has gone.
	_ = http.NewResponseController(e.w).Flush()
}

func (e *events) begun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.lazy
}

func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w = nil
}
