package mcptest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// retry is what a stream that is cut asks the client to wait before it resumes it.
const retry = 50 * time.Millisecond

// tape is one event stream of a session of a Script.Resumable: it keeps what was sent, so that it can be played
// again from any event (2025-03-26 basic/transports §Resumability and Redelivery).
type tape struct {
	name string

	mu      sync.Mutex // guards the following
	events  [][]byte   // as they go over the wire, with their ids
	ended   bool
	aborted bool
	plays   int           // how often it was played or cut; only the last play goes on
	changed chan struct{} // closed and replaced whenever the above changes
	resumed chan struct{} // closed when it is played once more
}

// newTape starts a stream of a session. From 2025-11-25 on it begins with an event that only has an id
// (basic/transports §Sending Messages to the Server).
func (s *Server) newTape(session string) *tape {
	t := &tape{changed: make(chan struct{}), resumed: make(chan struct{})}
	var primed bool
	s.note(func() {
		p := s.peer(session)
		t.name = "s" + strconv.Itoa(len(p.tapes))
		p.tapes[t.name] = t
		primed = protocol.Has(p.version, protocol.PrimingEvents)
	})
	if primed {
		t.add(func(id string) []byte { return []byte("id: " + id + "\ndata: \n\n") })
	}
	return t
}

func (t *tape) note(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tape) add(event func(id string) []byte) {
	t.note(func() { t.events = append(t.events, event(t.name+"-"+strconv.Itoa(len(t.events)))) })
}

func (t *tape) send(raw []byte) {
	t.add(func(id string) []byte { return wire.AppendEvent(nil, id, "message", raw) })
}

// cut ends the response that plays the tape, having said when to come back, and waits until the client does.
func (t *tape) cut(ctx context.Context) {
	t.add(func(id string) []byte {
		return []byte("id: " + id + "\nretry: " + strconv.FormatInt(retry.Milliseconds(), 10) + "\ndata: \n\n")
	})
	var resumed chan struct{}
	t.note(func() {
		t.plays++
		resumed = t.resumed
	})
	select {
	case <-resumed:
	case <-ctx.Done():
	}
}

// play writes the events from one on, until the stream ends, is cut, is played elsewhere, or the client goes.
func (t *tape) play(ctx context.Context, w http.ResponseWriter, from int) {
	var play int
	t.note(func() {
		t.plays++
		play = t.plays
		if play > 1 {
			close(t.resumed)
			t.resumed = make(chan struct{})
		}
	})
	begin(w)
	for {
		t.mu.Lock()
		events, changed := t.events[min(from, len(t.events)):], t.changed
		over, aborted := t.ended || t.plays != play, t.aborted
		t.mu.Unlock()
		from += len(events)
		for _, e := range events {
			_, _ = w.Write(e) // The client has gone.
		}
		_ = http.NewResponseController(w).Flush()
		switch {
		case aborted:
			panic(http.ErrAbortHandler) // net/http's way to close a connection
		case over:
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// resumable says whether a session's streams can be resumed.
func (s *Server) resumable(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.script.Resumable && session != "" && protocol.Has(s.peer(session).version, protocol.Resumption)
}

// replyOnTape answers a request on a stream that can be resumed: the request goes on when the client hangs up
// (2025-03-26 basic/transports §Sending Messages to the Server), until its session ends.
func (s *Server) replyOnTape(w http.ResponseWriter, r *http.Request, session string, m wire.Message) {
	t := s.newTape(session)
	ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(r.Context()), cutKey{}, t))
	ended := s.detach(session, cancel)
	go func() {
		defer ended()
		defer func() { // of the tool drop
			if p := recover(); p != nil {
				t.note(func() { t.aborted = true })
			}
		}()
		if raw := s.take(ctx, session, m, t.send); raw != nil {
			t.send(raw)
		}
		t.note(func() { t.ended = true })
	}()
	t.play(r.Context(), w, 0)
}

// cutKey is the key of the tape in the context of its request.
type cutKey struct{}

// detached is a request or a stream that goes on without a connection.
type detached struct {
	session string
	end     func()
}

// detach registers what ends with a session and not with a connection, and returns how to end it before.
func (s *Server) detach(session string, end func()) (ended func()) {
	var key int
	s.note(func() {
		s.nextKey++
		key = s.nextKey
		s.detached[key] = detached{session, end}
	})
	return func() {
		s.note(func() { delete(s.detached, key) })
		end()
	}
}

// endDetached ends the requests and streams of a session that go on without a connection, or, for "", those of all.
func (s *Server) endDetached(session string) {
	s.mu.Lock()
	var ends []func()
	for key, d := range s.detached {
		if session == "" || d.session == session {
			ends = append(ends, d.end)
			delete(s.detached, key)
		}
	}
	s.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// stand opens the session's stream for what no request causes; what is sent while the client is away waits for it
// on the tape.
func (s *Server) stand(w http.ResponseWriter, r *http.Request, session string) {
	t := s.newTape(session)
	ended := s.detach(session, s.open(stream{send: t.send, session: session}))
	var before func()
	s.note(func() {
		p := s.peer(session)
		before, p.standing = p.standing, ended
	})
	if before != nil {
		before()
	}
	s.askAtStart(session)
	t.play(r.Context(), w, 0)
}

// resume plays the stream that Last-Event-ID names, from the event after it.
func (s *Server) resume(w http.ResponseWriter, r *http.Request, session, last string) {
	name, place, _ := strings.Cut(last, "-")
	n, err := strconv.Atoi(place)
	s.mu.Lock()
	t := s.peer(session).tapes[name]
	s.mu.Unlock()
	if t == nil || err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	t.play(r.Context(), w, n+1)
}

// dropStream ends the stream of this call after what it carried so far, where it can be resumed, and answers on
// the one that resumes it. Elsewhere it just answers.
func (r *request) dropStream() {
	if t, ok := r.ctx.Value(cutKey{}).(*tape); ok {
		t.cut(r.ctx)
	}
}
