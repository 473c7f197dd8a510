package mcptest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// modernSession is where modern HTTP requests meet: they have no session of their own.
const modernSession = "modern"

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if code := s.script.Status; code != 0 {
		_, _ = io.Copy(io.Discard, r.Body) // lets the connection be used again
		s.noteName("HTTP", nil, r.Header)
		if s.script.Location != "" {
			w.Header().Set("Location", s.script.Location)
		}
		if s.script.Challenge != "" {
			w.Header().Set("Www-Authenticate", s.script.Challenge)
		}
		w.WriteHeader(code)
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.post(w, r)
	case http.MethodGet:
		s.noteName("GET", nil, r.Header)
		s.get(w, r)
	case http.MethodDelete:
		s.mu.Lock()
		delete(s.sessions, r.Header.Get("Mcp-Session-Id"))
		s.mu.Unlock()
		s.noteName("DELETE", nil, r.Header)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m, err := wire.Parse(raw)
	if err != nil {
		reply(w, http.StatusBadRequest, wire.NewError(nil, wire.CodeParse, err.Error(), nil))
		return
	}
	s.note(m, r.Header)
	if s.script.Era != Legacy && (isModern(m) || s.script.Era == Modern) {
		s.postModern(w, r, m)
		return
	}
	if m.Method == "server/discover" && s.script.Probe == "plain" {
		http.Error(w, "Bad Request: no session", http.StatusBadRequest)
		return
	}
	sess, ok := s.sessionOf(w, r, m)
	if !ok {
		http.Error(w, "session not found", http.StatusNotFound)
		return
	}
	switch m.Kind {
	case wire.Request:
		s.answer(w, r, sess, m)
		return
	case wire.Notification:
		sess.notification(m)
	default:
		sess.response(m)
	}
	w.WriteHeader(http.StatusAccepted)
}

// sessionOf finds the session of a request, or makes one for initialize.
func (s *Server) sessionOf(w http.ResponseWriter, r *http.Request, m wire.Message) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.Header.Get("Mcp-Session-Id")
	switch {
	case s.script.NoSession || m.Method == "server/discover":
		id = "none"
		if s.sessions[id] == nil {
			s.sessions[id] = newSession(id)
		}
	case m.Method == "initialize":
		s.nextID++
		id = "session-" + strconv.Itoa(s.nextID)
		s.sessions[id] = newSession(id)
		w.Header().Set("Mcp-Session-Id", id)
	}
	sess, ok := s.sessions[id]
	return sess, ok
}

// postModern checks the mirrored headers and answers.
func (s *Server) postModern(w http.ResponseWriter, r *http.Request, m wire.Message) {
	if m.Kind != wire.Request {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if why := mismatch(r.Header, m); why != "" {
		reply(w, http.StatusBadRequest, wire.NewError(m.Bytes(m.ID), wire.CodeHeaderMismatch, why, nil))
		return
	}
	s.mu.Lock()
	sess := s.sessions[modernSession]
	if sess == nil {
		sess = newSession(modernSession)
		s.sessions[modernSession] = sess
	}
	s.mu.Unlock()
	s.answer(w, r, sess, m)
}

// mismatch says which header does not repeat the body, "" for none.
func mismatch(h http.Header, m wire.Message) string {
	if !isModern(m) || h.Get("Mcp-Protocol-Version") != protocol.Newest {
		return "the protocol version is missing"
	}
	if h.Get("Mcp-Method") != m.Method {
		return "Mcp-Method differs"
	}
	t, ok := protocol.Lookup(m.Method)
	if !ok || t.Target == "" || t.Target == "ref" {
		return ""
	}
	var found [1]wire.Span
	if wire.Find(m.Raw, m.Params, []string{t.Target}, found[:]) != nil {
		return "params are malformed"
	}
	want, _ := wire.String(m.Raw, found[0])
	if got, err := protocol.DecodeHeader(h.Get("Mcp-Name")); err != nil || got != want {
		return "Mcp-Name differs"
	}
	return ""
}

func reply(w http.ResponseWriter, code int, raw []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(raw) // the client is gone where this fails
}

// answerer writes the answer to one POST: JSON where the answer comes first, else an event stream.
type answerer struct {
	w  http.ResponseWriter
	id []byte

	// mu guards the following.
	mu     sync.Mutex
	sse    bool
	begun  bool
	ended  bool
	modern bool
}

func (a *answerer) write(raw []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	id, isID := strings.CutPrefix(string(raw), "id:")
	m, _ := wire.Parse(raw) // an id is no message
	last := m.Kind == wire.Response || m.Kind == wire.Error
	if last {
		a.ended = true
	}
	if last && !a.begun && !a.sse {
		code := http.StatusOK
		if m.Kind == wire.Error {
			var found [1]wire.Span
			_ = wire.Find(raw, m.Error, []string{"code"}, found[:]) // we wrote it
			n, _ := strconv.Atoi(string(m.Bytes(found[0])))
			code = protocol.HTTPStatus(n, a.modern)
		}
		reply(a.w, code, raw)
		return
	}
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", "text/event-stream")
		a.w.WriteHeader(http.StatusOK)
	}
	event := wire.AppendEvent(nil, "", "message", raw)
	if isID {
		event = []byte("id: " + id + "\nretry: 1\ndata:\n\n")
	}
	_, _ = a.w.Write(event) // the client is gone where this fails
	_ = http.NewResponseController(a.w).Flush()
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, sess *session, m wire.Message) {
	base := context.WithoutCancel(r.Context())
	modern := s.script.Era != Legacy && isModern(m)
	if modern {
		base = r.Context() // a closed stream is a cancelled request
	}
	ctx, end := sess.begin(base, m)
	defer end()
	a := &answerer{w: w, sse: s.script.SSE, modern: modern}
	x := &exchange{srv: s, sess: sess, m: m, write: a.write}
	cut := false
	x.hang = func() { cut = true }
	if m.Method == "server/discover" && s.script.Probe == "silent" && !modern {
		<-r.Context().Done()
		return
	}
	if m.Method == "subscriptions/listen" && modern {
		a.sse = true
		s.listen(ctx, x)
		return
	}
	x.serve(ctx)
	if cut {
		a.mu.Lock()
		begun := a.begun
		a.mu.Unlock()
		if !begun {
			panic(http.ErrAbortHandler) // closes the connection without an answer
		}
	}
}

// get serves the stream of what no request caused, or what a cut stream still has to say.
func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	if s.script.NoGet || s.script.Era == Modern {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.mu.Lock()
	sess := s.sessions[r.Header.Get("Mcp-Session-Id")]
	if s.script.NoSession {
		sess = s.sessions["none"]
	}
	rest, resumed := s.events[r.Header.Get("Last-Event-Id")]
	s.mu.Unlock()
	if sess == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // the client is gone where this fails
	if resumed {
		_, _ = w.Write(wire.AppendEvent(nil, "", "message", rest))
		return
	}
	ch := make(chan []byte, 64)
	remove := sess.add(&stream{write: func(raw []byte) { ch <- bytes.Clone(raw) }})
	s.noteName("stream", nil, nil)
	defer remove()
	for {
		select {
		case raw := <-ch:
			_, _ = w.Write(wire.AppendEvent(nil, "", "message", raw))
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}
