package mcptest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// EndSessions forgets every session, as a server does that was restarted.
func (s *Server) EndSessions() {
	s.note(func() { s.sessions = make(map[string]bool) })
	s.endDetached("")
}

// Sessions is how many sessions there are.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// ServeHTTP is the Streamable HTTP endpoint, at every path. Of each POST request the headers Authorization,
// Mcp-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name and Mcp-Param-* are kept for Headers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.script.Bearer != "" && r.Header.Get("Authorization") != "Bearer "+s.script.Bearer {
		w.Header().Set("Www-Authenticate", `Bearer resource_metadata="http://`+r.Host+`/meta"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.script.SSE {
		s.sse(w, r)
		return
	}
	session := r.Header.Get("Mcp-Session-Id")
	if s.script.strict() && !s.script.legacy() {
		session = "" // The revision has none; what an older client sends is ignored (§Earlier Streamable HTTP Revisions).
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
	}
	s.mu.Lock()
	known := session == "" || s.sessions[session]
	s.mu.Unlock()
	if !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.post(w, r, session)
	case http.MethodGet:
		if s.script.NoStream || !s.script.legacy() {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		last := r.Header.Get("Last-Event-ID")
		if s.resumable(session) && last != "" {
			s.resume(w, r, session, last)
			return
		}
		if s.resumable(session) {
			s.stand(w, r, session)
			return
		}
		e := begin(w)
		defer s.open(stream{send: e.send, session: session})()
		s.askAtStart(session)
		<-r.Context().Done()
		e.end()
	case http.MethodDelete:
		s.note(func() {
			delete(s.sessions, session)
			s.counts["DELETE"]++
		})
		s.endDetached(session)
	}
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, session string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if s.batches(session, body) {
		s.postBatch(w, r, session, body)
		return
	}
	m, err := wire.Parse(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	kept := map[string]string{"method": m.Method}
	for name, values := range r.Header {
		if name == "Authorization" || (len(name) > 4 && name[:4] == "Mcp-") {
			kept[name] = values[0]
		}
	}
	s.note(func() { s.headers = append(s.headers, kept) })
	if !s.agreed(r.Header, session, m) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if m.Kind != wire.Request {
		s.take(r.Context(), session, m, nil)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if s.script.strict() && !s.script.legacy() {
		if f := s.admit(r.Header, m); f != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(f.status)
			_, _ = w.Write(f.reply(m)) // The client has gone.
			return
		}
	}
	if r.Header.Get("Mcp-Protocol-Version") == protocol.V20260728 && !s.script.modern() && m.Method != "server/discover" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if m.Method == "initialize" && !s.script.NoSession && s.script.legacy() {
		s.note(func() {
			s.nextKey++
			session = "session-" + strconv.Itoa(s.nextKey)
			s.sessions[session] = true
		})
		w.Header().Set("Mcp-Session-Id", session)
	}
	if m.Method == "subscriptions/listen" {
		e := begin(w)
		s.listen(r.Context(), m, e.send)
		e.end()
		return
	}
	if !s.script.JSON && s.resumable(session) {
		s.replyOnTape(w, r, session, m)
		return
	}
	modern := s.script.modern() && r.Header.Get("Mcp-Protocol-Version") == protocol.V20260728
	s.reply(r.Context(), w, session, modern, m)
}

// reply answers a request. In the newer era the stream begins with what it carries first, since an error has an
// HTTP status (2026-07-28 basic/transports/streamable-http).
func (s *Server) reply(ctx context.Context, w http.ResponseWriter, session string, modern bool, m wire.Message) {
	if s.script.JSON {
		if raw := s.take(ctx, session, m, func([]byte) {}); raw != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status(raw, modern))
			_, _ = w.Write(raw) // The client has gone.
		}
		return
	}
	e := &events{w: w, late: modern}
	if !modern {
		e = begin(w)
	}
	if raw := s.take(ctx, session, m, e.send); raw != nil {
		e.finish(raw)
	}
	e.end()
}

// postBatch answers a batch with an array; what its requests cause goes nowhere.
func (s *Server) postBatch(w http.ResponseWriter, r *http.Request, session string, body []byte) {
	answers := s.batch(r.Context(), session, body, func([]byte) {})
	if answers == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answers) // The client has gone.
}

// events writes an event stream.
type events struct {
	mu sync.Mutex
	w  http.ResponseWriter // nil once the request is over

	late bool // it did not begin yet
}

func begin(w http.ResponseWriter) *events {
	e := &events{w: w}
	e.begin()
	return e
}

func (e *events) begin() {
	e.late = false
	e.w.Header().Set("Content-Type", "text/event-stream")
	e.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(e.w).Flush() // The client has gone.
}

// status is the HTTP status of an answer.
func status(raw []byte, modern bool) int {
	var answer struct{ Error struct{ Code int } }
	_ = json.Unmarshal(raw, &answer) // What is no error has the code 0.
	return protocol.HTTPStatus(answer.Error.Code, modern)
}

// finish sends the answer: as an event, or, where nothing was sent before and its code has one, with a status.
func (e *events) finish(raw []byte) {
	code := status(raw, true)
	e.mu.Lock()
	plain := e.late && code != http.StatusOK && e.w != nil
	if plain {
		e.late = false
		e.w.Header().Set("Content-Type", "application/json")
		e.w.WriteHeader(code)
		_, _ = e.w.Write(raw) // The client has gone.
	}
	e.mu.Unlock()
	if !plain {
		e.send(raw)
	}
}

func (e *events) send(raw []byte) { e.sendAs("message", raw) }

func (e *events) sendAs(name string, raw []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w == nil {
		return
	}
	if e.late {
		e.begin()
	}
	_, _ = e.w.Write(wire.AppendEvent(nil, "", name, raw)) // The client has gone.
	_ = http.NewResponseController(e.w).Flush()
}

func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w = nil
}
