package mcptest

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// pipes is one client of the transport of 2024-11-05 (basic/transports §HTTP with SSE): its event stream, and
// what waits for the requests that came by POST.
type pipes struct {
	ctx     context.Context //nolint:containedctx // of the event stream, which the POSTs outlive
	session string
	send    func([]byte)
	tasks   *sync.WaitGroup
}

// sse serves the two endpoints of HTTP+SSE: GET of any path is the stream, POST of messageQuery an input.
func (s *Server) sse(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Query().Get(sseQuery)
	switch {
	case r.Method == http.MethodGet:
		s.sseStream(w, r)
	case r.Method == http.MethodPost && key != "":
		s.sseInput(w, r, key)
	case s.script.SSERefusal != 0:
		w.WriteHeader(s.script.SSERefusal)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

const sseQuery = "pipe"

func (s *Server) sseStream(w http.ResponseWriter, r *http.Request) {
	var (
		key   string
		tasks sync.WaitGroup
	)
	ctx, cancel := context.WithCancel(r.Context())
	e := begin(w)
	s.note(func() {
		s.nextKey++
		key = "sse-" + strconv.Itoa(s.nextKey)
		s.pipes[key] = &pipes{ctx: ctx, session: key, send: e.send, tasks: &tasks}
	})
	defer e.end()
	defer tasks.Wait()
	defer cancel()
	defer s.note(func() { delete(s.pipes, key) })
	defer s.open(stream{send: e.send, session: key})()
	e.sendAs("endpoint", []byte(r.URL.Path+"?"+sseQuery+"="+key))
	<-ctx.Done()
}

func (s *Server) sseInput(w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m, err := wire.Parse(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	p := s.pipes[key]
	if p != nil && m.Kind == wire.Request {
		p.tasks.Add(1) // Under the lock: the stream has not begun to wait.
	}
	s.mu.Unlock()
	if p == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	if m.Kind != wire.Request {
		s.take(p.ctx, p.session, m, p.send)
		return
	}
	_ = http.NewResponseController(w).Flush() // The client has gone.
	go func() {
		defer p.tasks.Done()
		if reply := s.take(p.ctx, p.session, m, p.send); reply != nil {
			p.send(reply)
		}
	}()
}
