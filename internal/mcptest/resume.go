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

// tape is one event stream of a session: it keeps what was sent, so that it can be played again from any event
// (MCP 2025-03-26 basic/transports §Resumability and Redelivery).
type tape struct {
	name     string
	standing bool // it is the one for what no request causes

	mu      sync.Mutex // guards the following
	events  [][]byte   // as they go over the wire, with their ids
	ended   bool
	aborted bool
	plays   int           // how often it was played; only the last play goes on
	changed chan struct{} // closed and replaced whenever the above changes
	resumed chan struct{} // closed when it is played once more
}

// newTape starts a stream of a peer. From 2025-11-25 it begins with an event that only has an id
// (basic/transports §Sending Messages to the Server).
func (s *Server) newTape(p *peer, standing bool) *tape {
	t := &tape{standing: standing, changed: make(chan struct{}), resumed: make(chan struct{})}
	var primed bool
	s.note(func() {
		t.name = "s" + strconv.Itoa(len(p.tapes))
		p.tapes[t.name] = t
		primed = p.version >= protocol.V20251125
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

func (t *tape) end() { t.note(func() { t.ended = true }) }

func (t *tape) abort() { t.note(func() { t.aborted = true }) }

// cut ends the response that plays the tape, and waits until the client resumes it.
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

// resume is the tape and the place that a Last-Event-ID names.
func (s *Server) resume(p *peer, id string) (*tape, int) {
	name, place, _ := strings.Cut(id, "-")
	n, err := strconv.Atoi(place)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := p.tapes[name]; t != nil && err == nil {
		return t, n + 1
	}
	return nil, 0
}
