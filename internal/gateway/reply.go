package gateway

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// quiet is how long a call may be silent before its answer becomes an event stream, whose comments
	// keep clients and middle boxes from giving up.
	quiet = 10 * time.Second

	// keepAlive is the pause between two comments on an event stream with nothing to say.
	keepAlive = 15 * time.Second

	// writeStall is how long a client may refuse to read before its stream is closed.
	writeStall = 30 * time.Second
)

// reply is the answer to one POST. It stays plain JSON, which costs least, unless something must reach the
// client before the answer: then it becomes an event stream (MCP 2025-11-25 basic/transports §Sending
// Messages to the Server leaves the choice to the server for each request).
type reply struct {
	w      http.ResponseWriter
	client context.Context //nolint:containedctx // ends when the client of this one request is gone
	out    *outbox
	accept bool // the client can read event streams

	// mu guards the following.
	mu        sync.Mutex
	streaming bool
	finished  bool
	stop      chan struct{}
	stopped   chan struct{}
}

// send queues a message that comes before the answer. It reports false where it cannot be delivered.
func (r *reply) send(it outItem) bool {
	if !r.open() {
		return false
	}
	return r.out.push(it)
}

// open turns the reply into an event stream, once.
func (r *reply) open() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished || !r.accept {
		return false
	}
	if !r.streaming {
		r.streaming = true
		r.out = newOutbox()
		r.stop, r.stopped = make(chan struct{}), make(chan struct{})
		go r.pump()
	}
	return true
}

// pump writes what is queued until finish stops it.
func (r *reply) pump() {
	defer close(r.stopped)
	es := startEvents(r.w)
	es.flush()
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			es.items(r.out.take())
			return
		case <-r.out.wake:
			es.items(r.out.take())
		case <-tick.C:
			es.comment()
		case <-r.client.Done():
			<-r.stop
			return
		}
	}
}

// finish writes the answer, given in parts, as JSON or as the last event. It is called once.
func (r *reply) finish(status int, parts ...[]byte) {
	r.mu.Lock()
	r.finished = true
	streaming := r.streaming
	r.mu.Unlock()
	if !streaming {
		writeJSON(r.w, status, parts...)
		return
	}
	close(r.stop)
	<-r.stopped
	es := eventStream{w: r.w, rc: http.NewResponseController(r.w)}
	es.message(bytes.Join(parts, nil))
	es.flush()
}

// eventStream writes server-sent events to one response.
type eventStream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf []byte
	err error
}

// startEvents writes the header of an event stream.
func startEvents(w http.ResponseWriter) *eventStream {
	h := w.Header()
	h["Content-Type"] = contentTypeSSE
	h["Cache-Control"] = cacheNoStore
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return &eventStream{w: w, rc: http.NewResponseController(w)}
}

func (e *eventStream) message(raw []byte) {
	e.buf = wire.AppendEvent(e.buf[:0], "", "message", raw)
	e.write(e.buf)
}

func (e *eventStream) comment() {
	e.write([]byte(": keep-alive\n\n"))
	e.flush()
}

// items writes queued messages and reports how many were written.
func (e *eventStream) items(items []outItem) int {
	for i, it := range items {
		e.message(it.raw)
		if e.err != nil {
			return i
		}
	}
	e.flush()
	return len(items)
}

func (e *eventStream) write(b []byte) {
	if e.err != nil {
		return
	}
	_ = e.rc.SetWriteDeadline(time.Now().Add(writeStall)) // not every ResponseWriter of a test has deadlines
	_, e.err = e.w.Write(b)
}

func (e *eventStream) flush() {
	if e.err == nil {
		e.err = e.rc.Flush()
	}
}
