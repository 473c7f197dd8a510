package mcptest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// junk is what servers print that take standard output for a log.
const junk = "Starting the server ...\n[info] {ready}\n\n"

// askAtStart puts the script's questions to the client of a session, once it is initialized and has a stream.
func (s *Server) askAtStart(session string) {
	if !s.script.RootsAtStart && !s.script.ElicitAtStart {
		return
	}
	var out func([]byte)
	s.mu.Lock()
	p := s.peer(session)
	for _, st := range s.streams {
		if st.meta == "" && st.session == session {
			out = st.send
		}
	}
	ask := p.ready && !p.started && out != nil
	p.started = p.started || ask
	r := request{s: s, version: p.version}
	s.mu.Unlock()
	if !ask {
		return
	}
	for tool, q := range map[string]question{"start_roots": roots(), "start_elicit": r.elicitation(arguments{})} {
		if !s.asksAtStart(tool) {
			continue
		}
		answer, _ := s.send(session, q.method, q.params, out) // It stays: the answer may be asked for more than once.
		s.note(func() { s.peer(session).start[tool] = answer })
	}
}

func (s *Server) asksAtStart(tool string) bool {
	return tool == "start_roots" && s.script.RootsAtStart || tool == "start_elicit" && s.script.ElicitAtStart
}

// answerOf is a client's result, or its error.
func answerOf(m wire.Message) string {
	if m.Kind == wire.Error {
		return string(m.Bytes(m.Error))
	}
	return string(m.Bytes(m.Result))
}

// atStart is what the client answered at the start, as text.
func (r *request) atStart(tool string) (string, *failure) {
	if !r.s.asksAtStart(tool) || r.modern {
		return text("not asked"), nil
	}
	answer := func() string {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		select {
		case m := <-r.s.peer(r.session).start[tool]:
			r.s.peer(r.session).start[tool] <- m // For whoever asks next.
			return answerOf(m)
		default:
			return ""
		}
	}
	if !r.s.Await(r.ctx, func() bool { return answer() != "" }) {
		return "", nil
	}
	return text(answer()), nil
}

// listenAndServe serves HTTP on the script's address until the process is ended. The first line of standard
// output is the address.
func (s *Server) listenAndServe(ctx context.Context) int {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.script.Listen)
	if err != nil {
		_, _ = os.Stderr.WriteString("mcptest: " + err.Error() + "\n")
		return 2
	}
	_, _ = os.Stdout.WriteString(l.Addr().String() + "\n") // Nobody has to read it.
	srv := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return 2
	}
	return 0
}
