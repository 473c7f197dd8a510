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

// askRoots asks for the roots of a session that is initialized, on its stream, once it has both.
func (s *Server) askRoots(session string) {
	if !s.script.RootsAtStart {
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
	ask := p.ready && p.start == nil && out != nil
	if ask {
		p.start = make(chan wire.Message, 1) // Until the question has a channel of its own: it is put once.
	}
	s.mu.Unlock()
	if !ask {
		return
	}
	answer, _ := s.send("roots/list", "{}", out) // It stays: the answer may be asked for more than once.
	s.note(func() { p.start = answer })
}

// startRoots is what the client answered at the start, as text.
func (r *request) startRoots() (string, *failure) {
	if !r.s.script.RootsAtStart {
		return text("not asked"), nil
	}
	start := func() chan wire.Message {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return r.s.peer(r.session).start
	}
	for {
		c := start()
		select {
		case m := <-c:
			c <- m // For whoever asks next.
			if m.Kind == wire.Error {
				return text(string(m.Bytes(m.Error))), nil
			}
			return text(string(m.Bytes(m.Result))), nil
		default:
		}
		r.s.mu.Lock()
		changed := r.s.changed
		r.s.mu.Unlock()
		select {
		case <-changed:
		case <-r.ctx.Done():
			return "", nil
		}
	}
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
