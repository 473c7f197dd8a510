package mcptest

import (
	"io"
	"net/http"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// serveSSE is the transport of 2024-11-05: GET opens a stream, whose first event names the address for POSTs of
// this client; all answers come on the stream (basic/transports §HTTP with SSE).
func (s *Server) serveSSE(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("connection")
	s.mu.Lock()
	c := s.endpoints[name]
	s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet:
		s.openSSE(w, r)
	case r.Method == http.MethodPost && c != nil:
		s.postSSE(w, r, c)
	case r.Method == http.MethodPost && name != "":
		w.WriteHeader(http.StatusNotFound)
	case s.script.SSERefusal != 0:
		w.WriteHeader(s.script.SSERefusal)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *Server) openSSE(w http.ResponseWriter, r *http.Request) {
	e := begin(w)
	defer e.end()
	c := s.newPipe(r.Context(), e.send)
	defer c.close()
	var name string
	s.note(func() {
		s.nextKey++
		name = strconv.Itoa(s.nextKey)
		s.endpoints[name] = c
	})
	defer s.note(func() { delete(s.endpoints, name) })
	e.write(wire.AppendEvent(nil, "", "endpoint", []byte("/messages?connection="+name)))
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

func (s *Server) postSSE(w http.ResponseWriter, r *http.Request, c *pipe) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if m, err := wire.Parse(body); err == nil {
		s.keep(m.Method, r.Header)
	}
	c.receive(body)
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "Accepted") // The client has gone.
}
